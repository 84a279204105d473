package pass

// Widen writes dst = src in float64 and reports whether all of it is finite.
func Widen[F Float](dst []float64, src []F) (finite bool) {
	src = src[:len(dst)]
	var bad Lanes
	n := 0
	if src, ok := any(src).([]float32); ok {
		n = widen(dst, src, &bad)
	}
	widenTwin(dst[n:], src[n:], &bad)
	return bad.Sum() == 0
}

// widenTwin adds 0 to bad for a finite number and NaN for another.
func widenTwin[F Float](dst []float64, src []F, bad *Lanes) {
	for t := range dst {
		x := float64(src[t])
		dst[t] = x
		bad[t&7] += x - x
	}
}
