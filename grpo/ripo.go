package grpo

import (
	"errors"
	"fmt"
	"math"

	"github.com/grouprl/grouprl/internal/vexp"
)

func init() { Register("ripo", RIPO{}) }

// RIPO is the clip with bounds that widen where a token was unlikely (arXiv
// 2607.10169): with q the anchor's probability of the token,
//
//	eps = sqrt(Delta/q)
//	l = -min(r A, clip(r, max(1-eps, Min), min(1+eps, Max)) A)
//
//	dl/dLogRatio = -r A where r is inside, 0 where it is held
//
// A step of eps in the ratio is then about the same step in KL for every token.
type RIPO struct {
	Delta    float64 // > 0; 0.05
	Min, Max float64 // raw limits of the bounds, 0 <= Min <= 1 <= Max; 0.5 and 10
}

// Loss implements Surrogate.
func (o RIPO) Loss(loss, dloss []float64, r *Response) {
	q := r.spare.tmp[:len(loss)]
	vexp.Exp(q, r.Anchor[:len(loss)])
	ratio, dloss := r.Ratio[:len(loss)], dloss[:len(loss)]
	for t, a := range r.Advantage[:len(loss)] {
		eps := math.Sqrt(o.Delta / q[t])
		loss[t], dloss[t] = pessimistic(ratio[t], a, max(1-eps, o.Min), min(1+eps, o.Max))
	}
}

// pessimistic is the clip's loss and derivative at one token, with raw bounds.
func pessimistic(x, a, low, high float64) (loss, dloss float64) {
	switch {
	case a > 0 && x > high:
		return -high * a, 0
	case a < 0 && x < low:
		return -low * a, 0
	case a == 0:
		return 0, 0
	}
	return -x * a, -x * a
}

// DefinedAt implements Leveler: at token level, where r and q are of one token.
func (RIPO) DefinedAt(l Level) bool { return l == TokenLevel }

// Needs implements Needer: nothing beyond the ratio's anchor.
func (RIPO) Needs() Fields { return 0 }

// Validate implements Validator.
func (o RIPO) Validate() error {
	if !(o.Delta > 0) || o.Delta > maxBound || !(o.Min >= 0 && o.Min <= 1 && o.Max >= 1) || o.Max > maxBound {
		return errors.New("want finite Delta > 0 and 0 <= Min <= 1 <= Max")
	}
	return nil
}

// String returns the formula.
func (o RIPO) String() string {
	return fmt.Sprintf("-min(r A, clip(r, max(1-e, %v), min(1+e, %v)) A), e = sqrt(%v/q), q = exp(anchor)", o.Min, o.Max, o.Delta)
}

// NewRIPO returns the RIPO objective with Delta 0.05, bounds in [0.5, 10] and the
// token mean.
func NewRIPO() Objective {
	return Objective{Surrogate: RIPO{Delta: 0.05, Min: 0.5, Max: 10}, Aggregation: TokenMean{}}
}
