//go:build !race

package grpo_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/grpo"
)

// An Evaluator that has seen a batch allocates nothing for another of its size, whatever
// is asked for, on any number of workers.
func TestNoAllocations(t *testing.T) {
	forEachTier(t, func(t *testing.T) {
		for name, o := range tokenwiseObjectives(0.25) {
			for seed := range uint64(6) { // with and without a mask, an advantage a response and one a token
				b := raggedBatch[float32](seed, 0.25, 0)
				n := len(b.LogProbs)
				rows := func() []float32 { return make([]float32, n) }
				totals, err := grpo.Count(&o, &b)
				require.NoError(t, err)
				for _, dst := range []grpo.Gradient[float32]{
					{LogProbs: rows(), Entropies: rows(), Losses: rows()},
					{LogProbs: rows()},
				} {
					if dst.Entropies == nil && o.Entropy.Coefficient != 0 {
						continue // which it needs
					}
					for _, workers := range []int{1, 2} {
						e := grpo.Evaluator[float32]{Workers: workers}
						require.Zero(t, testing.AllocsPerRun(3, func() {
							if _, err := e.Eval(dst, &o, &b, &totals); err != nil {
								panic(err)
							}
						}), "%s, seed %d, %d workers", name, seed, workers)
					}
				}
			}
		}
	})
}
