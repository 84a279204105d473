package grpo

import (
	"math"

	"github.com/grouprl/grouprl/grpo/internal/pass"
	"github.com/grouprl/grouprl/internal/vexp"
)

// An evaluation is a handful of passes over the tokens of a response. Each is one loop,
// named here in their order; those of package pass have a kernel beside their Go.
//
//	choose      which tokens count                                      scratch.go
//	gather      columns, unpacked for rules that read them: pass.Widen,
//	            a response's advantage for each token: pass.Fill        gather.go
//	ratios      log-ratio, ratio and their sums: pass.Ratio             step.go
//	Loss        the surrogate and its derivative: pass.Clip             clip.go and its like
//	weigh       the product of the weights, if there are any            weight.go
//	surrogate   sums of losses, clip fractions: pass.Losses, or both
//	            in one: pass.ClipLosses                                 step.go
//	kl          the KL term: pass.K3 or term                            step.go, kl.go
//	write       shares, coefficients, rounding: pass.Narrow             step.go
//
// Where every rule looks at one token at a time (tokenwise), and the ratio is the token's
// own, they run over blocks of a response that stay in the processor's caches, else over
// the response as one block. Sums are lanes of the whole response, so that both give the
// same bits. A clip that is asked for nothing but its gradient takes three passes in all,
// pass.Ratio, pass.K3 and pass.ClipGradient, with the same bits again (fused.go).

// blockTokens is the length of a block, a multiple of 8.
const blockTokens = 1024

// A tokenwise rule looks at the LogRatio, Ratio and Advantage of one token at a time
// and at nothing else of a Response, whose other slices are then nil.
type tokenwise interface{ tokenwise() bool }

func isTokenwise(rule any) bool {
	t, ok := rule.(tokenwise)
	return ok && t.tokenwise()
}

// tokenwise reports whether no rule of an objective looks at anything else.
func (o *Objective) tokenwise() bool {
	return len(o.Weights) == 0 && isTokenwise(o.Surrogate) && o.KL.Factor.Mode == NoFactor
}

// ratios gathers counted tokens lo to hi-1 of response i and computes their ratio:
// s.d holds the token log-ratios, s.r.LogRatio and s.r.Ratio what the rules see, and
// s.inside where the derivative passes the bounds, if there are any.
func (rd *reading[F]) ratios(s *scratch[F], i, lo, hi int) error {
	if err := rd.gather(s, i, lo, hi); err != nil {
		return err
	}
	r, spec := &s.r, &rd.o.Ratio
	r.LogRatio, r.Ratio = s.d, s.ratio
	r.spare = scratchpad{tmp: s.tmp, side: [...][]float64{s.klValue, s.klSlope}, held: s.grad}
	s.bounded = spec.bounded()
	if r.plain = spec.Level == TokenLevel && !s.bounded; r.plain {
		pass.Ratio(s.d, s.ratio, s.lps, s.anchors, &s.sums.RatioSums)
		return rd.checkLogRatio(s, i)
	}
	pass.Subtract(s.d, s.lps, s.anchors, &s.sums.LogRatio)
	if err := rd.checkLogRatio(s, i); err != nil {
		return err
	}
	s.level(spec)
	vexp.Exp(s.tmp, s.d)
	pass.Measure(&s.sums.RatioSums, s.ratio, s.tmp, s.d)
	return nil
}

// checkLogRatio finds what makes the sum of log-ratios not finite.
func (rd *reading[F]) checkLogRatio(s *scratch[F], i int) error {
	if finite(s.sums.LogRatio.Sum()) {
		return nil
	}
	if err := rd.firstBad(s, i); err != nil {
		return err
	}
	return s.badToken("LogRatio", i, s.d, func(t int) bool { return !finite(s.d[t]) }) // of finite numbers
}

