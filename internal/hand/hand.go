// Package hand is the batch that the pencil-and-paper tests of the objectives
// share.
package hand

import (
	"math"
	"testing"

	"github.com/grouprl/grouprl/grpo"
)

// Batch returns two responses, of 2 tokens and of 1:
//
//	response  A    ratios
//	0        +1    1.1, 1.5
//	1        -1    0.5
func Batch() grpo.Batch[float64] {
	return grpo.Batch[float64]{
		Offsets:     []int{0, 2, 3},
		LogProbs:    Ln(1.1, 1.5, 0.5),
		OldLogProbs: []float64{0, 0, 0},
		Advantages:  []float64{1, -1},
	}
}

// Ln returns log-probabilities whose ratio to an old log-probability of 0 is x.
func Ln(x ...float64) []float64 {
	y := make([]float64, len(x))
	for i := range x {
		y[i] = math.Log(x[i])
	}
	return y
}

// Eval evaluates a step in one batch and returns its statistics and dL/dLogProbs [T].
func Eval(t *testing.T, o grpo.Objective, b grpo.Batch[float64]) (grpo.Stats, []float64) {
	t.Helper()
	g := make([]float64, len(b.LogProbs))
	stats, err := grpo.Eval(grpo.Gradient[float64]{LogProbs: g}, &o, &b)
	if err != nil {
		t.Fatal(err)
	}
	return stats, g
}
