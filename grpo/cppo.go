package grpo

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/grouprl/grouprl/internal/vexp"
)

func init() { Register("cppo", CPPO{}) }

// CPPO is a trust region with a budget that a response spends from left to right
// (arXiv 2606.10968): what earlier tokens have moved is missing to later ones.
//
//	D_t = |p_t - q_t|                          of the policy and the ratio's anchor
//	W_t = 1 - (1-Last) t/(n-1)                 position weight from 1 to Last
//	rate = clip(P90(D), RateLow, RateHigh)     of the response's own D
//	limit_t = min(Limit, Limit + rate sum_{u<t} W_u - sum_{u<t} D_u)
//
//	w_t = 0 where W_t D_t > limit_t and the advantage pushes further away, else 1
//
// P90 is the nearest-rank 90th percentile.
type CPPO struct {
	Limit             float64 // >= 0; 0.15, 0.2 for mixtures of experts
	Last              float64 // in [0, 1]; 0.8
	RateLow, RateHigh float64 // 0.02 and 0.04
}

// Weigh implements Weight.
func (c CPPO) Weigh(w []float64, r *Response) {
	n := len(w)
	move, sorted := r.spare.side[0][:n], r.spare.side[1][:n]
	q := r.spare.tmp[:n]
	vexp.Exp(move, r.LogProb[:n])
	vexp.Exp(q, r.Anchor[:n])
	for t := range move {
		move[t] -= q[t]
		sorted[t] = math.Abs(move[t])
	}
	slices.Sort(sorted)
	rate := min(max(sorted[(9*n+9)/10-1], c.RateLow), c.RateHigh)
	earned, spent := 0.0, 0.0
	for t, a := range r.Advantage[:n] {
		position := 1.0
		if n > 1 {
			position -= float64((1-c.Last)*float64(t)) / float64(n-1)
		}
		limit := min(c.Limit, c.Limit+float64(rate*earned)-spent)
		if (a > 0 && move[t] > 0 || a < 0 && move[t] < 0) && position*math.Abs(move[t]) > limit {
			w[t] = 0
		}
		earned += position
		spent += math.Abs(move[t])
	}
}

// Needs implements Needer: nothing beyond the ratio's anchor.
func (CPPO) Needs() Fields { return 0 }

// Validate implements Validator.
func (c CPPO) Validate() error {
	if !(c.Limit >= 0) || c.Limit > maxBound || !(c.Last >= 0 && c.Last <= 1) || !(c.RateLow >= 0 && c.RateLow <= c.RateHigh) || c.RateHigh > maxBound {
		return errors.New("want Limit >= 0, Last in [0, 1] and 0 <= RateLow <= RateHigh, finite")
	}
	return nil
}

// String returns the formula.
func (c CPPO) String() string {
	return fmt.Sprintf("0 if W|p - q| > min(%v, %v + rate sum W - sum |p - q|) and moving away else 1, rate = clip(P90, %v, %v), W from 1 to %v",
		c.Limit, c.Limit, c.RateLow, c.RateHigh, c.Last)
}

// NewCPPO returns the CPPO objective with the paper's numbers for dense models: an
// unclipped ratio behind the budget of 0.15, and the token mean.
func NewCPPO() Objective {
	return Objective{
		Surrogate:   Linear{},
		Weights:     []Weight{CPPO{Limit: 0.15, Last: 0.8, RateLow: 0.02, RateHigh: 0.04}},
		Aggregation: TokenMean{},
	}
}
