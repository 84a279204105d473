package ptx

import "math"

// half32 is the error of rounding to float32, relative: what of a documented bound is
// not the approximation's own.
const half32 = 0x1p-24

var (
	rsqrtBound = math.Exp2(-22.9)
	sinBound   = math.Exp2(-20.9)
)

// approx compiles the .approx instructions: the value that PTX approximates, moved
// by a pseudo-random part of the documented bound.
//
//	ex2      relative 2^-22
//	lg2      absolute 2^-22 for 0.5 < a < 2, else relative 2^-22
//	rcp      1 ulp
//	sqrt     relative 2^-23
//	rsqrt    relative 2^-22.9
//	sin, cos absolute 2^-20.9 (|a| <= pi)
//	tanh     relative 2^-11
//
// Special values (zeros, infinities, NaN, ex2(0) = 1, lg2(1) = 0) are exact.
func approx(c *compiler, in *instr, typ string, d, a int) op {
	name, ftz := in.name, in.has("ftz")
	switch {
	case typ == "f64" && (name == "rcp" || name == "rsqrt") && ftz:
		return approx64(name, d, a)
	case typ == "f16" && (name == "ex2" || name == "tanh"):
		return func(t *thread) {
			x := binary16.decode(t.r[a])
			v, bound := math.Tanh(x), 0.7*math.Exp2(-10.987)
			if name == "ex2" {
				v, bound = math.Exp2(x), 0.7*math.Exp2(-9.9)
			}
			t.r[d] = binary16.encode(v*(1+bound*noise(t.grid.d.Seed, t.r[a])), nearest)
		}
	case typ != "f32":
		return nil
	}
	return func(t *thread) {
		f := f32(t.r[a])
		if ftz {
			f = flush(f)
		}
		x := float64(f)
		key, seed := uint64(math.Float32bits(f)), t.grid.d.Seed
		switch name {
		case "ex2":
			t.r[d] = approximate(seed, key, math.Exp2(x), 0x1p-22-half32, ftz)
		case "lg2":
			v := math.Log2(x)
			bound := 0x1p-22 - half32
			if x > 0.5 && x < 2 && v != 0 {
				bound /= math.Abs(v)
			}
			t.r[d] = approximate(seed, key, v, bound, ftz)
		case "rcp":
			t.r[d] = approximate(seed, key, 1/x, half32/2, ftz)
		case "sqrt":
			t.r[d] = approximate(seed, key, math.Sqrt(x), 0x1p-23-half32, ftz)
		case "rsqrt":
			t.r[d] = approximate(seed, key, 1/math.Sqrt(x), rsqrtBound-half32, ftz)
		case "sin", "cos":
			v := math.Sin(x)
			if name == "cos" {
				v = math.Cos(x)
			}
			t.r[d] = canonical32(float32(v + 0.9*sinBound*noise(seed, key)))
		case "tanh":
			t.r[d] = approximate(seed, key, math.Tanh(x), 0x1p-11-half32, ftz)
		}
	}
}

// approx64 is rcp.approx.ftz.f64 and rsqrt.approx.ftz.f64: the upper word alone.
func approx64(name string, d, a int) op {
	return func(t *thread) {
		x := f64(t.r[a] &^ 0xffffffff)
		v := 1 / x
		if name == "rsqrt" {
			v = 1 / math.Sqrt(x)
		}
		t.r[d] = canonical64(v) &^ 0xffffffff
	}
}

// approximate is v moved by up to bound, relative, and rounded. Special values stay.
func approximate(seed, key uint64, v, bound float64, ftz bool) uint64 {
	if v != 1 && v != 0 && !math.IsInf(v, 0) {
		v *= 1 + bound*noise(seed, key)
	}
	return finish32(v, ftz, false)
}

// noise is a number in (-1, 1) made from the seed and the operand alone, so that an
// instruction gives the same bits whenever it meets the same operand.
func noise(seed, key uint64) float64 {
	x := key ^ seed*0x9e3779b97f4a7c15
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	x ^= x >> 33
	return float64(x>>11)*0x1p-52 - 1
}
