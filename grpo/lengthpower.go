package grpo

import (
	"fmt"
	"math"
)

func init() { Register("length_power", LengthPower{}) }

// LengthPower weighs a response by a power of its length:
//
//	w = (len_i / Reference)^Power
//
// VL-Norm (arXiv 2509.07558) has Power -alpha under ResponseSum; -1 there is the
// mean of response means. MeanWeight around it keeps the step's size.
type LengthPower struct {
	Power     float64
	Reference float64 // tokens, > 0: the length whose weight is 1
}

// Weigh implements Weight.
func (l LengthPower) Weigh(w []float64, r *Response) {
	x := math.Pow(float64(r.Length)/l.Reference, l.Power)
	for t := range w {
		w[t] *= x
	}
}

// Needs implements Needer: nothing.
func (LengthPower) Needs() Fields { return 0 }

// Validate implements Validator.
func (l LengthPower) Validate() error {
	if !(l.Reference > 0) || l.Reference > maxBound || !(math.Abs(l.Power) <= 100) {
		return fmt.Errorf("(len/%v)^%v: want a finite reference > 0 and a power in [-100, 100]", l.Reference, l.Power)
	}
	return nil
}

// String returns the formula.
func (l LengthPower) String() string { return fmt.Sprintf("(len/%v)^%v", l.Reference, l.Power) }
