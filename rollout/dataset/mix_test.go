package dataset

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/rollout"
)

// numbered yields n problems, the i-th of which has i%5 tests.
func numbered(name string, n int) iter.Seq2[*rollout.Problem, error] {
	return func(yield func(*rollout.Problem, error) bool) {
		for i := range n {
			p := &rollout.Problem{ID: fmt.Sprint(name, i), Source: name, Tests: rollout.Tests(make([]rollout.Test, i%5)...)}
			if !yield(p, nil) {
				return
			}
		}
	}
}

func ids(t *testing.T, in iter.Seq2[*rollout.Problem, error]) (all []string) {
	t.Helper()
	for p, err := range in {
		require.NoError(t, err)
		all = append(all, p.ID)
	}
	return all
}

func TestMix(t *testing.T) {
	mix := Mix{Seed: 7, MinTests: 3, Sources: []Source{
		{Name: "a", Problems: numbered("a", 100), Quota: 10},
		{Name: "b", Problems: numbered("b", 10)},
	}}
	got := ids(t, mix.Problems())
	require.Equal(t, got, ids(t, mix.Problems()), "the seed decides")
	count := map[byte]int{}
	for _, id := range got {
		count[id[0]]++
		require.Contains(t, "3489", id[len(id)-1:], "%s has fewer than three tests", id)
	}
	require.Equal(t, map[byte]int{'a': 10, 'b': 4}, count)

	other := mix
	other.Seed = 8
	require.NotEqual(t, got, ids(t, other.Problems()))

	// What is taken from a does not depend on b, and the other way round.
	alone := mix
	alone.Sources = mix.Sources[:1]
	require.ElementsMatch(t, ids(t, alone.Problems()), only(got, "a"))

	// Order: problems of b are not all at one end.
	require.NotContains(t, strings.Join(got, " "), strings.Join(only(got, "b"), " "))
}

func only(ids []string, prefix string) (some []string) {
	for _, id := range ids {
		if strings.HasPrefix(id, prefix) {
			some = append(some, id)
		}
	}
	return some
}

func TestMixDoesNotDependOnTheOrderOfRows(t *testing.T) {
	backwards := func(yield func(*rollout.Problem, error) bool) {
		var all []*rollout.Problem
		for p := range numbered("a", 100) {
			all = append(all, p)
		}
		for i := range all {
			if !yield(all[len(all)-1-i], nil) {
				return
			}
		}
	}
	a := Mix{Sources: []Source{{Problems: numbered("a", 100), Quota: 20}}}
	b := Mix{Sources: []Source{{Problems: backwards, Quota: 20}}}
	require.Equal(t, ids(t, a.Problems()), ids(t, b.Problems()))
}

// Each problem is as likely to be taken as any other.
func TestMixIsFair(t *testing.T) {
	const draws = 2000
	count := map[string]int{}
	for seed := range uint64(draws) {
		for _, id := range ids(t, Mix{Seed: seed, Sources: []Source{{Problems: numbered("a", 20), Quota: 4}}}.Problems()) {
			count[id]++
		}
	}
	require.Len(t, count, 16, "four have no test")
	for id, n := range count {
		require.InDelta(t, draws/4, n, 100, id) // five standard deviations
	}
}

func TestMixErrors(t *testing.T) {
	bad := errors.New("bad")
	source := func(yield func(*rollout.Problem, error) bool) {
		broken := func(yield func(rollout.Test, error) bool) { yield(rollout.Test{}, bad) }
		_ = yield(nil, bad) &&
			yield(&rollout.Problem{ID: "x", Tests: broken}, nil) &&
			yield(&rollout.Problem{ID: "y", Tests: rollout.Tests(rollout.Test{})}, nil) &&
			yield(&rollout.Problem{ID: "z"}, nil)
	}
	var got []string
	for p, err := range (Mix{Sources: []Source{{Name: "s", Problems: source, Quota: 3}}}).Problems() {
		if err != nil {
			got = append(got, err.Error())
		} else {
			got = append(got, p.ID)
		}
	}
	require.Equal(t, []string{"bad", "bad", `dataset: source "s" has 1 problems for a quota of 3`, "y"}, got)
}

