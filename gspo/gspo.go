// Package gspo holds the sequence-level objectives: GSPO and GSPO-token (Zheng et
// al., "Group Sequence Policy Optimization", arXiv 2507.18071) and GSPO+
// (NousCoder-14B).
//
// All three clip the geometric mean of a response's token ratios,
//
//	s_i = exp(1/len_i sum_t (lp_t - old_t))
//
// so a response is held or kept as a whole, and the bounds are two orders of
// magnitude tighter than a token ratio's. With A_i the advantage and f(s, A) =
// -min(s A, clip(s, 1-3e-4, 1+4e-4) A):
//
//	          loss                          dL/dlp of each token, where not clipped
//	GSPO      1/S sum_i f(s_i, A_i)         -s_i A_i / (S len_i)
//	token     the same value                -s_i A_t / (S len_i), an advantage for each token allowed
//	GSPO+     1/T sum_i len_i f(s_i, A_i)   -s_i A_i / T
package gspo

import "github.com/grouprl/grouprl/grpo"

// New returns the GSPO objective, arXiv 2507.18071, equation 5:
//
//	L = 1/S sum_i -min(s_i A_i, clip(s_i, 1-3e-4, 1+4e-4) A_i),  s_i = exp(mean_t(lp_t - old_t))
//
//	dL/dlp_t = -s_i A_i / (S len_i) where s_i is not clipped, else 0
//
// The bounds are the paper's. No framework has them as its default: TRL and verl
// keep 0.2 unless told otherwise, at which nothing is ever clipped. verl before
// 0.9.1 computes GSPO-token with this aggregation; from 0.9.1 its default is the
// token mean, which is Plus.
func New() grpo.Objective {
	return grpo.Objective{
		Ratio:       grpo.Ratio{Level: grpo.SequenceLevel},
		Surrogate:   grpo.Clip{Low: 3e-4, High: 4e-4},
		Aggregation: grpo.ResponseMean{},
	}
}

// Token returns the GSPO-token objective, arXiv 2507.18071, equation 13: the value
// and the clipping of GSPO, with the derivative of each token going to itself, so
// that tokens may have advantages of their own (Batch.TokenAdvantages).
//
//	r_t = exp(lp_t - sg(lp_t) + sg(mean_u(lp_u - old_u)))
//	L = 1/S sum_i 1/len_i sum_t -min(r_t A_t, clip(r_t, 1-3e-4, 1+4e-4) A_t)
//
//	dL/dlp_t = -s_i A_t / (S len_i) where not clipped, else 0
//
// With one advantage a response, its gradient is GSPO's. verl's "gspo" also bounds
// the log-ratio at 10: Ratio.Cap.
func Token() grpo.Objective {
	o := New()
	o.Ratio.Level = grpo.SequenceTokenLevel
	return o
}

// Plus returns the GSPO+ objective (NousCoder-14B, Nous Research 2026): GSPO with
// every token of the step weighing the same, whatever its response's length.
//
//	L = 1/T sum_i len_i f(s_i, A_i),  f(s, A) = -min(s A, clip(s, 1-3e-4, 1+4e-4) A)
//
//	dL/dlp_t = -s_i A_i / T where s_i is not clipped, else 0
//
// T is the exact number of counted tokens of the whole step. In GSPO a token of a
// response of 1000 tokens weighs a thousandth of the token of a response of one;
// here they weigh alike.
//
// What is public of the trainer behind NousCoder-14B computes twice this gradient
// (it lets the ratio's derivative pass both through the token and through the
// mean), with bounds 0.003/0.004: set Evaluator.Scale to 2 and the bounds to match
// it. verl from 0.9.1 computes this under the name "gspo".
func Plus() grpo.Objective {
	o := New()
	o.Aggregation = grpo.TokenMean{}
	return o
}
