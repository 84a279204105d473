package ptx

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// floats are rows of a format: special values, values a few quanta apart from one
// another (ties, cancellation), random bits.
func (l layout) rows(seed uint64, n int) (rows [][]uint64) {
	r := rand.New(rand.NewPCG(seed, 2))
	inf, one := l.infinity(), uint64(-l.emin+1)<<(l.p-1)
	special := []uint64{0, 1, 2, 1<<(l.p-1) - 1, 1 << (l.p - 1), 1<<(l.p-1) + 1, one, one + 1, one - 1, inf - 1, inf, inf + 1, one + 1<<(l.p-2), one + 1<<(l.p-1)}
	pick := func() uint64 {
		v := r.Uint64() & mask(l.bytes)
		switch r.IntN(4) {
		case 0:
			v = special[r.IntN(len(special))]
			v |= r.Uint64N(2) << (l.bits() - 1)
		case 1: // near one
			v = one + r.Uint64N(64)<<(l.p-4) - 8<<(l.p-4) + r.Uint64N(3)
			v |= r.Uint64N(2) << (l.bits() - 1)
		}
		return v
	}
	for range n {
		row := []uint64{pick(), pick(), pick()}
		switch r.IntN(8) {
		case 0: // c nearly cancels a*b
			row[2] = l.arithmetic("mul", "rn", row[0], row[1], 0) ^ 1<<(l.bits()-1)
		case 1: // b nearly cancels a
			row[1] = row[0] ^ 1<<(l.bits()-1) ^ r.Uint64N(2)
		case 2: // halves of the last place
			row[1] = l.arithmetic("div", "rn", row[0], l.round(power(l.p), "rn", 0), 0)
		}
		rows = append(rows, row)
	}
	return rows
}

// Every operation in every rounding mode against exact rationals.
func TestFloatArithmetic(t *testing.T) {
	for _, typ := range []string{"f32", "f64"} {
		l := layouts[typ]
		w := l.bytes
		n := 1500
		if typ == "f64" {
			n = 400 // its rationals are long
		}
		rows := l.rows(1, n)
		for _, mode := range []string{"rn", "rz", "rm", "rp"} {
			for _, name := range []string{"add", "sub", "mul", "fma", "div", "sqrt", "rcp"} {
				src := map[string][]int{"fma": {w, w, w}, "sqrt": {w}, "rcp": {w}}[name]
				if src == nil {
					src = []int{w, w}
				}
				want := func(a, b, c uint64) uint64 {
					if name == "rcp" {
						return l.arithmetic("div", mode, uint64(-l.emin+1)<<(l.p-1), a, 0)
					}
					return l.arithmetic(name, mode, a, b, c)
				}
				check(t, form{name + "." + mode + "." + typ, w, src}, rows, want)
				if typ == "f64" {
					continue
				}
				small := rows[:n/4]
				flushed := func(a, b, c uint64) uint64 {
					return l.flushed(want(l.flushed(a&mask(w)), l.flushed(b&mask(w)), l.flushed(c&mask(w))))
				}
				check(t, form{name + "." + mode + ".ftz." + typ, w, src}, small, flushed)
				if len(src) > 1 && name != "div" {
					check(t, form{name + "." + mode + ".sat." + typ, w, src}, small, func(a, b, c uint64) uint64 { return l.saturated(want(a, b, c)) })
					check(t, form{name + "." + mode + ".ftz.sat." + typ, w, src}, small, func(a, b, c uint64) uint64 { return l.saturated(flushed(a, b, c)) })
				}
			}
		}
		check(t, form{"add." + typ, w, []int{w, w}}, rows, func(a, b, _ uint64) uint64 { return l.arithmetic("add", "rn", a, b, 0) })
		check(t, form{"mad.rn." + typ, w, []int{w, w, w}}, rows, func(a, b, c uint64) uint64 { return l.arithmetic("fma", "rn", a, b, c) })
	}
}

func TestMinMax(t *testing.T) {
	for typ, l := range layouts {
		w := l.bytes
		rows := l.rows(2, 1000)
		for _, name := range []string{"min", "max"} {
			canonical := func(v uint64) uint64 {
				if l.isNaN(v) {
					return l.nan
				}
				return v
			}
			check(t, form{name + "." + typ, w, []int{w, w}}, rows, func(a, b, _ uint64) uint64 { return canonical(l.extreme(name, false, a, b)) })
			if typ != "f64" {
				check(t, form{name + ".NaN." + typ, w, []int{w, w}}, rows, func(a, b, _ uint64) uint64 { return l.extreme(name, true, a, b) })
			}
			if typ == "f32" {
				check(t, form{name + ".ftz." + typ, w, []int{w, w}}, rows, func(a, b, _ uint64) uint64 {
					return canonical(l.extreme(name, false, l.flushed(a&mask(4)), l.flushed(b&mask(4))))
				})
			}
		}
	}
}

