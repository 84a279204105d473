package grpo_test

import (
	"fmt"

	"github.com/grouprl/grouprl/advantage"
	"github.com/grouprl/grouprl/dapo"
	"github.com/grouprl/grouprl/grpo"
)

// Rewards and log-probabilities in; loss, exact gradient and metrics out.
func Example() {
	batch := grpo.Batch[float32]{
		Offsets:     []int{0, 2, 5}, // two responses to one prompt: of 2 tokens and of 3
		Groups:      []int{0, 0},
		LogProbs:    []float32{-0.5, -1.0, -0.7, -0.2, -0.9},
		OldLogProbs: []float32{-0.6, -1.0, -0.7, -0.3, -0.4},
		Advantages:  make([]float64, 2),
	}
	input := advantage.Input{Rewards: []float64{+1, -1}, Groups: batch.Groups} // all tests passed; wrong
	err := advantage.GroupRelative{}.Estimate(batch.Advantages, &input)
	if err != nil {
		panic(err)
	}
	objective := dapo.New() // or grpo.New(), gspo.New(), gspo.Plus(), or a literal of your own
	gradient := grpo.Gradient[float32]{LogProbs: make([]float32, 5)}
	stats, err := grpo.Eval(gradient, &objective, &batch) // gradient.LogProbs is dL/dlogp
	if err != nil {
		panic(err)
	}
	fmt.Println(objective)
	fmt.Printf("loss %.4f, dL/dlogp %.3f\n", stats.Loss(), gradient.LogProbs)
	// Output:
	// 1/T sum_t -min(r A, clip(r, 1-0.2, 1+0.28) A), r = exp(lp - old)
	// loss 0.1600, dL/dlogp [-0.221 -0.200 0.200 0.221 0.000]
}

// A padded [B, L] tensor of completions is a Batch as it stands: Offsets[i] = i*L
// and the completion mask. Padding is never read.
func ExampleBatch_padded() {
	const rows, columns = 2, 4
	logProbs := []float64{ // [B, L], row by row; 99 is padding
		-0.5, -1.0, 99, 99,
		-0.7, -0.2, -0.9, 99,
	}
	mask := []bool{
		true, true, false, false,
		true, true, true, false,
	}
	batch := grpo.Batch[float64]{LogProbs: logProbs, Mask: mask, Advantages: []float64{1, -1}}
	for i := range rows + 1 {
		batch.Offsets = append(batch.Offsets, i*columns)
	}
	objective := grpo.New()
	gradient := grpo.Gradient[float64]{LogProbs: make([]float64, rows*columns)}
	if _, err := grpo.Eval(gradient, &objective, &batch); err != nil {
		panic(err)
	}
	for i := range rows {
		fmt.Printf("%.4f\n", gradient.LogProbs[i*columns:(i+1)*columns])
	}
	// Output:
	// [-0.2500 -0.2500 0.0000 0.0000]
	// [0.1667 0.1667 0.1667 0.0000]
}

// A step of several micro-batches: count all of it first, then evaluate each with
// the totals. Gradients land in one slice, statistics merge, and both have the same
// bits as the step in one batch.
func ExampleEvaluator() {
	step := grpo.Batch[float64]{
		Offsets: []int{0, 1, 3, 4}, LogProbs: []float64{-1, -2, -1, -3}, Advantages: []float64{1, -1, 0.5},
	}
	objective := dapo.New()
	gradient := grpo.Gradient[float64]{LogProbs: make([]float64, 4)}
	micro := []grpo.Batch[float64]{step.Slice(0, 2), step.Slice(2, 3)}

	var totals grpo.Totals
	for i := range micro {
		t, err := grpo.Count(&objective, &micro[i])
		if err != nil {
			panic(err)
		}
		totals.Merge(&t)
	}
	var evaluator grpo.Evaluator[float64]
	var stats grpo.Stats
	for i := range micro {
		s, err := evaluator.Eval(gradient, &objective, &micro[i], &totals)
		if err != nil {
			panic(err)
		}
		stats.Merge(&s)
	}
	fmt.Println(stats.Loss(), gradient.LogProbs)
	// Output:
	// 0.125 [-0.25 0.25 0.25 -0.125]
}
