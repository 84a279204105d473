// Package vexp computes the exponential function over slices of float64.
//
// A table of sixteenth powers of two and one polynomial, evaluated by the same fused
// operations in AVX-512, in AVX2 and in plain Go, give the same bits on every tier and every machine, whatever the length
// of the slice and wherever in it a value stands.
//
//   - The error is below 1.1 units in the last place.
//   - exp(0) is exactly 1, and near 0 the function is monotone.
//   - Above log(MaxFloat64) the result is +Inf, below log(2^-1075) it is 0; in
//     between results are rounded once, subnormal ones too. NaN stays NaN.
package vexp

import "github.com/grouprl/grouprl/internal/simd"

//go:generate env GOWORK=off go run -C _generate . -out ../exp_amd64.s -stubs ../exp_amd64.go -pkg vexp

// Exp writes dst[i] = exp(x[i]) for every i below len(x). dst may be x, must not
// overlap it otherwise, and panics if it is shorter.
func Exp(dst, x []float64) {
	exp(simd.Chosen, dst[:len(x)], x)
}
