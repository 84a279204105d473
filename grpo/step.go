package grpo

import (
	"github.com/grouprl/grouprl/internal/vexp"
)

// ratios packs response i and computes its ratio: s.d holds the token log-ratios,
// s.r.LogRatio and s.r.Ratio what the rules see, and s.inside where the derivative
// passes the bounds, if there are any.
func (rd *reading[F]) ratios(s *scratch, i int) (length int, err error) {
	length, err = rd.gather(s, i)
	n := len(s.lp)
	if err != nil || n == 0 {
		return length, err
	}
	r, spec := &s.r, &rd.o.Ratio
	r.LogRatio, r.Ratio = s.logRatio, s.ratio
	r.plain = spec.Level == TokenLevel && !spec.bounded()
	r.spare = scratchpad{tmp: s.tmp, side: [...][]float64{s.klValue, s.klSlope}, held: s.grad}
	lp, d := s.lp[:n], s.d[:n]
	for t, x := range r.Anchor[:n] {
		d[t] = lp[t] - x
	}
	if !finite(sum(s.d)) {
		return length, s.badToken("LogRatio", i, s.d, func(t int) bool { return !finite(s.d[t]) })
	}
	q := s.d
	if s.bounded = spec.bounded(); s.bounded {
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
	if spec.Level == TokenLevel {
		copy(s.logRatio, q)
	} else {
		x := sum(q)
		if spec.Level == SequenceLevel || spec.Level == SequenceTokenLevel {
			x /= float64(n)
		}
		for t := range s.logRatio {
			s.logRatio[t] = x
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
		return length, nil
	}
	for t, x := range s.logRatio {
		if t > 0 && x == s.logRatio[t-1] { // else a pessimistic cap with token advantages
			s.ratio[t] = s.ratio[t-1]
		} else {
			vexp.Exp(s.ratio[t:t+1], s.logRatio[t:t+1])
		}
	}
	return length, nil
}

func (r *Ratio) bounded() bool { return r.Clamp.on() || r.Cap.on() }

// attempt evaluates response i and writes its rows of the gradient. It is the whole
// mathematics of an objective, once:
//
//	g_t = Share (w_t l'_t through the level) + Coefficient Share_KL k'_t
func (w *worker[F]) attempt(e *Evaluator[F], i int) error {
	rd, s := &e.reading, &w.scratch
	o := rd.o
	length, err := rd.ratios(s, i)
	if err != nil {
		return err
	}
	n := len(s.lp)
	if n == 0 {
		e.clearRows(s, i)
		w.stats.skipped(length)
		return nil
	}
	counts, err := e.counts(i, length)
	if err != nil {
		return err
	}
	share := o.Aggregation.Share(counts)
	if !finite(share) {
		return &ValueError{"Share", i, -1, share}
	}

	// Surrogate and weights: s.loss and s.dloss.
	if err := s.surrogate(o, i); err != nil {
		return err
	}
	surrogate := share * sum(s.loss)

	// The level's chain rule: s.grad.
	level := o.Ratio.Level
	switch {
	case level.Shared():
		g := share * sum(s.dloss)
		if level == SequenceLevel {
			g /= float64(n)
		}
		for t := range s.grad {
			s.grad[t] = g
		}
	default:
		for t, d := range s.dloss {
			s.grad[t] = share * d
		}
	}
	if s.bounded && !detached(o.Surrogate) {
		for t, inside := range s.inside {
			if !inside {
				s.grad[t] = 0
			}
		}
	}

	// KL and entropy, each with its own share.
	var kl, klTerm float64
	if o.KL.on() {
		klShare := share
		if o.KL.Aggregation != nil {
			klShare = o.KL.Aggregation.Share(counts)
		}
		o.KL.term(s.klValue, s.klSlope, s.tmp, &s.r)
		kl = sum(s.klValue)
		if slope := sum(s.klSlope); !finite(kl) || !finite(slope) || !finite(klShare) {
			return s.badToken("KL", i, s.klValue, func(t int) bool { return !finite(s.klValue[t]) || !finite(s.klSlope[t]) })
		}
		c := o.KL.Coefficient * klShare
		klTerm = c * kl
		for t, slope := range s.klSlope {
			s.grad[t] += float64(c * slope)
		}
	}
	var entropy, entropyTerm, entropySlope float64
	if o.Entropy.on() {
		entropyShare := share
		if o.Entropy.Aggregation != nil {
			entropyShare = o.Entropy.Aggregation.Share(counts)
		}
		entropy = sum(s.r.Entropy)
		entropySlope = -o.Entropy.Coefficient * entropyShare
		entropyTerm = entropySlope * entropy
	}

	if !finite(surrogate) || !finite(klTerm) || !finite(entropyTerm) {
		return &ValueError{"Loss", i, -1, surrogate + klTerm + entropyTerm}
	}
	if err := e.write(s, i, entropySlope); err != nil {
		return err
	}

	st := &w.stats
	st.counts[countTokens] += int64(length)
	st.counts[countDropped] += int64(length - n)
	st.counts[countResponses]++
	st.counts[countAll]++
	st.sums[sumSurrogate].Add(surrogate)
	if o.KL.on() {
		st.sums[sumKLTerm].Add(klTerm)
		st.sums[sumKL].Add(kl)
		st.counts[countKL] += int64(n)
	}
	if o.Entropy.on() {
		st.sums[sumEntropyTerm].Add(entropyTerm)
		st.sums[sumEntropy].Add(entropy)
		st.counts[countEntropy] += int64(n)
	}
	if len(o.Weights) > 0 {
		st.weights(s.weight)
	}
	st.ratios(s, level == TokenLevel && !s.bounded)
	st.held(s, o.Ratio.Clamp.on())
	return nil
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

// surrogate fills s.loss and s.dloss, weights applied, and s.held. A token whose
// advantage or weight is 0 may have any ratio; any other non-finite number is an
// error.
func (s *scratch) surrogate(o *Objective, i int) error {
	r := &s.r
	o.Surrogate.Loss(s.loss, s.dloss, r)
	if h, ok := o.Surrogate.(Holder); ok {
		h.Held(s.held, r)
	} else {
		for t, d := range s.dloss {
			s.held[t] = d == 0
		}
	}
	if len(o.Weights) > 0 {
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
	if !finite(sum(s.ratio)) {
		matters := func(t int) bool {
			return !finite(s.ratio[t]) && s.advantage[t] != 0 && (len(o.Weights) == 0 || s.weight[t] != 0)
		}
		for t := range s.ratio {
			if matters(t) {
				return s.badToken("Ratio", i, s.ratio, matters)
			}
		}
	}
	if !finite(sum(s.loss)) || !finite(sum(s.dloss)) {
		return s.badToken("Loss", i, s.loss, func(t int) bool { return !finite(s.loss[t]) || !finite(s.dloss[t]) })
	}
	return nil
}

// write puts s.grad and the token losses to the response's rows.
func (e *Evaluator[F]) write(s *scratch, i int, entropySlope float64) error {
	o := e.reading.o
	if e.scale != 1 {
		for t := range s.grad {
			s.grad[t] *= e.scale
		}
	}
	for _, g := range s.grad {
		if x := F(g); x-x != 0 {
			return s.badToken("Gradient", i, s.grad, func(t int) bool { return F(s.grad[t])-F(s.grad[t]) != 0 })
		}
	}
	e.clearRows(s, i)
	put(e.dst.LogProbs, s, s.grad, e.add)
	if len(e.dst.Entropies) > 0 && o.Entropy.on() {
		slope := entropySlope * e.scale
		for t := range s.tmp {
			s.tmp[t] = slope
		}
		put(e.dst.Entropies, s, s.tmp, e.add)
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
		put(e.dst.Losses, s, s.loss, e.add)
	}
	return nil
}

// clearRows clears the rows of response i, which put then overwrites in part.
func (e *Evaluator[F]) clearRows(s *scratch, i int) {
	from, to := e.reading.b.Offsets[i], e.reading.b.Offsets[i+1]
	if e.add || len(s.lp) == to-from && len(e.dst.Entropies) == 0 {
		return
	}
	for _, x := range [...][]F{e.dst.LogProbs, e.dst.Entropies, e.dst.Losses} {
		if len(x) > 0 {
			clear(x[from:to])
		}
	}
}

// put writes one number a counted token to dst [T].
func put[F Float](dst []F, s *scratch, x []float64, add bool) {
	if len(dst) == 0 {
		return
	}
	if !add && len(s.tokens) == 0 { // consecutive
		dst = dst[s.from : s.from+len(x)]
		for t, v := range x {
			dst[t] = F(v)
		}
		return
	}
	for t, v := range x {
		k := s.at(t)
		if add {
			dst[k] = F(float64(dst[k]) + v)
		} else {
			dst[k] = F(v)
		}
	}
}

// skipped counts a response of which no token is left: masked, or all dropped.
func (st *Stats) skipped(length int) {
	st.counts[countAll]++
	if length > 0 {
		st.counts[countResponses]++
		st.counts[countTokens] += int64(length)
		st.counts[countDropped] += int64(length)
	}
}

// weights measures the product of weights.
func (st *Stats) weights(weight []float64) {
	var x, xx float64
	zero := 0
	for _, w := range weight {
		x += w
		xx += float64(w * w)
		if w == 0 {
			zero++
		}
	}
	st.counts[countZeroWeight] += int64(zero)
	if finite(x) && finite(xx) {
		st.counts[countWeighted] += int64(len(weight))
		st.sums[sumWeight].Add(x)
		st.sums[sumWeightSquared].Add(xx)
	}
}

// ratios measures the ratio at its level and k1..k3 of the token log-ratios.
// plain says that the ratio is exp(d) of its own token.
func (st *Stats) ratios(s *scratch, plain bool) {
	var x, xx, k1, k2, k3 float64
	low, high := s.ratio[0], s.ratio[0]
	own := s.ratio // exp(d) of each token
	if !plain {
		own = s.tmp
		vexp.Exp(own, s.d)
	}
	for t, r := range s.ratio {
		d := s.d[t]
		x += r
		xx += float64(r * r)
		low, high = min(low, r), max(high, r)
		k1 -= d
		k2 += float64(d * d)
		k3 += own[t] - 1 - d
	}
	k2 *= 0.5
	if !finite(x) || !finite(xx) || !finite(k2) || !finite(k3) {
		return
	}
	st.measure(low, high)
	st.counts[countMeasured] += int64(len(s.ratio))
	st.sums[sumRatio].Add(x)
	st.sums[sumRatioSquared].Add(xx)
	st.sums[sumK1].Add(k1)
	st.sums[sumK2].Add(k2)
	st.sums[sumK3].Add(k3)
}

// held counts tokens at a bound by side and by the sign of the advantage.
// clamped says that token log-ratios were bounded before their level.
func (st *Stats) held(s *scratch, clamped bool) {
	any := false
	for t, held := range s.held {
		if !held && !(s.bounded && !s.inside[t]) {
			continue
		}
		a, d := s.advantage[t], s.logRatio[t]
		if clamped && s.q[t] != s.d[t] {
			d = s.d[t] // the token is held, on a side of its own
		}
		if a == 0 || d == 0 {
			continue
		}
		any = true
		switch {
		case d < 0 && a < 0:
			st.counts[countLowNegative]++
		case d < 0:
			st.counts[countLowPositive]++
		case a < 0:
			st.counts[countHighNegative]++
		default:
			st.counts[countHighPositive]++
		}
	}
	if any {
		st.counts[countHeldResponses]++
	}
}

// sum adds in one fixed order: four lanes, then a tree.
func sum(x []float64) float64 {
	var a, b, c, d float64
	for len(x) >= 4 {
		a += x[0]
		b += x[1]
		c += x[2]
		d += x[3]
		x = x[4:]
	}
	for _, y := range x {
		a += y
	}
	return (a + b) + (c + d)
}
