package grpo

// Float is the type of a trainer's log-probabilities. All arithmetic inside is
// float64 whatever F is.
type Float interface{ float32 | float64 }

// Batch is S responses in packed form: all that an objective may read. Nil
// optional fields mean "not given"; an objective that needs one of them says so
// in a typed error.
//
// Log-probabilities are natural logarithms, at the sampling temperature. Masked
// tokens are never read in any field, so they may hold anything, NaN included.
type Batch[F Float] struct {
	Offsets         []int     // [S+1] response i owns tokens Offsets[i]:Offsets[i+1]; Offsets[0] may be non-zero
	LogProbs        []F       // [T] log pi_theta of the sampled tokens: the variable
	OldLogProbs     []F       // [T] the trainer's before this step; nil: on-policy, equal to LogProbs and constant
	RolloutLogProbs []F       // [T] as the inference engine reported them
	RefLogProbs     []F       // [T] the reference model's
	Entropies       []F       // [T] entropy of the whole distribution at each token, in nats
	Advantages      []float64 // [S] one a response ...
	TokenAdvantages []float64 // [T] ... or one a token; exactly one of the two
	Groups          []int     // [S] prompt of each response, any ints
	Episodes        []int     // [S] episode of each response, where one rollout is split over several
	Keys            []uint64  // [S] identity of each response, for parts that draw at random: a split draws alike
	Rewards         []float64 // [S] raw rewards, for the few rules that look at them
	Mask            []bool    // [T] tokens that count; nil: all
}
