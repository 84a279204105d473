//go:build !amd64 || !gc || noasm || purego

package logprob

import "github.com/grouprl/grouprl/internal/simd"

// Other architectures run plain Go: a kernel for them would be one that no test has run.

func forwardKernel[E Element](_ simd.Tier, x []E, k *forwardState, squares bool) int {
	return forwardPlain(x, k, squares)
}

func largestKernel[E Element](_ simd.Tier, x []E) float32 { return largestGo(x) }

func backwardKernel[E Element](_ simd.Tier, dst, x []E, _ bool, k *backwardState) {
	backwardPlain(dst, x, k)
}

func keeps(simd.Tier) bool { return false }

func keepKernel(_ simd.Tier, dst, x []float32, k *forwardState) int { return keepGo(dst, x, k) }

func scaleKernel(_ simd.Tier, x []float32, factor float32) { scaleGo(x, factor) }
