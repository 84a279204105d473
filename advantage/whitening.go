package advantage

import "math"

// Whitening subtracts the mean of all advantages and divides by their standard
// deviation,
//
//	a <- (a - mean) / (std + Epsilon)
//
// with the same fields as GroupRelative. Its zero value divides the variance by n and
// has no epsilon. Equal advantages, and a single one, become 0.
//
//	verl 0.9.1 masked_whiten    DDof 1, Epsilon 1e-8 AddToVariance
//	OpenRLHF 0.11, NeMo RL      DDof 0, Epsilon 1e-8 FloorVariance
//	TRL 1.16                    DDof 1, Epsilon 1e-4
//	SkyRL's batch normalisation DDof 1, Epsilon 1e-8, over padded positions too
type Whitening struct {
	DDof         int
	Epsilon      float64
	EpsilonPlace EpsilonPlace
}

// Apply whitens a in place over the elements where mask is true (nil: all); the
// others become 0. For advantages of whole tokens, mask is the token mask.
func (w Whitening) Apply(a []float64, mask []bool) error {
	if err := w.validate("Whitening"); err != nil {
		return err
	}
	if err := optional("mask", mask, len(a)); err != nil {
		return err
	}
	g := pool.Get().(*workspace)
	defer pool.Put(g)
	g.values = g.values[:0]
	for i, v := range a {
		if mask != nil && !mask[i] {
			continue
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			clear(a)
			return &ValueError{"a", i, -1, v, "not finite"}
		}
		g.values = append(g.values, v)
	}
	w.apply(a, g, nil)
	for i := range a {
		if mask != nil && !mask[i] {
			a[i] = 0
		}
	}
	return written(a, nil)
}

func (w *Whitening) validate(estimator string) error {
	switch {
	case w.DDof != 0 && w.DDof != 1:
		return &OptionError{estimator, "DDof", "must be 0 or 1"}
	case !(w.Epsilon >= 0) || math.IsInf(w.Epsilon, 0):
		return &OptionError{estimator, "Epsilon", "must be finite and not negative"}
	case w.EpsilonPlace < 0 || int(w.EpsilonPlace) >= len(epsilonPlaceNames):
		return &OptionError{estimator, "EpsilonPlace", "unknown value"}
	}
	return nil
}

// apply whitens all of a with the statistics of g.values, of which element k counts
// weights[k] times (nil: once).
func (w *Whitening) apply(a []float64, g *workspace, weights []int) {
	g.buffer = grow(g.buffer, len(g.values))
	var s stats
	if weights == nil {
		s = describe(g.values, g.buffer, w.DDof, true)
	} else {
		s = describeWeighted(g.values, weights, g.buffer, w.DDof)
	}
	if s.n <= 1 || s.spread() == 0 {
		clear(a)
		return
	}
	d := divisor(s.std, w.Epsilon, w.EpsilonPlace)
	for i, v := range a {
		a[i] = ((v - s.low) - s.mean) / d
	}
}

// describeWeighted is describe of a set in which values[k] occurs weights[k] > 0 times.
func describeWeighted(values []float64, weights []int, buffer []float64, ddof int) stats {
	s := describe(values, buffer, ddof, false)
	s.n, s.mean = 0, 0
	for _, w := range weights {
		s.n += w
	}
	if s.n == 0 || s.spread() == 0 {
		return s
	}
	for k, v := range values {
		buffer[k] = float64(weights[k]) * (v - s.low)
	}
	s.mean = sum(buffer, magnitude(buffer)) / float64(s.n)
	unit := unit(s.spread())
	for k, v := range values {
		d := ((v - s.low) - s.mean) * unit
		buffer[k] = float64(weights[k]) * float64(d*d)
	}
	s.std = math.Sqrt(sum(buffer, magnitude(buffer))/float64(s.n-ddof)) / unit
	return s
}

// Whitened whitens a group-relative advantage over the step. Its zero value is GRPO,
// whitened over responses.
type Whitened struct {
	Of        GroupRelative
	Whitening Whitening
	ByLength  bool // every response counts Lengths times: whitening over tokens
}

// ReinforcePlusPlusBaseline is REINFORCE++ with a group baseline,
//
//	A_i = whiten over tokens(r_i - mean of the group)
//
// so that a long response weighs more in mean and deviation. Hu et al., REINFORCE++,
// arXiv 2501.03262, with verl's constants: DDof 1, Epsilon 1e-8 in the variance.
// OpenRLHF and NeMo RL (minus_baseline) have DDof 0 and FloorVariance; slime also
// subtracts coefficient * KL at each token before whitening (KLReward and TokenReturns).
func ReinforcePlusPlusBaseline() Whitened {
	return Whitened{Of: DrGRPO(), Whitening: Whitening{DDof: 1, Epsilon: 1e-8, EpsilonPlace: AddToVariance}, ByLength: true}
}

// PerToken is false.
func (Whitened) PerToken() bool { return false }

// Estimate writes one advantage a response. It needs what Of needs, and Lengths with
// ByLength. Truncated responses are in or out of mean and deviation as Of.Overlong
// says, and end as 0.
func (w Whitened) Estimate(dst []float64, in *Input) error {
	const t = "Whitened"
	if err := w.Whitening.validate(t); err != nil {
		return err
	}
	o, plain := w.Of, *in
	if o.Overlong == ZeroAfter {
		plain.Truncated = nil // its advantage is 0 only afterwards
	}
	if err := first(in.responses(t, dst, false), o.check(t, dst, &plain)); err != nil {
		return written(dst, err)
	}
	if w.ByLength {
		if err := in.lengths(t); err != nil {
			return written(dst, err)
		}
	}
	g := pool.Get().(*workspace)
	defer pool.Put(g)
	if err := o.estimate(dst, &plain, g); err != nil {
		return written(dst, err)
	}
	g.whiten(dst, in, &w.Whitening, w.ByLength, o.Overlong)
	return written(dst, nil)
}

// whiten whitens one number a response over the responses that count, or over their
// tokens, and silences the rest.
func (g *workspace) whiten(dst []float64, in *Input, w *Whitening, byLength bool, overlong Overlong) {
	g.values, g.weights = g.values[:0], g.weights[:0]
	for i, a := range dst {
		n := 1
		if byLength {
			n = in.Lengths[i]
		}
		if in.counts(i, overlong) && n > 0 {
			g.values, g.weights = append(g.values, a), append(g.weights, n)
		}
	}
	weights := g.weights
	if !byLength {
		weights = nil
	}
	w.apply(dst, g, weights)
	for i := range dst {
		if in.silent(i) {
			dst[i] = 0
		}
	}
}
