package logprob

import (
	"hash/fnv"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/internal/simd"
)

// The sums and gradients of plain Go are the same bits on every architecture, whether or
// not it has fused multiply-adds: this number was seen on amd64 and on arm64.
func TestSameBitsEverywhere(t *testing.T) {
	x := make([]float32, 4096)
	for i := range x {
		x[i] = float32(i*7919%6000)/64 - 90
	}
	hash := fnv.New64a()
	for _, temperature := range []float64{1, 0.7} {
		var s scan
		s.begin(temperature)
		s.forward.setReference(3, temperature)
		require.Equal(t, len(x), forwardKernel(simd.Generic, x, &s.forward, true))
		s.backward.shift, s.backward.reference = s.backward.shiftTo(4)
		s.backward.constant, s.backward.slope = -0.3, 0.1/math.Log2E
		dst := make([]float32, len(x))
		backwardKernel(simd.Generic, dst, x, false, &s.backward)
		for _, v := range []float64{s.forward.sum[0], s.forward.weighted[0], s.forward.squares[0], float64(s.backward.total[0])} {
			bits := math.Float64bits(v)
			for i := range 8 {
				hash.Write([]byte{byte(bits >> (8 * i))})
			}
		}
		for _, v := range dst {
			bits := math.Float32bits(v)
			hash.Write([]byte{byte(bits), byte(bits >> 8), byte(bits >> 16), byte(bits >> 24)})
		}
	}
	require.Equal(t, uint64(0xd7d2372f04085b54), hash.Sum64())
}
