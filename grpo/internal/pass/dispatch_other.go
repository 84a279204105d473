//go:build !amd64 || !gc || noasm || purego

package pass

// Without kernels the twins do it all.

func subtract32(dst []float64, a, b []float32, sum *Lanes) int { return 0 }

func subtract64(dst, a, b []float64, sum *Lanes) int { return 0 }

func widen(dst []float64, src []float32, bad *Lanes) int { return 0 }

func add(sum *Lanes, x []float64) int { return 0 }

func clip(loss, dloss, ratio, advantage []float64, b *Bounds) int { return 0 }

func k3(value, slope, x, e []float64) int { return 0 }

func measure(m *Moments, ratio, e, d, loss, dloss []float64) int { return 0 }

func held(c *HeldCounts, slope, side, advantage []float64) int { return 0 }

func narrow32(dst []float32, dloss, slope []float64, f *Factors, bad *[8]float32) int { return 0 }

func narrow64(dst, dloss, slope []float64, f *Factors, bad *[8]float64) int { return 0 }
