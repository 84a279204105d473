package grpo

import "fmt"

func init() { Register("ring", Ring{}) }

// Ring is the mask of the REC family (Trinity-RFT 0.6.0, "Group-relative REINFORCE
// is secretly an off-policy algorithm", arXiv 2509.24203): it keeps a token whose
// ratio is near 1 or, if asked, so far out on the helpful side that it needs to be
// pulled back. It looks at the objective's own ratio.
//
//	w = 1 where 1-Low <= r <= 1+High
//	    1 where A >= 0 and r <= 1-FarLow, or A <= 0 and r >= 1+FarHigh
//	    0 elsewhere
//
// Bounds are offsets from 1; a Far bound of 0 is none, which is the two-sided mask
// (SkyRL's rollout_is, DIS). FarLow = Low and FarHigh = High is the one-sided mask,
// whose gradient with Linear is the clip's.
type Ring struct {
	Low, High       float64 // >= 0
	FarLow, FarHigh float64 // 0, or at least Low and High
}

// Weigh implements Weight.
func (m Ring) Weigh(w []float64, r *Response) {
	for t, x := range r.Ratio[:len(w)] {
		a := r.Advantage[t]
		switch {
		case x >= 1-m.Low && x <= 1+m.High:
		case m.FarLow != 0 && a >= 0 && x <= 1-m.FarLow:
		case m.FarHigh != 0 && a <= 0 && x >= 1+m.FarHigh:
		default:
			w[t] = 0
		}
	}
}

// Needs implements Needer: nothing beyond the ratio.
func (Ring) Needs() Fields { return 0 }

// Validate implements Validator.
func (m Ring) Validate() error {
	for _, x := range [...]float64{m.Low, m.High, m.FarLow, m.FarHigh} {
		if !(x >= 0) || x > maxBound {
			return fmt.Errorf("bounds %v: want finite offsets from 1, >= 0", m)
		}
	}
	if m.FarLow != 0 && m.FarLow < m.Low || m.FarHigh != 0 && m.FarHigh < m.High {
		return fmt.Errorf("bounds %v: want the far ones at least as far out as the near ones", m)
	}
	return nil
}

// String returns the formula.
func (m Ring) String() string {
	s := fmt.Sprintf("1 if r in [1-%v, 1+%v]", m.Low, m.High)
	if m.FarLow != 0 {
		s += fmt.Sprintf(" or A >= 0 and r <= 1-%v", m.FarLow)
	}
	if m.FarHigh != 0 {
		s += fmt.Sprintf(" or A <= 0 and r >= 1+%v", m.FarHigh)
	}
	return s + " else 0"
}

// NewREC returns REC-Ring-NoIS with Trinity's bounds 0.2/0.2 and 0.6/2, and the
// token mean:
//
//	L = 1/T sum_t -keep_t A_t lp_t        dL/dlp_t = -keep_t A_t / T
//
// The other points of the family exchange the surrogate (CISPO{Max: large} for the
// importance weight, AWR's factor for "advantage"), the Ring's far bounds, and add
// DRO's square.
func NewREC() Objective {
	return Objective{
		Surrogate:   Reinforce{},
		Weights:     []Weight{Ring{Low: 0.2, High: 0.2, FarLow: 0.6, FarHigh: 2}},
		Aggregation: TokenMean{},
	}
}

// NewDIS returns double-sided importance sampling, SkyRL's "rollout_is" (GLM-5): the
// weight against the sampler inside the bounds, nothing outside, whatever the sign.
//
//	L = 1/T sum_t -sg(r_t 1[0.8 <= r_t <= 1.28]) A_t lp_t,    r_t = exp(lp_t - rollout_t)
//
// Ratio.Level SequenceTokenLevel is its sequence form.
func NewDIS() Objective {
	return Objective{
		Ratio:       Ratio{Anchor: Rollout},
		Surrogate:   CISPO{Max: 1.28},
		Weights:     []Weight{Ring{Low: 0.2, High: 0.28}},
		Aggregation: TokenMean{},
	}
}
