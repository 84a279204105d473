package cuda

import (
	"fmt"

	"github.com/grouprl/grouprl/grpo"
)

// OnDevice is nil if the objective has kernels, and else an *UnsupportedError that says
// which part has none; an Evaluator then computes it on the host, to the same result.
//
// Kernels exist for every Ratio, KL, Entropy and Aggregation (a user's too: a share is
// one number a response, which the host computes), for the surrogates Clip, Linear,
// CISPO, SAPO, Reinforce and a BySign of two of them, and for up to four weights among
// Mismatch, Gate of a ratio (of tokens or, of old over rollout, of responses), SignWeight
// and PositionWeight.
func OnDevice(o *grpo.Objective) error {
	_, err := newRule(o)
	return err
}

// UnsupportedError says why an objective is not evaluated on the device.
type UnsupportedError struct {
	Part   string // "Surrogate", "Weights[1]", ...
	Reason string
}

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("cuda: objective: %s: %s; it is evaluated on the host", e.Part, e.Reason)
}

// The structs below are those of internal/kernels/objective.cu, word for word. Numbers
// of levels, estimators and modes are grpo's constants.

const maxWeights = 4

const (
	linear = iota
	clip
	cispo
	sapo
	reinforce
)

const (
	mismatch = iota
	signWeight
	positionWeight
	gate
)

type clamp struct {
	low, high   float64
	pessimistic int64
}

type surrogate struct {
	kind    int64
	a, b, c float64
}

type weight struct {
	kind, level, mask, current int64
	a, b, bound                float64
}

// rule is an objective with the columns that it reads and writes.
type rule struct {
	logProb, anchor, over, under, other, factorOf, entropies, advantages Ptr
	gradient, entropyGradient, losses                                    Ptr

	level              int64
	clamp, cap         clamp
	positive, negative surrogate
	detached           int64
	weights            int64
	weight             [maxWeights]weight

	kl                                              float64
	estimator, straightThrough, factor, factorLevel int64
	factorCap, inputBound, outputBound              float64
	entropy, scale                                  float64
	add                                             int64
}

// response is what the host knows of a response with counted tokens.
type response struct {
	from, n, index                          int64
	advantage, share, klSlope, entropySlope float64
}

// sums are what the device measured over a response.
type sums struct {
	loss, kl, entropy                                                 float64
	ratio, ratioSquared, k1, k2, k3, ratioMin, ratioMax               float64
	weight, weightSquared                                             float64
	zeroWeights, lowNegative, lowPositive, highNegative, highPositive int64
	odd                                                               int64 // tokens that the host should look at
}

// newRule translates an objective, all but its columns.
func newRule(o *grpo.Objective) (rule, error) {
	r := rule{
		level: int64(o.Ratio.Level), clamp: newClamp(o.Ratio.Clamp), cap: newClamp(o.Ratio.Cap),
		kl: o.KL.Coefficient, estimator: int64(o.KL.Estimator), straightThrough: word(o.KL.Gradient == grpo.K2Gradient),
		factor: int64(o.KL.Factor.Mode), factorLevel: int64(o.KL.Factor.Level), factorCap: o.KL.Factor.Cap,
		inputBound: o.KL.InputBound, outputBound: o.KL.OutputBound,
		entropy: o.Entropy.Coefficient,
	}
	positive, negative := o.Surrogate, o.Surrogate
	if sides, ok := o.Surrogate.(grpo.BySign); ok {
		positive, negative = sides.Positive, sides.Negative
	}
	var known, also bool
	if r.positive, known = newSurrogate(positive); known {
		r.negative, also = newSurrogate(negative)
	}
	if !known || !also {
		return r, &UnsupportedError{"Surrogate", fmt.Sprintf("%T has no kernel", o.Surrogate)}
	}
	detached := func(s surrogate) bool { return s.kind == cispo || s.kind == reinforce }
	r.detached = word(detached(r.positive) && detached(r.negative))
	if len(o.Weights) > maxWeights {
		return r, &UnsupportedError{"Weights", fmt.Sprintf("%d of them, the kernel has room for %d", len(o.Weights), maxWeights)}
	}
	r.weights = int64(len(o.Weights))
	for i, w := range o.Weights {
		if r.weight[i], known = newWeight(w); !known {
			return r, &UnsupportedError{fmt.Sprintf("Weights[%d]", i), fmt.Sprintf("%T %v has no kernel", w, w)}
		}
	}
	return r, nil
}

