package ptx

import (
	"math"
	"math/big"
)

// layout is an IEEE-754 format: p bits of precision, exponents from emin to emax.
type layout struct {
	p, emin, emax int
	bytes         int
	nan           uint64
}

var layouts = map[string]layout{
	"f16":  {11, -14, 15, 2, 0x7fff},
	"bf16": {8, -126, 127, 2, 0x7fff},
	"f32":  {24, -126, 127, 4, 0x7fffffff},
	"f64":  {53, -1022, 1023, 8, 0xfff8000000000000},
}

func (l layout) bits() uint           { return uint(8 * l.bytes) }
func (l layout) sign(r uint64) uint64 { return r >> (l.bits() - 1) & 1 }
func (l layout) magnitude(r uint64) uint64 {
	return r & (1<<(l.bits()-1) - 1)
}
func (l layout) infinity() uint64 { return uint64(l.emax-l.emin+2) << (l.p - 1) }
func (l layout) isNaN(r uint64) bool {
	return l.magnitude(r) > l.infinity()
}
func (l layout) isInf(r uint64) bool { return l.magnitude(r) == l.infinity() }

// value is a finite number's.
func (l layout) value(r uint64) *big.Rat {
	m := l.magnitude(r)
	e, f := int(m>>(l.p-1)), m&(1<<(l.p-1)-1)
	if e == 0 {
		e = 1
	} else {
		f |= 1 << (l.p - 1)
	}
	v := new(big.Rat).SetInt(new(big.Int).SetUint64(f))
	v.Mul(v, power(e-1+l.emin-l.p+1))
	if l.sign(r) == 1 {
		v.Neg(v)
	}
	return v
}

func power(e int) *big.Rat {
	n := new(big.Int).Lsh(big.NewInt(1), uint(max(e, -e)))
	if e < 0 {
		return new(big.Rat).SetFrac(big.NewInt(1), n)
	}
	return new(big.Rat).SetInt(n)
}

// round is the slow and obvious rounding of an exact value: find the quantum, take
// the floor, look at the rest.
func (l layout) round(v *big.Rat, mode string, zeroSign uint64) uint64 {
	top := l.bits() - 1
	if v.Sign() == 0 {
		return zeroSign << top
	}
	sign := uint64(0)
	a := new(big.Rat).Abs(v)
	if v.Sign() < 0 {
		sign = 1
	}
	e := a.Num().BitLen() - a.Denom().BitLen() // 2^(e-1) < a < 2^(e+1)
	if a.Cmp(power(e)) < 0 {
		e--
	}
	q := max(e, l.emin) - l.p + 1
	scaled := new(big.Rat).Mul(a, power(-q))
	n, rest := new(big.Int).QuoRem(scaled.Num(), scaled.Denom(), new(big.Int))
	half := new(big.Int).Lsh(rest, 1).Cmp(scaled.Denom())
	increment := false
	switch mode {
	case "rn":
		increment = half > 0 || half == 0 && n.Bit(0) == 1
	case "rm":
		increment = sign == 1 && rest.Sign() != 0
	case "rp":
		increment = sign == 0 && rest.Sign() != 0
	}
	if increment {
		n.Add(n, big.NewInt(1))
	}
	// n 2^q; n has at most p bits, or is 2^p after a carry
	back := new(big.Rat).Mul(new(big.Rat).SetInt(n), power(q))
	if limit := power(l.emax + 1); back.Cmp(limit) >= 0 {
		if mode == "rz" || mode == "rm" && sign == 0 || mode == "rp" && sign == 1 {
			return sign<<top | (l.infinity() - 1)
		}
		return sign<<top | l.infinity()
	}
	m := n.Uint64()
	for m>>l.p != 0 {
		m, q = m>>1, q+1
	}
	if m>>(l.p-1) == 0 {
		return sign<<top | m // subnormal
	}
	return sign<<top | uint64(q+l.p-1-l.emin+1)<<(l.p-1) | m&(1<<(l.p-1)-1)
}

// sqrt is the rounded root of a positive value: exact to far more bits than any
// format has, with a sticky last one.
func (l layout) sqrt(v *big.Rat, mode string) uint64 {
	const extra = 1200
	n := new(big.Int).Lsh(v.Num(), 2*extra)
	n, rest := n.QuoRem(n, v.Denom(), new(big.Int))
	root := new(big.Int).Sqrt(n)
	sticky := rest.Sign() != 0 || new(big.Int).Mul(root, root).Cmp(n) != 0
	root.Lsh(root, 1)
	if sticky {
		root.SetBit(root, 0, 1)
	}
	return l.round(new(big.Rat).SetFrac(root, new(big.Int).Lsh(big.NewInt(1), extra+1)), mode, 0)
}