// level takes the token log-ratios s.d to those at the ratio's level and within its
// bounds.
func (s *scratch[F]) level(spec *Ratio) {
	r := &s.r
	q := s.d
	if s.bounded {
		for t := range s.inside {
			s.inside[t] = true
		}
	}
	if spec.Clamp.on() {
		q = s.q
		for t, d := range s.d {
			q[t], s.inside[t] = spec.Clamp.apply(d, s.advantage[t])
		}
	}
	r.LogRatio = s.logRatio
	if spec.Level == TokenLevel {
		copy(s.logRatio, q)
	} else {
		x := pass.Sum(q)
		if spec.Level == SequenceLevel || spec.Level == SequenceTokenLevel {
			x /= float64(len(q))
		}
		pass.Fill(s.logRatio, x)
		if !spec.Cap.on() {
			y := s.ratio[:1]
			vexp.Exp(y, s.logRatio[:1])
			pass.Fill(s.ratio, y[0])
			return
		}
	}
	if spec.Cap.on() {
		for t, x := range s.logRatio {
			x, inside := spec.Cap.apply(x, s.advantage[t])
			s.logRatio[t] = x
			s.inside[t] = s.inside[t] && inside
		}
	}
	if spec.Level == TokenLevel {
		vexp.Exp(s.ratio, s.logRatio)
		return
	}
	for t, x := range s.logRatio {
		if t > 0 && x == s.logRatio[t-1] { // else a pessimistic cap with token advantages
			s.ratio[t] = s.ratio[t-1]
		} else {
			vexp.Exp(s.ratio[t:t+1], s.logRatio[t:t+1])
		}
	}
}

func (r *Ratio) bounded() bool { return r.Clamp.on() || r.Cap.on() }

// whole is ratios over a response as one block. n is the number of its tokens.
func (rd *reading[F]) whole(s *scratch[F], i int) (n int, err error) {
	s.sums.reset()
	if n = rd.choose(s, i); n > 0 {
		err = rd.ratios(s, i, 0, n)
	}
	return n, err
}

// shares are what the terms of a response are multiplied by, coefficients included.
type shares struct{ surrogate, kl, entropy float64 }

func (sh shares) finite() bool { return finite(sh.surrogate) && finite(sh.kl) && finite(sh.entropy) }

// shares returns those of response i.
func (e *Evaluator[F]) shares(i, length int) (sh shares, err error) {
	o := e.reading.o
	counts, err := e.counts(i, length)
	if err != nil {
		return sh, err
	}
	sh.surrogate = o.Aggregation.Share(counts)
	if !finite(sh.surrogate) {
		return sh, &ValueError{"Share", i, -1, sh.surrogate}
	}
	other := func(a Aggregation) float64 {
		if a == nil {
			return sh.surrogate
		}
		return a.Share(counts)
	}
	if o.KL.on() {
		if sh.kl = o.KL.Coefficient * other(o.KL.Aggregation); !finite(sh.kl) {
			return sh, &ValueError{"KL", i, -1, sh.kl}
		}
	}
	if o.Entropy.on() {
		sh.entropy = -o.Entropy.Coefficient * other(o.Entropy.Aggregation)
	}
	return sh, nil
}

// attempt evaluates response i: its rows of the gradient and its part of the Stats.
func (w *worker[F]) attempt(e *Evaluator[F], i int) error {
	rd, s := &e.reading, &w.scratch
	n := rd.choose(s, i)
	e.clearRows(s, i, n)
	if n == 0 { // masked, or all dropped
		return w.stats.Add(&Measured{Tokens: int64(s.length), Dropped: int64(s.length)})
	}
	sh, err := e.shares(i, s.length)
	if err != nil {
		return err
	}
	if !e.fusible || !w.fused(e, i, n, sh) {
		if err := w.unfused(e, i, n, sh); err != nil {
			return err
		}
	}
	m := s.measured(rd.o, n, sh)
	return w.stats.Add(&m)
}

