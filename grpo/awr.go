package grpo

import (
	"errors"
	"fmt"
	"math"
)

func init() { Register("awr", AWR{}) }

// AWR is advantage-weighted regression (arXiv 1910.00177): likelihood, weighed by
// the exponential of the advantage.
//
//	l = -min(exp(A/Beta), Max) lp        dl/dlp = -min(exp(A/Beta), Max)
//
// Every response is imitated, the better the more: it is not 0 where A = 0.
type AWR struct {
	Beta float64 // > 0
	Max  float64 // of the weight, > 0; the paper 20. A/Beta is bounded before exp
}

// Loss implements Surrogate.
func (o AWR) Loss(loss, dloss []float64, r *Response) {
	last, w := math.NaN(), 0.0
	limit := math.Log(o.Max)
	lp, dloss := r.LogProb[:len(loss)], dloss[:len(loss)]
	for t, a := range r.Advantage[:len(loss)] {
		if a != last {
			last, w = a, o.Max
			if x := a / o.Beta; x < limit {
				w = math.Exp(x)
			}
		}
		loss[t], dloss[t] = -w*lp[t], -w
	}
}

// Held implements Holder: the tokens whose weight is at Max.
func (o AWR) Held(held []bool, r *Response) {
	limit := o.Beta * math.Log(o.Max)
	for t, a := range r.Advantage[:len(held)] {
		held[t] = a > limit
	}
}

// Detached implements Detacher.
func (AWR) Detached() bool { return true }

// DefinedAt implements Leveler: where the derivative goes to the own token.
func (AWR) DefinedAt(l Level) bool { return !l.Shared() }

// Needs implements Needer: nothing.
func (AWR) Needs() Fields { return 0 }

// Validate implements Validator.
func (o AWR) Validate() error {
	if !(o.Beta > 0) || !(o.Max > 0) || o.Beta > maxBound || o.Max > maxBound {
		return errors.New("want finite Beta > 0 and Max > 0")
	}
	return nil
}

// String returns the formula.
func (o AWR) String() string { return fmt.Sprintf("-min(exp(A/%v), %v) lp", o.Beta, o.Max) }

// NewAWR returns the AWR objective with Beta 1, weights up to 20 and the token mean.
func NewAWR() Objective {
	return Objective{Surrogate: AWR{Beta: 1, Max: 20}, Aggregation: TokenMean{}}
}
