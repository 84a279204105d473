package verify

import (
	"strings"
)

// Comparer decides whether a program's output is the expected one. Output is what
// the program wrote, as it is: it may hold NUL and need not be UTF-8.
type Comparer interface {
	Equal(expected, output string) bool
}

// Lines is LiveCodeBench's comparison. Both texts are stripped and split at "\n", each
// line is stripped, and there must be as many. A line equals another if their texts
// are equal, or if both are white-space separated decimal numbers of Python's decimal
// module and these are equal in value, or, with Tolerance, as many and each
// |a - b| <= 10^-4. Case counts, and so does white space inside a line that is not
// all numbers. White space is Python's.
type Lines struct{ Tolerance bool }

// The two comparisons of the recipe's graders. NousCoder's adds the tolerance.
var (
	LCB       = Lines{}
	NousCoder = Lines{Tolerance: true}
)

// Equal implements Comparer. It takes time linear in the texts' lengths and never
// expands an exponent.
func (l Lines) Equal(expected, output string) bool {
	expected, output = strings.TrimFunc(expected, isSpace), strings.TrimFunc(output, isSpace)
	for {
		want, expectedRest, moreExpected := strings.Cut(expected, "\n")
		got, outputRest, moreOutput := strings.Cut(output, "\n")
		if moreExpected != moreOutput || !l.line(strings.TrimFunc(want, isSpace), strings.TrimFunc(got, isSpace)) {
			return false
		}
		if !moreExpected {
			return true
		}
		expected, output = expectedRest, outputRest
	}
}

func (l Lines) line(want, got string) bool {
	if want == got {
		return true
	}
	var a, b []decimal
	for want != "" && got != "" {
		var x, y string
		x, want = field(want)
		y, got = field(got)
		dx, okx := parseDecimal(x)
		dy, oky := parseDecimal(y)
		if !okx || !oky {
			return false
		}
		a, b = append(a, dx), append(b, dy)
	}
	if want != "" || got != "" || len(a) == 0 {
		return false
	}
	equal := true
	for i := range a {
		equal = equal && a[i].equal(&b[i])
	}
	if equal || !l.Tolerance {
		return equal
	}
	for i := range a {
		if !a[i].near(&b[i]) {
			return false
		}
	}
	return true
}

// field cuts the first word off a stripped text.
func field(s string) (word, rest string) {
	i := strings.IndexFunc(s, isSpace)
	if i < 0 {
		return s, ""
	}
	return s[:i], strings.TrimLeftFunc(s[i:], isSpace)
}

// Exact is SandboxFusion's and verl's comparison: equal but for line breaks at the end.
type Exact struct{}

// Equal implements Comparer.
func (Exact) Equal(expected, output string) bool {
	return strings.TrimRight(expected, "\n") == strings.TrimRight(output, "\n")
}

// Tokens compares the white-space separated words, as most contest checkers do.
type Tokens struct{}

// Equal implements Comparer.
func (Tokens) Equal(expected, output string) bool {
	expected, output = strings.TrimFunc(expected, isSpace), strings.TrimFunc(output, isSpace)
	for expected != "" && output != "" {
		var x, y string
		x, expected = field(expected)
		y, output = field(output)
		if x != y {
			return false
		}
	}
	return expected == "" && output == ""
}