// unfused evaluates the n tokens of response i with any objective.
func (w *worker[F]) unfused(e *Evaluator[F], i, n int, sh shares) error {
	step := n
	if e.reading.tokenwise && e.reading.o.Ratio.Level == TokenLevel && !e.add { // which could not be taken back
		step = min(n, blockTokens)
	}
	err := w.blocks(e, i, n, step, sh)
	if err != nil && step < n {
		err = w.blocks(e, i, n, n, sh) // finds the first bad token, and all
	}
	return err
}

// blocks evaluates the n tokens of response i, step at a time.
func (w *worker[F]) blocks(e *Evaluator[F], i, n, step int, sh shares) error {
	w.sums.reset()
	for lo := 0; lo < n; lo += step {
		if err := w.block(e, i, lo, min(lo+step, n), sh); err != nil {
			return err
		}
	}
	return nil
}

// block is the whole mathematics of an objective, once, for counted tokens lo to hi-1
// of response i:
//
//	g_t = Share (w_t l'_t through the level) + Coefficient Share_KL k'_t
func (w *worker[F]) block(e *Evaluator[F], i, lo, hi int, sh shares) error {
	rd, s := &e.reading, &w.scratch
	o := rd.o
	if err := rd.ratios(s, i, lo, hi); err != nil {
		return err
	}
	if err := s.surrogate(o, i); err != nil {
		return err
	}
	f := pass.Factors{Share: sh.surrogate * e.scale, KL: sh.kl * e.scale}
	if o.Ratio.Level.Shared() {
		g := sh.surrogate * s.sums.losses[1].Sum()
		if o.Ratio.Level == SequenceLevel {
			g /= float64(len(s.dloss))
		}
		pass.Fill(s.dloss, g)
		f.Share = e.scale
	}
	if s.bounded && !detached(o.Surrogate) {
		for t, inside := range s.inside {
			if !inside {
				s.dloss[t] = 0
			}
		}
	}
	var slope []float64
	if o.KL.on() {
		slope = s.klSlope
		if err := rd.kl(s, i); err != nil {
			return err
		}
	}
	if o.Entropy.on() {
		s.sums.entropy.Add(s.r.Entropy)
	}
	if l := s.sums.terms(sh); !l.finite() {
		return &ValueError{"Loss", i, -1, l.surrogate + l.kl + l.entropy}
	}
	return w.write(e, i, slope, f, sh.entropy)
}

// kl fills s.klValue and s.klSlope and adds them up.
func (rd *reading[F]) kl(s *scratch[F], i int) error {
	var x pass.Lanes // not finite where a log-probability isn't, whatever the bounds make of it
	if k := &rd.o.KL; k.plain() {
		pass.K3(s.klValue, s.klSlope, s.others, s.lps, &s.sums.kl)
	} else {
		pass.Subtract(s.x, s.others, s.lps, &x)
		k.term(s.klValue, s.klSlope, s.tmp, s.x, &s.r)
		s.sums.kl.Add(s.klValue, s.klSlope)
	}
	if finite(x.Sum()) && s.sums.kl.Finite() {
		return nil
	}
	if err := rd.firstBad(s, i); err != nil || s.sums.kl.Finite() {
		return err
	}
	return s.badToken("KL", i, s.klValue, func(t int) bool { return !finite(s.klValue[t]) || !finite(s.klSlope[t]) })
}

// terms are the parts of the loss that the tokens so far make.
func (t *tally) terms(sh shares) shares {
	return shares{sh.surrogate * t.losses[0].Sum(), sh.kl * t.kl[0].Sum(), sh.entropy * t.entropy.Sum()}
}

