package pass

// Fill writes dst = x.
func Fill(dst []float64, x float64) {
	dst = dst[fill(dst, x):]
	for t := range dst {
		dst[t] = x
	}
}
