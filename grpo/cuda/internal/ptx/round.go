package ptx

import (
	"math"
	"math/big"
)

// rounding is a mode of IEEE-754.
type rounding int

const (
	nearest rounding = iota
	zero
	down
	up
)

// mode is the rounding of an instruction; i is the suffix of conversions to integers.
func (in *instr) mode(i string) (r rounding, ok bool) {
	for _, m := range in.mods {
		switch m {
		case "rn" + i:
			return nearest, true
		case "rz" + i:
			return zero, true
		case "rm" + i:
			return down, true
		case "rp" + i:
			return up, true
		}
	}
	return nearest, false
}

func (in *instr) rounding() rounding {
	r, _ := in.mode("")
	return r
}

func f32(r uint64) float32 { return math.Float32frombits(uint32(r)) }
func f64(r uint64) float64 { return math.Float64frombits(r) }

// canonical32 is the float's bits; every NaN is 0x7fffffff, as PTX defines.
func canonical32(v float32) uint64 {
	if v != v {
		return 0x7fffffff
	}
	return uint64(math.Float32bits(v))
}

// canonical64 is the float's bits; PTX leaves the payload of a NaN open.
func canonical64(v float64) uint64 {
	if v != v {
		return 0xfff8000000000000
	}
	return math.Float64bits(v)
}

// flush makes a subnormal a zero of its sign.
func flush(v float32) float32 {
	if math.Float32bits(v)&0x7f800000 == 0 {
		return math.Float32frombits(math.Float32bits(v) & 0x80000000)
	}
	return v
}

// saturate clamps to [0, 1]; NaN is 0.
func saturate(v float64) float64 {
	if !(v > 0) {
		return 0
	}
	return min(v, 1)
}

// odd is a+b rounded to odd: the exact sum where it is a float64, else the neighbour
// with an odd last bit. Rounding that once more to a format with at most 51 bits is
// rounding the exact sum.
func odd(a, b float64) float64 {
	s := a + b
	if math.IsInf(s, 0) || s != s {
		return s
	}
	x := s - b
	e := (a - x) + (b - (s - x))
	if e == 0 || math.Float64bits(s)&1 == 1 {
		return s
	}
	return math.Nextafter(s, math.Inf(int(math.Copysign(1, e))))
}

// fma32 is a*b + c rounded once.
func fma32(a, b, c float32) float32 {
	return float32(odd(float64(a)*float64(b), float64(c)))
}

// exact is a finite float as a big.Float wide enough for exact sums and products.
func exact(v float64) *big.Float { return new(big.Float).SetPrec(4400).SetFloat64(v) }

// directed moves q, a result rounded to nearest, to the neighbour that the mode asks
// for. residual is the sign of the exact result minus q; next steps q toward a limit.
func directed(q float64, residual int, r rounding, next func(v, toward float64) float64) float64 {
	if residual == 0 || q != q {
		return q
	}
	switch {
	case r == down && residual < 0, r == zero && residual < 0 && q > 0:
		return next(q, math.Inf(-1))
	case r == up && residual > 0, r == zero && residual > 0 && q < 0:
		return next(q, math.Inf(1))
	}
	return q
}

func next64(v, toward float64) float64 { return math.Nextafter(v, toward) }

func next32(v, toward float64) float64 {
	return float64(math.Nextafter32(float32(v), float32(toward)))
}

// residual is the sign of (exact result of the operation) - q for finite operands.
// q may be infinite after an overflow.
func residual(name string, q, a, b, c float64) int {
	if math.IsInf(q, 0) {
		return -int(math.Copysign(1, q))
	}
	switch name {
	case "add":
		return exact(a).Add(exact(a), exact(b)).Cmp(exact(q))
	case "sub":
		return exact(a).Sub(exact(a), exact(b)).Cmp(exact(q))
	case "mul":
		return exact(a).Mul(exact(a), exact(b)).Cmp(exact(q))
	case "fma":
		p := exact(0).Mul(exact(a), exact(b))
		return p.Add(p, exact(c)).Cmp(exact(q))
	case "div": // a/b - q has the sign of (a - q b) b
		return exact(a).Cmp(exact(0).Mul(exact(q), exact(b))) * exact(b).Sign()
	case "sqrt":
		return exact(a).Cmp(exact(0).Mul(exact(q), exact(q)))
	}
	return 0
}

// compute is a float64 or float32 operation in any rounding mode. It takes the
// operands as float64 and gives the rounded value as one.
func compute(name string, single bool, r rounding, a, b, c float64) float64 {
	var q float64
	switch name {
	case "add":
		q = a + b
	case "sub":
		q = a - b
	case "mul":
		q = a * b
	case "div":
		q = a / b
	case "sqrt":
		q = math.Sqrt(a)
	case "fma":
		q = math.FMA(a, b, c)
	}
	if single {
		// float64 holds more than twice the bits of float32: rounding twice is
		// rounding once for all but fma
		if name == "fma" {
			q = odd(a*b, c)
		}
		q = float64(float32(q))
	}
	if r == nearest || q != q || math.IsInf(a, 0) || math.IsInf(b, 0) || math.IsInf(c, 0) || name == "div" && b == 0 {
		return q
	}
	if q == 0 && r == down && opposite(name, a, b, c) && residual(name, q, a, b, c) == 0 {
		return math.Copysign(0, -1)
	}
	next := next64
	if single {
		next = next32
	}
	return directed(q, residual(name, q, a, b, c), r, next)
}

// opposite tells whether a zero sum is that of two signs, -0 when rounding down.
func opposite(name string, a, b, c float64) bool {
	switch name {
	case "add":
		return math.Signbit(a) != math.Signbit(b)
	case "sub":
		return math.Signbit(a) == math.Signbit(b)
	case "fma":
		return math.Signbit(a) != math.Signbit(b) != math.Signbit(c)
	}
	return false
}
