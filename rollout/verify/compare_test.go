package verify

import (
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLines(t *testing.T) {
	for _, c := range []struct {
		expected, output string
		lcb, nous        bool
	}{
		{"1\n2\n", "1\n2", true, true},
		{"1\n2\n", "  1  \n2\t\n\n", true, true}, // stripped as a whole and line by line
		{"1\n\n2", "1\n2", false, false},         // a blank line inside counts
		{"Yes", "yes", false, false},             // and so does case
		{"a  b", "a b", false, false},            // and white space inside text
		{"1  2", "1 2", true, true},              // but not between numbers
		{"1.0", "1", true, true},
		{"1e3", "1000", true, true},
		{"1_000", "1000", true, true},
		{"_1", "1__", true, true},
		{"٣", "3", true, true}, // digits of every script
		{"-0", "0", true, true},
		{"Infinity", "inf", true, true},
		{"inf 1", "Infinity 1.00001", false, false}, // inf - inf is an error
		{"nan", "NaN", false, false},                // equals nothing ...
		{"nan", "nan", true, true},                  // ... but the text does
		{"0.5", "0.5001", false, true},
		{"0.5", "0.50010001", false, false}, // 1e-4 is the bound, exactly
		{"-0.00005", "0.00005", false, true},
		{"1 2", "1.0001 2.0001", false, true},
		{"1 2", "1", false, false},
		{"1 x", "1.0 x", false, false}, // all of the line must be numbers
		{"0", "1e-999999999", false, true},
		{"1e999999999", "1e999999999", true, true},
		{"1e999999999", "10e999999998", true, true},
		{"1e999999999", "1e999999998", false, false},
		{"1e1000000000000000000", "1e1000000000000000001", false, false}, // beyond Decimal's exponents: text
		{"", "", true, true},
		{"", "\n \x1f\n", true, true}, // U+001F is white space in Python
		{"1\x1f2", "1 2", true, true},
		{"x", "x\x00", false, false},
		{"x", "x\xff", false, false},
	} {
		require.Equal(t, c.lcb, LCB.Equal(c.expected, c.output), "LiveCodeBench %q %q", c.expected, c.output)
		require.Equal(t, c.nous, NousCoder.Equal(c.expected, c.output), "NousCoder %q %q", c.expected, c.output)
	}
}

func TestExactAndTokens(t *testing.T) {
	for _, c := range []struct {
		expected, output string
		exact, tokens    bool
	}{
		{"1\n", "1", true, true}, {"1", "1\n\n", true, true}, {" 1", "1", false, true}, {"1 2", "1\n2", false, true},
		{"1", "1.0", false, false}, {"1", "1 2", false, false}, {"", "\n", true, true}, {"a", "b", false, false},
	} {
		require.Equal(t, c.exact, Exact{}.Equal(c.expected, c.output), "exact %q %q", c.expected, c.output)
		require.Equal(t, c.tokens, Tokens{}.Equal(c.expected, c.output), "tokens %q %q", c.expected, c.output)
	}
}

// Megabytes compare at once: exponents are never expanded, and digits are looked at
// once. Were it otherwise, this test would not end.
func TestLinesAreLinear(t *testing.T) {
	long := strings.Repeat("7", 1<<22)
	for _, c := range []struct {
		expected, output string
		want             bool
	}{
		{long + ".5", long + ".50001", true}, {"1e999999999", long, false}, {"1e-999999999", "-" + long, false}, {"0." + long, "0.7" + long, true},
		{strings.Repeat("1 ", 1<<20), strings.Repeat("1.0 ", 1<<20), true}, {"1" + strings.Repeat("\n", 1<<22) + "1", "1", false},
		{"1" + strings.Repeat("0", 1<<22), strings.Repeat("9", 1<<22), false}, {"1" + strings.Repeat("0", 1<<22), strings.Repeat("9", 1<<22) + ".99999", true},
		{"1e999999999999999999", "9.99e999999999999999998", false},
	} {
		require.Equal(t, c.want, NousCoder.Equal(c.expected, c.output))
	}
}

// rational is the slow and obvious value of a decimal, or nil if it would be large.
func (d *decimal) rational() *big.Rat {
	if d.kind != 'd' || d.exp > 2000 || d.exp < -2000 {
		return nil
	}
	n, ok := new(big.Int).SetString("0"+d.digits, 10)
	if !ok {
		return nil
	}
	power := new(big.Int).Exp(big.NewInt(10), big.NewInt(max(d.exp, -d.exp)), nil)
	r := new(big.Rat).SetInt(n)
	if d.exp >= 0 {
		r.Mul(r, new(big.Rat).SetInt(power))
	} else {
		r.Quo(r, new(big.Rat).SetInt(power))
	}
	if d.neg {
		r.Neg(r)
	}
	return r
}

// The comparison of decimals against exact fractions.
func FuzzDecimal(f *testing.F) {
	for _, c := range [][2]string{
		{"1", "1.0001"}, {"1", "1.00010000000000000001"}, {"-1e-5", "9e-5"}, {"0", "-1e-4"}, {"10", "9.9999"}, {"1e3", "999.99990"},
		{"1e999999999", "1"}, {"0e9", "-0"}, {".5", "5."}, {"nan", "inf"}, {"100000", "99999.9999"}, {"1_0", "١٠"},
	} {
		f.Add(c[0], c[1])
	}
	bound := big.NewRat(1, 10000)
	f.Fuzz(func(t *testing.T, a, b string) {
		x, ok1 := parseDecimal(a)
		y, ok2 := parseDecimal(b)
		if !ok1 || !ok2 {
			return
		}
		require.Equal(t, x.equal(&y), y.equal(&x))
		require.Equal(t, x.near(&y), y.near(&x))
		if x.equal(&y) && x.kind == 'd' {
			require.True(t, x.near(&y))
		}
		p, q := x.rational(), y.rational()
		if p == nil || q == nil {
			return
		}
		require.Equal(t, p.Cmp(q) == 0, x.equal(&y), "%q %q", a, b)
		difference := new(big.Rat).Sub(p, q)
		require.Equal(t, difference.Abs(difference).Cmp(bound) <= 0, x.near(&y), "%q %q", a, b)
	})
}

// Lines against the rule as it is written, over short exponents.
func FuzzLines(f *testing.F) {
	f.Add("1 2\n3", "1.0 2\n3.00001")
	f.Add("a b\n", "a b")
	f.Add("1\x1f2", "1 2")
	f.Add("nan", "nan ")
	slow := func(expected, output string, tolerance bool) bool {
		split := func(s string) (lines []string) {
			for _, line := range strings.Split(strings.TrimFunc(s, isSpace), "\n") {
				lines = append(lines, strings.TrimFunc(line, isSpace))
			}
			return lines
		}
		numbers := func(line string) (all []decimal, ok bool) {
			for _, word := range strings.FieldsFunc(line, isSpace) {
				d, ok := parseDecimal(word)
				if !ok {
					return nil, false
				}
				all = append(all, d)
			}
			return all, true
		}
		want, got := split(expected), split(output)
		if len(want) != len(got) {
			return false
		}
		for i := range want {
			if want[i] == got[i] {
				continue
			}
			a, ok1 := numbers(want[i])
			b, ok2 := numbers(got[i])
			if !ok1 || !ok2 || len(a) != len(b) {
				return false
			}
			equal, near := true, tolerance
			for j := range a {
				equal = equal && a[j].equal(&b[j])
				near = near && a[j].near(&b[j])
			}
			if !equal && !near {
				return false
			}
		}
		return true
	}
	f.Fuzz(func(t *testing.T, expected, output string) {
		require.Equal(t, slow(expected, output, false), LCB.Equal(expected, output))
		require.Equal(t, slow(expected, output, true), NousCoder.Equal(expected, output))
		require.True(t, LCB.Equal(expected, expected))
	})
}
