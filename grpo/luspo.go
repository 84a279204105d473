package grpo

// NewLUSPO returns the LUSPO objective (length-unbiased sequence policy
// optimisation, arXiv 2602.05261): GSPO with each response weighed by its length.
//
//	L = 1/S sum_i len_i f(s_i, A_i),    f(s, A) = -min(s A, clip(s, 1-3e-4, 1+4e-4) A)
//
//	dL/dlp_t = -s_i A_i / S where s_i is not clipped, else 0
//
// It is GSPO under ResponseSum: GSPO+ (package gspo) is the same gradient over the
// step's tokens instead of its responses. TRL's luspo takes the same sum at token
// level too. Liger 0.8.5 divides by the padded width on top, and multiplies by the
// length twice.
func NewLUSPO() Objective {
	return Objective{
		Ratio:       Ratio{Level: SequenceLevel},
		Surrogate:   Clip{Low: 3e-4, High: 4e-4},
		Aggregation: ResponseSum{},
	}
}
