package grpo

func init() { Register("log_linear", LogLinear{}) }

// LogLinear is the surrogate
//
//	l = -A log r        dl/dLogRatio = -A
//
// REINFORCE's gradient with a value that is 0 at the anchor.
type LogLinear struct{}

// Loss implements Surrogate.
func (LogLinear) Loss(loss, dloss []float64, r *Response) {
	logRatio, dloss := r.LogRatio[:len(loss)], dloss[:len(loss)]
	for t, a := range r.Advantage[:len(loss)] {
		loss[t], dloss[t] = -a*logRatio[t], -a
	}
}

// Held implements Holder: nothing is.
func (LogLinear) Held(held []bool, _ *Response) { clear(held) }

// Needs implements Needer: nothing.
func (LogLinear) Needs() Fields { return 0 }

// String returns the formula.
func (LogLinear) String() string { return "-A log r" }

// NewSPPO returns Trinity-RFT's "sppo" (arXiv 2108.05828): the log-ratio while the
// ratio is in [1/1.3, 1.3], nothing elsewhere.
//
//	L = 1/T sum_t -A_t log(r_t) 1[1/1.3 <= r_t <= 1.3]        dL/dlp_t = -A_t / T inside, else 0
func NewSPPO() Objective {
	return Objective{
		Surrogate:   LogLinear{},
		Weights:     []Weight{Ring{Low: 1 - 1/1.3, High: 0.3}},
		Aggregation: TokenMean{},
	}
}
