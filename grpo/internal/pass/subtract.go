package pass

// Subtract writes dst = a - b in float64 and adds it to sum, which is finite only if
// a and b are.
func Subtract[F Float](dst []float64, a, b []F, sum *Lanes) {
	a, b = a[:len(dst)], b[:len(dst)]
	n := 0
	switch a := any(a).(type) {
	case []float32:
		n = subtract32(dst, a, any(b).([]float32), sum)
	case []float64:
		n = subtract64(dst, a, any(b).([]float64), sum)
	}
	subtractTwin(dst[n:], a[n:], b[n:], sum)
}

func subtractTwin[F Float](dst []float64, a, b []F, sum *Lanes) {
	for t := range dst {
		d := float64(a[t]) - float64(b[t])
		dst[t] = d
		sum[t&7] += d
	}
}
