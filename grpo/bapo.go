package grpo

import (
	"fmt"
	"math"
)

func init() { Register("bapo", BAPO{}) }

// BAPO is the clip with bounds that open step by step until right responses make up
// a share of the step's surrogate (arXiv 2510.18927):
//
//	share = P / (P + N),    P = sum over A > 0 of A min(r, high),    N = sum over A < 0 of -A max(r, low)
//
//	while share < Positive: raise one bound by its step, first one and then the other
//	l = -A min(r, high) where A > 0, -A max(r, low) where A < 0
//
// Raising high lets right responses in; raising low cuts wrong ones off. It is a
// Planner, so the bounds are of the whole step: the authors' recipe for verl
// searches them in each micro-batch. The paper raises high first; that recipe, with
// LowFirst, low, and its target of P/N is Positive/(1-Positive).
type BAPO struct {
	Low, LowEnd, LowStep    float64 // raw lower bound: from, at most, step; the paper 0.6 to 0.9
	High, HighEnd, HighStep float64 // raw upper bound; the paper 1.2 to 3
	Positive                float64 // share aimed at, in (0, 1); the paper 0.4 to 0.5
	LowFirst                bool

	// Filled in by Resolve: Low and High are then the bounds.
	Done bool
}

// Loss implements Surrogate.
func (o BAPO) Loss(loss, dloss []float64, r *Response) {
	ratio, dloss := r.Ratio[:len(loss)], dloss[:len(loss)]
	for t, a := range r.Advantage[:len(loss)] {
		loss[t], dloss[t] = pessimistic(ratio[t], a, o.Low, o.High)
	}
}

// Observe implements Planner.
func (BAPO) Observe(s *Sample, r *Response) {
	for t, a := range r.Advantage {
		if a != 0 {
			s.Add(a, r.Ratio[t])
		}
	}
}

// Resolve implements Planner.
func (o BAPO) Resolve(s *Sample) (any, error) {
	for !o.balanced(s) {
		if (o.LowFirst || o.High >= o.HighEnd) && o.Low < o.LowEnd {
			o.Low = min(o.Low+o.LowStep, o.LowEnd)
		} else if o.High < o.HighEnd {
			o.High = min(o.High+o.HighStep, o.HighEnd)
		} else {
			break
		}
	}
	o.Done = true
	return o, nil
}

// balanced reports whether right responses have their share at these bounds.
func (o BAPO) balanced(s *Sample) bool {
	var positive, negative float64
	for i := range s.Len() {
		a, x := s.Row(i)[0], s.Row(i)[1]
		if a > 0 {
			positive += a * min(x, o.High)
		} else {
			negative -= a * max(x, o.Low)
		}
	}
	return !(positive < o.Positive*(positive+negative))
}

// Resolved implements Planner.
func (o BAPO) Resolved() bool { return o.Done }

// Needs implements Needer: nothing.
func (BAPO) Needs() Fields { return 0 }

// Validate implements Validator.
func (o BAPO) Validate() error {
	for _, b := range [...][3]float64{{o.Low, o.LowEnd, o.LowStep}, {o.High, o.HighEnd, o.HighStep}} {
		from, end, step := b[0], b[1], b[2]
		if !(from >= 0 && end >= from) || end > maxBound || end > from && !(step >= (end-from)/1e6) || math.IsInf(step, 0) {
			return fmt.Errorf("a bound from %v to %v by %v: want 0 <= from <= to, finite, in at most a million steps", from, end, step)
		}
	}
	if !(o.LowEnd <= 1 && o.High >= 1) {
		return fmt.Errorf("bounds up to [%v, %v]: want LowEnd <= 1 <= High", o.LowEnd, o.High)
	}
	if !(o.Positive > 0 && o.Positive < 1) {
		return fmt.Errorf("share %v: want it in (0, 1)", o.Positive)
	}
	return nil
}

// String returns the formula.
func (o BAPO) String() string {
	if o.Done {
		return fmt.Sprintf("-min(r A, clip(r, %v, %v) A)", o.Low, o.High)
	}
	return fmt.Sprintf("-min(r A, clip(r, %v..%v, %v..%v) A), opened until A > 0 has %v of the loss", o.Low, o.LowEnd, o.High, o.HighEnd, o.Positive)
}

// NewBAPO returns the BAPO objective with bounds from [0.6, 1.2] to [0.9, 3] in
// steps of 0.02 and 0.05, right responses at 0.4 of the loss, and the token mean.
func NewBAPO() Objective {
	return Objective{
		Surrogate:   BAPO{Low: 0.6, LowEnd: 0.9, LowStep: 0.02, High: 1.2, HighEnd: 3, HighStep: 0.05, Positive: 0.4},
		Aggregation: TokenMean{},
	}
}
