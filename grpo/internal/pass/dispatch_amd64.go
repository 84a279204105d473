//go:build amd64 && gc && !noasm && !purego

package pass

import "github.com/grouprl/grouprl/internal/simd"

// Each function below does as many of the leading numbers as fill whole vectors and
// returns how many that were; none where the tier has no kernels.

func whole(n int) int {
	if simd.Chosen == simd.Generic {
		return 0
	}
	return n &^ 7
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

func add(sum *Lanes, x []float64) int {
	n := whole(len(x))
	switch {
	case n == 0:
	case simd.Chosen == simd.AVX512:
		addAVX512(&sum[0], &x[0], n)
	default:
		addAVX2(&sum[0], &x[0], n)
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

func k3(value, slope, x, e []float64) int {
	n := whole(len(value))
	switch {
	case n == 0:
	case simd.Chosen == simd.AVX512:
		k3AVX512(&value[0], &slope[0], &x[0], &e[0], n)
	default:
		k3AVX2(&value[0], &slope[0], &x[0], &e[0], n)
	}
	return n
}

func measure(m *Moments, ratio, e, d, loss, dloss []float64) int {
	n := whole(len(ratio))
	switch {
	case n == 0:
	case simd.Chosen == simd.AVX512:
		measureAVX512(&m.Ratio[0], &ratio[0], &e[0], &d[0], &loss[0], &dloss[0], n)
	default:
		measureAVX2(&m.Ratio[0], &ratio[0], &e[0], &d[0], &loss[0], &dloss[0], n)
	}
	return n
}

func held(c *HeldCounts, slope, side, advantage []float64) int {
	n := whole(len(slope))
	switch {
	case n == 0:
	case simd.Chosen == simd.AVX512:
		heldAVX512(&c.LowNegative, &slope[0], &side[0], &advantage[0], n)
	default:
		heldAVX2(&c.LowNegative, &slope[0], &side[0], &advantage[0], n)
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
