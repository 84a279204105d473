package pass

import (
	"math"

	"github.com/grouprl/grouprl/internal/vexp"
)

// RatioSums are the sums over the tokens of a response that the statistics of ratios
// are made of: of the ratio r, and of the token's own log-ratio d.
type RatioSums struct {
	LogRatio      Lanes // d; finite only if all log-probabilities are
	Ratio, Square Lanes // r, r^2
	Min, Max      Lanes // of r in each lane
	K2, K3        Lanes // d^2, exp(d) - 1 - d
}

// Reset makes s the sums of no token.
func (s *RatioSums) Reset() {
	*s = RatioSums{}
	for i := range s.Min {
		s.Min[i], s.Max[i] = math.Inf(1), math.Inf(-1)
	}
}

// Range returns the smallest and the largest ratio.
func (s *RatioSums) Range() (low, high float64) {
	low, high = s.Min[0], s.Max[0]
	for i := range s.Min {
		low, high = min(low, s.Min[i]), max(high, s.Max[i])
	}
	return low, high
}

// Ratio writes d = lp - anchor and ratio = exp(d) of each token and adds them to s: it
// is Subtract, vexp.Exp and Measure in one pass.
func Ratio[F Float](d, ratio []float64, lp, anchor []F, s *RatioSums) {
	n := len(d)
	ratio, lp, anchor = ratio[:n], lp[:n], anchor[:n]
	switch lp := any(lp).(type) {
	case []float32:
		n = ratio32(d, ratio, lp, any(anchor).([]float32), s)
	case []float64:
		n = ratio64(d, ratio, lp, any(anchor).([]float64), s)
	}
	if n == len(d) {
		return
	}
	d, ratio = d[n:], ratio[n:]
	Subtract(d, lp[n:], anchor[n:], &s.LogRatio)
	vexp.Exp(ratio, d)
	Measure(s, ratio, ratio, d)
}

// Measure adds tokens to s, but for LogRatio: their ratio, whatever it is the ratio of,
// their log-ratio d and e = exp(d).
func Measure(s *RatioSums, ratio, e, d []float64) {
	n := len(ratio)
	e, d = e[:n], d[:n]
	n = measure(s, ratio, e, d)
	measureTwin(s, ratio[n:], e[n:], d[n:])
}

func measureTwin(s *RatioSums, ratio, e, d []float64) {
	for t, r := range ratio {
		i, d := t&7, d[t]
		s.Ratio[i] += r
		s.Square[i] = math.FMA(r, r, s.Square[i])
		if r < s.Min[i] {
			s.Min[i] = r
		}
		if r > s.Max[i] {
			s.Max[i] = r
		}
		s.K2[i] = math.FMA(d, d, s.K2[i])
		s.K3[i] += e[t] - 1 - d
	}
}
