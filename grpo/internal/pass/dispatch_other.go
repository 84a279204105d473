//go:build !amd64 || !gc || noasm || purego

package pass

// Without kernels the twins do it all.

func ratio32(d, ratio []float64, lp, anchor []float32, s *RatioSums) int { return 0 }

func ratio64(d, ratio, lp, anchor []float64, s *RatioSums) int { return 0 }

func k332(value, slope []float64, other, lp []float32, s *Pair) int { return 0 }

func k364(value, slope, other, lp []float64, s *Pair) int { return 0 }

func subtract32(dst []float64, a, b []float32, sum *Lanes) int { return 0 }

func subtract64(dst, a, b []float64, sum *Lanes) int { return 0 }

func measure(s *RatioSums, ratio, e, d []float64) int { return 0 }

func widen(dst []float64, src []float32, bad *Lanes) int { return 0 }

func fill(dst []float64, x float64) int { return 0 }

func add(p *Pair, x, y []float64) int { return 0 }

func clip(loss, dloss, ratio, advantage []float64, b *Bounds) int { return 0 }

func losses(s *Pair, counts *held, loss, dloss, slope, side, advantage []float64) int { return 0 }

func clipLosses(s *Pair, counts *held, loss, dloss, ratio, side, advantage []float64, b *Bounds) int {
	return 0
}

func clipGradient32(dst []float32, s *Pair, counts *held, ratio, side, slope []float64, advantage *float64, b *Bounds, f *Factors, bad *[8]float32) int {
	return 0
}

func clipGradient64(dst []float64, s *Pair, counts *held, ratio, side, slope []float64, advantage *float64, b *Bounds, f *Factors, bad *[8]float64) int {
	return 0
}

func narrow32(dst []float32, dloss, slope []float64, f *Factors, bad *[8]float32) int { return 0 }

func narrow64(dst, dloss, slope []float64, f *Factors, bad *[8]float64) int { return 0 }

func estimate(value, slope, x []float64) int { return 0 }
