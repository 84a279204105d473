package compat_test

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/advantage"
	"github.com/grouprl/grouprl/grpo"
	"github.com/grouprl/grouprl/grpo/compat"
	"github.com/grouprl/grouprl/grpo/grpotest"
)

// Every recipe is an objective that can be evaluated, printed and stored, with an
// estimator, a source and metrics that exist.
func TestRecipes(t *testing.T) {
	metrics := map[string]bool{}
	for _, m := range grpo.Metrics() {
		metrics[m.Name] = true
	}
	seen := map[string]bool{}
	for _, r := range compat.Recipes() {
		name := r.String()
		require.False(t, seen[name], "%s is there twice", name)
		seen[name] = true
		require.NotNil(t, r.Advantage, name)
		require.NotEmpty(t, r.Source, name)
		require.Positive(t, r.Scale, name)
		for ours, theirs := range r.Metrics {
			require.True(t, metrics[ours], "%s: no metric %q", name, ours)
			require.NotEmpty(t, theirs, name)
		}

		o := r.Objective
		require.NoError(t, o.Validate(), name)
		o.Weights = append(o.Weights, r.Correction...)
		require.NoError(t, o.Validate(), "%s with its correction", name)
		b := grpotest.RandomBatch(1, grpotest.Shape{})
		n := len(b.LogProbs)
		_, err := grpo.Eval(grpo.Gradient[float64]{LogProbs: make([]float64, n), Entropies: make([]float64, n)}, &o, &b)
		require.NoError(t, err, name)

		encoded, err := json.Marshal(r.Objective)
		require.NoError(t, err, name)
		var back grpo.Objective
		require.NoError(t, json.Unmarshal(encoded, &back), name)
		require.Equal(t, r.Objective, back, name)

		a := make([]float64, 4)
		in := advantage.Input{Rewards: []float64{1, -1, 1, 1}, Groups: []int{0, 0, 0, 0}}
		require.NoError(t, r.Advantage.Estimate(a, &in), name)
	}
}

// The recipes of packages that an index has are the objectives of golden cases, so
// their numbers are the package's.
func TestRecipesAreGolden(t *testing.T) {
	cases, err := grpotest.Golden()
	require.NoError(t, err)
	proven := map[string]int{}
	for _, c := range cases {
		if c.Recipe == "" {
			continue
		}
		name, version, _ := strings.Cut(c.Recipe, "@")
		if version == "" {
			version = c.Source.Version
		}
		framework, name, _ := strings.Cut(name, "/")
		r, err := compat.Find(framework, version, name)
		require.NoError(t, err, c.Name)
		want, have := r.Objective, c.Objective
		want.KL.Coefficient = have.KL.Coefficient // 0 by default
		if have.KL.Coefficient == 0 {
			want.KL = grpo.KL{}
		}
		require.Equal(t, want, have, "%s is not %v", c.Name, r)
		require.Equal(t, r.Scale, c.Scale, c.Name)
		proven[r.String()]++
	}
	for _, r := range compat.Recipes() {
		switch r.Framework {
		case "trl", "verl", "openrlhf":
			require.NotZero(t, proven[r.String()], "no golden case is %v", r)
		default:
			require.Zero(t, proven[r.String()])
		}
	}
}

func TestFind(t *testing.T) {
	for _, c := range []struct{ framework, version, name, from, before string }{
		{"verl", "0.9.1", "gspo", "0.9.1", ""},
		{"verl", "", "gspo", "0.9.1", ""},
		{"verl", "0.9.0.dev3", "gspo", "", "0.9.1"},
		{"verl", "0.4", "gspo", "", "0.9.1"},
		{"verl", "1", "gspo", "0.9.1", ""},
		{"trl", "1.9.2", "grpo", "", "1.10"},
		{"trl", "v1.10", "grpo", "1.10", ""},
		{"trl", "1.10rc1", "grpo", "1.10", ""},
		{"trl", "1.16.0", "grpo", "1.10", ""},
		{"nouscoder", "", "gspo+", "", ""},
	} {
		r, err := compat.Find(c.framework, c.version, c.name)
		require.NoError(t, err, c)
		require.Equal(t, []string{c.from, c.before}, []string{r.From, r.Before}, c)
	}
	for _, c := range []struct{ framework, version, name, want string }{
		{"verk", "", "gspo", `no such framework: want one of ["trl" "verl" "openrlhf"`},
		{"verl", "0.9.1", "gpso", `no such recipe: want one of ["vanilla" "gspo"`},
		{"openrlhf", "0.9", "ppo", "no such recipe"},
		{"verl", "main", "gspo", "a version starts with a number"},
	} {
		_, err := compat.Find(c.framework, c.version, c.name)
		var e *compat.RecipeError
		require.True(t, errors.As(err, &e), c)
		require.ErrorContains(t, err, c.want)
	}
}

