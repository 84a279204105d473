package advantage

import "math"

// stats are mean and standard deviation of a set of rewards, taken relative to the smallest
// so that a common offset costs no digits: mean of the set = low + mean.
type stats struct {
	n         int
	low, high float64
	mean      float64 // of reward - low
	std       float64 // sqrt(sum of (reward - low - mean)^2 / (n - ddof))
}

// describe is the two-pass mean and deviation of values, the same bits in any order.
// buffer is scratch of the same length. The deviation is left at 0 unless wanted,
// and with n <= ddof.
func describe(values, buffer []float64, ddof int, deviation bool) stats {
	s := stats{n: len(values)}
	if s.n == 0 {
		return s
	}
	s.low, s.high = values[0], values[0]
	for _, v := range values {
		s.low, s.high = min(s.low, v), max(s.high, v)
	}
	if s.low == s.high {
		return s
	}
	for i, v := range values {
		buffer[i] = v - s.low
	}
	s.mean = sum(buffer, s.spread()) / float64(s.n)
	if !deviation || s.n <= ddof {
		return s
	}
	unit := unit(s.spread())
	for i, v := range values {
		d := ((v - s.low) - s.mean) * unit
		buffer[i] = d * d
	}
	edge := max(s.mean, s.spread()-s.mean) * unit
	s.std = math.Sqrt(sum(buffer, edge*edge)/float64(s.n-ddof)) / unit
	return s
}

// unit is the power of two that brings spread near 1, so that squares neither
// overflow nor vanish and nothing is rounded.
func unit(spread float64) float64 {
	_, exponent := math.Frexp(spread)
	return math.Ldexp(1, -max(exponent, -1000))
}

// spread is max - min.
func (s *stats) spread() float64 { return s.high - s.low }

// divisor is the number that a difference is divided by.
func divisor(std, epsilon float64, place EpsilonPlace) float64 {
	switch place {
	case FloorStd:
		return max(std, epsilon)
	case AddToVariance:
		return math.Sqrt(float64(std*std) + epsilon)
	case FloorVariance:
		return math.Sqrt(max(float64(std*std), epsilon))
	}
	return std + epsilon
}
