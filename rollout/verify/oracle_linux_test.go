//go:build amd64 || arm64

package verify

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/rollout/sandbox"
)

// The rules of this package are Python's, so Python is the oracle: the reference
// rules, written the obvious way, are asked about thousands of random cases.

// ask runs an oracle, a program that defines answer(case), on all cases.
func ask[A any](t *testing.T, oracle string, cases []any) []A {
	l, err := sandbox.Local(sandbox.Config{Parallel: 1, Warm: -1})
	require.NoError(t, err)
	defer l.Close()
	s, err := l.Start(t.Context())
	require.NoError(t, err)
	defer s.Close()
	source := "import json, sys\n" + oracle + "\nprint(json.dumps([answer(c) for c in json.load(sys.stdin)]))\n"
	r, err := s.Load(t.Context(), sandbox.Program{Source: []byte(source), Limits: sandbox.Limits{Wall: time.Minute}})
	require.NoError(t, err)
	require.Equal(t, sandbox.OK, r.Outcome, "%s", r.Stderr)
	input, err := json.Marshal(cases)
	require.NoError(t, err)
	r, err = s.Run(t.Context(), input)
	require.NoError(t, err)
	require.Equal(t, sandbox.OK, r.Outcome, "%s", r.Stderr)
	var answers []A
	require.NoError(t, json.Unmarshal(r.Stdout, &answers))
	require.Len(t, answers, len(cases))
	return answers
}

// pick joins up to n random pieces.
func pick(r *rand.Rand, n int, pieces ...string) string {
	var b strings.Builder
	for range r.IntN(n + 1) {
		b.WriteString(pieces[r.IntN(len(pieces))])
	}
	return b.String()
}

func TestExtractIsPythons(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var cases []any
	for range 3000 {
		cases = append(cases, pick(r, 12, "```", "```python\n", "```\n", "```c++\n", "\n", "\n```", "x = 1", " ", "\t", "\u2003", "\x1c", "é", "²", "\u0301", "`", "prose"))
	}
	type answer struct{ Nous, LCB *string }
	for i, want := range ask[answer](t, `
import re
def answer(text):
    found = re.findall(r"^`+"```"+`(?:\w+)?\s*\n(.*?)(?=^`+"```)```"+`", text, re.DOTALL | re.MULTILINE)
    lines = text.split("\n")
    fences = [i for i, line in enumerate(lines) if "`+"```"+`" in line]
    lcb = "\n".join(lines[fences[-2] + 1:fences[-1]]) if len(fences) >= 2 else None
    return {"Nous": found[-1] if found else None, "LCB": lcb}
`, cases) {
		for _, c := range []struct {
			rule Extractor
			want *string
		}{{LastFence{Whole: true}, want.Nous}, {LiveCodeBench{Whole: true}, want.LCB}} {
			got, ok := c.rule.Extract(cases[i].(string))
			require.Equal(t, c.want != nil, ok, "%T %q", c.rule, cases[i])
			if ok {
				require.Equal(t, *c.want, got, "%T %q", c.rule, cases[i])
			}
		}
	}
}

// randomNumber is text that Decimal may accept.
func randomNumber(r *rand.Rand) string {
	switch r.IntN(12) {
	case 0:
		return pick(r, 3, "nan", "NaN", "sNaN", "inf", "-Infinity", "+INF", "nan12", "infinit", "-nan", "x", "-", "+")
	case 1:
		return pick(r, 4, "0", "1", "_", ".", "-", "e", "+", "٣", "９", "²", "E5")
	case 2:
		return fmt.Sprintf("%d.%de%d", r.IntN(20)-10, r.IntN(1000), r.Int64N(4e18)-2e18)
	}
	whole, scale := r.IntN(30)-15, r.IntN(7)
	s := fmt.Sprintf("%.*f", scale, float64(whole)/10+float64(r.IntN(5))*1e-4+float64(r.IntN(3))*1e-5)
	return s + []string{"", "", "", "e0", "e-1", "0", "_0"}[r.IntN(7)]
}

