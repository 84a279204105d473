package grpo

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

func init() { Register("clip_cov", ClipCov{}) }

// ClipCov drops a few random tokens in which probability and advantage move
// together (arXiv 2505.22617), so that they do not drain the entropy:
//
//	l = 0          for a random Share of the step's tokens, out of those whose
//	               covariance is between Low and High and that the clip does not hold
//	l = Clip       elsewhere
//
//	covariance = (A - mean A) (lp - mean lp), means over the step's tokens
//
// At least one token is drawn if there is any. It is a Planner, and draws by
// Response.Uniform of Seed and Batch.Keys, so any split draws the same tokens: change
// Seed every step. verl and SkyRL draw from each micro-batch, unseeded; verl's share
// is 2e-4, its bounds 1 and 5.
type ClipCov struct {
	Clip      Clip
	Share     float64 // in (0, 1]
	Low, High float64 // of the covariance; outside neither is a token drawn
	Seed      uint64

	// Filled in by Resolve.
	Done      bool
	Means     Covariance
	Threshold float64 // of the random number: tokens below it are dropped
}

// Loss implements Surrogate.
func (c ClipCov) Loss(loss, dloss []float64, r *Response) {
	c.Clip.Loss(loss, dloss, r)
	for t := range loss {
		if c.candidate(c.Means.at(r.Advantage[t], r.LogProb[t]), dloss[t]) && r.Uniform(c.Seed, t) < c.Threshold {
			loss[t], dloss[t] = 0, 0
		}
	}
}

// candidate reports whether a token of this covariance and derivative may be drawn.
func (c ClipCov) candidate(covariance, dloss float64) bool {
	return covariance > c.Low && covariance < c.High && dloss != 0
}

// Observe implements Planner.
func (c ClipCov) Observe(s *Sample, r *Response) {
	loss, dloss := make([]float64, r.Len()), make([]float64, r.Len())
	c.Clip.Loss(loss, dloss, r)
	for t, a := range r.Advantage {
		s.Add(a, r.LogProb[t], dloss[t], r.Uniform(c.Seed, t))
	}
}

// Resolve implements Planner.
func (c ClipCov) Resolve(s *Sample) (any, error) {
	c.Done, c.Threshold = true, 0
	n := s.Len()
	if n == 0 {
		return c, nil
	}
	c.Means = covarianceOf(s)
	var draws []float64
	for i := range n {
		if row := s.Row(i); c.candidate(c.Means.at(row[0], row[1]), row[2]) {
			draws = append(draws, row[3])
		}
	}
	slices.Sort(draws)
	switch k := max(1, int(c.Share*float64(n))); {
	case len(draws) == 0:
	case k >= len(draws):
		c.Threshold = 1
	default:
		c.Threshold = midway(draws[k-1], draws[k])
	}
	return c, nil
}

// largest returns a threshold midway between the k largest of x and the rest: all
// of x are above it if there are no more than k. It sorts x.
func largest(x []float64, k int) float64 {
	slices.Sort(x)
	if k >= len(x) {
		return -math.MaxFloat64
	}
	return midway(x[len(x)-k-1], x[len(x)-k])
}

// Resolved implements Planner.
func (c ClipCov) Resolved() bool { return c.Done }

// DefinedAt implements Leveler: at token level.
func (ClipCov) DefinedAt(l Level) bool { return l == TokenLevel }

// Needs implements Needer.
func (ClipCov) Needs() Fields { return FieldKeys }

// Validate implements Validator.
func (c ClipCov) Validate() error {
	if !(c.Share > 0 && c.Share <= 1) || !(c.Low < c.High) || math.Abs(c.Low) > maxBound || math.Abs(c.High) > maxBound {
		return errors.New("want a share in (0, 1] and finite covariances Low < High")
	}
	return c.Clip.Validate()
}

// String returns the formula.
func (c ClipCov) String() string {
	return fmt.Sprintf("%v, 0 at a random %v of tokens with covariance in (%v, %v)", c.Clip, c.Share, c.Low, c.High)
}

// NewClipCov returns the clip-cov objective with verl's share 2e-4 and covariances
// (1, 5), clip 0.2, and the token mean.
func NewClipCov() Objective {
	return Objective{Surrogate: ClipCov{Clip: Clip{Low: 0.2, High: 0.2}, Share: 2e-4, Low: 1, High: 5}, Aggregation: TokenMean{}}
}
