package grpo

// Measured is what one response adds to Stats: sums over its counted tokens. An
// Evaluator fills it by itself; it is exported for evaluators outside this package, such
// as one on a GPU. A count of 0 leaves the sums below it out.
type Measured struct {
	Tokens  int64 // counted, dropped ones included
	Dropped int64 // of these, by NonFinite

	Surrogate, KLTerm, EntropyTerm float64 // parts of the loss, shares included

	Ratios                          int64   // tokens in the next five and the range
	Ratio, RatioSquared, K1, K2, K3 float64 // k1 to k3 of anchor - lp
	RatioMin, RatioMax              float64

	Weights, ZeroWeights  int64 // tokens in the next two, and those of weight 0
	Weight, WeightSquared float64
	KLs, Entropies        int64   // tokens in the next two
	KL, Entropy           float64 // of the KL's estimator with its factor, of Batch.Entropies
	LowNegative           int64   // tokens held at the low side, A < 0
	LowPositive           int64   // ..., A > 0
	HighNegative          int64
	HighPositive          int64
}

// Add adds a response. Every sum but those of ratios and weights must be finite: a
// non-finite one is an *ValueError, with Response and Token -1, and nothing is added.
// Ratios or weights whose sums or squares overflow are left out.
func (s *Stats) Add(m *Measured) error {
	for _, x := range [...]struct {
		field string
		value float64
	}{{"Loss", m.Surrogate}, {"KL", m.KLTerm}, {"KL", m.KL}, {"Entropies", m.EntropyTerm}, {"Entropies", m.Entropy}} {
		if !finite(x.value) {
			return &ValueError{x.field, -1, -1, x.value}
		}
	}
	s.counts[countAll]++
	s.counts[countTokens] += m.Tokens
	s.counts[countDropped] += m.Dropped
	if m.Tokens > 0 {
		s.counts[countResponses]++
	}
	s.sums[sumSurrogate].Add(m.Surrogate)
	if m.KLs > 0 {
		s.sums[sumKLTerm].Add(m.KLTerm)
		s.sums[sumKL].Add(m.KL)
		s.counts[countKL] += m.KLs
	}
	if m.Entropies > 0 {
		s.sums[sumEntropyTerm].Add(m.EntropyTerm)
		s.sums[sumEntropy].Add(m.Entropy)
		s.counts[countEntropy] += m.Entropies
	}
	s.counts[countZeroWeight] += m.ZeroWeights
	if m.Weights > 0 && finite(m.Weight) && finite(m.WeightSquared) {
		s.sums[sumWeight].Add(m.Weight)
		s.sums[sumWeightSquared].Add(m.WeightSquared)
		s.counts[countWeighted] += m.Weights
	}
	if m.Ratios > 0 && finite(m.Ratio) && finite(m.RatioSquared) && finite(m.K2) && finite(m.K3) {
		s.measure(m.RatioMin, m.RatioMax)
		s.counts[countMeasured] += m.Ratios
		for i, x := range [...]float64{m.Ratio, m.RatioSquared, m.K1, m.K2, m.K3} {
			s.sums[sumRatio+i].Add(x)
		}
	}
	held := [...]int64{m.LowNegative, m.LowPositive, m.HighNegative, m.HighPositive}
	any := int64(0)
	for i, n := range held {
		s.counts[countLowNegative+i] += n
		any |= n
	}
	if any != 0 {
		s.counts[countHeldResponses]++
	}
	return nil
}
