//go:build amd64 && gc && !noasm && !purego

package pass

import (
	"github.com/grouprl/grouprl/internal/simd"
	"github.com/grouprl/grouprl/internal/vexp"
)

// Each function below does as many of the leading numbers as fill whole vectors and
// returns how many that were; none where the tier has no kernels.

func whole(n int) int {
	if simd.Chosen == simd.Generic {
		return 0
	}
	return n &^ 7
}

func ratio32(d, ratio []float64, lp, anchor []float32, s *RatioSums) int {
	n := whole(len(d))
	if n == 0 || simd.Chosen < simd.AVX512 {
		return 0
	}
	ratio32AVX512(&d[0], &ratio[0], &lp[0], &anchor[0], &s.LogRatio[0], vexp.Table(), n)
	return n
}

func ratio64(d, ratio, lp, anchor []float64, s *RatioSums) int {
	n := whole(len(d))
	if n == 0 || simd.Chosen < simd.AVX512 {
		return 0
	}
	ratio64AVX512(&d[0], &ratio[0], &lp[0], &anchor[0], &s.LogRatio[0], vexp.Table(), n)
	return n
}

func k332(value, slope []float64, other, lp []float32, s *Pair) int {
	n := whole(len(value))
	if n == 0 || simd.Chosen < simd.AVX512 {
		return 0
	}
	k332AVX512(&value[0], &slope[0], &other[0], &lp[0], &s[0][0], vexp.Table(), n)
	return n
}

func k364(value, slope, other, lp []float64, s *Pair) int {
	n := whole(len(value))
	if n == 0 || simd.Chosen < simd.AVX512 {
		return 0
	}
	k364AVX512(&value[0], &slope[0], &other[0], &lp[0], &s[0][0], vexp.Table(), n)
	return n
}

func subtract32(dst []float64, a, b []float32, sum *Lanes) int {
	n := whole(len(dst))
	switch {
	case n == 0:
	case simd.Chosen == simd.AVX512:
		subtract32AVX512(&dst[0], &a[0], &b[0], &sum[0], n)
	default:
		subtract32AVX2(&dst[0], &a[0], &b[0], &sum[0], n)
	}
	return n
}

func subtract64(dst, a, b []float64, sum *Lanes) int {
	n := whole(len(dst))
	switch {
	case n == 0:
	case simd.Chosen == simd.AVX512:
		subtract64AVX512(&dst[0], &a[0], &b[0], &sum[0], n)
	default:
		subtract64AVX2(&dst[0], &a[0], &b[0], &sum[0], n)
	}
	return n
}

func measure(s *RatioSums, ratio, e, d []float64) int {
	n := whole(len(ratio))
	switch {
	case n == 0:
	case simd.Chosen == simd.AVX512:
		measureAVX512(&s.LogRatio[0], &ratio[0], &e[0], &d[0], n)
	default:
		measureAVX2(&s.LogRatio[0], &ratio[0], &e[0], &d[0], n)
	}
	return n
}

func widen(dst []float64, src []float32, bad *Lanes) int {
	n := whole(len(dst))
	switch {
	case n == 0:
	case simd.Chosen == simd.AVX512:
		widenAVX512(&dst[0], &src[0], &bad[0], n)
	default:
		widenAVX2(&dst[0], &src[0], &bad[0], n)
	}
	return n
}

func fill(dst []float64, x float64) int {
	n := whole(len(dst))
	switch {
	case n == 0:
	case simd.Chosen == simd.AVX512:
		fillAVX512(&dst[0], &x, n)
	default:
		fillAVX2(&dst[0], &x, n)
	}
	return n
}

func add(p *Pair, x, y []float64) int {
	n := whole(len(x))
	switch {
	case n == 0:
	case simd.Chosen == simd.AVX512:
		addAVX512(&p[0][0], &x[0], &y[0], n)
	default:
		addAVX2(&p[0][0], &x[0], &y[0], n)
	}
	return n
}

func clip(loss, dloss, ratio, advantage []float64, b *Bounds) int {
	n := whole(len(loss))
	switch {
	case n == 0:
	case simd.Chosen == simd.AVX512:
		clipAVX512(&loss[0], &dloss[0], &ratio[0], &advantage[0], &b.Low, n)
	default:
		clipAVX2(&loss[0], &dloss[0], &ratio[0], &advantage[0], &b.Low, n)
	}
	return n
}

