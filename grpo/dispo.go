package grpo

// NewDISPO returns the DISPO objective (arXiv 2602.00983): CISPO with bounds of its
// own for right and for wrong responses, four in all.
//
//	l = -sg(clip(r, 0, 1.28)) A lp      A > 0
//	l = -sg(clip(r, 0, 1.2)) A lp       A <= 0
//
//	dl/dlp = -clip(r, Min, Max) A
//
// The paper moves each of the four bounds on its own; these are a start, not its
// recommendation. With the token mean.
func NewDISPO() Objective {
	return Objective{Surrogate: BySign{Positive: CISPO{Max: 1.28}, Negative: CISPO{Max: 1.2}}, Aggregation: TokenMean{}}
}
