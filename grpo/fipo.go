package grpo

import (
	"errors"
	"fmt"
	"math"
)

func init() { Register("fipo", FIPO{}) }

// FIPO weighs a token by how far what follows it has moved (ms-swift 4.6.0): a
// discounted sum of log-ratios d from the token to the end.
//
//	F_t = sum_{u >= t} Decay^(u-t) d_u
//	w_t = clip(exp(F_t), Low, High)
//	w_t = clip(exp(F_t), GuardLow, min(High, 1)) where A < 0 and exp(d_t) > Guard
//
// so that a wrong token which has already grown is never pushed harder. F is
// bounded before exp.
type FIPO struct {
	Decay     float64 // in [0, 1]; ms-swift 2^(-1/32): half after 32 tokens
	Low, High float64 // raw bounds of the weight; ms-swift 1 or 0.8, and 1.2
	Guard     float64 // ratio above which the guard holds; 0: never; ms-swift 4
	GuardLow  float64 // ms-swift 0.8
}

// Weigh implements Weight.
func (f FIPO) Weigh(w []float64, r *Response) {
	future := 0.0
	for t := len(w) - 1; t >= 0; t-- {
		d := r.LogProb[t] - r.Anchor[t]
		future = d + float64(f.Decay*future)
		low, high := f.Low, f.High
		if f.Guard != 0 && r.Advantage[t] < 0 && d > math.Log(f.Guard) {
			low, high = f.GuardLow, min(f.High, 1)
		}
		w[t] *= clampedExp(future, low, high)
	}
}

// clampedExp is clip(exp(x), low, high) without an overflow.
func clampedExp(x, low, high float64) float64 {
	if x > math.Log(high) {
		return high
	}
	return max(math.Exp(x), low)
}

// Needs implements Needer: nothing beyond the ratio's anchor.
func (FIPO) Needs() Fields { return 0 }

// Validate implements Validator.
func (f FIPO) Validate() error {
	switch {
	case !(f.Decay >= 0 && f.Decay <= 1):
		return errors.New("want a decay in [0, 1]")
	case !(f.Low >= 0 && f.High > 0 && f.Low <= f.High) || f.High > maxBound:
		return errors.New("want bounds 0 <= Low <= High, finite")
	case !(f.Guard >= 0) || f.Guard > maxBound || !(f.GuardLow >= 0 && f.GuardLow <= min(f.High, 1)):
		return errors.New("want a finite ratio Guard >= 0 and 0 <= GuardLow <= min(High, 1)")
	}
	return nil
}

// String returns the formula.
func (f FIPO) String() string {
	s := fmt.Sprintf("clip(exp(sum_{u>=t} %.6g^(u-t) d_u), %v, %v)", f.Decay, f.Low, f.High)
	if f.Guard != 0 {
		s += fmt.Sprintf(", in [%v, %v] where A < 0 and exp(d) > %v", f.GuardLow, min(f.High, 1), f.Guard)
	}
	return s
}

// NewFIPO returns the FIPO objective with ms-swift's numbers: clip 0.2/0.28, weights
// in [1, 1.2] that halve over 32 tokens, and the token mean.
func NewFIPO() Objective {
	return Objective{
		Surrogate:   Clip{Low: 0.2, High: 0.28},
		Weights:     []Weight{FIPO{Decay: math.Exp2(-1. / 32), Low: 1, High: 1.2, Guard: 4, GuardLow: 0.8}},
		Aggregation: TokenMean{},
	}
}
