package grpo

import (
	"fmt"
	"math"
)

func init() { Register("vaco", VACO{}) }

// VACO drops, in a response that has drifted too far, the tokens that are pushed
// further (open-instruct's TV-divergence filter):
//
//	w_t = 0 where mean_u |x_u - 1| > Threshold and sign(log x_t) A_t > 0, else 1
//
// x is the token ratio of the pair of policies.
type VACO struct {
	Of        Pair
	Threshold float64 // > 0
}

// Weigh implements Weight.
func (v VACO) Weigh(w []float64, r *Response) {
	over, under := v.Of.of(r)
	drift := 0.0
	for t := range w {
		drift += math.Abs(math.Expm1(over[t] - under[t]))
	}
	if drift/float64(len(w)) <= v.Threshold {
		return
	}
	for t, a := range r.Advantage[:len(w)] {
		if d := over[t] - under[t]; a > 0 && d > 0 || a < 0 && d < 0 {
			w[t] = 0
		}
	}
}

// Needs implements Needer.
func (v VACO) Needs() Fields { return v.Of.needs() }

// Validate implements Validator.
func (v VACO) Validate() error {
	if !(v.Threshold > 0) || v.Threshold > maxBound || !pairNames.has(int(v.Of)) {
		return fmt.Errorf("threshold %v of %v: want a finite number > 0 of a pair of policies", v.Threshold, v.Of)
	}
	return nil
}

// String returns the formula.
func (v VACO) String() string {
	return fmt.Sprintf("0 if mean |exp(%s) - 1| > %v and moving away else 1", v.Of.formula(), v.Threshold)
}
