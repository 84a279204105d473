package grpo

// NewDrGRPO returns the Dr.GRPO objective (arXiv 2503.20783): GRPO's clip, summed
// over tokens and divided by a constant length instead of the response's own, so
// that long wrong answers are not favoured:
//
//	L = 1/(S length) sum_i sum_t -min(r_t A_i, clip(r_t, 1-0.2, 1+0.2) A_i)
//
// length is a constant of the run, such as the completion budget: TRL takes
// max_completion_length. Dividing by a batch's padded width instead, as verl does
// without loss_scale_factor, brings the length bias back. Use it with centred
// advantages (advantage.GroupRelative{Scale: advantage.NoScale}).
func NewDrGRPO(length float64) Objective {
	return Objective{Surrogate: Clip{Low: 0.2, High: 0.2}, Aggregation: ConstantLength{Length: length}}
}
