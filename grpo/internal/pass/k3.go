package pass

import "github.com/grouprl/grouprl/internal/vexp"

// K3 writes, for x = other - lp,
//
//	value = exp(x) - 1 - x        slope = 1 - exp(x)
//
// and adds them to s: it is Subtract, Estimate and s.Add in one pass.
func K3[F Float](value, slope []float64, other, lp []F, s *Pair) {
	n := len(value)
	slope, other, lp = slope[:n], other[:n], lp[:n]
	switch lp := any(lp).(type) {
	case []float32:
		n = k332(value, slope, any(other).([]float32), lp, s)
	case []float64:
		n = k364(value, slope, any(other).([]float64), lp, s)
	}
	if n == len(value) {
		return
	}
	value, slope = value[n:], slope[n:]
	var sum Lanes
	Subtract(value, other[n:], lp[n:], &sum)
	Estimate(value, slope, value)
	s.Add(value, slope)
}

// Estimate writes vexp.Excess of each x: k3 and its derivative. value or slope may be x.
func Estimate(value, slope, x []float64) {
	n := len(x)
	value, slope = value[:n], slope[:n]
	for t := estimate(value, slope, x); t < n; t++ {
		value[t], slope[t] = vexp.Excess(x[t])
	}
}
