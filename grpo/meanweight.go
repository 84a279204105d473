package grpo

import (
	"errors"
	"fmt"

	"github.com/grouprl/grouprl/grpo/internal/pass"
)

func init() { Register("mean_weight", MeanWeight{}) }

// MeanWeight divides a weight by its mean over the whole step:
//
//	w_t = Of_t / (sum Of / count)
//
// over the step's tokens or, ByResponse, as the mean of responses' means. It is a
// Planner. verl's rollout_is_batch_normalize is this, over tokens where the weight
// is a token's and over responses where it is a response's, with 1e-8 added to each
// count of tokens. A step whose mean is 0 is an error.
type MeanWeight struct {
	Of         Weight
	ByResponse bool
	Epsilon    float64 // >= 0, added to counts of tokens; verl 1e-8

	// Filled in by Resolve.
	Done bool
	Mean float64
}

// Weigh implements Weight.
func (m MeanWeight) Weigh(w []float64, r *Response) {
	m.Of.Weigh(w, r)
	for t := range w {
		w[t] /= m.Mean
	}
}

// Observe implements Planner.
func (m MeanWeight) Observe(s *Sample, r *Response) {
	w := make([]float64, r.Len())
	for t := range w {
		w[t] = 1
	}
	m.Of.Weigh(w, r)
	if m.ByResponse {
		s.Add(pass.Sum(w) / (float64(len(w)) + m.Epsilon))
		return
	}
	for _, x := range w {
		s.Add(x)
	}
}

// Resolve implements Planner.
func (m MeanWeight) Resolve(s *Sample) (any, error) {
	m.Done, m.Mean = true, 1
	if n := s.Len(); n > 0 {
		m.Mean = 0
		for i := range n {
			m.Mean += s.Row(i)[0]
		}
		count := float64(n)
		if !m.ByResponse {
			count += m.Epsilon
		}
		m.Mean /= count
		if !(m.Mean > 0) || !finite(m.Mean) {
			return nil, fmt.Errorf("the step's mean weight is %v", m.Mean)
		}
	}
	return m, nil
}

// Resolved implements Planner.
func (m MeanWeight) Resolved() bool { return m.Done }

// DefinedAt implements Leveler: where the weight is.
func (m MeanWeight) DefinedAt(l Level) bool {
	d, ok := m.Of.(Leveler)
	return !ok || d.DefinedAt(l)
}

// Needs implements Needer: what the weight needs.
func (m MeanWeight) Needs() Fields { return needs(m.Of) }

// Validate implements Validator.
func (m MeanWeight) Validate() error {
	if _, ok := m.Of.(Planner); ok {
		return errors.New("the mean of a weight that waits for a statistic of the step itself")
	}
	if !(m.Epsilon >= 0) || m.Epsilon > maxBound {
		return fmt.Errorf("epsilon %v: want a finite number >= 0", m.Epsilon)
	}
	return nil
}

// String returns the formula.
func (m MeanWeight) String() string {
	if m.Done {
		return fmt.Sprintf("(%s)/%v", text(m.Of), m.Mean)
	}
	return fmt.Sprintf("(%s)/(its mean)", text(m.Of))
}
