package grpo

import (
	"fmt"
	"math"
	"slices"
)

func init() { Register("gppo", GPPO{}) }

// GPPO keeps a bounded gradient where the clip has none (GPPO, arXiv 2508.07629;
// CE-GPPO, arXiv 2509.20712):
//
//	l = -A NegativeLow (1-Low) r/sg(r)         A < 0 and r < 1-Low
//	l = -A PositiveHigh (1+High) r/sg(r)       A > 0 and r > 1+High
//	l = -A r                                   elsewhere
//
//	dl/dLogRatio = l
//
// With both coefficients 1 it is GPPO: the value is the clip's, and the derivative
// is as if r stood at the bound. A coefficient of 0 is the clip's derivative with the
// value 0.
type GPPO struct {
	Low, High                 float64 // offsets from 1, as in Clip
	NegativeLow, PositiveHigh float64 // coefficients >= 0 outside
}

// Loss implements Surrogate.
func (g GPPO) Loss(loss, dloss []float64, r *Response) {
	low, high := 1-g.Low, 1+g.High
	ratio, dloss := r.Ratio[:len(loss)], dloss[:len(loss)]
	for t, a := range r.Advantage[:len(loss)] {
		x := ratio[t]
		switch {
		case a < 0 && x < low:
			x = g.NegativeLow * low
		case a > 0 && x > high:
			x = g.PositiveHigh * high
		case a == 0:
			x = 0
		}
		l := -x * a
		loss[t], dloss[t] = l, l
	}
}

// Held implements Holder.
func (g GPPO) Held(held []bool, r *Response) {
	for t, a := range r.Advantage[:len(held)] {
		held[t] = a < 0 && r.Ratio[t] < 1-g.Low || a > 0 && r.Ratio[t] > 1+g.High
	}
}

// Freeze returns the surrogate with sg(r) held as at the response at, as package
// grpotest needs it.
func (g GPPO) Freeze(at *Response) Surrogate { return frozenGPPO{g, slices.Clone(at.LogRatio)} }

type frozenGPPO struct {
	GPPO
	logRatio []float64
}

// Loss implements Surrogate.
func (f frozenGPPO) Loss(loss, dloss []float64, r *Response) {
	f.GPPO.Loss(loss, dloss, r)
	for t, a := range r.Advantage[:len(loss)] {
		if x := r.Ratio[t]; a < 0 && x < 1-f.Low || a > 0 && x > 1+f.High {
			loss[t] *= math.Exp(r.LogRatio[t] - f.logRatio[t])
		}
	}
}

func (GPPO) tokenwise() bool { return true }

// Needs implements Needer: nothing.
func (GPPO) Needs() Fields { return 0 }

// Validate implements Validator.
func (g GPPO) Validate() error {
	for _, x := range [...]float64{g.NegativeLow, g.PositiveHigh} {
		if !(x >= 0) || x > maxBound {
			return fmt.Errorf("coefficient %v: want a finite number >= 0", x)
		}
	}
	return Clip{Low: g.Low, High: g.High}.Validate()
}

// String returns the formula.
func (g GPPO) String() string {
	return fmt.Sprintf("-A r, held with a gradient at %v(1-%v) where A < 0 and %v(1+%v) where A > 0", g.NegativeLow, g.Low, g.PositiveHigh, g.High)
}

// NewGPPO returns the GPPO objective: clip 0.2/0.28 whose held tokens keep the
// gradient of the bound, and the token mean.
func NewGPPO() Objective {
	return Objective{Surrogate: GPPO{Low: 0.2, High: 0.28, NegativeLow: 1, PositiveHigh: 1}, Aggregation: TokenMean{}}
}

// NewCEGPPO returns the CE-GPPO objective: clip 0.2/0.28 whose held tokens keep 0.5
// of the lower bound's gradient and 1 of the upper's, and the token mean. The paper
// tunes both.
func NewCEGPPO() Objective {
	return Objective{Surrogate: GPPO{Low: 0.2, High: 0.28, NegativeLow: 0.5, PositiveHigh: 1}, Aggregation: TokenMean{}}
}
