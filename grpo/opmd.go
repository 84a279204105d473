package grpo

// NewOPMD returns Trinity-RFT's "opmd" (online policy mirror descent): the policy
// gradient, shrunk by 1+tau. Trinity's tau is 0; the quadratic form of the same
// name is NewKimi.
//
//	L = 1/T sum_t -A_t lp_t / (1+tau)        dL/dlp_t = -A_t / (T (1+tau))
func NewOPMD(tau float64) Objective {
	return Objective{Surrogate: Reinforce{}, Aggregation: Scaled{Factor: 1 / (1 + tau), Of: TokenMean{}}}
}