func TestSignBits(t *testing.T) {
	for typ, l := range layouts {
		w, neg := l.bytes, uint64(1)<<(l.bits()-1)
		rows := l.rows(3, 300)
		check(t, form{"abs." + typ, w, []int{w}}, rows, func(a, _, _ uint64) uint64 { return a &^ neg })
		check(t, form{"neg." + typ, w, []int{w}}, rows, func(a, _, _ uint64) uint64 { return a ^ neg })
		if w > 2 {
			check(t, form{"copysign." + typ, w, []int{w, w}}, rows, func(a, b, _ uint64) uint64 { return a&neg | b&^neg })
			for class, is := range map[string]func(r uint64) bool{
				"finite": func(r uint64) bool { return !l.isNaN(r) && !l.isInf(r) }, "infinite": l.isInf, "notanumber": l.isNaN,
				"number":    func(r uint64) bool { return !l.isNaN(r) },
				"subnormal": func(r uint64) bool { return l.magnitude(r) != 0 && l.magnitude(r)>>(l.p-1) == 0 },
				"normal":    func(r uint64) bool { return l.magnitude(r)>>(l.p-1) != 0 && l.magnitude(r) < l.infinity() },
			} {
				check(t, form{"testp." + class + "." + typ, 1, []int{w}}, rows, func(a, _, _ uint64) uint64 { return truth(is(a & mask(w))) })
			}
		}
	}
	check(t, form{"neg.f16x2", 4, []int{4}}, layouts["f32"].rows(4, 100), func(a, _, _ uint64) uint64 { return a ^ 0x80008000 })
	check(t, form{"abs.ftz.f32", 4, []int{4}}, layouts["f32"].rows(4, 100), func(a, _, _ uint64) uint64 {
		return layouts["f32"].flushed(a&mask(4)) &^ (1 << 31)
	})
}

func TestHalfArithmetic(t *testing.T) {
	for _, typ := range []string{"f16", "bf16"} {
		l := layouts[typ]
		rows := l.rows(5, 1500)
		for _, name := range []string{"add", "sub", "mul", "fma"} {
			src := []int{2, 2}
			if name == "fma" {
				src = []int{2, 2, 2}
			}
			want := func(a, b, c uint64) uint64 { return l.arithmetic(name, "rn", a, b, c) }
			check(t, form{name + ".rn." + typ, 2, src}, rows, want)
			wide := make([]int, len(src))
			for i := range wide {
				wide[i] = 4
			}
			check(t, form{name + ".rn." + typ + "x2", 4, wide}, operands(6, nil, 300), func(a, b, c uint64) uint64 {
				return want(a, b, c)&0xffff | want(a>>16, b>>16, c>>16)<<16
			})
			if typ == "f16" {
				check(t, form{name + ".sat." + typ, 2, src}, rows, func(a, b, c uint64) uint64 { return l.saturated(want(a, b, c)) })
				check(t, form{name + ".ftz." + typ, 2, src}, rows, func(a, b, c uint64) uint64 {
					return l.flushed(want(l.flushed(a&mask(2)), l.flushed(b&mask(2)), l.flushed(c&mask(2))))
				})
			}
		}
	}
}

func TestFloatComparison(t *testing.T) {
	tests := map[string]func(a, b float64) bool{
		"eq": func(a, b float64) bool { return a == b }, "ne": func(a, b float64) bool { return a < b || a > b },
		"lt": func(a, b float64) bool { return a < b }, "le": func(a, b float64) bool { return a <= b },
		"gt": func(a, b float64) bool { return a > b }, "ge": func(a, b float64) bool { return a >= b },
		"equ": func(a, b float64) bool { return !(a < b || a > b) }, "neu": func(a, b float64) bool { return a != b },
		"ltu": func(a, b float64) bool { return !(a >= b) }, "leu": func(a, b float64) bool { return !(a > b) },
		"gtu": func(a, b float64) bool { return !(a <= b) }, "geu": func(a, b float64) bool { return !(a < b) },
		"num": func(a, b float64) bool { return !math.IsNaN(a) && !math.IsNaN(b) }, "nan": func(a, b float64) bool { return math.IsNaN(a) || math.IsNaN(b) },
	}
	for typ, l := range layouts {
		w := l.bytes
		rows := l.rows(7, 400)
		for how, test := range tests {
			check(t, form{"setp." + how + "." + typ, 1, []int{w, w}}, rows, func(a, b, _ uint64) uint64 { return truth(test(l.decode64(a), l.decode64(b))) })
			if typ == "f32" {
				flushed := func(a uint64) float64 { return l.decode64(l.flushed(a & mask(4))) }
				check(t, form{"setp." + how + ".ftz.f32", 1, []int{4, 4}}, rows, func(a, b, _ uint64) uint64 { return truth(test(flushed(a), flushed(b))) })
				check(t, form{"set." + how + ".f32.f32", 4, []int{4, 4}}, rows, func(a, b, _ uint64) uint64 {
					return 0x3f800000 * truth(test(l.decode64(a), l.decode64(b)))
				})
			}
		}
	}
}

