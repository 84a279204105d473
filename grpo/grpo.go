package grpo

// New returns the GRPO objective (DeepSeekMath, arXiv 2402.03300):
//
//	L = 1/S sum_i 1/len_i sum_t -min(r_t A_i, clip(r_t, 1-0.2, 1+0.2) A_i),  r_t = exp(lp_t - old_t)
//
//	dL/dlp_t = -r_t A_i / (S len_i) where not clipped, else 0
//
// S counts the responses with a counted token. The KL coefficient is 0, as in the
// NousCoder recipe and TRL's default; the paper's 0.04 with k3 is one field:
//
//	o := grpo.New()
//	o.KL.Coefficient = 0.04
//
// TRL's loss_type "grpo" divides by every response, fully masked ones included:
// ResponseMean{All: true}. Advantages: advantage.GroupRelative{}.
func New() Objective {
	return Objective{Surrogate: Clip{Low: 0.2, High: 0.2}, Aggregation: ResponseMean{}}
}
