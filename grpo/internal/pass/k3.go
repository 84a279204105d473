package pass

import (
	"math"

	"github.com/grouprl/grouprl/internal/vexp"
)

// K3 writes, for x = other - lp and e = exp(x),
//
//	value = e - 1 - x        slope = 1 - e
//
// and adds them to s. Where |x| < 1/1024 and e - 1 - x would cancel, it takes the series
// of the exponential.
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
	vexp.Exp(slope, value)
	for t := estimate(value, slope, value, slope); t < len(value); t++ {
		value[t], slope[t] = K3At(value[t], slope[t])
	}
	s.Add(value, slope)
}

// K3At is K3 of one number.
func K3At(x, e float64) (value, slope float64) {
	if math.Abs(x) < 1./1024 {
		p := math.FMA(1./120, x, 1./24)
		p = math.FMA(p, x, 1./6)
		p = math.FMA(p, x, 1./2)
		value = float64(float64(x*x) * p)
		return value, -x - value
	}
	return e - 1 - x, 1 - e
}
