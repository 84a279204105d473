package advantage

import "math"

// GDPO normalises each component of the reward within the group before it adds them,
// so that a component with a large spread does not drown the others, and whitens the
// result over the step:
//
//	z_k,i = (r_k,i - mean_g r_k)/(std_g r_k + eps)
//	A_i   = whiten(sum_k Weights_k z_k,i)
//
// Liu et al., GDPO, arXiv 2601.05242. The last step is where frameworks part: TRL
// whitens over responses (DDof 1, Epsilon 1e-4, as for each component), verl over
// tokens (ByLength, DDof 1, Epsilon 1e-8 AddToVariance; 1e-6 for each component), NeMo
// RL over responses without epsilon.
type GDPO struct {
	Of        GroupRelative // for each component; Overlong and NaN hold for the whole
	Weights   []float64     // [K]; default (nil): all 1
	Whitening Whitening
	ByLength  bool // every response counts Lengths times: whitening over tokens
	Raw       bool // no whitening
}

// PerToken is false.
func (GDPO) PerToken() bool { return false }

// Estimate writes one advantage a response. It needs Components and what Of needs but
// Rewards, and Lengths with ByLength. A response of which one component is NaN counts
// as one without a reward.
func (o GDPO) Estimate(dst []float64, in *Input) error {
	const t = "GDPO"
	if in.Components == nil {
		return &MissingError{t, "Components"}
	}
	if o.Weights != nil && len(o.Weights) != len(in.Components) {
		return &OptionError{t, "Weights", "must have one for each component"}
	}
	for _, w := range o.Weights {
		if math.IsNaN(w) || math.IsInf(w, 0) {
			return &OptionError{t, "Weights", "must be finite"}
		}
	}
	for _, c := range in.Components {
		if len(c) != len(dst) {
			return &LengthError{"Components", len(c), len(dst)}
		}
	}
	if err := o.Whitening.validate(t); err != nil {
		return err
	}
	g := pool.Get().(*workspace)
	defer pool.Put(g)
	n := len(dst)
	g.scratch = grow(g.scratch, 3*n)
	rewards, total, z := g.scratch[:n], g.scratch[n:2*n], g.scratch[2*n:]
	clear(total) // NaN where a component is
	for _, c := range in.Components {
		for i, r := range c {
			if math.IsNaN(r) {
				total[i] = r
			}
		}
	}
	whole, part := *in, *in
	whole.Rewards, part.Rewards = total, rewards
	if o.Of.Overlong == ZeroAfter {
		part.Truncated = nil // its advantage is 0 only afterwards
	}
	err := first(whole.responses(t, dst, false), o.Of.check(t, z, &part))
	if err == nil && o.ByLength {
		err = whole.lengths(t)
	}
	for k := 0; k < len(in.Components) && err == nil; k++ {
		for i, r := range in.Components[k] {
			rewards[i] = r
			if math.IsNaN(total[i]) {
				rewards[i] = total[i]
			}
		}
		weight := 1.0
		if o.Weights != nil {
			weight = o.Weights[k]
		}
		if err = o.Of.estimate(z, &part, g); err == nil {
			for i := range total {
				total[i] += float64(weight * z[i])
			}
		}
	}
	if v, ok := err.(*ValueError); ok && v.Field == "Rewards" {
		v.Field = "Components"
	}
	if err != nil {
		return written(dst, err)
	}
	copy(dst, total)
	if !o.Raw {
		g.whiten(dst, &whole, &o.Whitening, o.ByLength, o.Of.Overlong)
		return written(dst, nil)
	}
	for i := range dst {
		if whole.silent(i) {
			dst[i] = 0
		}
	}
	return written(dst, nil)
}
