package grpo

import (
	"fmt"
	"math"

	"github.com/grouprl/grouprl/grpo/internal/pass"
	"github.com/grouprl/grouprl/internal/vexp"
)

// KL is a penalty that keeps the policy near another, in the loss:
//
//	Coefficient * sum_i Share_i sum_t f_t k(x_t),    x_t = other_t - lp_t
//
// f_t is 1, or the ratio of Factor. It is independent of the objective's Ratio and
// Weights. The zero value is no penalty.
//
// KL in the reward or the advantage instead: package advantage.
type KL struct {
	Coefficient float64     // >= 0; GRPO's paper 0.04, TRL's default 0
	Against     Against     // what other is
	Estimator   KLEstimator // k
	Gradient    KLGradient  // what the derivative is
	Factor      KLFactor    // f
	InputBound  float64     // x is clamped to +-InputBound before exp, in nats; 0: no bound; verl and NeMo-RL 20
	OutputBound float64     // k is clamped to +-OutputBound; 0: no bound; verl and NeMo-RL 10
	Aggregation Aggregation // nil: the objective's
}

// Against is the other policy of a KL penalty.
type Against int

// Policies to be near to.
const (
	AgainstRef     Against = iota // RefLogProbs: the reference model
	AgainstOld                    // OldLogProbs: the trainer's before the step
	AgainstRollout                // RolloutLogProbs: the sampler's
)

var againstNames = names{"ref", "old", "rollout"}

func (a Against) String() string { return againstNames.text(int(a)) }

// MarshalText writes the name.
func (a Against) MarshalText() ([]byte, error) { return againstNames.marshal("KL.Against", int(a)) }

// UnmarshalText reads the name.
func (a *Against) UnmarshalText(b []byte) error {
	return againstNames.unmarshal("KL.Against", b, (*int)(a))
}

// KLEstimator is a function k of x = other - lp at a sampled token whose mean over
// samples estimates KL(pi || other) (Schulman, "Approximating KL divergence", 2020).
type KLEstimator int

// KL estimators.
const (
	K3    KLEstimator = iota // e^x - x - 1: unbiased, >= 0, GRPO's; dk/dlp = 1 - e^x (biased as a gradient)
	K1                       // -x: unbiased; dk/dlp = 1, whose expectation is 0
	AbsK1                    // |x|; dk/dlp = -sign(x), 0 at 0
	K2                       // x^2/2; dk/dlp = -x, on-policy the gradient of the KL itself
)

var estimatorNames = names{"k3", "k1", "abs_k1", "k2"}

func (k KLEstimator) String() string { return estimatorNames.text(int(k)) }

// MarshalText writes the name.
func (k KLEstimator) MarshalText() ([]byte, error) {
	return estimatorNames.marshal("KL estimator", int(k))
}

// UnmarshalText reads the name.
func (k *KLEstimator) UnmarshalText(b []byte) error {
	return estimatorNames.unmarshal("KL estimator", b, (*int)(k))
}

// at returns k(x) and dk/dlp = -k'(x).
func (k KLEstimator) at(x float64) (value, slope float64) {
	switch k {
	case K1:
		return -x, 1
	case AbsK1:
		switch {
		case x > 0:
			return x, -1
		case x < 0:
			return -x, 1
		}
		return 0, 0
	case K2:
		return 0.5 * x * x, -x
	}
	return vexp.Excess(x)
}

// KLGradient says what the derivative of a KL term is.
type KLGradient int

// KL gradients.
const (
	EstimatorGradient KLGradient = iota // the estimator's own derivative
	K2Gradient                          // -x whatever the estimator: straight-through, verl's "k1+" and "k3+"
)

var klGradientNames = names{"estimator", "k2"}

func (g KLGradient) String() string { return klGradientNames.text(int(g)) }

// MarshalText writes the name.
func (g KLGradient) MarshalText() ([]byte, error) {
	return klGradientNames.marshal("KL gradient", int(g))
}

// UnmarshalText reads the name.
func (g *KLGradient) UnmarshalText(b []byte) error {
	return klGradientNames.unmarshal("KL gradient", b, (*int)(g))
}

