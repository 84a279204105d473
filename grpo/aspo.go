package grpo

import (
	"errors"
	"fmt"
)

func init() { Register("inverse_ratio", InverseRatio{}) }

// InverseRatio is the side of ASPO for positive advantages (arXiv 2510.06062): the
// weight is turned over, so that tokens which lag behind are pushed most.
//
//	l = -sg(min(1/r, Max)) 1[r <= 1+High] A lp        dl/dlp = -min(1/r, Max) A where r <= 1+High, else 0
type InverseRatio struct {
	High float64 // offset from 1, >= 0
	Max  float64 // of the weight; > 0
}

// Loss implements Surrogate.
func (o InverseRatio) Loss(loss, dloss []float64, r *Response) {
	lp, ratio, dloss := r.LogProb[:len(loss)], r.Ratio[:len(loss)], dloss[:len(loss)]
	for t, a := range r.Advantage[:len(loss)] {
		w := 0.0
		if x := ratio[t]; x <= 1+o.High {
			w = min(1/x, o.Max)
		}
		loss[t], dloss[t] = detachedLoss(w, a, lp[t])
	}
}

// Held implements Holder.
func (o InverseRatio) Held(held []bool, r *Response) {
	for t, x := range r.Ratio[:len(held)] {
		held[t] = x > 1+o.High
	}
}

// Detached implements Detacher.
func (InverseRatio) Detached() bool { return true }

// DefinedAt implements Leveler: where the derivative goes to the own token.
func (InverseRatio) DefinedAt(l Level) bool { return !l.Shared() }

// Needs implements Needer: nothing.
func (InverseRatio) Needs() Fields { return 0 }

// Validate implements Validator.
func (o InverseRatio) Validate() error {
	if !(o.High >= 0) || !(o.Max > 0) || o.High > maxBound || o.Max > maxBound {
		return errors.New("want a finite offset High >= 0 and weight Max > 0")
	}
	return nil
}

// String returns the formula.
func (o InverseRatio) String() string {
	return fmt.Sprintf("-sg(min(1/r, %v)) 1[r <= 1+%v] A lp", o.Max, o.High)
}

// NewASPO returns the ASPO objective (asymmetric importance sampling, arXiv
// 2510.06062) with clip 0.2, the turned-over weight capped at 3, and the token mean:
//
//	l = -sg(min(1/r, 3)) 1[r <= 1.2] A lp      A > 0
//	l = -A max(r, 0.8)                         A <= 0
func NewASPO() Objective {
	return Objective{
		Surrogate:   BySign{Positive: InverseRatio{High: 0.2, Max: 3}, Negative: Clip{Low: 0.2, High: 0.2}},
		Aggregation: TokenMean{},
	}
}
