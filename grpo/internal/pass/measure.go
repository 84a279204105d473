package pass

import "math"

// Moments are the sums over the tokens of a response that its statistics are made of.
type Moments struct {
	Ratio, Square Lanes // r, r^2
	Min, Max      Lanes // of r in each lane
	K2, K3        Lanes // d^2, e - 1 - d
	Loss, Slope   Lanes // the weighted token losses and their derivatives
}

// Reset makes m the moments of no token.
func (m *Moments) Reset() {
	*m = Moments{}
	for i := range m.Min {
		m.Min[i], m.Max[i] = math.Inf(1), math.Inf(-1)
	}
}

// Range returns the smallest and the largest ratio.
func (m *Moments) Range() (low, high float64) {
	low, high = m.Min[0], m.Max[0]
	for i := range m.Min {
		low, high = min(low, m.Min[i]), max(high, m.Max[i])
	}
	return low, high
}

// Measure adds tokens to m: their ratio r, their own log-ratio d and e = exp(d), which
// is r where the ratio is that of one token without bounds, their loss and its
// derivative.
func Measure(m *Moments, ratio, e, d, loss, dloss []float64) {
	n := len(ratio)
	e, d, loss, dloss = e[:n], d[:n], loss[:n], dloss[:n]
	n = measure(m, ratio, e, d, loss, dloss)
	measureTwin(m, ratio[n:], e[n:], d[n:], loss[n:], dloss[n:])
}

func measureTwin(m *Moments, ratio, e, d, loss, dloss []float64) {
	for t, r := range ratio {
		i := t & 7
		m.Ratio[i] += r
		m.Square[i] = math.FMA(r, r, m.Square[i])
		if r < m.Min[i] {
			m.Min[i] = r
		}
		if r > m.Max[i] {
			m.Max[i] = r
		}
		m.K2[i] = math.FMA(d[t], d[t], m.K2[i])
		m.K3[i] += e[t] - 1 - d[t]
		m.Loss[i] += loss[t]
		m.Slope[i] += dloss[t]
	}
}
