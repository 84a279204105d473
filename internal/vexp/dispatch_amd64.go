//go:build amd64 && gc && !noasm && !purego

package vexp

import "github.com/grouprl/grouprl/internal/simd"

func exp(tier simd.Tier, dst, x []float64) {
	switch tier {
	case simd.AVX512:
		expAVX512(dst, x)
	case simd.AVX2:
		expAVX2(dst, x)
	default:
		twin(dst, x)
	}
}
