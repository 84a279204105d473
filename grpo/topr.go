package grpo

import "fmt"

func init() { Register("topr", TOPR{}) }

// TOPR is the tapered off-policy policy gradient (arXiv 2503.14286): likelihood for
// responses that were right, a truncated importance weight for the others.
//
//	l = -A lp                      Reward > 0
//	l = -sg(min(r, Max)) A lp      Reward <= 0
//
//	dl/dlp = -A or -min(r, Max) A
//
// The sign is that of the raw reward, not of the advantage: Batch.Rewards. The paper
// takes the likelihood ratio of the whole response (ProductTokenLevel), ROLL the
// token's (TokenLevel).
type TOPR struct {
	Max float64 // of the weight, > 0; the paper and ROLL 1
}

// Loss implements Surrogate.
func (o TOPR) Loss(loss, dloss []float64, r *Response) {
	lp, ratio, dloss := r.LogProb[:len(loss)], r.Ratio[:len(loss)], dloss[:len(loss)]
	right := r.Reward > 0
	for t, a := range r.Advantage[:len(loss)] {
		w := 1.0
		if !right {
			w = min(ratio[t], o.Max)
		}
		loss[t], dloss[t] = detachedLoss(w, a, lp[t])
	}
}

// Held implements Holder.
func (o TOPR) Held(held []bool, r *Response) {
	for t, x := range r.Ratio[:len(held)] {
		held[t] = !(r.Reward > 0) && x > o.Max
	}
}

// Detached implements Detacher.
func (TOPR) Detached() bool { return true }

// DefinedAt implements Leveler: where the derivative goes to the own token.
func (TOPR) DefinedAt(l Level) bool { return !l.Shared() }

// Needs implements Needer.
func (TOPR) Needs() Fields { return FieldRewards }

// Validate implements Validator.
func (o TOPR) Validate() error {
	if !(o.Max > 0) || o.Max > maxBound {
		return fmt.Errorf("field Max is %v: want a finite weight > 0", o.Max)
	}
	return nil
}

// String returns the formula.
func (o TOPR) String() string {
	return fmt.Sprintf("-(reward > 0 ? 1 : sg(min(r, %v))) A lp", o.Max)
}

// NewTOPR returns the TOPR objective of the paper: weights in [0, 1] of the
// likelihood ratio of the whole response, and the mean over responses of token sums.
//
//	L = 1/S sum_i sum_t -w_i A_i lp_t,    w_i = reward_i > 0 ? 1 : sg(min(exp(sum_t d_t), 1))
//
// ROLL's is TOPR at TokenLevel.
func NewTOPR() Objective {
	return Objective{Ratio: Ratio{Level: ProductTokenLevel}, Surrogate: TOPR{Max: 1}, Aggregation: ResponseSum{}}
}
