package grpo

import (
	"fmt"
	"math"
)

func init() { Register("m2po", M2PO{}) }

// M2PO drops the tokens with the largest squared log-ratio until the second moment
// of those left is below a threshold (arXiv 2510.01161, AReaL m2_threshold):
//
//	w = 1 where d^2 <= limit, else 0,    limit: mean of d^2 over the kept tokens of the step < Threshold
//
// At least one token is kept. It is a Planner; AReaL takes the moment over each
// micro-batch, of the sampler's against the trainer's old policy.
type M2PO struct {
	Of        Pair
	Threshold float64 // > 0; AReaL 0.04

	// Filled in by Resolve.
	Done  bool
	Limit float64 // of d^2
}

// Weigh implements Weight.
func (m M2PO) Weigh(w []float64, r *Response) {
	over, under := m.Of.of(r)
	for t := range w {
		if d := over[t] - under[t]; !(d*d <= m.Limit) {
			w[t] = 0
		}
	}
}

// Observe implements Planner.
func (m M2PO) Observe(s *Sample, r *Response) {
	over, under := m.Of.of(r)
	for t := range over {
		d := over[t] - under[t]
		s.Add(d * d)
	}
}

// Resolve implements Planner. The mean of the smallest k rows never falls with k.
func (m M2PO) Resolve(s *Sample) (any, error) {
	m.Done, m.Limit = true, math.MaxFloat64
	total := 0.0
	for i := range s.Len() {
		total += s.Row(i)[0]
		if i > 0 && !(total/float64(i+1) < m.Threshold) {
			m.Limit = midway(s.Row(i - 1)[0], s.Row(i)[0])
			break
		}
	}
	return m, nil
}

// Resolved implements Planner.
func (m M2PO) Resolved() bool { return m.Done }

// Needs implements Needer.
func (m M2PO) Needs() Fields { return m.Of.needs() }

// Validate implements Validator.
func (m M2PO) Validate() error {
	if !(m.Threshold > 0) || m.Threshold > maxBound || !pairNames.has(int(m.Of)) {
		return fmt.Errorf("threshold %v of %v: want a finite number > 0 of a pair of policies", m.Threshold, m.Of)
	}
	return nil
}

// String returns the formula.
func (m M2PO) String() string {
	if m.Done {
		return fmt.Sprintf("1 if (%s)^2 <= %v else 0", m.Of.formula(), m.Limit)
	}
	return fmt.Sprintf("1 while mean (%s)^2 < %v else 0", m.Of.formula(), m.Threshold)
}
