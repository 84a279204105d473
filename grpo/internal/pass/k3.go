package pass

import "math"

// K3 writes, for e = exp(x),
//
//	value = e - 1 - x        slope = 1 - e
//
// by the series of the exponential where |x| < 1/1024 and e - 1 - x would cancel.
func K3(value, slope, x, e []float64) {
	n := len(value)
	slope, x, e = slope[:n], x[:n], e[:n]
	n = k3(value, slope, x, e)
	for t := n; t < len(value); t++ {
		value[t], slope[t] = K3At(x[t], e[t])
	}
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
