package grpo

import (
	"fmt"
	"math"
)

func init() { Register("clip_b", ClipB{}) }

// ClipB drops wrong tokens whose update would cost much entropy (Trinity-RFT 0.6.0,
// "clipB"; its clipV needs the whole vocabulary):
//
//	S_t = p_t (H_t + lp_t)
//	w_t = 0 where A_t < 0 and S_t - mean S < -Mu std S, else 1
//
// mean and standard deviation (by n) over the step's tokens: it is a Planner.
type ClipB struct {
	Mu float64 // > 0

	// Filled in by Resolve.
	Done      bool
	Threshold float64 // of S
}

func (ClipB) score(lp, entropy float64) float64 { return math.Exp(lp) * (entropy + lp) }

// Weigh implements Weight.
func (c ClipB) Weigh(w []float64, r *Response) {
	for t, a := range r.Advantage[:len(w)] {
		if a < 0 && c.score(r.LogProb[t], r.Entropy[t]) < c.Threshold {
			w[t] = 0
		}
	}
}

// Observe implements Planner.
func (c ClipB) Observe(s *Sample, r *Response) {
	for t, lp := range r.LogProb {
		s.Add(c.score(lp, r.Entropy[t]))
	}
}

// Resolve implements Planner.
func (c ClipB) Resolve(s *Sample) (any, error) {
	c.Done, c.Threshold = true, -math.MaxFloat64
	if s.Len() == 0 {
		return c, nil
	}
	n, mean, squares := float64(s.Len()), 0.0, 0.0
	for i := range s.Len() {
		mean += s.Row(i)[0]
	}
	mean /= n
	for i := range s.Len() {
		d := s.Row(i)[0] - mean
		squares += float64(d * d)
	}
	c.Threshold = mean - float64(c.Mu*math.Sqrt(squares/n))
	return c, nil
}

// Resolved implements Planner.
func (c ClipB) Resolved() bool { return c.Done }

// Needs implements Needer.
func (ClipB) Needs() Fields { return FieldEntropy }

// Validate implements Validator.
func (c ClipB) Validate() error {
	if !(c.Mu > 0) || c.Mu > maxBound {
		return fmt.Errorf("%v standard deviations: want a finite number > 0", c.Mu)
	}
	return nil
}

// String returns the formula.
func (c ClipB) String() string {
	return fmt.Sprintf("0 if A < 0 and S < mean - %v std else 1, S = p (H + lp)", c.Mu)
}
