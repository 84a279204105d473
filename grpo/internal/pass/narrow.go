package pass

import "math"

// Factors are what a token's derivatives are multiplied by.
type Factors struct{ Share, KL float64 }

// Narrow writes
//
//	dst = Share dloss + KL slope
//
// in dst's type, without the second term where slope is nil. It reports whether all of
// it is finite.
func Narrow[F Float](dst []F, dloss, slope []float64, f Factors) (finite bool) {
	n := len(dst)
	dloss = dloss[:n]
	if slope != nil {
		slope = slope[:n]
	}
	var bad [8]F
	switch dst := any(dst).(type) {
	case []float32:
		n = narrow32(dst, dloss, slope, &f, any(&bad).(*[8]float32))
	case []float64:
		n = narrow64(dst, dloss, slope, &f, any(&bad).(*[8]float64))
	}
	if slope != nil {
		slope = slope[n:]
	}
	narrowTwin(dst[n:], dloss[n:], slope, &f, &bad)
	return allZero(&bad)
}

func allZero[F Float](bad *[8]F) bool {
	sum := F(0)
	for _, x := range bad {
		sum += x
	}
	return sum == 0
}

// narrowTwin adds 0 to bad for a finite number and NaN for another.
func narrowTwin[F Float](dst []F, dloss, slope []float64, f *Factors, bad *[8]F) {
	for t, d := range dloss {
		g := float64(f.Share * d) // pinned, or g - g could be fused with the product
		if slope != nil {
			g = math.FMA(f.KL, slope[t], g)
		}
		x := F(g)
		dst[t] = x
		bad[t&7] += x - x
	}
}
