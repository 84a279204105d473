package grpotest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/diff/fd"

	"github.com/grouprl/grouprl/grpo"
)

const (
	step      = 1e-5 // of a finite difference, in nats
	tolerance = 1e-6 // of max |g - fd| / max |g|
)

// checkGradient compares the analytic gradient with central finite differences of
// the loss, term by term, at tokens that are not on a kink. What is under a
// stop-gradient is frozen at the base point: weights, the factors of detached
// surrogates, and the anchor where it is the current policy.
func checkGradient(o grpo.Objective, rng *rand.Rand) error {
	for _, shape := range shapes(o) {
		if err := checkGradientOn(o, Batch(rng, shape)); err != nil {
			return err
		}
	}
	return nil
}

func checkGradientOn(o grpo.Objective, b grpo.Batch[float64]) error {
	o, err := resolve(o, b)
	if err != nil {
		return err
	}
	if err := checkSurrogateGradient(surrogateOnly(o), b); err != nil {
		return fmt.Errorf("surrogate: %w", err)
	}
	if err := checkKLGradient(o, b); err != nil {
		return fmt.Errorf("KL %v: %w", o.KL, err)
	}
	return nil
}

func surrogateOnly(o grpo.Objective) grpo.Objective {
	o.KL, o.Entropy = grpo.KL{}, grpo.Entropy{}
	return o
}

func klOnly(o grpo.Objective) grpo.Objective {
	o.Ratio, o.Surrogate, o.Weights, o.Entropy = grpo.Ratio{}, none{}, nil, grpo.Entropy{}
	return o
}

// none is the surrogate that is 0.
type none struct{}

func (none) Loss(loss, dloss []float64, _ *grpo.Response) { clear(loss); clear(dloss) }
func (none) Needs() grpo.Fields                           { return 0 }

func checkSurrogateGradient(o grpo.Objective, b grpo.Batch[float64]) error {
	if o.Ratio.Anchor == grpo.Current {
		// sg(lp) is the log-probability at the base point.
		o.Ratio.Anchor = grpo.Old
		b.OldLogProbs = slices.Clone(b.LogProbs)
	}
	frozen, replay := freeze(o)
	if _, err := evaluate(frozen, b); err != nil {
		return err
	}
	replay()
	analytic, err := evaluate(o, b)
	if err != nil {
		return err
	}
	numeric, smooth, err := difference(frozen, o, b)
	if err != nil {
		return err
	}
	return compare(analytic.LogProbs, numeric, smooth, counted(b))
}

// checkKLGradient differences the KL term. A detached factor multiplies the
// difference of the term without it, and a straight-through gradient is the
// difference of k2.
func checkKLGradient(o grpo.Objective, b grpo.Batch[float64]) error {
	if o.KL.Coefficient == 0 {
		return nil
	}
	o = klOnly(o)
	analytic, err := evaluate(o, b)
	if err != nil {
		return err
	}
	value, f := o, o.KL.Factor
	frozen := f.Mode == grpo.Detached || f.Mode == grpo.GradientOnly
	if frozen {
		value.KL.Factor = grpo.KLFactor{}
	}
	if o.KL.Gradient == grpo.K2Gradient {
		if f.Mode == grpo.Differentiable || o.KL.OutputBound > 0 {
			return fmt.Errorf("grpotest has no difference for a straight-through gradient with a differentiable factor or an output bound")
		}
		value.KL.Estimator, value.KL.Gradient = grpo.K2, grpo.EstimatorGradient
	}
	at := b
	if f.Anchor == grpo.Current && value.KL.Factor.Mode != grpo.NoFactor {
		// sg(lp) is the log-probability at the base point, in a field that is free.
		if o.KL.Against == grpo.AgainstOld {
			value.KL.Factor.Anchor, at.RolloutLogProbs = grpo.Rollout, slices.Clone(b.LogProbs)
		} else {
			value.KL.Factor.Anchor, at.OldLogProbs = grpo.Old, slices.Clone(b.LogProbs)
		}
	}
	numeric, smooth, err := difference(value, value, at)
	if err != nil {
		return err
	}
	if frozen {
		ratios := factors(f, b)
		for t := range numeric {
			numeric[t] *= ratios[t]
		}
	}
	return compare(analytic.LogProbs, numeric, smooth, counted(b))
}

