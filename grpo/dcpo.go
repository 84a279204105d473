package grpo

import (
	"errors"
	"fmt"
	"math"

	"github.com/grouprl/grouprl/internal/vexp"
)

func init() { Register("dcpo", DCPO{}) }

// DCPO is the clip with bounds from the anchor's probability q of the token (arXiv
// 2509.02333), those for which |r-1| r q stays within Low and High:
//
//	low  = 1/2 + 1/2 sqrt(max(1 - 4 Low/q, 0))
//	high = min(1/2 + 1/2 sqrt(1 + 4 High/q), Max)
//	l = -min(r A, clip(r, low, high) A)
//
//	dl/dLogRatio = -r A where r is inside, 0 where it is held
type DCPO struct {
	Low, High float64 // >= 0; the paper 0.16 and 0.2
	Max       float64 // raw upper limit of the ratio, >= 1; the paper 10
}

// Loss implements Surrogate.
func (o DCPO) Loss(loss, dloss []float64, r *Response) {
	q := r.spare.tmp[:len(loss)]
	vexp.Exp(q, r.Anchor[:len(loss)])
	ratio, dloss := r.Ratio[:len(loss)], dloss[:len(loss)]
	for t, a := range r.Advantage[:len(loss)] {
		low, high := 0.0, 0.0
		if a > 0 {
			high = min(0.5+0.5*math.Sqrt(1+4*o.High/q[t]), o.Max)
		} else {
			low = 0.5 + 0.5*math.Sqrt(max(1-4*o.Low/q[t], 0))
		}
		loss[t], dloss[t] = pessimistic(ratio[t], a, low, high)
	}
}

// DefinedAt implements Leveler: at token level, where r and q are of one token.
func (DCPO) DefinedAt(l Level) bool { return l == TokenLevel }

// Needs implements Needer: nothing beyond the ratio's anchor.
func (DCPO) Needs() Fields { return 0 }

// Validate implements Validator.
func (o DCPO) Validate() error {
	if !(o.Low >= 0) || !(o.High >= 0) || !(o.Max >= 1) || max(o.Low, o.High, o.Max) > maxBound {
		return errors.New("want finite Low >= 0, High >= 0 and Max >= 1")
	}
	return nil
}

// String returns the formula.
func (o DCPO) String() string {
	return fmt.Sprintf("-min(r A, clip(r, low, high) A), |r-1| r q within %v and %v, r <= %v, q = exp(anchor)", o.Low, o.High, o.Max)
}

// NewDCPO returns the DCPO objective with the paper's bounds and the mean of
// response means (its loss over the tokens of a single response, OTM, leaves a
// group's responses unaveraged: ResponseMean up to a constant).
func NewDCPO() Objective {
	return Objective{Surrogate: DCPO{Low: 0.16, High: 0.2, Max: 10}, Aggregation: ResponseMean{}}
}
