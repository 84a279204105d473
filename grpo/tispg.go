package grpo

// NewTISPG returns the policy gradient with a truncated importance weight (ROLL's
// "tis"; IMPALA, arXiv 1802.01561, has the same truncation):
//
//	L = 1/T sum_t -sg(min(r_t, 1)) A_t lp_t        dL/dlp_t = -min(r_t, 1) A_t / T
//
// It is CISPO with bounds [0, 1].
func NewTISPG() Objective {
	return Objective{Surrogate: CISPO{Max: 1}, Aggregation: TokenMean{}}
}
