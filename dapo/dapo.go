// Package dapo holds DAPO (Yu et al., "DAPO: An Open-Source LLM Reinforcement
// Learning System at Scale", arXiv 2503.14476): the clip-higher objective with
// token-level weighting (New), soft overlong punishment (Overlong), and these with
// dynamic sampling as one value (Recipe).
package dapo

import "github.com/grouprl/grouprl/grpo"

// New returns the DAPO objective:
//
//	L = 1/T sum_i sum_t -min(r_t A_i, clip(r_t, 1-0.2, 1+0.28) A_i),  r_t = exp(lp_t - old_t)
//
//	dL/dlp_t = -r_t A_i / T where not clipped, else 0
//
// T is the number of counted tokens of the whole optimiser step, so every token
// weighs the same, whatever the length of its response. There is no KL term.
//
// The paper's equation 8 is an expectation over questions of a mean over the
// tokens of each question's group: the mean over prompts of per-prompt token means,
// which is Aggregation: grpo.PromptMean{}. Frameworks divide by the step's tokens
// instead, as here (verl "token-mean", TRL loss_type "dapo", OpenRLHF, NeMo-RL).
// verl's default dual clip (clip_ratio_c 3) is Clip.Cap: 3.
func New() grpo.Objective {
	return grpo.Objective{
		Surrogate:   grpo.Clip{Low: 0.2, High: 0.28},
		Aggregation: grpo.TokenMean{},
	}
}
