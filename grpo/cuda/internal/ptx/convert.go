package ptx

import (
	"math"
	"math/big"
)

const convertMods = "rn rz rm rp rni rzi rmi rpi ftz sat relu u8 s8 u16 s16 u32 s32 u64 s64 f16 bf16 f32 f64 f16x2 bf16x2"

// cvt compiles cvt.{rounding}.to.from d, a and cvt.rn.PAIR.f32 d, high, low.
func cvt(c *compiler, in *instr) op {
	c.only(in, convertMods)
	var types []string
	for _, m := range in.mods {
		if sizes[m] != 0 {
			types = append(types, m)
		}
	}
	if len(types) != 2 {
		return nil
	}
	to, from := types[0], types[1]
	if to == "f16x2" || to == "bf16x2" {
		return pair(c, in, formatOf(to), from)
	}
	d, a, _, _ := c.abc(1)
	width := 8
	if o := in.operands[0]; o.kind == regOperand {
		width = sizes[c.typ(o.name)]
	}
	n, toInt := intType(to)
	m, fromInt := intType(from)
	sat := in.has("sat")
	switch {
	case toInt && fromInt:
		if sat {
			return func(t *thread) { t.r[d] = widen(clampInt(m.value(t.r[a]), m, n), to, width) }
		}
		w := mask(width)
		if n.bits >= m.bits { // the source's sign decides, then the destination's for the register
			return func(t *thread) { t.r[d] = widen(m.value(t.r[a])&n.mask, to, width) & w }
		}
		return func(t *thread) { t.r[d] = widen(t.r[a]&n.mask, to, width) }
	case toInt:
		r, ok := in.mode("i")
		if !ok {
			return nil
		}
		get := floatSource(from, in.has("ftz"))
		return func(t *thread) { t.r[d] = widen(toInteger(get(t.r[a]), r, n)&n.mask, to, width) }
	case fromInt:
		if !mustRound(in) {
			return nil
		}
		r := in.rounding()
		return func(t *thread) { t.r[d] = fromInteger(m, t.r[a], to, r, sat) }
	}
	return floatToFloat(c, in, to, from, d, a)
}

func pair(c *compiler, in *instr, f format, from string) op {
	d, hi, lo, _ := c.abc(2)
	if from != "f32" || !mustRound(in) {
		return nil
	}
	r, relu := in.rounding(), in.has("relu")
	if r != nearest && r != zero {
		return nil
	}
	one := func(bits uint64) uint64 {
		v := float64(f32(bits))
		if relu && v <= 0 {
			v = 0
		}
		return f.encode(v, r)
	}
	return func(t *thread) { t.r[d] = one(t.r[hi])<<16 | one(t.r[lo]) }
}

func clampInt(v uint64, from, to integer) uint64 {
	lo, hi := big.NewInt(0), new(big.Int).SetUint64(to.mask)
	if to.signed {
		hi = new(big.Int).SetUint64(to.mask >> 1)
		lo = new(big.Int).Sub(new(big.Int).Neg(hi), big.NewInt(1))
	}
	x := new(big.Int).SetUint64(v)
	if from.signed {
		x = big.NewInt(int64(v))
	}
	switch {
	case x.Cmp(lo) < 0:
		x = lo
	case x.Cmp(hi) > 0:
		x = hi
	}
	if x.Sign() < 0 {
		return uint64(x.Int64()) & to.mask
	}
	return x.Uint64() & to.mask
}

func floatSource(typ string, ftz bool) func(r uint64) float64 {
	switch typ {
	case "f32":
		if ftz {
			return func(r uint64) float64 { return float64(flush(f32(r))) }
		}
		return func(r uint64) float64 { return float64(f32(r)) }
	case "f64":
		return f64
	}
	f := formatOf(typ)
	return func(r uint64) float64 { return f.decode(r & 0xffff) }
}

func integral(v float64, r rounding) float64 {
	switch r {
	case zero:
		return math.Trunc(v)
	case down:
		return math.Floor(v)
	case up:
		return math.Ceil(v)
	}
	return math.RoundToEven(v)
}

// toInteger rounds and clamps; NaN is 0.
func toInteger(v float64, r rounding, n integer) uint64 {
	v = integral(v, r)
	top := math.Ldexp(1, n.bits)
	if n.signed {
		top /= 2
	}
	switch {
	case v != v:
		return 0
	case v >= top && n.signed:
		return n.mask >> 1
	case v >= top:
		return n.mask
	case n.signed && v < -top:
		return 1 << (n.bits - 1)
	case n.signed:
		return uint64(int64(v))
	case v < 0:
		return 0
	}
	return uint64(v)
}

func fromInteger(m integer, bits uint64, to string, r rounding, sat bool) uint64 {
	x := m.value(bits)
	var e *big.Float
	var q64 float64
	var q32 float32
	if m.signed {
		q64, q32 = float64(int64(x)), float32(int64(x))
		e = new(big.Float).SetInt64(int64(x))
	} else {
		q64, q32 = float64(x), float32(x)
		e = new(big.Float).SetUint64(x)
	}
	switch to {
	case "f64":
		if r != nearest {
			q64 = directed(q64, e.Cmp(exact(q64)), r, next64)
		}
		if sat {
			q64 = saturate(q64)
		}
		return canonical64(q64)
	case "f32":
		v := float64(q32)
		if r != nearest {
			v = directed(v, e.Cmp(exact(v)), r, next32)
		}
		return finish32(v, false, sat)
	}
	// 64-bit integers too wide for float64 are beyond every 16-bit format's precision;
	// a sticky last bit keeps their rounding right
	if e.Cmp(exact(q64)) != 0 && math.Float64bits(q64)&1 == 0 {
		q64 = math.Nextafter(q64, math.Inf(e.Cmp(exact(q64))))
	}
	if sat {
		q64 = saturate(q64)
	}
	return formatOf(to).encode(q64, r)
}

func floatToFloat(c *compiler, in *instr, to, from string, d, a int) op {
	ftz, sat, relu := in.has("ftz"), in.has("sat"), in.has("relu")
	get := floatSource(from, ftz)
	whole, isWhole := in.mode("i")
	r := in.rounding()
	if sizes[to] < sizes[from] && !mustRound(in) {
		return nil
	}
	if to == from && mustRound(in) && !isWhole {
		return nil
	}
	return func(t *thread) {
		v := get(t.r[a])
		if isWhole {
			v = integral(v, whole)
		}
		if relu && v <= 0 {
			v = 0
		}
		if sat {
			v = saturate(v)
		}
		switch to {
		case "f64":
			t.r[d] = canonical64(v)
		case "f32":
			q := float64(float32(v))
			if r != nearest && !math.IsInf(v, 0) && v == v {
				q = directed(q, residual("add", q, v, 0, 0), r, next32)
			}
			t.r[d] = finish32(q, ftz, false)
		default:
			t.r[d] = formatOf(to).encode(v, r)
		}
	}
}
