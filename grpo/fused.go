package grpo

import "github.com/grouprl/grouprl/grpo/internal/pass"

// A clipping rule is pass.Clip with its bounds.
type clipping interface{ bounds() pass.Bounds }

// canFuse reports whether fused may stand for unfused: a rule that clips the token's own
// ratio without weights, a KL term of pass.K3 or none, one advantage a response, and
// nothing wanted but the gradient (so no entropy term, which needs dst.Entropies).
func (e *Evaluator[F]) canFuse() bool {
	o := e.reading.o
	_, clips := o.Surrogate.(clipping)
	return clips && e.reading.tokenwise && o.Ratio.Level == TokenLevel && !o.Ratio.bounded() &&
		(!o.KL.on() || o.KL.plain()) &&
		len(e.reading.b.TokenAdvantages) == 0 && len(e.dst.Losses) == 0 && len(e.dst.Entropies) == 0 && !e.add
}

// fused is unfused where fusible: the same numbers, in as few passes as there are. It
// reports whether all of them are finite; what unfused makes of others is its business.
func (w *worker[F]) fused(e *Evaluator[F], i, n int, sh shares) (ok bool) {
	rd, s := &e.reading, &w.scratch
	o, a := rd.o, rd.b.Advantages[i]
	bounds := o.Surrogate.(clipping).bounds()
	f := pass.Factors{Share: sh.surrogate * e.scale, KL: sh.kl * e.scale}
	dst := e.dst.LogProbs
	s.sums.reset()
	for lo := 0; lo < n; lo += blockTokens {
		s.lo = lo
		s.resize(min(blockTokens, n-lo))
		rd.columns(s)
		pass.Ratio(s.d, s.ratio, s.lps, s.anchors, &s.sums.RatioSums)
		var slope []float64
		if o.KL.on() {
			slope = s.klSlope
			pass.K3(s.klValue, slope, s.others, s.lps, &s.sums.kl)
		}
		if !pass.ClipGradient(s.rows(dst), &s.sums.losses, &s.sums.held, s.ratio, s.d, slope, a, bounds, f, [...][]float64{s.advantage, s.loss, s.dloss}) {
			return false
		}
		s.scatter(dst)
	}
	// The terms tell of losses and estimates, and of their derivatives: one cannot be too
	// large without the other.
	return finite(a) && finite(s.sums.LogRatio.Sum()) && finite(s.sums.Ratio.Sum()) && s.sums.terms(sh).finite()
}
