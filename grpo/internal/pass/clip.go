package pass

import "math"

// Bounds are those of a clipped ratio: Low where the advantage is negative, High
// where it is positive, and Cap, from above, where it is negative.
type Bounds struct{ Low, High, Cap float64 }

// Clip writes the clipped surrogate of each token and its derivative with respect to
// the log-ratio.
func Clip(loss, dloss, ratio, advantage []float64, b Bounds) {
	n := len(loss)
	dloss, ratio, advantage = dloss[:n], ratio[:n], advantage[:n]
	n = clip(loss, dloss, ratio, advantage, &b)
	clipTwin(loss[n:], dloss[n:], ratio[n:], advantage[n:], &b)
}

func clipTwin(loss, dloss, ratio, advantage []float64, b *Bounds) {
	for t, a := range advantage {
		if !(a > 0 || a < 0) {
			loss[t], dloss[t] = 0, 0
			continue
		}
		low, high := b.Low, b.Cap
		if a > 0 {
			low, high = math.Inf(-1), b.High
		}
		r := ratio[t]
		bounded := r // NaN stays
		if r > high {
			bounded = high
		}
		if bounded < low {
			bounded = low
		}
		l := -bounded * a
		loss[t] = l
		if bounded != r {
			l = 0
		}
		dloss[t] = l
	}
}
