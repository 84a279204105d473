package ptx

import (
	"math/big"
	"testing"
)

func TestIntegerConversion(t *testing.T) {
	rows := operands(10, integers, 300)
	types := []string{"u8", "s8", "u16", "s16", "u32", "s32", "u64", "s64"}
	for _, to := range types {
		for _, from := range types {
			// registers as wide as the type, and wider ones: a signed result fills them
			for _, dst := range []int{max(2, sizes[to]), 8} {
				for _, src := range []int{max(2, sizes[from]), 8} {
					f := form{"cvt." + to + "." + from, dst, []int{src}}
					check(t, f, rows, func(a, _, _ uint64) uint64 { return low(number(to, low(number(from, a)))) })
					f.text = "cvt.sat." + to + "." + from
					check(t, f, rows[:100], func(a, _, _ uint64) uint64 {
						v := number(from, a)
						least, most := extremes(to)
						if v.Cmp(least) < 0 {
							v = least
						}
						if v.Cmp(most) > 0 {
							v = most
						}
						return low(v)
					})
				}
			}
		}
	}
}

func extremes(typ string) (least, most *big.Int) {
	n := uint(8 * sizes[typ])
	one := big.NewInt(1)
	if typ[0] == 'u' {
		return new(big.Int), new(big.Int).Sub(new(big.Int).Lsh(one, n), one)
	}
	most = new(big.Int).Sub(new(big.Int).Lsh(one, n-1), one)
	return new(big.Int).Sub(new(big.Int).Neg(most), one), most
}

// whole is a rational rounded to an integer.
func whole(v *big.Rat, mode string) *big.Int {
	floor := new(big.Int).Div(v.Num(), v.Denom())
	rest := new(big.Rat).Sub(v, new(big.Rat).SetInt(floor))
	if rest.Sign() == 0 {
		return floor
	}
	up := false
	switch half := rest.Cmp(big.NewRat(1, 2)); mode {
	case "rni":
		up = half > 0 || half == 0 && floor.Bit(0) == 1
	case "rzi":
		up = v.Sign() < 0
	case "rpi":
		up = true
	}
	if up {
		floor.Add(floor, big.NewInt(1))
	}
	return floor
}

func TestFloatToInteger(t *testing.T) {
	for _, from := range []string{"f16", "f32", "f64"} {
		l := layouts[from]
		rows := l.rows(11, 300)
		for i := range 200 { // halves and their neighbours, and numbers at the types' ends
			v := big.NewRat(int64(i-100), 4)
			if i%5 == 0 {
				v = new(big.Rat).Add(power(8+i%57), big.NewRat(int64(i%3-1), 2))
			}
			rows = append(rows, []uint64{l.round(v, "rn", 0), 0, 0})
		}
		for _, to := range []string{"u8", "s8", "u16", "s16", "u32", "s32", "u64", "s64"} {
			for _, mode := range []string{"rni", "rzi", "rmi", "rpi"} {
				dst := max(2, sizes[to])
				check(t, form{"cvt." + mode + "." + to + "." + from, dst, []int{l.bytes}}, rows, func(a, _, _ uint64) uint64 {
					a &= mask(l.bytes)
					least, most := extremes(to)
					switch {
					case l.isNaN(a):
						return 0
					case l.isInf(a) && l.sign(a) == 1:
						return low(least)
					case l.isInf(a):
						return low(most)
					}
					v := whole(l.value(a), mode)
					if v.Cmp(least) < 0 {
						v = least
					}
					if v.Cmp(most) > 0 {
						v = most
					}
					return low(v)
				})
			}
		}
	}
}

func TestIntegerToFloat(t *testing.T) {
	rows := operands(12, integers, 500)
	for i := range uint(40) { // ties of float32 in 64-bit integers, and just off them
		rows = append(rows, []uint64{1<<63 | 1<<(i%40) | 1<<39, 0, 0}, []uint64{1<<(24+i%39) | 1<<(i%39) | 1, 0, 0})
	}
	for _, from := range []string{"u16", "s16", "u32", "s32", "u64", "s64"} {
		for _, to := range []string{"f16", "f32", "f64"} {
			l := layouts[to]
			for _, mode := range []string{"rn", "rz", "rm", "rp"} {
				check(t, form{"cvt." + mode + "." + to + "." + from, l.bytes, []int{sizes[from]}}, rows, func(a, _, _ uint64) uint64 {
					return l.round(new(big.Rat).SetInt(number(from, a)), mode, 0)
				})
			}
		}
	}
}

