package cuda_test

import (
	"github.com/grouprl/grouprl/dapo"
	"github.com/grouprl/grouprl/grpo"
	"github.com/grouprl/grouprl/grpo/cuda"
)

// A DAPO step on tensors of the device. The logits of one chunk of rows exist at once:
// Forward keeps three numbers a token, Eval sees all of them, and Backward overwrites
// each chunk's logits, made again, with their gradient.
func ExampleEvaluator() {
	const tokens, chunk, vocab = 40960, 2048, 151936
	step := func(s *cuda.Stream, project func(from int64) (logits, targets cuda.Ptr), rows cuda.Rows, g cuda.Gradient, b *cuda.Batch) error {
		objective := dapo.New()
		totals, err := b.Count(&objective)
		if err != nil {
			return err
		}
		matrix := func(p cuda.Ptr) cuda.Matrix {
			return cuda.Matrix{Ptr: p, DType: cuda.BFloat16, Rows: chunk, Cols: vocab}
		}
		for from := int64(0); from < tokens; from += chunk {
			logits, targets := project(from)
			if err := s.Forward(rows.Slice(from), matrix(logits), targets, cuda.Options{}); err != nil {
				return err
			}
		}
		b.LogProbs, b.Entropies = rows.LogProbs, rows.Entropies
		e := cuda.Evaluator{Stream: s}
		defer e.Close()
		var stats grpo.Stats
		for i := range b.Len() { // in micro-batches, if wanted: the bits are the same
			micro := b.Slice(i, i+1)
			part, err := e.Eval(g, &objective, &micro, &totals)
			if err != nil {
				return err
			}
			stats.Merge(&part)
		}
		for from := int64(0); from < tokens; from += chunk {
			logits, targets := project(from)
			if err := s.Backward(matrix(logits), targets, rows.Slice(from), g.Slice(from), cuda.Options{}); err != nil {
				return err
			}
		}
		return s.Sync()
	}
	_ = step
}