func newClamp(c grpo.Clamp) clamp { return clamp{c.Low, c.High, word(c.Pessimistic)} }

func newSurrogate(s grpo.Surrogate) (surrogate, bool) {
	switch s := s.(type) {
	case grpo.Linear:
		return surrogate{kind: linear}, true
	case grpo.Clip:
		return surrogate{clip, 1 - s.Low, 1 + s.High, s.Cap}, true
	case grpo.CISPO:
		return surrogate{kind: cispo, a: s.Min, b: s.Max}, true
	case grpo.SAPO:
		return surrogate{kind: sapo, a: s.Positive, b: s.Negative}, true
	case grpo.Reinforce:
		return surrogate{kind: reinforce}, true
	}
	return surrogate{}, false
}

func newWeight(w grpo.Weight) (weight, bool) {
	switch w := w.(type) {
	case grpo.Mismatch:
		return weight{kind: mismatch, level: int64(w.Level), mask: word(w.Mode == grpo.Mask), a: w.Low, b: w.High, bound: w.Bound}, true
	case grpo.SignWeight:
		return weight{kind: signWeight, a: w.Positive, b: w.Negative}, true
	case grpo.PositionWeight:
		return weight{kind: positionWeight, a: w.First, b: w.Last}, true
	case grpo.Gate:
		current := w.Of == grpo.CurrentOverAnchor
		return weight{kind: gate, level: int64(w.Level), mask: word(w.Any), current: word(current), a: w.Low, b: w.High},
			w.Statistic == grpo.RatioStatistic && !(current && w.Level != grpo.TokenLevel)
	}
	return weight{}, false
}

// point sets the columns that the rule reads.
func (r *rule) point(o *grpo.Objective, b *Batch) {
	old := b.OldLogProbs
	if old == 0 { // on-policy
		old = b.LogProbs
	}
	anchors := [...]Ptr{grpo.Old: old, grpo.Rollout: b.RolloutLogProbs, grpo.Current: b.LogProbs}
	r.logProb, r.anchor, r.over, r.under = b.LogProbs, anchors[o.Ratio.Anchor], old, b.RolloutLogProbs
	r.other = [...]Ptr{grpo.AgainstRef: b.RefLogProbs, grpo.AgainstOld: old, grpo.AgainstRollout: b.RolloutLogProbs}[o.KL.Against]
	r.factorOf, r.entropies, r.advantages = anchors[o.KL.Factor.Anchor], b.Entropies, b.TokenAdvantages
}

// measured are the sums of a response as Stats take them.
func (s *sums) measured(r *rule, of *response) grpo.Measured {
	m := grpo.Measured{
		Tokens: of.n, Surrogate: of.share * s.loss,
		Ratios: of.n, Ratio: s.ratio, RatioSquared: s.ratioSquared, K1: s.k1, K2: s.k2, K3: s.k3, RatioMin: s.ratioMin, RatioMax: s.ratioMax,
		LowNegative: s.lowNegative, LowPositive: s.lowPositive, HighNegative: s.highNegative, HighPositive: s.highPositive,
	}
	if r.weights > 0 {
		m.Weights, m.ZeroWeights, m.Weight, m.WeightSquared = of.n, s.zeroWeights, s.weight, s.weightSquared
	}
	if r.kl != 0 {
		m.KLs, m.KL, m.KLTerm = of.n, s.kl, of.klSlope*s.kl
	}
	if r.entropy != 0 {
		m.Entropies, m.Entropy, m.EntropyTerm = of.n, s.entropy, of.entropySlope*s.entropy
	}
	return m
}

func word(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