// Two versions of one name differ where they should: TRL's KL, verl's gspo.
func TestVersionsDiffer(t *testing.T) {
	before, err := compat.Find("trl", "1.9", "grpo")
	require.NoError(t, err)
	from, err := compat.Find("trl", "1.10", "grpo")
	require.NoError(t, err)
	require.Equal(t, grpo.NoFactor, before.Objective.KL.Factor.Mode)
	require.Equal(t, grpo.Differentiable, from.Objective.KL.Factor.Mode)

	// One response of two tokens, ratio 1: k3' = 1 - e^x, and from 1.10 k3 itself on top.
	b := grpo.Batch[float64]{
		Offsets: []int{0, 2}, LogProbs: []float64{-1, -2}, RefLogProbs: []float64{-1.5, -1.5}, Advantages: []float64{0},
	}
	gradient := func(r compat.Recipe) float64 {
		r.Objective.KL.Coefficient = 1
		g := []float64{0, 0}
		_, err := grpo.Eval(grpo.Gradient[float64]{LogProbs: g}, &r.Objective, &b)
		require.NoError(t, err)
		return g[1]
	}
	x := 0.5
	require.InDelta(t, (1-math.Exp(x))/2, gradient(before), 1e-15)
	require.InDelta(t, -x/2, gradient(from), 1e-15) // (1 - e^x) + (e^x - x - 1)

	old, err := compat.Find("verl", "0.9.0", "gspo")
	require.NoError(t, err)
	now, err := compat.Find("verl", "0.9.1", "gspo")
	require.NoError(t, err)
	require.Equal(t, compat.ResponseMean{Epsilon: 1e-8}, old.Objective.Aggregation)
	require.Equal(t, grpo.TokenMean{}, now.Objective.Aggregation)
}

// The public trainer behind NousCoder writes its ratio as exp((lp - sg lp) + mean(lp
// - old)) with the mean under the gradient: its derivative, by finite differences of
// that text, is what the recipe's Scale makes of ours.
func TestNousCoderScale(t *testing.T) {
	r, err := compat.Find("nouscoder", "", "gspo+")
	require.NoError(t, err)
	b := grpo.Batch[float64]{
		Offsets:     []int{0, 3, 5},
		LogProbs:    []float64{-1, -2, -0.5, -1.5, -1},
		OldLogProbs: []float64{-1.001, -1.999, -0.5, -1.5, -0.998},
		Advantages:  []float64{1, -0.5},
	}
	theirs := func(lp []float64) float64 {
		total := 0.0
		for i := range 2 {
			from, to := b.Offsets[i], b.Offsets[i+1]
			mean := 0.0
			for u := from; u < to; u++ {
				mean += (lp[u] - b.OldLogProbs[u]) / float64(to-from)
			}
			for u := from; u < to; u++ {
				ratio := math.Exp((lp[u] - b.LogProbs[u]) + mean) // b.LogProbs is sg(lp)
				clipped := min(max(ratio, 1-0.003), 1+0.004)
				total += max(-b.Advantages[i]*ratio, -b.Advantages[i]*clipped) / 5
			}
		}
		return total
	}
	g := make([]float64, 5)
	totals, err := grpo.Count(&r.Objective, &b)
	require.NoError(t, err)
	e := grpo.Evaluator[float64]{Scale: r.Scale}
	stats, err := e.Eval(grpo.Gradient[float64]{LogProbs: g}, &r.Objective, &b, &totals)
	require.NoError(t, err)
	require.InDelta(t, theirs(b.LogProbs), stats.Loss(), 1e-12)
	const h = 1e-6
	for u := range g {
		lp := append([]float64(nil), b.LogProbs...)
		lp[u] += h
		up := theirs(lp)
		lp[u] -= 2 * h
		require.InDelta(t, (up-theirs(lp))/(2*h), g[u], 1e-8, "token %d", u)
	}
}

// verl and OpenRLHF divide a response of n tokens by n + 1e-8.
func TestResponseMean(t *testing.T) {
	a := compat.ResponseMean{Epsilon: 0.5}
	require.Equal(t, 1/(3*4.5), a.Share(grpo.Counts{Responses: 3, AllResponses: 5, Length: 4}))
	a.All = true
	require.Equal(t, 1/(5*4.5), a.Share(grpo.Counts{Responses: 3, AllResponses: 5, Length: 4}))
	require.Equal(t, "1/S sum_i 1/(len_i + 0.5) sum_t", a.String())
	for _, bad := range []float64{-1, 2, math.NaN()} {
		o := grpo.New()
		o.Aggregation = compat.ResponseMean{Epsilon: bad}
		var e *grpo.ObjectiveError
		require.True(t, errors.As(o.Validate(), &e), bad)
	}
}

func TestNotMatched(t *testing.T) {
	var s strings.Builder
	require.NoError(t, compat.WriteNotMatched(&s))
	lines := strings.Split(strings.TrimSpace(s.String()), "\n")
	require.Len(t, lines, 1+len(compat.NotMatched()))
	for _, d := range compat.NotMatched() {
		require.NotEmpty(t, d.Peer)
		require.NotEmpty(t, d.Where)
		require.NotEmpty(t, d.What)
		require.NotEmpty(t, d.Reason, d.What)
	}
	for _, peer := range []string{"Trinity", "TorchRL", "atropos", "liger"} {
		require.Contains(t, s.String(), peer)
	}
}

// The group-relative estimators of those recipes are the ones whose numbers package
// advantage compares with the packages'.
func TestAdvantagesAreGolden(t *testing.T) {
	for framework, golden := range map[string]string{"trl": "grpo/group/", "verl": "grpo/", "openrlhf": "group_norm/"} {
		encoded, err := os.ReadFile("../../advantage/testdata/" + framework + ".json")
		require.NoError(t, err)
		var file struct {
			Cases []struct {
				Name    string
				Options json.RawMessage
			}
		}
		require.NoError(t, json.Unmarshal(encoded, &file))
		found := false
		for _, c := range file.Cases {
			if !strings.HasPrefix(c.Name, golden) {
				continue
			}
			found = true
			var want advantage.GroupRelative
			require.NoError(t, json.Unmarshal(c.Options, &want))
			for _, r := range compat.Recipes() {
				if _, group := r.Advantage.(advantage.GroupRelative); group && r.Framework == framework {
					require.Equal(t, want, r.Advantage, "%v: %s", r, c.Name)
				}
			}
		}
		require.True(t, found, framework)
	}
}