// factors are the ratios of a KL factor, by their definition.
func factors(f grpo.KLFactor, b grpo.Batch[float64]) []float64 {
	anchor := map[grpo.Anchor][]float64{grpo.Old: b.OldLogProbs, grpo.Rollout: b.RolloutLogProbs, grpo.Current: b.LogProbs}[f.Anchor]
	out := make([]float64, len(b.LogProbs))
	for i := range b.Len() {
		mean, n := 0.0, 0.0
		for t := b.Offsets[i]; t < b.Offsets[i+1]; t++ {
			if b.Mask[t] {
				mean, n = mean+b.LogProbs[t]-anchor[t], n+1
			}
		}
		for t := b.Offsets[i]; t < b.Offsets[i+1]; t++ {
			d := b.LogProbs[t] - anchor[t]
			if f.Level == grpo.SequenceLevel {
				d = mean / n
			}
			out[t] = math.Exp(d)
			if f.Cap > 0 {
				out[t] = min(out[t], f.Cap)
			}
		}
	}
	return out
}

// difference returns the finite differences [T] of the loss of value, and which
// tokens are smooth: those where the analytic gradient of o does not jump nearby.
func difference(value, o grpo.Objective, b grpo.Batch[float64]) (numeric []float64, smooth []bool, err error) {
	at := func(t int, x float64) grpo.Batch[float64] {
		c := b
		c.LogProbs = slices.Clone(b.LogProbs)
		c.LogProbs[t] = x
		return c
	}
	base, err := evaluate(o, b)
	if err != nil {
		return nil, nil, err
	}
	tokens := counted(b)
	scale := largest(base.LogProbs, tokens)
	numeric, smooth = make([]float64, len(b.LogProbs)), make([]bool, len(b.LogProbs))
	for _, t := range tokens {
		numeric[t] = fd.Derivative(func(x float64) float64 {
			r, e := evaluate(value, at(t, x))
			if e != nil {
				err = e
			}
			return r.loss
		}, b.LogProbs[t], &fd.Settings{Formula: fd.Central, Step: step})
		// Over twice the distance a smooth gradient changes twice as much; one that
		// jumps does not.
		var near [4][]float64
		for k, h := range []float64{-2 * step, -step, step, 2 * step} {
			r, e := evaluate(o, at(t, b.LogProbs[t]+h))
			if e != nil {
				return nil, nil, e
			}
			near[k] = r.LogProbs
		}
		smooth[t] = true
		for _, u := range tokens {
			wide, narrow := near[3][u]-near[0][u], near[2][u]-near[1][u]
			if math.Abs(wide-2*narrow) > 1e-6*scale+0.1*math.Abs(wide) {
				smooth[t] = false
			}
		}
	}
	return numeric, smooth, err
}

func compare(analytic, numeric []float64, smooth []bool, tokens []int) error {
	scale := max(largest(analytic, tokens), largest(numeric, tokens))
	kinks := 0
	for _, t := range tokens {
		if !smooth[t] {
			kinks++
			continue
		}
		if d := math.Abs(analytic[t] - numeric[t]); !(d <= tolerance*scale) {
			return fmt.Errorf("dL/dlp of token %d is %v, by finite difference %v: %.2g of the largest", t, analytic[t], numeric[t], d/scale)
		}
	}
	if n := len(tokens); n >= 10 && kinks == n {
		return fmt.Errorf("all %d tokens are on a kink: the gradient jumps everywhere", n)
	}
	return nil
}

func largest(x []float64, tokens []int) (m float64) {
	for _, t := range tokens {
		m = max(m, math.Abs(x[t]))
	}
	return m
}

// freeze returns the objective with everything under a stop-gradient recorded at
// its first evaluation, and replayed after replay is called.
func freeze(o grpo.Objective) (frozen grpo.Objective, replay func()) {
	tape := &tape{}
	frozen = o
	frozen.Surrogate = frozenSurrogate{o.Surrogate, o.Ratio, tape}
	frozen.Weights = nil
	if len(o.Weights) > 0 {
		frozen.Weights = []grpo.Weight{frozenWeights{o.Weights, tape}}
	}
	return frozen, func() { tape.replaying = true }
}