func TestFloatToFloat(t *testing.T) {
	convert := func(to, from layout, mode string) func(a, _, _ uint64) uint64 {
		return func(a, _, _ uint64) uint64 {
			a &= mask(from.bytes)
			switch top := to.bits() - 1; {
			case from.isNaN(a):
				return to.nan
			case from.isInf(a):
				return from.sign(a)<<top | to.infinity()
			default:
				return to.round(from.value(a), mode, from.sign(a))
			}
		}
	}
	for _, c := range []struct{ to, from string }{{"f32", "f64"}, {"f16", "f32"}, {"bf16", "f32"}, {"f16", "f64"}} {
		to, from := layouts[c.to], layouts[c.from]
		rows := from.rows(13, 600)
		for i := range 300 { // ties of the narrow format and the quanta beside them
			v := to.round(big.NewRat(int64(1000+37*i), 512), "rz", 0)
			half := new(big.Rat).Add(to.value(v), new(big.Rat).Quo(new(big.Rat).Sub(to.value(v+1), to.value(v)), big.NewRat(2, 1)))
			rows = append(rows, []uint64{from.round(half, "rn", 0) + uint64(i%3) - 1, 0, 0})
		}
		for _, mode := range []string{"rn", "rz", "rm", "rp"} {
			check(t, form{"cvt." + mode + "." + c.to + "." + c.from, to.bytes, []int{from.bytes}}, rows, convert(to, from, mode))
		}
		if c.from == "f32" {
			for _, mode := range []string{"rn", "rz"} {
				one := convert(to, from, mode)
				check(t, form{"cvt." + mode + "." + c.to + "x2.f32", 4, []int{4, 4}}, rows, func(a, b, _ uint64) uint64 { return one(a, 0, 0)<<16 | one(b, 0, 0) })
			}
			check(t, form{"cvt.rn.relu." + c.to + ".f32", 2, []int{4}}, rows, func(a, _, _ uint64) uint64 {
				v := convert(to, from, "rn")(a, 0, 0)
				if to.sign(v) == 1 {
					return 0
				}
				return v
			})
		}
	}
	for _, c := range []struct{ to, from string }{{"f64", "f32"}, {"f32", "f16"}, {"f64", "f16"}, {"f32", "bf16"}} {
		to, from := layouts[c.to], layouts[c.from]
		check(t, form{"cvt." + c.to + "." + c.from, to.bytes, []int{from.bytes}}, from.rows(14, 600), convert(to, from, "rn"))
	}
	f32, f64 := layouts["f32"], layouts["f64"]
	check(t, form{"cvt.rn.ftz.f32.f64", 4, []int{8}}, f64.rows(15, 300), func(a, b, c uint64) uint64 { return f32.flushed(convert(f32, f64, "rn")(a, b, c)) })
	check(t, form{"cvt.ftz.f64.f32", 8, []int{4}}, f32.rows(16, 300), func(a, b, c uint64) uint64 { return convert(f64, f32, "rn")(f32.flushed(a&mask(4)), b, c) })
	check(t, form{"cvt.sat.f32.f32", 4, []int{4}}, f32.rows(17, 300), func(a, _, _ uint64) uint64 { return f32.saturated(a & mask(4)) })
	for _, typ := range []string{"f32", "f64"} {
		l := layouts[typ]
		for _, mode := range []string{"rni", "rzi", "rmi", "rpi"} {
			check(t, form{"cvt." + mode + "." + typ + "." + typ, l.bytes, []int{l.bytes}}, l.rows(18, 500), func(a, _, _ uint64) uint64 {
				a &= mask(l.bytes)
				switch {
				case l.isNaN(a):
					return l.nan
				case l.isInf(a):
					return a
				}
				return l.round(new(big.Rat).SetInt(whole(l.value(a), mode)), "rn", l.sign(a))
			})
		}
	}
}
