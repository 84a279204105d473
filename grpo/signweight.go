package grpo

import (
	"errors"
	"fmt"
)

func init() { Register("sign_weight", SignWeight{}) }

// SignWeight weighs right and wrong responses differently (arXiv 2506.01347):
//
//	w = Positive where A > 0, Negative where A < 0, 1 where A = 0
//
// PSR is {1, 0}, NSR {0, 1}, W-REINFORCE {0.1, 1}.
type SignWeight struct {
	Positive, Negative float64 // >= 0
}

// Weigh implements Weight.
func (s SignWeight) Weigh(w []float64, r *Response) {
	for t, a := range r.Advantage[:len(w)] {
		switch {
		case a > 0:
			w[t] *= s.Positive
		case a < 0:
			w[t] *= s.Negative
		}
	}
}

// Needs implements Needer: nothing.
func (SignWeight) Needs() Fields { return 0 }

// Validate implements Validator.
func (s SignWeight) Validate() error {
	if !(s.Positive >= 0) || !(s.Negative >= 0) || max(s.Positive, s.Negative) > maxBound {
		return errors.New("want finite weights >= 0")
	}
	return nil
}

// String returns the formula.
func (s SignWeight) String() string {
	return fmt.Sprintf("(A > 0 ? %v : A < 0 ? %v : 1)", s.Positive, s.Negative)
}

// NewPSR returns REINFORCE on right responses alone, NewNSR on wrong ones alone, and
// NewWReinforce on both with the right ones at 0.1, the paper's weight.
func NewPSR() Objective { return signed(SignWeight{Positive: 1}) }

// NewNSR returns REINFORCE on wrong responses alone: see NewPSR.
func NewNSR() Objective { return signed(SignWeight{Negative: 1}) }

// NewWReinforce returns REINFORCE with right responses at 0.1: see NewPSR.
func NewWReinforce() Objective { return signed(SignWeight{Positive: 0.1, Negative: 1}) }

func signed(w SignWeight) Objective {
	return Objective{Surrogate: Reinforce{}, Weights: []Weight{w}, Aggregation: TokenMean{}}
}