// KLFactor multiplies the KL estimate by a ratio of its own, to correct for
// samples from another policy:
//
//	f = exp(d_t)          at TokenLevel
//	f = exp(mean_u d_u)   at SequenceLevel
//
// TRL from 1.10 and DeepSeek-V3.2: Differentiable at token level, against the old
// policy. NeMo-RL's score term: Differentiable with Anchor Current. OpenRLHF's
// off-policy KL: GradientOnly with K2Gradient and Cap 10.
type KLFactor struct {
	Mode   FactorMode
	Level  Level   // TokenLevel or SequenceLevel
	Anchor Anchor  // of the factor, whatever the objective's
	Cap    float64 // f is held at Cap, with derivative 0; 0: none
}

// FactorMode says where a KLFactor acts.
type FactorMode int

// Factor modes.
const (
	NoFactor       FactorMode = iota // f = 1
	Differentiable                   // value f k, derivative f k' + f' k
	Detached                         // value f k, derivative f k'
	GradientOnly                     // value k, derivative f k'
)

var factorNames = names{"none", "differentiable", "detached", "gradient_only"}

func (m FactorMode) String() string { return factorNames.text(int(m)) }

// MarshalText writes the name.
func (m FactorMode) MarshalText() ([]byte, error) { return factorNames.marshal("factor mode", int(m)) }

// UnmarshalText reads the name.
func (m *FactorMode) UnmarshalText(b []byte) error {
	return factorNames.unmarshal("factor mode", b, (*int)(m))
}

func (k *KL) on() bool { return k.Coefficient != 0 }

// needs are the fields that an active KL term reads.
func (k *KL) needs() Fields {
	if !k.on() {
		return 0
	}
	f := [...]Fields{AgainstRef: FieldRef, AgainstOld: FieldOld, AgainstRollout: FieldRollout}[k.Against]
	if k.Factor.Mode != NoFactor {
		f |= k.Factor.Anchor.needs()
	}
	return f
}

func (a Anchor) needs() Fields {
	return [...]Fields{Old: FieldOld, Rollout: FieldRollout, Current: 0}[a]
}

func (k *KL) validate() error {
	fail := func(field, format string, args ...any) error {
		return &ObjectiveError{"KL." + field, fmt.Sprintf(format, args...)}
	}
	switch {
	case !(k.Coefficient >= 0) || k.Coefficient > maxBound:
		return fail("Coefficient", "%v: want a finite number >= 0", k.Coefficient)
	case !againstNames.has(int(k.Against)):
		return fail("Against", "%d is not a policy", k.Against)
	case !estimatorNames.has(int(k.Estimator)):
		return fail("Estimator", "%d is not an estimator", k.Estimator)
	case !klGradientNames.has(int(k.Gradient)):
		return fail("Gradient", "%d is not a gradient", k.Gradient)
	case !factorNames.has(int(k.Factor.Mode)):
		return fail("Factor.Mode", "%d is not a mode", k.Factor.Mode)
	case k.Factor.Level != TokenLevel && k.Factor.Level != SequenceLevel:
		return fail("Factor.Level", "%v: want token or sequence", k.Factor.Level)
	case !anchorNames.has(int(k.Factor.Anchor)):
		return fail("Factor.Anchor", "%d is not an anchor", k.Factor.Anchor)
	case !(k.Factor.Cap >= 0) || k.Factor.Cap > maxBound:
		return fail("Factor.Cap", "%v: want a finite ratio > 0, or 0 for none", k.Factor.Cap)
	case k.Factor.Mode == NoFactor && k.Factor != KLFactor{}:
		return fail("Factor", "has fields but no Mode")
	case !(k.InputBound >= 0) || k.InputBound > maxBound:
		return fail("InputBound", "%v: want a finite bound > 0, or 0 for none", k.InputBound)
	case !(k.OutputBound >= 0) || k.OutputBound > maxBound:
		return fail("OutputBound", "%v: want a finite bound > 0, or 0 for none", k.OutputBound)
	}
	if k.Aggregation != nil {
		return validatePart("KL.Aggregation", k.Aggregation)
	}
	return nil
}

// plain reports whether the term is that of pass.K3.
func (k *KL) plain() bool {
	return k.Estimator == K3 && k.Gradient == EstimatorGradient && k.Factor.Mode == NoFactor && k.InputBound == 0 && k.OutputBound == 0
}