// Both line rules against Python's own decimal, str.strip and str.split, exactly.
func TestLinesArePythons(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	space := func() string { return pick(r, 2, " ", "\t", "\u00a0", "\x1f", "\u3000", "\x00", "\x0b") }
	var cases []any
	line := func() string {
		s := space()
		for range 1 + r.IntN(3) {
			s += randomNumber(r) + []string{" ", "  ", "\t", "\x1c", "\u2003"}[r.IntN(5)]
		}
		return s + space()
	}
	for range 6000 {
		a := line() + pick(r, 2, "\n", "\n", "1\n", "\r\n", line())
		b := a
		switch r.IntN(4) {
		case 0:
			b = line() + pick(r, 2, "\n", "1\n")
		case 1:
			b = strings.ReplaceAll(a, "0", []string{"00", "", "0", "1", "0.0"}[r.IntN(5)])
		case 2:
			b = strings.ReplaceAll(a, ".", []string{"", ".0000", ".00009", "."}[r.IntN(4)])
		}
		cases = append(cases, []string{a, b})
	}
	type answer struct{ LCB, Nous bool }
	equal := 0
	for i, want := range ask[answer](t, `
from decimal import Context, Decimal, localcontext
def lines(text):
    return [line.strip() for line in text.strip().split("\n")]
def decimals(line):
    try:
        return [Decimal(word) for word in line.split()]
    except Exception:
        return None
def near(a, b):
    if len(a) != len(b):
        return False
    with localcontext() as ctx:
        ctx.prec, ctx.Emax, ctx.Emin = 2000, 999999999999999999, -999999999999999999
        return all(not (abs(x - y) > Decimal("0.0001")) and abs(x - y) <= Decimal("0.0001") for x, y in zip(a, b))
def same(a, b, tolerance):
    a, b = lines(a), lines(b)
    if len(a) != len(b):
        return False
    for x, y in zip(a, b):
        if x == y:
            continue
        x, y = decimals(x), decimals(y)
        if x is None or y is None:
            return False
        try:
            if x == y or tolerance and near(x, y):
                continue
        except Exception:
            pass
        return False
    return True
def answer(case):
    return {"LCB": same(*case, False), "Nous": same(*case, True)}
`, cases) {
		c := cases[i].([]string)
		require.Equal(t, want.LCB, LCB.Equal(c[0], c[1]), "LiveCodeBench %q", c)
		require.Equal(t, want.Nous, NousCoder.Equal(c[0], c[1]), "NousCoder %q", c)
		if want.Nous && c[0] != c[1] {
			equal++
		}
	}
	require.Greater(t, equal, 150, "too few cases tell anything")
}

// json.loads and == against Python's, on JSON text.
func TestReturnsArePythons(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	var value func(depth int) string
	value = func(depth int) string {
		n := 9
		if depth > 2 {
			n = 7
		}
		switch r.IntN(n) {
		case 0:
			return []string{"null", "true", "false", "NaN", "Infinity", "-Infinity"}[r.IntN(6)]
		case 1:
			return []string{"0", "1", "-1", "-0", "1.0", "0.0", "-0.0", "1e0", "100e-2", "1E400", "-1e400"}[r.IntN(11)]
		case 2:
			return []string{"9007199254740993", "9007199254740992.0", "1" + strings.Repeat("0", 400), "1e22", "10000000000000000000000", "0.1", "1e-400"}[r.IntN(7)]
		case 3, 4, 5:
			return []string{`""`, `"a"`, `"\u00e9"`, `"é"`, `"\ud83d\ude00"`, `"😀"`, `"\ud83d"`, `"\n"`, `"\/"`, `"/"`}[r.IntN(10)]
		case 6:
			return []string{"[]", "{}", "[ ]", "{ }"}[r.IntN(4)]
		case 7:
			items := make([]string, 1+r.IntN(2))
			for i := range items {
				items[i] = value(depth + 1)
			}
			return "[" + strings.Join(items, []string{",", " , "}[r.IntN(2)]) + "]"
		}
		items := make([]string, 1+r.IntN(3))
		for i := range items {
			items[i] = []string{`"a"`, `"b"`, `"\u0061"`}[r.IntN(3)] + ":" + value(depth+1)
		}
		return "{" + strings.Join(items, ",") + "}"
	}
	var cases []any
	for range 4000 {
		a := value(0)
		b := value(0)
		if r.IntN(2) == 0 {
			b = a
			if r.IntN(2) == 0 {
				b = strings.NewReplacer("1.0", "1", "true", "1", "false", "0.0", `"é"`, `"\u00e9"`).Replace(a)
			}
		}
		cases = append(cases, []string{a, b})
	}
	type answer struct{ Equal bool }
	equal := 0
	for i, want := range ask[answer](t, `
def load(text):  # with a NaN of its own each time: json's is one object, and so equal to itself in a list
    return json.loads(text, parse_constant=lambda name: float(name))
def answer(c):
    return {"Equal": load(c[0]) == load(c[1])}
`, cases) {
		c := cases[i].([]string)
		a, err := parseJSON(c[0])
		require.NoError(t, err, c[0])
		b, err := parseJSON(c[1])
		require.NoError(t, err, c[1])
		require.Equal(t, want.Equal, equalValue(&a, &b), "%q", c)
		if want.Equal {
			equal++
		}
	}
	require.Greater(t, equal, 300)
	require.Less(t, equal, 3000)
}

// What json.loads refuses, parseJSON refuses.
func TestJSONIsPythons(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	var cases []any
	for range 4000 {
		cases = append(cases, pick(r, 6, "1", "0", "-", ".", "e", "+", "[", "]", "{", "}", ",", ":", `"`, `"a"`, "null", "true", "NaN", "Infinity", " ", "\n", "\t", `\u00`, `\ud800`, `\n`, "\x01", "é", "\u00a0"))
	}
	valid := 0
	for i, want := range ask[bool](t, `
def answer(text):
    try:
        json.loads(text)
        return True
    except ValueError:
        return False
`, cases) {
		_, err := parseJSON(cases[i].(string))
		require.Equal(t, want, err == nil, "%q", cases[i])
		if want {
			valid++
		}
	}
	require.Greater(t, valid, 50)
}
