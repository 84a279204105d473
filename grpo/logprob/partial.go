package logprob

import "math"

// Partial is what one row's logits, or a part of them, come to: with z = x/T,
//
//	Sum      = sum exp(z - Max)
//	Weighted = sum exp(z - Max) (z - Max)
//	Squares  = sum exp(z - Max)^2
//
// Max is near the largest z, not always equal to it. Partials of the shards of a
// vocabulary merge into the row's. Merging in another order changes last bits only;
// ranks that need equal bits merge in the order of the shards.
type Partial struct {
	Max, Sum, Weighted, Squares float64

	// Target is the target's z, where Found says that it is among these logits.
	Target float64
	Found  bool
}

// Merge adds the logits of q. The zero Partial is the empty one.
func (p *Partial) Merge(q Partial) {
	if q.Found {
		p.Target, p.Found = q.Target, true
	}
	switch {
	case q.Sum == 0:
		return
	case p.Sum == 0:
		p.Max, p.Sum, p.Weighted, p.Squares = q.Max, q.Sum, q.Weighted, q.Squares
		return
	case p.Max < q.Max:
		p.rebase(q.Max)
	case p.Max > q.Max:
		q.rebase(p.Max)
	}
	p.Sum += q.Sum
	p.Weighted += q.Weighted
	p.Squares += q.Squares
}

// rebase moves the reference up to m.
func (p *Partial) rebase(m float64) {
	shift := p.Max - m
	scale := math.Exp(shift)
	if scale == 0 { // or shift may be -Inf
		*p = Partial{Max: m, Target: p.Target, Found: p.Found}
		return
	}
	p.Weighted = scale * (p.Weighted + float64(shift*p.Sum))
	p.Sum *= scale
	p.Squares *= scale * scale
	p.Max = m
}

// LSE is log sum exp z; -Inf if no logit is above -Inf.
func (p *Partial) LSE() float64 {
	if p.Sum == 0 {
		return math.Inf(-1)
	}
	return p.Max + math.Log(p.Sum)
}

// LogProb is log p of the target; -Inf if the target is not among the logits or is masked.
func (p *Partial) LogProb() float64 {
	if !p.Found || p.Sum == 0 {
		return math.Inf(-1)
	}
	return clamp(p.Target-p.Max-math.Log(p.Sum), math.Inf(-1), 0)
}

// Entropy is -sum p log p, in nats.
func (p *Partial) Entropy() float64 {
	h := math.Log(p.Sum) - p.Weighted/p.Sum
	if h < 1e-29 { // what is left of masked ids in a kernel's sums, or of rounding
		return 0
	}
	return h
}

// SumSquares is sum p^2, the probability that two draws are equal.
func (p *Partial) SumSquares() float64 { return clamp(p.Squares/p.Sum/p.Sum, 0, 1) }

// clamp takes away what rounding has left outside of a range; NaN stays NaN.
func clamp(v, low, high float64) float64 {
	if v < low {
		return low
	}
	if v > high {
		return high
	}
	return v
}

// Finish turns the merged partials of whole rows into outputs. A row without a logit
// above -Inf, or with a NaN, is a *RowError.
func Finish[F Float](dst Rows[F], partials []Partial) error {
	if err := dst.check(int64(len(partials))); err != nil {
		return err
	}
	var first error
	for r := range partials {
		if err := dst.set(int64(r), &partials[r]); err != nil && first == nil {
			first = err
		}
	}
	return first
}