func TestWindow(t *testing.T) {
	at := func(text string) time.Time {
		d, err := date(text)
		require.NoError(t, err)
		return d
	}
	for text, want := range map[string]string{
		"2024-07-30T23:59:59":       "before",
		"2024-07-31T00:00:00":       "",
		"2024-07-31T23:59:59":       "",
		"2024-08-01T00:00:00":       "v6",
		"2025-05-01 12:00:00":       "v6",
		"2025-05-02":                "",
		"2025-05-02T01:00:00+02:00": "v6",
		"":                          "",
	} {
		got := ""
		if LiveCodeBenchV6.Contains(at(text)) {
			got += "v6"
		}
		if BeforeV6.Contains(at(text)) {
			got += "before"
		}
		require.Equal(t, want, got, text)
	}
	in := func(yield func(*rollout.Problem, error) bool) {
		for _, text := range []string{"2024-09-01", "", "2024-07-01", "2025-01-01"} {
			if !yield(&rollout.Problem{ID: text, Released: at(text)}, nil) {
				return
			}
		}
	}
	require.Equal(t, []string{"2024-09-01", "2025-01-01"}, ids(t, LiveCodeBenchV6.Keep(in)))
	require.Equal(t, []string{"2024-07-01"}, ids(t, BeforeV6.Keep(in)))
	require.False(t, Window{}.Contains(time.Time{}))
	require.True(t, Window{}.Contains(at("1999-01-01")))
}

func statements(texts ...string) iter.Seq2[*rollout.Problem, error] {
	return func(yield func(*rollout.Problem, error) bool) {
		for i, text := range texts {
			if !yield(&rollout.Problem{ID: fmt.Sprint(i), Statement: text}, nil) {
				return
			}
		}
	}
}

// Three-word n-grams by hand: "a b c d e" has abc, bcd, cde.
func TestOverlap(t *testing.T) {
	against := statements("a b c d e", "p q r s t u v", "x y")
	o := Overlap{Words: 3, Share: 0.5}
	got := map[string]string{}
	in := statements(
		"A, b (c) D. e!",        // the first, in other clothes: 3 of 3
		"b c d e f g h",         // bcd cde, of its five and of three: 2/3
		"c d e f g h",           // cde, of three: 1/3, too little
		"q r s t",               // qrs rst, of its own two: 2/2
		"x Y",                   // one short n-gram
		"x y z",                 // another n-gram than "x y"
		"",                      // none
		"a b c d e p q r s t u", // 3/3 of the first, 4/5 of the second
	)
	for m, err := range o.Find(in, against) {
		require.NoError(t, err)
		got[m.Problem.ID] = fmt.Sprintf("%s %.2f", m.Of.ID, m.Share)
	}
	require.Equal(t, map[string]string{"0": "0 1.00", "1": "0 0.67", "3": "1 1.00", "4": "2 1.00", "7": "0 1.00"}, got)

	// Of equal shares the first counts.
	for m, err := range o.Find(statements("k l m"), statements("x", "k l m n", "j k l m", "k l m o")) {
		require.NoError(t, err)
		require.Equal(t, "1", m.Of.ID)
	}

	// No two problems of the built-in set are the same.
	for a, err := range Builtin() {
		require.NoError(t, err)
		n := 0
		one := func(yield func(*rollout.Problem, error) bool) { yield(a, nil) }
		for m, err := range (Overlap{}).Find(one, Builtin()) {
			require.NoError(t, err)
			require.Equal(t, a.ID, m.Of.ID)
			n++
		}
		require.Equal(t, 1, n)
		break
	}
	for m, err := range (Overlap{Share: 0.2}).Find(Builtin(), Builtin()) {
		require.NoError(t, err)
		require.Equal(t, m.Problem.ID, m.Of.ID)
		require.Equal(t, 1.0, m.Share)
	}
}

func TestAudit(t *testing.T) {
	bad := errors.New("bad")
	judge := rollout.VerifierFunc(func(_ context.Context, p *rollout.Problem, c *rollout.Completion) (rollout.Verdict, error) {
		v := rollout.Verdict{Status: rollout.WrongAnswer, Test: 2}
		switch {
		case p.ID == "infra":
			return v, bad
		case strings.Contains(c.Text, "right") || p.ID == "easy":
			v.Status = rollout.Accepted
		}
		return v, nil
	})
	in := func(yield func(*rollout.Problem, error) bool) {
		for _, p := range []*rollout.Problem{
			{ID: "fine", Reference: "right"}, {ID: "wrong", Reference: "left"}, {ID: "easy", Reference: "right"},
			{ID: "infra", Reference: "right"}, {ID: "unknown"},
		} {
			if !yield(p, nil) {
				return
			}
		}
		yield(nil, bad)
	}
	faults := map[string]string{}
	var order []string
	var last error
	for f, err := range Audit(context.Background(), in, judge, 2) {
		if last = err; err == nil {
			order = append(order, f.Problem.ID)
			faults[f.Problem.ID] = f.Fault()
		}
	}
	require.ErrorIs(t, last, bad)
	require.Equal(t, []string{"fine", "wrong", "easy", "infra", "unknown"}, order)
	require.Equal(t, map[string]string{
		"fine": "", "wrong": "the reference gets WrongAnswer at test 2", "easy": "an empty program is accepted", "infra": "bad", "unknown": "",
	}, faults)
}