// term writes f_t k_t to value and its derivative to slope, for one response of which
// x is other - lp. scratch is [n].
func (k *KL) term(value, slope, scratch, x []float64, r *Response) {
	input := x
	if b := k.InputBound; b > 0 {
		input = value // until the estimate takes its place
		for t, x := range x {
			input[t] = max(min(x, b), -b)
		}
	}
	if k.Estimator == K3 {
		pass.Estimate(scratch, slope, input)
	}
	k.estimate(value, slope, scratch, input, x)
	if k.Factor.Mode != NoFactor {
		k.Factor.apply(value, slope, scratch, r)
	}
}

// estimate is term before its factor: any estimator, gradient and bounds. input is x
// within its bounds and may be value; k3 is that of input, for K3, and slope its
// derivative.
func (k *KL) estimate(value, slope, k3, input, x []float64) {
	if k.Estimator == K2 && k.OutputBound == 0 && k.InputBound == 0 { // the cheapest, cheaply
		for t, y := range x[:len(slope)] {
			value[t], slope[t] = 0.5*y*y, -y
		}
		return
	}
	for t, y := range input {
		v, d := k3[t], slope[t]
		if k.Estimator != K3 {
			v, d = k.Estimator.at(y)
		}
		if k.Gradient == K2Gradient {
			d = -y
		}
		if b := k.OutputBound; b > 0 && math.Abs(v) > b {
			v, d = math.Copysign(b, v), 0
		}
		if y != x[t] { // at the input's bound
			d = 0
		}
		value[t], slope[t] = v, d
	}
}

// apply multiplies value and slope by the factor, and adds the factor's own
// derivative where it has one.
func (f KLFactor) apply(value, slope, ratio []float64, r *Response) {
	anchor := [...][]float64{Old: r.Old, Rollout: r.Rollout, Current: r.LogProb}[f.Anchor]
	n := float64(len(value))
	for t := range ratio {
		ratio[t] = r.LogProb[t] - anchor[t]
	}
	if f.Level == SequenceLevel {
		mean := pass.Sum(ratio) / n
		for t := range ratio {
			ratio[t] = mean
		}
	}
	var weighted float64 // sum_u f_u k_u, whose mean is the spread derivative at sequence level
	for t, d := range ratio {
		x, live := math.Exp(d), true
		if f.Cap > 0 && x > f.Cap {
			x, live = f.Cap, false
		}
		slope[t] *= x
		if f.Mode == GradientOnly {
			continue
		}
		value[t] *= x
		if f.Mode == Differentiable && live {
			if f.Level == SequenceLevel {
				weighted += value[t]
			} else {
				slope[t] += value[t]
			}
		}
	}
	if weighted != 0 {
		for t := range slope {
			slope[t] += weighted / n
		}
	}
}

// String returns the formula, "" for no penalty.
func (k KL) String() string {
	if !k.on() {
		return ""
	}
	x := fmt.Sprintf("%v - lp", k.Against)
	if k.InputBound > 0 {
		x = fmt.Sprintf("clamp(%s, -%v, %v)", x, k.InputBound, k.InputBound)
	}
	s := fmt.Sprintf("%v(%s)", k.Estimator, x)
	if k.OutputBound > 0 {
		s = fmt.Sprintf("clamp(%s, -%v, %v)", s, k.OutputBound, k.OutputBound)
	}
	if k.Gradient == K2Gradient {
		s += " [gradient of k2]"
	}
	if f := k.Factor; f.Mode != NoFactor {
		rho := Ratio{Level: f.Level, Anchor: f.Anchor}.String()
		if f.Cap > 0 {
			rho = fmt.Sprintf("min(%s, %v)", rho, f.Cap)
		}
		switch f.Mode {
		case Detached:
			rho = "sg(" + rho + ")"
		case GradientOnly:
			rho = "[gradient only] sg(" + rho + ")"
		}
		s = rho + " " + s
	}
	s = fmt.Sprintf("%v %s", k.Coefficient, s)
	if k.Aggregation != nil {
		s += fmt.Sprintf(" by %v", k.Aggregation)
	}
	return s
}