// flushed is a subnormal's signed zero.
func (l layout) flushed(r uint64) uint64 {
	if l.magnitude(r)>>(l.p-1) == 0 {
		return l.sign(r) << (l.bits() - 1)
	}
	return r
}

// saturated is the clamp to [0, 1].
func (l layout) saturated(r uint64) uint64 {
	one := uint64(-l.emin+1) << (l.p - 1)
	switch {
	case l.isNaN(r), l.sign(r) == 1:
		return 0
	case r > one:
		return one
	}
	return r
}

// arithmetic is an operation of IEEE-754 on bits.
func (l layout) arithmetic(name, mode string, a, b, c uint64) uint64 {
	top := l.bits() - 1
	all := mask(l.bytes)
	a, b, c = a&all, b&all, c&all
	neg := uint64(1) << top
	if l.isNaN(a) || name != "sqrt" && l.isNaN(b) || name == "fma" && l.isNaN(c) {
		return l.nan
	}
	sa, sb := l.sign(a), l.sign(b)
	switch name {
	case "sub":
		return l.arithmetic("add", mode, a, b^neg, 0)
	case "add":
		switch {
		case l.isInf(a) && l.isInf(b) && sa != sb:
			return l.nan
		case l.isInf(a):
			return a
		case l.isInf(b):
			return b
		}
		return l.round(new(big.Rat).Add(l.value(a), l.value(b)), mode, zeroOf(sa, sb, mode))
	case "mul", "fma":
		s := sa ^ sb
		switch {
		case l.isInf(a) && l.magnitude(b) == 0, l.isInf(b) && l.magnitude(a) == 0:
			return l.nan
		case l.isInf(a) || l.isInf(b):
			if name == "fma" && l.isInf(c) && l.sign(c) != s {
				return l.nan
			}
			return s<<top | l.infinity()
		}
		p := new(big.Rat).Mul(l.value(a), l.value(b))
		if name == "mul" {
			return l.round(p, mode, s)
		}
		if l.isInf(c) {
			return c
		}
		return l.round(p.Add(p, l.value(c)), mode, zeroOf(s, l.sign(c), mode))
	case "div":
		s := sa ^ sb
		za, zb := l.magnitude(a) == 0, l.magnitude(b) == 0
		switch {
		case l.isInf(a) && l.isInf(b), za && zb:
			return l.nan
		case l.isInf(a), zb:
			return s<<top | l.infinity()
		case l.isInf(b):
			return s << top
		}
		return l.round(new(big.Rat).Quo(l.value(a), l.value(b)), mode, s)
	case "sqrt":
		switch {
		case l.magnitude(a) == 0:
			return a
		case sa == 1:
			return l.nan
		case l.isInf(a):
			return a
		}
		return l.sqrt(l.value(a), mode)
	}
	panic(name)
}

// zeroOf is the sign of a sum that is exactly zero.
func zeroOf(sa, sb uint64, mode string) uint64 {
	switch {
	case sa == sb:
		return sa
	case mode == "rm":
		return 1
	}
	return 0
}

// extreme is min and max: -0 before +0.
func (l layout) extreme(name string, nan bool, a, b uint64) uint64 {
	a, b = a&mask(l.bytes), b&mask(l.bytes)
	switch {
	case l.isNaN(a) && l.isNaN(b), nan && (l.isNaN(a) || l.isNaN(b)):
		return l.nan
	case l.isNaN(a):
		return b
	case l.isNaN(b):
		return a
	}
	key := func(r uint64) int64 {
		if l.sign(r) == 1 {
			return -int64(l.magnitude(r)) - 1
		}
		return int64(l.magnitude(r))
	}
	if (key(a) < key(b)) == (name == "min") {
		return a
	}
	return b
}

// decode64 is the float64 of a value, for comparisons.
func (l layout) decode64(r uint64) float64 {
	r &= mask(l.bytes)
	switch {
	case l.isNaN(r):
		return math.NaN()
	case l.isInf(r):
		return math.Inf(1 - 2*int(l.sign(r)))
	}
	f, _ := l.value(r).Float64()
	if l.sign(r) == 1 && f == 0 {
		return math.Copysign(0, -1)
	}
	return f
}