func losses(s *Pair, counts *held, loss, dloss, slope, side, advantage []float64) int {
	n := whole(len(slope))
	switch {
	case n == 0:
	case simd.Chosen == simd.AVX512:
		lossesAVX512(&s[0][0], &counts[0], &loss[0], &dloss[0], &slope[0], &side[0], &advantage[0], n)
	default:
		lossesAVX2(&s[0][0], &counts[0], &loss[0], &dloss[0], &slope[0], &side[0], &advantage[0], n)
	}
	return n
}

func clipLosses(s *Pair, counts *held, loss, dloss, ratio, side, advantage []float64, b *Bounds) int {
	n := whole(len(loss))
	switch {
	case n == 0:
	case simd.Chosen == simd.AVX512:
		clipLossesAVX512(&s[0][0], &counts[0], &loss[0], &dloss[0], &ratio[0], &side[0], &advantage[0], &b.Low, n)
	default:
		clipAVX2(&loss[0], &dloss[0], &ratio[0], &advantage[0], &b.Low, n)
		lossesAVX2(&s[0][0], &counts[0], &loss[0], &dloss[0], &dloss[0], &side[0], &advantage[0], n)
	}
	return n
}

func clipGradient32(dst []float32, s *Pair, counts *held, ratio, side, slope []float64, advantage *float64, b *Bounds, f *Factors, bad *[8]float32) int {
	n := whole(len(dst))
	switch {
	case n == 0 || simd.Chosen < simd.AVX512:
		return 0
	case slope != nil:
		clipGradientSum32AVX512(&dst[0], &s[0][0], &counts[0], &ratio[0], &side[0], &slope[0], advantage, &b.Low, &f.Share, &bad[0], n)
	default:
		clipGradient32AVX512(&dst[0], &s[0][0], &counts[0], &ratio[0], &side[0], advantage, &b.Low, &f.Share, &bad[0], n)
	}
	return n
}

func clipGradient64(dst []float64, s *Pair, counts *held, ratio, side, slope []float64, advantage *float64, b *Bounds, f *Factors, bad *[8]float64) int {
	n := whole(len(dst))
	switch {
	case n == 0 || simd.Chosen < simd.AVX512:
		return 0
	case slope != nil:
		clipGradientSum64AVX512(&dst[0], &s[0][0], &counts[0], &ratio[0], &side[0], &slope[0], advantage, &b.Low, &f.Share, &bad[0], n)
	default:
		clipGradient64AVX512(&dst[0], &s[0][0], &counts[0], &ratio[0], &side[0], advantage, &b.Low, &f.Share, &bad[0], n)
	}
	return n
}

func narrow32(dst []float32, dloss, slope []float64, f *Factors, bad *[8]float32) int {
	n := whole(len(dst))
	switch wide := simd.Chosen == simd.AVX512; {
	case n == 0:
	case wide && slope != nil:
		narrowSum32AVX512(&dst[0], &dloss[0], &slope[0], &f.Share, &bad[0], n)
	case wide:
		narrow32AVX512(&dst[0], &dloss[0], &f.Share, &bad[0], n)
	case slope != nil:
		narrowSum32AVX2(&dst[0], &dloss[0], &slope[0], &f.Share, &bad[0], n)
	default:
		narrow32AVX2(&dst[0], &dloss[0], &f.Share, &bad[0], n)
	}
	return n
}

func narrow64(dst, dloss, slope []float64, f *Factors, bad *[8]float64) int {
	n := whole(len(dst))
	switch wide := simd.Chosen == simd.AVX512; {
	case n == 0:
	case wide && slope != nil:
		narrowSum64AVX512(&dst[0], &dloss[0], &slope[0], &f.Share, &bad[0], n)
	case wide:
		narrow64AVX512(&dst[0], &dloss[0], &f.Share, &bad[0], n)
	case slope != nil:
		narrowSum64AVX2(&dst[0], &dloss[0], &slope[0], &f.Share, &bad[0], n)
	default:
		narrow64AVX2(&dst[0], &dloss[0], &f.Share, &bad[0], n)
	}
	return n
}

func estimate(value, slope, x []float64) int {
	n := whole(len(value))
	switch {
	case n == 0:
	case simd.Chosen == simd.AVX512:
		estimateAVX512(&value[0], &slope[0], &x[0], vexp.Table(), n)
	default:
		estimateAVX2(&value[0], &slope[0], &x[0], vexp.Table(), n)
	}
	return n
}
