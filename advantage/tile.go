package advantage

// tile computes the advantage a of each response (0 if zero), and writes at every
// counted token what combine makes of a and d = other - LogProbs.
func (o *GroupRelative) tile(estimator string, dst []float64, in *Input, zero bool, name string, other []float64, combine func(a, d float64) float64) error {
	if err := in.tokens(estimator, dst); err != nil {
		return err
	}
	err := first(in.perToken(estimator, "LogProbs", in.LogProbs), in.perToken(estimator, name, other))
	if err != nil {
		return in.writtenTokens(dst, err)
	}
	g := pool.Get().(*workspace)
	defer pool.Put(g)
	g.scratch = grow(g.scratch, in.size())
	a := g.scratch
	if zero {
		clear(a)
	} else {
		if err := required(estimator, "Rewards", in.Rewards, in.size()); err != nil {
			return err
		}
		err := o.check(estimator, a, in)
		if err == nil {
			err = o.estimate(a, in, g)
		}
		if err == nil {
			err = written(a, nil)
		}
		if err != nil {
			return in.writtenTokens(dst, err)
		}
	}
	for i := range in.size() {
		left := zero && in.truncated(i) || !zero && in.silent(i)
		for t := in.Offsets[i]; t < in.Offsets[i+1]; t++ {
			dst[t] = 0
			if in.counted(t) && !left {
				dst[t] = combine(a[i], other[t]-in.LogProbs[t])
			}
		}
	}
	return in.writtenTokens(dst, nil)
}