// measured is what the n tokens of a response add to the Stats.
func (s *scratch[F]) measured(o *Objective, n int, sh shares) Measured {
	sums, terms, count := &s.sums, s.sums.terms(sh), int64(n)
	m := Measured{
		Tokens: int64(s.length), Dropped: int64(s.length - n), Surrogate: terms.surrogate,
		Ratios: count, Ratio: sums.Ratio.Sum(), RatioSquared: sums.Square.Sum(),
		K1: -sums.LogRatio.Sum(), K2: 0.5 * sums.K2.Sum(), K3: sums.K3.Sum(),
		LowNegative: sums.held.LowNegative, LowPositive: sums.held.LowPositive,
		HighNegative: sums.held.HighNegative, HighPositive: sums.held.HighPositive,
	}
	m.RatioMin, m.RatioMax = sums.Range()
	if o.KL.on() {
		m.KLs, m.KL, m.KLTerm = count, sums.kl[0].Sum(), terms.kl
	}
	if o.Entropy.on() {
		m.Entropies, m.Entropy, m.EntropyTerm = count, sums.entropy.Sum(), terms.entropy
	}
	if len(o.Weights) > 0 {
		var weights, squares pass.Lanes
		weights.Add(s.weight)
		for t, x := range s.weight {
			squares[t&7] = math.FMA(x, x, squares[t&7])
			if x == 0 {
				m.ZeroWeights++
			}
		}
		m.Weights, m.Weight, m.WeightSquared = count, weights.Sum(), squares.Sum()
	}
	return m
}

// counts returns the counts of response i, of which length tokens count.
func (e *Evaluator[F]) counts(i, length int) (Counts, error) {
	b := e.reading.b
	group, episode := 0, 0
	if len(b.Groups) > 0 {
		group = b.Groups[i]
	}
	if len(b.Episodes) > 0 {
		episode = b.Episodes[i]
	}
	return e.totals.counts(int64(length), group, episode)
}

// surrogate fills s.loss and s.dloss, weights applied, and adds the block to the sums
// of statistics. A token whose advantage or weight is 0 may have any ratio; any other
// non-finite number is an error.
func (s *scratch[F]) surrogate(o *Objective, i int) error {
	r := &s.r
	if rule, ok := o.Surrogate.(clipping); ok && len(o.Weights) == 0 && !s.bounded {
		pass.ClipLosses(&s.sums.losses, &s.sums.held, s.loss, s.dloss, s.ratio, r.LogRatio, s.advantage, rule.bounds())
		return s.checkLosses(o, i)
	}
	o.Surrogate.Loss(s.loss, s.dloss, r)
	slope, side := s.held(o)
	if len(o.Weights) > 0 {
		copy(s.x, slope) // before the weights change it
		slope = s.x
		if err := s.weigh(o.Weights, i); err != nil {
			return err
		}
		for t, x := range s.weight {
			if x == 0 {
				s.loss[t], s.dloss[t] = 0, 0
			} else {
				s.loss[t] *= x
				s.dloss[t] *= x
			}
		}
	}
	pass.Losses(&s.sums.losses, &s.sums.held, s.loss, s.dloss, slope, side, s.advantage)
	return s.checkLosses(o, i)
}

// checkLosses finds what makes the sum of ratios or of losses not finite.
func (s *scratch[F]) checkLosses(o *Objective, i int) error {
	if !finite(s.sums.Ratio.Sum()) {
		matters := func(t int) bool {
			return !finite(s.ratio[t]) && s.advantage[t] != 0 && (len(o.Weights) == 0 || s.weight[t] != 0)
		}
		for t := range s.ratio {
			if matters(t) {
				return s.badToken("Ratio", i, s.ratio, matters)
			}
		}
	}
	if !s.sums.losses.Finite() {
		return s.badToken("Loss", i, s.loss, func(t int) bool { return !finite(s.loss[t]) || !finite(s.dloss[t]) })
	}
	return nil
}

