//go:build !race

package logprob

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Nothing is allocated in steady state, on any number of workers. (The race detector
// makes pools forget on purpose.)
func TestNoAllocations(t *testing.T) {
	forEachTier(t, func(t *testing.T) {
		eachElement(t, testAllocations[float32], testAllocations[BFloat16], testAllocations[Float16])
	})
}

func testAllocations[E Element](t *testing.T) {
	const rows, vocab = 4, 40001
	x, targets := random[E](rows, vocab, vocab, 9)
	dst, out := x.clone(), outputs(rows)
	support := &Support{Offsets: []int64{0, 2, 4, 6, 8}, IDs: []int32{1, 2, 3, 4, 5, 6, 7, 8}}
	for _, g := range []Gradient[float32]{{[]float32{1, 1, 1, 1}, nil}, {[]float32{1, 1, 1, 1}, []float32{1, 1, 1, 1}}} {
		for _, o := range []Options{{}, {Workers: 2}, {Support: support}} {
			got := testing.AllocsPerRun(10, func() {
				if Forward(out, x, targets, o) != nil || Backward(dst, x, targets, out, g, o) != nil || ForwardBackward(Rows[float32]{}, dst, x, targets, g, o) != nil {
					panic("error")
				}
			})
			require.Zero(t, got)
		}
	}
}
