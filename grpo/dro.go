package grpo

import "fmt"

func init() { Register("dro", DRO{}) }

// DRO is a policy gradient with a quadratic leash on the log-ratio d (direct reward
// optimisation, arXiv 2405.19107; Kimi k1.5, arXiv 2501.12599):
//
//	l = -(A lp - Beta/2 d^2)        dl/dlp = -A + Beta d
//
// The leash holds where A = 0 too. Frameworks: verl and tinker "dro"; ROLL "kimi15".
// Trinity's REC "k2" regulariser has coefficient Beta/2.
type DRO struct {
	Beta float64 // >= 0
}

// Loss implements Surrogate.
func (o DRO) Loss(loss, dloss []float64, r *Response) {
	lp, d, dloss := r.LogProb[:len(loss)], r.LogRatio[:len(loss)], dloss[:len(loss)]
	for t, a := range r.Advantage[:len(loss)] {
		pull := o.Beta * d[t]
		loss[t], dloss[t] = float64(0.5*pull*d[t])-float64(a*lp[t]), pull-a
	}
}

// Held implements Holder: nothing is.
func (DRO) Held(held []bool, _ *Response) { clear(held) }

// DefinedAt implements Leveler: at token level, where d is of the own token.
func (DRO) DefinedAt(l Level) bool { return l == TokenLevel }

// Needs implements Needer: nothing.
func (DRO) Needs() Fields { return 0 }

// Validate implements Validator.
func (o DRO) Validate() error {
	if !(o.Beta >= 0) || o.Beta > maxBound {
		return fmt.Errorf("field Beta is %v: want a finite number >= 0", o.Beta)
	}
	return nil
}

// String returns the formula.
func (o DRO) String() string { return fmt.Sprintf("-(A lp - %v/2 (log r)^2)", o.Beta) }

// NewDRO returns the DRO objective with the token mean. Beta has no default: verl
// and tinker require it.
//
//	L = 1/T sum_t -(A_t lp_t - beta/2 (lp_t - old_t)^2)
func NewDRO(beta float64) Objective {
	return Objective{Surrogate: DRO{Beta: beta}, Aggregation: TokenMean{}}
}

// NewKimi returns the objective of Kimi k1.5 (arXiv 2501.12599, equation 3), which
// is DRO with tau = 0.1, ROLL's default:
//
//	L = 1/T sum_t -A_t lp_t + 0.1/2 (lp_t - old_t)^2
func NewKimi() Objective { return NewDRO(0.1) }
