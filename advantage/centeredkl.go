package advantage

import "math"

// CenteredKL puts the divergence from the reference into the advantage, centred over
// the step so that it only moves weight between tokens:
//
//	A_t = A_i + Coefficient (mean of d over all counted tokens - d_t), d = LogProbs - RefLogProbs
//
// tinker-cookbook 0.6.1.
type CenteredKL struct {
	Of          GroupRelative
	Coefficient float64
}

// PerToken is true.
func (CenteredKL) PerToken() bool { return true }

// Estimate writes one advantage a token. It needs what Of needs, Offsets, LogProbs and
// RefLogProbs. Truncated responses are in or out of the mean as Of.Overlong says.
func (o CenteredKL) Estimate(dst []float64, in *Input) error {
	const t = "CenteredKL"
	if math.IsNaN(o.Coefficient) || math.IsInf(o.Coefficient, 0) {
		return &OptionError{t, "Coefficient", "must be finite"}
	}
	if err := in.tokens(t, dst); err != nil {
		return err
	}
	if err := first(in.perToken(t, "LogProbs", in.LogProbs), in.perToken(t, "RefLogProbs", in.RefLogProbs)); err != nil {
		return in.writtenTokens(dst, err)
	}
	g := pool.Get().(*workspace)
	defer pool.Put(g)
	g.values = g.values[:0]
	for i := range in.size() {
		if o.Of.Overlong == Exclude && in.truncated(i) {
			continue
		}
		for at := in.Offsets[i]; at < in.Offsets[i+1]; at++ {
			if in.counted(at) {
				g.values = append(g.values, in.RefLogProbs[at]-in.LogProbs[at])
			}
		}
	}
	mean := 0.0
	if n := len(g.values); n > 0 {
		mean = sum(g.values, magnitude(g.values)) / float64(n)
	}
	return o.Of.tile(t, dst, in, false, "RefLogProbs", in.RefLogProbs, func(a, d float64) float64 {
		return a + float64(o.Coefficient*(d-mean))
	})
}