// held returns what pass.Losses tells a token at a bound by, of the surrogate or of the
// ratio: a slope of 0, and the side it is on. A token that Clamp holds is on a side of
// its own.
func (s *scratch[F]) held(o *Objective) (slope, side []float64) {
	slope, side = s.dloss, s.r.LogRatio
	h, ok := o.Surrogate.(Holder)
	if ok {
		h.Held(s.still, &s.r)
	}
	if ok || s.bounded {
		slope = s.x
		for t, d := range s.dloss {
			if !ok {
				s.still[t] = d == 0
			}
			slope[t] = 1
			if s.still[t] || s.bounded && !s.inside[t] {
				slope[t] = 0
			}
		}
	}
	if o.Ratio.Clamp.on() {
		side = s.grad
		copy(side, s.r.LogRatio)
		for t, d := range s.d {
			if s.q[t] != d {
				side[t] = d
			}
		}
	}
	return slope, side
}

// write puts the block's gradient and token losses to their rows.
func (w *worker[F]) write(e *Evaluator[F], i int, slope []float64, f pass.Factors, entropySlope float64) error {
	s, o := &w.scratch, e.reading.o
	if !s.put(e, e.dst.LogProbs, s.dloss, slope, f) {
		pass.Narrow(s.grad, s.dloss, slope, f)
		return s.badToken("Gradient", i, s.grad, func(t int) bool { return !finite(float64(F(s.grad[t]))) })
	}
	one := pass.Factors{Share: 1}
	if len(e.dst.Entropies) > 0 && o.Entropy.on() {
		for t := range s.tmp {
			s.tmp[t] = entropySlope * e.scale
		}
		s.put(e, e.dst.Entropies, s.tmp, nil, one)
	}
	if len(e.dst.Losses) > 0 {
		for t, l := range s.loss {
			if o.KL.on() {
				l += float64(o.KL.Coefficient * s.klValue[t])
			}
			if o.Entropy.on() {
				l -= float64(o.Entropy.Coefficient * s.r.Entropy[t])
			}
			s.loss[t] = l
		}
		s.put(e, e.dst.Losses, s.loss, nil, one)
	}
	return nil
}

// clearRows clears the rows of response i unless all of them are overwritten.
func (e *Evaluator[F]) clearRows(s *scratch[F], i, n int) {
	from, to := e.reading.b.Offsets[i], e.reading.b.Offsets[i+1]
	if e.add || n == to-from && len(e.dst.Entropies) == 0 {
		return
	}
	for _, x := range [...][]F{e.dst.LogProbs, e.dst.Entropies, e.dst.Losses} {
		if len(x) > 0 {
			clear(x[from:to])
		}
	}
}

// put writes what pass.Narrow makes of x and y to the block's rows of dst [T], or adds
// it. It reports whether all of it is finite, and then only touches rows that are not
// consecutive or added to.
func (s *scratch[F]) put(e *Evaluator[F], dst []F, x, y []float64, f pass.Factors) bool {
	if !e.add {
		ok := pass.Narrow(s.rows(dst), x, y, f)
		if ok {
			s.scatter(dst)
		}
		return ok
	}
	pass.Narrow(s.grad, x, y, f)
	for _, g := range s.grad {
		if !finite(float64(F(g))) {
			return false
		}
	}
	if len(dst) > 0 {
		for t, g := range s.grad {
			k := s.at(t)
			dst[k] = F(float64(dst[k]) + g)
		}
	}
	return true
}

// rows returns where the block's numbers for dst [T] are made: in their place, or in
// s.out, from which scatter takes them.
func (s *scratch[F]) rows(dst []F) []F {
	if len(s.tokens) == 0 && len(dst) > 0 {
		return dst[s.at(0):][:len(s.d)]
	}
	return s.out[:len(s.d)]
}

// scatter puts the numbers that rows made where they belong.
func (s *scratch[F]) scatter(dst []F) {
	if len(s.tokens) == 0 || len(dst) == 0 {
		return
	}
	for t, g := range s.out[:len(s.d)] {
		dst[s.at(t)] = g
	}
}
