package advantage

import "math"

// MaxRL is maximum-likelihood reinforcement learning,
//
//	A_i = (r_i - mean) / (mean + Epsilon), over the group; 0 where the mean is 0
//
// It presupposes rewards of 0 and 1, whose mean is a success rate: a negative reward
// counts as 0 here, so that +1 and -1 do what 1 and 0 do. arXiv 2602.02710. prime-rl
// gives 0 where the mean is not positive, and takes -1 as it is; SkyRL has Epsilon 1e-6.
type MaxRL struct {
	Epsilon  float64  // default 0
	Overlong Overlong // default ZeroAfter
	NaN      NaN      // default NaNError
}

// PerToken is false.
func (MaxRL) PerToken() bool { return false }

// Estimate writes one advantage a response. It needs Rewards and Groups. A group of
// one has advantage 0, as any group that is all right or all wrong.
func (o MaxRL) Estimate(dst []float64, in *Input) error {
	if !(o.Epsilon >= 0) || math.IsInf(o.Epsilon, 0) {
		return &OptionError{"MaxRL", "Epsilon", "must be finite and not negative"}
	}
	if err := first(validPolicies("MaxRL", o.Overlong, o.NaN), in.responses("MaxRL", dst, true)); err != nil {
		return err
	}
	g := pool.Get().(*workspace)
	defer pool.Put(g)
	if err := g.gather(in, true, false, o.NaN, o.Overlong); err != nil {
		return written(dst, err)
	}
	g.lines = grow(g.lines, g.count)
	for p := range g.lines {
		values, buffer := g.group(p)
		for k, v := range values {
			values[k] = max(v, 0)
		}
		s := describe(values, buffer, 0, false)
		g.lines[p] = line{low: s.low, mean: s.mean, factor: 1, divisor: s.low + s.mean + o.Epsilon}
		if s.spread() == 0 {
			g.lines[p].kind = zero
		}
	}
	for i, r := range in.Rewards {
		l := &g.lines[g.of[i]]
		if in.silent(i) || l.kind == zero {
			dst[i] = 0
		} else {
			dst[i] = ((max(r, 0) - l.low) - l.mean) / l.divisor
		}
	}
	return written(dst, nil)
}
