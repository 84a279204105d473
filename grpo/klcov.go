package grpo

import (
	"fmt"
	"math"
)

func init() { Register("kl_cov", KLCov{}) }

// KLCov adds a penalty where probability and advantage move together (arXiv
// 2505.22617), since such tokens drain the entropy:
//
//	l = -r A + Coefficient |log r|      at the Share of the step's tokens with the largest covariance
//	l = -r A                            elsewhere
//
//	covariance = (A - mean A) (lp - mean lp), means over the step's tokens
//	dl/dLogRatio = -r A + Coefficient sign(log r), with sign(0) = 0
//
// At least one token is taken. It is a Planner: verl and SkyRL choose tokens of each
// micro-batch, so that their result depends on its size. verl's share is 2e-4, its
// coefficient 0.1 in the configuration and 1 in the function.
type KLCov struct {
	Share       float64 // in (0, 1]
	Coefficient float64 // >= 0

	// Filled in by Resolve.
	Done      bool
	Means     Covariance
	Threshold float64
}

// Covariance is the co-movement of a token's advantage and log-probability, around
// the means of a step.
type Covariance struct{ Advantage, LogProb float64 }

func (c Covariance) at(advantage, lp float64) float64 {
	return (advantage - c.Advantage) * (lp - c.LogProb)
}

// covarianceOf returns the means of the first two columns of s.
func covarianceOf(s *Sample) (c Covariance) {
	n := float64(s.Len())
	for i := range s.Len() {
		c.Advantage += s.Row(i)[0]
		c.LogProb += s.Row(i)[1]
	}
	return Covariance{c.Advantage / n, c.LogProb / n}
}

// Loss implements Surrogate.
func (k KLCov) Loss(loss, dloss []float64, r *Response) {
	ratio, logRatio, dloss := r.Ratio[:len(loss)], r.LogRatio[:len(loss)], dloss[:len(loss)]
	for t, a := range r.Advantage[:len(loss)] {
		var l, d float64
		if a != 0 {
			l = -ratio[t] * a
			d = l
		}
		if x := logRatio[t]; x != 0 && k.Means.at(a, r.LogProb[t]) >= k.Threshold {
			l += k.Coefficient * math.Abs(x)
			d += math.Copysign(k.Coefficient, x)
		}
		loss[t], dloss[t] = l, d
	}
}

// Held implements Holder: nothing is.
func (KLCov) Held(held []bool, _ *Response) { clear(held) }

// Observe implements Planner.
func (KLCov) Observe(s *Sample, r *Response) {
	for t, a := range r.Advantage {
		s.Add(a, r.LogProb[t])
	}
}

// Resolve implements Planner.
func (k KLCov) Resolve(s *Sample) (any, error) {
	k.Done, k.Threshold = true, math.MaxFloat64
	if n := s.Len(); n > 0 {
		k.Means = covarianceOf(s)
		cov := make([]float64, n)
		for i := range cov {
			cov[i] = k.Means.at(s.Row(i)[0], s.Row(i)[1])
		}
		k.Threshold = largest(cov, max(1, int(k.Share*float64(n))))
	}
	return k, nil
}

// Resolved implements Planner.
func (k KLCov) Resolved() bool { return k.Done }

// DefinedAt implements Leveler: at token level.
func (KLCov) DefinedAt(l Level) bool { return l == TokenLevel }

// Needs implements Needer: nothing.
func (KLCov) Needs() Fields { return 0 }

// Validate implements Validator.
func (k KLCov) Validate() error {
	if !(k.Share > 0 && k.Share <= 1) || !(k.Coefficient >= 0) || k.Coefficient > maxBound {
		return fmt.Errorf("share %v and coefficient %v: want a share in (0, 1] and a finite coefficient >= 0", k.Share, k.Coefficient)
	}
	return nil
}

// String returns the formula.
func (k KLCov) String() string {
	return fmt.Sprintf("-r A + %v |log r| at the top %v of covariance", k.Coefficient, k.Share)
}

// NewKLCov returns the kl-cov objective with verl's share 2e-4, its configuration's
// coefficient 0.1, and the token mean.
func NewKLCov() Objective {
	return Objective{Surrogate: KLCov{Share: 2e-4, Coefficient: 0.1}, Aggregation: TokenMean{}}
}
