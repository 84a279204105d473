package ptx

import "math"

// format is a 16-bit floating-point format.
type format struct{ mantissa, exponent int }

var (
	binary16 = format{10, 5}
	bfloat16 = format{7, 8}
)

func formatOf(typ string) format {
	if typ == "f16" || typ == "f16x2" {
		return binary16
	}
	return bfloat16
}

func (f format) bias() int { return 1<<(f.exponent-1) - 1 }

// decode is the value of the low 16 bits.
func (f format) decode(r uint64) float64 {
	if f == bfloat16 {
		return float64(math.Float32frombits(uint32(r) << 16))
	}
	sign := 1.0
	if r&0x8000 != 0 {
		sign = -1
	}
	e, m := int(r>>f.mantissa)&(1<<f.exponent-1), int(r)&(1<<f.mantissa-1)
	switch {
	case e == 1<<f.exponent-1 && m != 0:
		return math.NaN()
	case e == 1<<f.exponent-1:
		return sign * math.Inf(1)
	case e == 0:
		return sign * math.Ldexp(float64(m), 1-f.bias()-f.mantissa)
	}
	return sign * math.Ldexp(float64(m|1<<f.mantissa), e-f.bias()-f.mantissa)
}

// encode rounds v once. NaN is 0x7fff.
func (f format) encode(v float64, r rounding) uint64 {
	if v != v {
		return 0x7fff
	}
	sign := uint64(0)
	if math.Signbit(v) {
		sign = 0x8000
		v = -v
		switch r { // of the magnitude
		case down:
			r = up
		case up:
			r = down
		}
	}
	inf := uint64(1<<f.exponent-1) << f.mantissa
	if math.IsInf(v, 0) {
		return sign | inf
	}
	if v == 0 {
		return sign
	}
	_, e := math.Frexp(v) // v in [2^(e-1), 2^e)
	e = max(e-1, 1-f.bias())
	n := math.Ldexp(v, f.mantissa-e) // integer part below 2^(mantissa+1)
	switch r {
	case nearest:
		n = math.RoundToEven(n)
	case up:
		n = math.Ceil(n)
	default:
		n = math.Floor(n)
	}
	// a carry out of the mantissa runs into the exponent, as it should
	out := uint64(n) + uint64(e+f.bias()-1)<<f.mantissa
	if out >= inf {
		if r == zero || r == down {
			return sign | inf - 1
		}
		return sign | inf
	}
	return sign | out
}

// half compiles the arithmetic of f16, bf16 and their pairs.
func half(c *compiler, in *instr, typ string, d, a, b, x int) op {
	f := formatOf(typ)
	if r := in.rounding(); r != nearest || in.name == "div" || in.name == "rem" || in.has("approx") {
		return nil
	}
	ftz, sat, relu, nan := in.has("ftz"), in.has("sat"), in.has("relu"), in.has("NaN")
	get := func(r uint64) float64 {
		v := f.decode(r)
		if ftz && math.Abs(v) < math.Ldexp(1, 1-f.bias()) {
			v = math.Copysign(0, v)
		}
		return v
	}
	name := in.name
	one := func(p, q, s uint64) uint64 {
		u, v, w := get(p), get(q), get(s)
		switch name {
		case "add":
			u = odd(u, v)
		case "sub":
			u = odd(u, -v)
		case "mul":
			u *= v
		case "fma":
			u = odd(u*v, w)
		case "min", "max":
			return lesser(f, u, v, name == "min", nan)
		}
		if relu && !(u > 0) && u == u {
			u = 0
		}
		if sat {
			u = saturate(u)
		}
		out := f.encode(u, nearest)
		if ftz && out&0x7fff < 1<<f.mantissa {
			out &= 0x8000
		}
		return out
	}
	if sizes[typ] == 2 {
		return func(t *thread) { t.r[d] = one(t.r[a]&0xffff, t.r[b]&0xffff, t.r[x]&0xffff) }
	}
	return func(t *thread) {
		p, q, s := t.r[a], t.r[b], t.r[x]
		t.r[d] = one(p&0xffff, q&0xffff, s&0xffff) | one(p>>16&0xffff, q>>16&0xffff, s>>16&0xffff)<<16
	}
}

func lesser(f format, u, v float64, least, nan bool) uint64 {
	switch {
	case u != u && v != v, nan && (u != u || v != v):
		return 0x7fff
	case u != u:
		u = v
	case v != v:
	case u == v && u == 0:
		if math.Signbit(v) == least {
			u = v
		}
	case (v < u) == least:
		u = v
	}
	return f.encode(u, nearest)
}
