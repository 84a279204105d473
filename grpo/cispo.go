package grpo

import (
	"errors"
	"fmt"
)

func init() { Register("cispo", CISPO{}) }

// CISPO clips the importance weight instead of the update (MiniMax-M1, arXiv
// 2506.13585): every token keeps a gradient.
//
//	l = -sg(clip(r, Min, Max)) A lp        dl/dlp = -clip(r, Min, Max) A
//
// Min and Max are raw bounds of the ratio, not offsets from 1. Frameworks differ:
// TRL and Liger take epsilon_high as the raw Max and no Min; verl, slime, NeMo-RL
// and ROLL write [1-low, 1+high]; tinker [0, 4].
type CISPO struct {
	Min float64 // >= 0
	Max float64 // > Min; required
}

// Loss implements Surrogate.
func (c CISPO) Loss(loss, dloss []float64, r *Response) {
	for i, a := range r.Advantage[:len(loss)] {
		loss[i], dloss[i] = detachedLoss(min(max(r.Ratio[i], c.Min), c.Max), a, r.LogProb[i])
	}
}

// Held implements Holder.
func (c CISPO) Held(held []bool, r *Response) {
	for i, x := range r.Ratio[:len(held)] {
		held[i] = x < c.Min || x > c.Max
	}
}

// Detached implements Detacher.
func (CISPO) Detached() bool { return true }

// DefinedAt implements Leveler: where the derivative goes to the own token.
func (CISPO) DefinedAt(l Level) bool { return !l.Shared() }

// Needs implements Needer: nothing.
func (CISPO) Needs() Fields { return 0 }

// Validate implements Validator.
func (c CISPO) Validate() error {
	if !(c.Min >= 0) || !(c.Max > c.Min) || c.Max > maxBound {
		return errors.New("want raw bounds 0 <= Min < Max, finite")
	}
	return nil
}

// String returns the formula.
func (c CISPO) String() string { return fmt.Sprintf("-sg(clip(r, %v, %v)) A lp", c.Min, c.Max) }

// NewCISPO returns the CISPO objective with weights in [0, 5] and the token mean,
// TRL's convention (epsilon_high 5.0, "cispo"); MiniMax-M1 gives no numbers.
//
//	L = 1/T sum_t -sg(clip(r_t, 0, 5)) A_i lp_t,  r_t = exp(lp_t - old_t)
func NewCISPO() Objective {
	return Objective{Surrogate: CISPO{Max: 5}, Aggregation: TokenMean{}}
}
