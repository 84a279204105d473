package grpo

import (
	"fmt"
	"math"

	"github.com/grouprl/grouprl/internal/vexp"
)

func init() { Register("dppo", DPPO{}) }

// DPPO keeps a token by how far its probability p has moved from the anchor's q,
// not by the ratio (arXiv 2602.04879): a rare token may double, a likely one may not.
//
//	l = -sg(min(r, Max) keep) A lp        dl/dlp = -min(r, Max) keep A
//
//	keep = 0 where A > 0, p > q and D(p, q) > High, or A < 0, p < q and D(p, q) > Low, else 1
//
// D is |p - q| (TotalVariation) or KL(q||p) of the token against the rest
// (DivergenceKL). A = 0 gives exactly 0. verl computes this as "dppo_tv" and
// "dppo_kl", with 1e-8 inside the logarithms; its clip_ratio_c of 3 is Max, though 20
// is meant. SkyRL lets the ratio's own derivative through and prime-rl adds a square:
// NewPrimeDPPO.
type DPPO struct {
	Divergence TokenDivergence
	Low, High  float64 // of the divergence, >= 0
	Max        float64 // of the weight; 0: none
}

// TokenDivergence measures how far the probability of a sampled token has moved.
type TokenDivergence int

// Token divergences.
const (
	TotalVariation TokenDivergence = iota // |p - q|
	DivergenceKL                          // q ln(q/p) + (1-q) ln((1-q)/(1-p))
)

var tokenDivergenceNames = names{"tv", "binary_kl"}

func (d TokenDivergence) String() string { return tokenDivergenceNames.text(int(d)) }

// MarshalText writes the name.
func (d TokenDivergence) MarshalText() ([]byte, error) {
	return tokenDivergenceNames.marshal("token divergence", int(d))
}

// UnmarshalText reads the name.
func (d *TokenDivergence) UnmarshalText(b []byte) error {
	return tokenDivergenceNames.unmarshal("token divergence", b, (*int)(d))
}

// Loss implements Surrogate.
func (d DPPO) Loss(loss, dloss []float64, r *Response) {
	p, q := dloss[:len(loss)], r.spare.tmp[:len(loss)]
	r.probabilities(p, q)
	limit := d.Max
	if limit == 0 {
		limit = math.MaxFloat64
	}
	lp, ratio := r.LogProb[:len(loss)], r.Ratio[:len(loss)]
	for t, a := range r.Advantage[:len(loss)] {
		w := 0.0
		if a != 0 && d.keeps(a, p[t], q[t]) {
			w = min(ratio[t], limit)
		}
		loss[t], p[t] = detachedLoss(w, a, lp[t])
	}
}

// probabilities fills p and q [n] with those of the policy and the ratio's anchor.
func (r *Response) probabilities(p, q []float64) {
	vexp.Exp(q, r.Anchor[:len(q)])
	if !r.plain {
		vexp.Exp(p, r.LogProb[:len(p)])
		return
	}
	ratio := r.Ratio[:len(p)]
	for t, x := range q[:len(p)] {
		p[t] = x * ratio[t]
	}
}

// keeps reports whether a token of probability p, anchor's q, is inside or on its
// way back.
func (d DPPO) keeps(a, p, q float64) bool {
	limit, away := d.High, p-q
	if a < 0 {
		limit, away = d.Low, -away
	}
	if d.Divergence == TotalVariation {
		return away <= limit
	}
	// 2 TV^2 <= KL(q||p) <= chi^2 decide nearly all tokens without a logarithm.
	switch square := away * away; {
	case square < limit*(p*(1-p)) || away <= 0:
		return true
	case 2*square > limit:
		return false
	}
	return binaryKL(q, p) <= limit
}

// Detached implements Detacher.
func (DPPO) Detached() bool { return true }

// DefinedAt implements Leveler: where the derivative goes to the own token.
func (DPPO) DefinedAt(l Level) bool { return !l.Shared() }

// Needs implements Needer: nothing beyond the ratio's anchor.
func (DPPO) Needs() Fields { return 0 }

// Validate implements Validator.
func (d DPPO) Validate() error {
	if !tokenDivergenceNames.has(int(d.Divergence)) {
		return fmt.Errorf("%d is not a divergence", d.Divergence)
	}
	for _, x := range [...]float64{d.Low, d.High, d.Max} {
		if !(x >= 0) || x > maxBound {
			return fmt.Errorf("bounds %v, %v and weight %v: want finite numbers >= 0", d.Low, d.High, d.Max)
		}
	}
	return nil
}

// String returns the formula.
func (d DPPO) String() string {
	return fmt.Sprintf("-sg(min(r, %v) keep) A lp, keep while %v(p, q) <= (A > 0 ? %v : %v)",
		bound(d.Max, "inf"), d.Divergence, d.High, d.Low)
}

// NewDPPO returns DPPO by total variation with verl's bounds 0.2, the weight capped
// at 20, and the token mean.
func NewDPPO() Objective {
	return Objective{Surrogate: DPPO{Low: 0.2, High: 0.2, Max: 20}, Aggregation: TokenMean{}}
}

// NewPrimeDPPO returns prime-rl's form of DPPO: the ratio against the sampler with
// its derivative, a detached mask by total variation, and a square of the log-ratio
// instead of a reference model.
//
//	L = 1/T sum_t -keep_t r_t A_t + 0.001 (lp_t - rollout_t)^2,    r_t = exp(lp_t - rollout_t)
//
// keep is TrustRegion's, with 0.2 both ways.
func NewPrimeDPPO() Objective {
	return Objective{
		Ratio:       Ratio{Anchor: Rollout},
		Surrogate:   Linear{},
		Weights:     []Weight{TrustRegion{Low: 0.2, High: 0.2}},
		KL:          KL{Coefficient: 0.002, Against: AgainstRollout, Estimator: K2},
		Aggregation: TokenMean{},
	}
}

// NewIPO returns prime-rl's IPO: as NewPrimeDPPO, but a token is dropped on either
// side, whatever its advantage, once its probability has moved by more than 0.1.
//
//	L = 1/T sum_t -1[|p_t - q_t| <= 0.1] r_t A_t + 0.001 (lp_t - rollout_t)^2
func NewIPO() Objective {
	o := NewPrimeDPPO()
	o.Weights = []Weight{Gate{Of: CurrentOverAnchor, Statistic: TVStatistic, High: 0.1}}
	return o
}
