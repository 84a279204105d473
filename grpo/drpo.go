package grpo

import (
	"fmt"

	"github.com/grouprl/grouprl/internal/vexp"
)

func init() { Register("drpo", DRPO{}) }

// DRPO replaces the clip by a quadratic penalty that is strict where a token is
// likely (arXiv 2606.09821):
//
//	l = -A r + |A| q (r-1)^2 / (2 Delta)        dl/dLogRatio = -A r + |A| q (r-1) r / Delta
//
// with q the anchor's probability of the token. A = 0 gives exactly 0.
type DRPO struct {
	Delta float64 // > 0; the paper 12.5
}

// Loss implements Surrogate.
func (o DRPO) Loss(loss, dloss []float64, r *Response) {
	q := r.spare.tmp[:len(loss)]
	vexp.Exp(q, r.Anchor[:len(loss)])
	ratio, dloss := r.Ratio[:len(loss)], dloss[:len(loss)]
	for t, a := range r.Advantage[:len(loss)] {
		if a == 0 {
			loss[t], dloss[t] = 0, 0
			continue
		}
		x := ratio[t]
		strict := max(a, -a) * q[t] / o.Delta * (x - 1)
		loss[t] = float64(0.5*strict*(x-1)) - float64(a*x)
		dloss[t] = x * (strict - a)
	}
}

// Held implements Holder: nothing is.
func (DRPO) Held(held []bool, _ *Response) { clear(held) }

// DefinedAt implements Leveler: at token level, where r and q are of one token.
func (DRPO) DefinedAt(l Level) bool { return l == TokenLevel }

// Needs implements Needer: nothing beyond the ratio's anchor.
func (DRPO) Needs() Fields { return 0 }

// Validate implements Validator.
func (o DRPO) Validate() error {
	if !(o.Delta > 0) || o.Delta > maxBound {
		return fmt.Errorf("delta is %v: want a finite number > 0", o.Delta)
	}
	return nil
}

// String returns the formula.
func (o DRPO) String() string {
	return fmt.Sprintf("-A r + |A| q (r-1)^2/(2*%v), q = exp(anchor)", o.Delta)
}

// NewDRPO returns the DRPO objective with Delta 12.5 and the token mean.
func NewDRPO() Objective { return Objective{Surrogate: DRPO{Delta: 12.5}, Aggregation: TokenMean{}} }
