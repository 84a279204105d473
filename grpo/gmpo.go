package grpo

// NewGMPO returns the GMPO objective (geometric-mean policy optimisation, arXiv
// 2507.20673): the geometric mean of a response's token ratios, each bounded in log
// space on the side that would help.
//
//	q_t = min(d_t, 0.4) where A >= 0, max(d_t, -0.4) where A < 0,    d_t = lp_t - old_t
//	L = 1/S sum_i -exp(mean_t q_t) A_i
//
//	dL/dlp_t = -exp(mean q) A_i / (S len_i) where d_t is inside, else 0
//
// The bounds are the paper's, e^-0.4 and e^0.4. verl's "geo_mean" takes the same
// numbers in clip_ratio_low and _high, divides by all responses of the micro-batch,
// fully masked ones included, and ignores its aggregation mode and global counts.
func NewGMPO() Objective {
	return Objective{
		Ratio:       Ratio{Level: SequenceLevel, Clamp: Clamp{Low: -0.4, High: 0.4, Pessimistic: true}},
		Surrogate:   Linear{},
		Aggregation: ResponseMean{},
	}
}
