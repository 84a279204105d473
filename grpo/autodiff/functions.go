package autodiff

import (
	"math"

	"gonum.org/v1/gonum/num/dual"
)

// Const returns a number without a derivative.
func Const(x float64) dual.Number { return dual.Number{Real: x} }

// Max returns the larger of two numbers; a where they are equal.
func Max(a, b dual.Number) dual.Number {
	if b.Real > a.Real {
		return b
	}
	return a
}

// Min returns the smaller of two numbers; a where they are equal.
func Min(a, b dual.Number) dual.Number {
	if b.Real < a.Real {
		return b
	}
	return a
}

// Clamp returns x held in [low, high], with a derivative of 0 where it is held. On a
// bound it is inside.
func Clamp(x dual.Number, low, high float64) dual.Number {
	switch {
	case x.Real < low:
		return Const(low)
	case x.Real > high:
		return Const(high)
	}
	return x
}

// Sigmoid returns 1/(1 + e^-x). It never overflows.
func Sigmoid(x dual.Number) dual.Number {
	e := math.Exp(-math.Abs(x.Real))
	gate := 1 / (1 + e)
	slope := gate * gate * e
	if x.Real < 0 {
		gate = e / (1 + e)
	}
	return dual.Number{Real: gate, Emag: slope * x.Emag}
}
