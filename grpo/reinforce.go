package grpo

func init() { Register("reinforce", Reinforce{}) }

// Reinforce is the policy gradient without a ratio (Williams, 1992)
//
//	l = -A lp        dl/dlp = -A
//
// verl and NeMo-RL (disable_ppo_ratio) call it GPG and vanilla policy gradient. It
// is also the likelihood term of a response, with A = 1.
type Reinforce struct{}

// Loss implements Surrogate.
func (Reinforce) Loss(loss, dloss []float64, r *Response) {
	lp, dloss := r.LogProb[:len(loss)], dloss[:len(loss)]
	for t, a := range r.Advantage[:len(loss)] {
		loss[t], dloss[t] = detachedLoss(1, a, lp[t])
	}
}

// Held implements Holder: nothing is.
func (Reinforce) Held(held []bool, _ *Response) { clear(held) }

// Detached implements Detacher.
func (Reinforce) Detached() bool { return true }

// DefinedAt implements Leveler: where the derivative goes to the own token.
func (Reinforce) DefinedAt(l Level) bool { return !l.Shared() }

// Needs implements Needer: nothing.
func (Reinforce) Needs() Fields { return 0 }

// String returns the formula.
func (Reinforce) String() string { return "-A lp" }

// NewReinforce returns REINFORCE with the token mean:
//
//	L = 1/T sum_t -A_t lp_t        dL/dlp_t = -A_t / T
//
// GPG (arXiv 2504.02546, verl "gpg") is this loss with advantages of its own:
// package advantage. The off-policy form with a truncated weight is NewTISPG.
func NewReinforce() Objective {
	return Objective{Surrogate: Reinforce{}, Aggregation: TokenMean{}}
}
