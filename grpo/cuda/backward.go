package cuda

import "github.com/grouprl/grouprl/grpo/logprob"

// Backward queues one pass that overwrites logits with dL/dlogits:
//
//	x_j <- (g (1[j = target] - p_j) - e p_j (log p_j + H)) / T
//
// rows is what Forward made of the same logits: LSE is read, and Entropies where the
// gradient has Entropies. With a shard of the vocabulary (Options.First, Total), rows
// is of the whole. A row whose g and e are both 0 is filled with 0 and not read.
//
// A row with a gradient that is not finite, a bad target, a NaN, or an LSE that is not
// of these logits (p sums to more than a tenth off 1) is filled with 0 and is a
// *logprob.RowError of Sync. Errors are as of Forward.
func (s *Stream) Backward(x Matrix, targets Ptr, rows Rows, g Gradient, o Options) error {
	d := s.d
	if err := x.check(d, "Matrix"); err != nil {
		return err
	}
	if err := o.check(d, x.Rows, x.Cols); err != nil {
		return err
	}
	if err := rows.check(d, x.Rows); err != nil {
		return err
	}
	if err := checkTargets(d, targets, x.Rows, &o, g.LogProbs != 0); err != nil {
		return err
	}
	if err := g.check(d, x.Rows); err != nil {
		return err
	}
	if rows.LSE == 0 {
		return &logprob.ShapeError{Field: "Rows.LSE", Reason: "is not given, and Backward reads it"}
	}
	if g.Entropies != 0 && rows.Entropies == 0 {
		return &logprob.ShapeError{Field: "Rows.Entropies", Reason: "is not given, and the gradient has Entropies"}
	}
	if x.Rows == 0 {
		return nil
	}
	return s.vocab("Backward", backwardKernels[x.DType], x, targets, &o,
		uint64(rows.LSE), uint64(rows.Entropies), uint64(g.LogProbs), uint64(g.Entropies))
}
