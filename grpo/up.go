package grpo

// NewUP returns the UP objective (arXiv 2607.06987): responses that were right are
// reinforced without a ratio and without a bound, the others as in PPO.
//
//	l = -A lp                                  A > 0        dl/dlp = -A
//	l = -A max(r, 1-0.2)                       A <= 0       dl/dlp = -r A where r >= 0.8, else 0
//
// With the token mean. The paper's sequence form has bounds of 3e-4: Ratio.Level
// SequenceTokenLevel and Clip{3e-4, 3e-4}.
func NewUP() Objective {
	return Objective{Surrogate: BySign{Positive: Reinforce{}, Negative: Clip{Low: 0.2, High: 0.2}}, Aggregation: TokenMean{}}
}