// The approximations stay inside their documented bounds, use most of them, and give
// the special values exactly.
func TestApproximations(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	type bound struct{ relative, absolute float64 }
	for _, a := range []struct {
		name   string
		lo, hi float64
		f      func(x float64) float64
		bound  bound
	}{
		{"ex2.approx.ftz.f32", -126, 128, math.Exp2, bound{relative: 0x1p-22}},
		{"ex2.approx.f32", -140, 128, math.Exp2, bound{relative: 0x1p-22, absolute: 0x1p-149}},
		{"lg2.approx.f32", 0.5, 2, math.Log2, bound{absolute: 0x1p-22}},
		{"lg2.approx.ftz.f32", 2, 1e30, math.Log2, bound{relative: 0x1p-22}},
		{"rcp.approx.ftz.f32", 1e-30, 1e30, func(x float64) float64 { return 1 / x }, bound{relative: 1.5 * 0x1p-24}},
		{"sqrt.approx.f32", 1e-30, 1e30, math.Sqrt, bound{relative: 0x1p-23}},
		{"rsqrt.approx.f32", 1e-30, 1e30, func(x float64) float64 { return 1 / math.Sqrt(x) }, bound{relative: math.Exp2(-22.9)}},
		{"sin.approx.f32", -3, 3, math.Sin, bound{absolute: math.Exp2(-20.9)}},
		{"cos.approx.f32", -3, 3, math.Cos, bound{absolute: math.Exp2(-20.9)}},
		{"tanh.approx.f32", -4, 4, math.Tanh, bound{relative: 0x1p-11}},
	} {
		var rows [][]uint64
		for range 4000 {
			x := a.lo + (a.hi-a.lo)*r.Float64()
			if a.hi > 1e20 {
				x = math.Exp2(r.Float64()*190 - 95)
				x = min(max(x, a.lo), a.hi)
			}
			rows = append(rows, []uint64{canonical32(float32(x)), 0, 0})
		}
		worst := 0.0
		for i, got := range eval(t, form{a.name, 4, []int{4}}, rows) {
			exact := a.f(float64(f32(rows[i][0])))
			v := float64(f32(got))
			limit := a.bound.relative*math.Abs(exact) + a.bound.absolute
			require.LessOrEqual(t, math.Abs(v-exact), limit, "%s of %g: %g, exactly %g", a.name, f32(rows[i][0]), v, exact)
			worst = max(worst, math.Abs(v-exact)/limit)
		}
		require.Greater(t, worst, 0.6, a.name)
	}
	exact := func(text string, x, want float32) {
		t.Helper()
		got := eval(t, form{text, 4, []int{4}}, [][]uint64{{uint64(math.Float32bits(x)), 0, 0}})
		require.Equal(t, canonical32(want), got[0], "%s of %g", text, x)
	}
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, text := range []string{"ex2.approx.ftz.f32", "ex2.approx.f32"} {
		exact(text, 0, 1)
		exact(text, -inf, 0)
		exact(text, inf, inf)
		exact(text, nan, nan)
		exact(text, 128, inf)
		exact(text, -200, 0)
	}
	exact("ex2.approx.ftz.f32", -127, 0)
	exact("lg2.approx.f32", 1, 0)
	exact("lg2.approx.f32", 0, -inf)
	exact("lg2.approx.f32", inf, inf)
	exact("lg2.approx.f32", -1, nan)
	exact("rcp.approx.ftz.f32", 0, inf)
	exact("rcp.approx.ftz.f32", -inf, float32(math.Copysign(0, -1)))
	exact("sqrt.approx.f32", -1, nan)
	exact("rsqrt.approx.f32", 0, inf)
	// one operand, one answer; another seed, another one
	rows := [][]uint64{{0x3f9d3a11, 0, 0}, {0x3f9d3a11, 0, 0}}
	one, err := evalErr(&Device{Seed: 1}, form{"ex2.approx.f32", 4, []int{4}}, rows)
	require.NoError(t, err)
	require.Equal(t, one[0], one[1])
	different := false
	for seed := range uint64(8) {
		other, err := evalErr(&Device{Seed: seed}, form{"ex2.approx.f32", 4, []int{4}}, rows)
		require.NoError(t, err)
		different = different || other[0] != one[0]
	}
	require.True(t, different)
}

func TestDivApprox(t *testing.T) {
	rows := [][]uint64{}
	r := rand.New(rand.NewPCG(9, 9))
	for range 1000 {
		rows = append(rows, []uint64{canonical32(r.Float32() + 0.5), canonical32(r.Float32()*100 + 1), 0})
	}
	for _, text := range []string{"div.approx.f32", "div.full.f32", "div.full.ftz.f32"} {
		for i, got := range eval(t, form{text, 4, []int{4, 4}}, rows) {
			exact := float64(f32(rows[i][0])) / float64(f32(rows[i][1]))
			ulp := math.Exp2(math.Floor(math.Log2(exact)) - 23)
			require.LessOrEqual(t, math.Abs(float64(f32(got))-exact), 2*ulp, text)
		}
	}
}
