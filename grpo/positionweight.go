package grpo

import (
	"errors"
	"fmt"
)

func init() { Register("position_weight", PositionWeight{}) }

// PositionWeight goes in a straight line from the first to the last counted token
// of a response:
//
//	w_t = First + (Last - First) t/(n-1)        First where n = 1
type PositionWeight struct {
	First, Last float64 // >= 0
}

// Weigh implements Weight.
func (p PositionWeight) Weigh(w []float64, _ *Response) {
	last := float64(max(len(w)-1, 1))
	for t := range w {
		w[t] *= p.First + float64((p.Last-p.First)*float64(t)/last)
	}
}

// Needs implements Needer: nothing.
func (PositionWeight) Needs() Fields { return 0 }

// Validate implements Validator.
func (p PositionWeight) Validate() error {
	if !(p.First >= 0) || !(p.Last >= 0) || max(p.First, p.Last) > maxBound {
		return errors.New("want finite weights >= 0")
	}
	return nil
}

// String returns the formula.
func (p PositionWeight) String() string {
	return fmt.Sprintf("(%v to %v by position)", p.First, p.Last)
}
