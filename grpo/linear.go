package grpo

func init() { Register("linear", Linear{}) }

// Linear is the unclipped surrogate
//
//	l = -r A        dl/dLogRatio = -r A
//
// With Ratio.Anchor Current it is REINFORCE; with Ratio{SequenceLevel, Clamp:
// Clamp{-0.4, 0.4, true}} it is GMPO (arXiv 2507.20673); it is tinker's
// "importance_sampling". A = 0 gives exactly 0.
type Linear struct{}

// Loss implements Surrogate.
func (Linear) Loss(loss, dloss []float64, r *Response) {
	for i, a := range r.Advantage[:len(loss)] {
		l := 0.0
		if a != 0 {
			l = -r.Ratio[i] * a
		}
		loss[i], dloss[i] = l, l
	}
}

func (Linear) tokenwise() bool { return true }

// Needs implements Needer: nothing.
func (Linear) Needs() Fields { return 0 }

// String returns the formula.
func (Linear) String() string { return "-r A" }
