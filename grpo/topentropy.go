package grpo

import (
	"errors"
	"fmt"
	"math"
)

func init() { Register("top_entropy", TopEntropy{}) }

// TopEntropy keeps the Share of the step's tokens whose entropy is largest (Qwen,
// arXiv 2506.01939, which keeps 0.2) and drops the others.
//
//	w = 1 where H_t >= quantile_(1-Share) of the step's H, else 0
//
// It is a Planner: the quantile is over the whole step, where TRL
// (top_entropy_quantile) takes it over each micro-batch of all ranks. The tokens
// kept are those of a linear interpolation of the quantile, as torch.quantile has
// it; the threshold falls midway between the last dropped and the first kept.
type TopEntropy struct {
	Share float64 // in (0, 1]

	// Filled in by Resolve.
	Done      bool
	Threshold float64
}

// Weigh implements Weight.
func (e TopEntropy) Weigh(w []float64, r *Response) {
	for t, h := range r.Entropy[:len(w)] {
		if !(h >= e.Threshold) {
			w[t] = 0
		}
	}
}

// Observe implements Planner.
func (TopEntropy) Observe(s *Sample, r *Response) {
	for _, h := range r.Entropy {
		s.Add(h)
	}
}

// Resolve implements Planner.
func (e TopEntropy) Resolve(s *Sample) (any, error) {
	e.Done, e.Threshold = true, -math.MaxFloat64
	if n := s.Len(); n > 0 {
		at := (1 - e.Share) * float64(n-1)
		if k := int(math.Ceil(at - 1e-9)); k > 0 {
			e.Threshold = midway(s.Row(k - 1)[0], s.Row(k)[0])
		}
	}
	return e, nil
}

// midway returns a number between two neighbours, so that neither sits on it.
func midway(a, b float64) float64 { return a + (b-a)/2 }

// Resolved implements Planner.
func (e TopEntropy) Resolved() bool { return e.Done }

// Needs implements Needer.
func (TopEntropy) Needs() Fields { return FieldEntropy }

// Validate implements Validator.
func (e TopEntropy) Validate() error {
	if !(e.Share > 0 && e.Share <= 1) {
		return errors.New("want a share in (0, 1]")
	}
	return nil
}

// String returns the formula.
func (e TopEntropy) String() string {
	if e.Done {
		return fmt.Sprintf("1 if H >= %v else 0", e.Threshold)
	}
	return fmt.Sprintf("1 if H is in the step's top %v else 0", e.Share)
}