// tape holds what was recorded of each response, found again by its Anchor, which
// finite differences never change, and its length.
type tape struct {
	replaying bool
	responses []recorded
}

type recorded struct {
	anchor  []float64
	at      grpo.Response // deep copies
	weights []float64
}

func (t *tape) of(r *grpo.Response) *recorded {
	for i := range t.responses {
		if slices.Equal(t.responses[i].anchor, r.Anchor) {
			return &t.responses[i]
		}
	}
	at := *r
	for _, x := range []*[]float64{
		&at.LogProb, &at.Anchor, &at.Old, &at.Rollout, &at.Ref, &at.Entropy, &at.LogRatio, &at.Ratio, &at.Advantage,
	} {
		*x = slices.Clone(*x)
	}
	t.responses = append(t.responses, recorded{anchor: at.Anchor, at: at})
	return &t.responses[len(t.responses)-1]
}

type frozenSurrogate struct {
	inner grpo.Surrogate
	ratio grpo.Ratio
	tape  *tape
}

func (f frozenSurrogate) Loss(loss, dloss []float64, r *grpo.Response) {
	base := f.tape.of(r)
	if d, ok := f.inner.(grpo.Detacher); ok && d.Detached() && f.tape.replaying {
		at := base.at
		at.LogProb = r.LogProb
		r = &at
	} else if l := f.ratio.Level; f.tape.replaying && (l == grpo.SequenceTokenLevel || l == grpo.ProductTokenLevel) {
		// lp - sg(lp) + sg(the response's log-ratio)
		at := *r
		at.LogRatio, at.Ratio = slices.Clone(base.at.LogRatio), slices.Clone(base.at.Ratio)
		for t := range at.LogRatio {
			if !f.held(base, t) {
				at.LogRatio[t] += r.LogProb[t] - base.at.LogProb[t]
				at.Ratio[t] = math.Exp(at.LogRatio[t])
			}
		}
		r = &at
	}
	inner := f.inner
	if fz, ok := inner.(Freezer); ok && f.tape.replaying {
		inner = fz.Freeze(&base.at)
	}
	inner.Loss(loss, dloss, r)
}

// A Freezer is a surrogate of which a part is under a stop-gradient: Freeze returns
// it with that part held as it is at the response at. Without this method the
// gradient check takes all of a Detacher to be so, and nothing of another surrogate.
type Freezer interface {
	Freeze(at *grpo.Response) grpo.Surrogate
}

// Needs is what the inner rule declares, or all that Batch gives.
func (f frozenSurrogate) Needs() grpo.Fields {
	if n, ok := f.inner.(grpo.Needer); ok {
		return n.Needs()
	}
	return grpo.FieldOld | grpo.FieldRollout | grpo.FieldRef | grpo.FieldEntropy |
		grpo.FieldRewards | grpo.FieldGroups | grpo.FieldEpisodes | grpo.FieldKeys
}

// held reports whether a bound of the ratio stops token t's derivative.
func (f frozenSurrogate) held(base *recorded, t int) bool {
	beyond := func(c grpo.Clamp, x float64, inclusive bool) bool {
		high, low := x > c.High || inclusive && x == c.High, x < c.Low || inclusive && x == c.Low
		if c.Pessimistic {
			high, low = high && base.at.Advantage[t] >= 0, low && base.at.Advantage[t] < 0
		}
		return high && c.High != 0 || low && c.Low != 0
	}
	return beyond(f.ratio.Clamp, base.at.LogProb[t]-base.at.Anchor[t], false) || beyond(f.ratio.Cap, base.at.LogRatio[t], true)
}

func (f frozenSurrogate) Detached() bool {
	d, ok := f.inner.(grpo.Detacher)
	return ok && d.Detached()
}

type frozenWeights struct {
	inner []grpo.Weight
	tape  *tape
}

func (f frozenWeights) Weigh(w []float64, r *grpo.Response) {
	base := f.tape.of(r)
	if base.weights == nil {
		base.weights = slices.Clone(w)
		for _, inner := range f.inner {
			inner.Weigh(base.weights, r)
		}
	}
	for t := range w {
		w[t] *= base.weights[t]
	}
}
