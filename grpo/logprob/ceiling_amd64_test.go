//go:build gc && !noasm && !purego

package logprob

import "github.com/grouprl/grouprl/internal/simd"

func readRow(x []float32) {
	if tier == simd.AVX512 {
		readAVX512(&x[0], len(x)&^(pad-1))
	} else {
		readAVX2(&x[0], len(x)&^(pad-1))
	}
}

func scaleRow(x []float32) {
	if tier == simd.AVX512 {
		scaleAVX512(&x[0], len(x)&^(pad-1), 1)
	} else {
		scaleAVX2(&x[0], len(x)&^(pad-1), 1)
	}
}
