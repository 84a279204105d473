package grpo

import "fmt"

func init() { Register("trust_region", TrustRegion{}) }

// TrustRegion is DPPO's mask as a weight, for any surrogate: it drops a token whose
// probability p has moved from the anchor's q by more than a bound, in the
// direction in which its advantage pushes.
//
//	w = 0 where A > 0, p > q and D(p, q) > High, or A < 0, p < q and D(p, q) > Low, else 1
type TrustRegion struct {
	Divergence TokenDivergence
	Low, High  float64 // of the divergence, >= 0
}

// Weigh implements Weight.
func (m TrustRegion) Weigh(w []float64, r *Response) {
	d := DPPO{Divergence: m.Divergence, Low: m.Low, High: m.High}
	p, q := r.spare.side[0][:len(w)], r.spare.side[1][:len(w)]
	r.probabilities(p, q)
	for t, a := range r.Advantage[:len(w)] {
		if a != 0 && !d.keeps(a, p[t], q[t]) {
			w[t] = 0
		}
	}
}

// Needs implements Needer: nothing beyond the ratio's anchor.
func (TrustRegion) Needs() Fields { return 0 }

// Validate implements Validator.
func (m TrustRegion) Validate() error {
	return DPPO{Divergence: m.Divergence, Low: m.Low, High: m.High}.Validate()
}

// String returns the formula.
func (m TrustRegion) String() string {
	return fmt.Sprintf("0 if %v(p, q) > (A > 0 ? %v : %v) and moving away else 1", m.Divergence, m.High, m.Low)
}
