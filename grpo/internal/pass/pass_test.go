package pass

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/internal/simd"
)

// What these tests pin:
//
//  1. every tier gives the twin's bits, for any length and any place in memory;
//  2. sums are the same in one call and in blocks of multiples of 8;
//  3. hand numbers of each pass;
//  4. no kernel touches what lies beside its slices (page_linux_test.go).

// forEachTier runs f on every tier of this machine; simd's own tests see to it that
// none is missing.
func forEachTier(t *testing.T, f func(t *testing.T)) {
	chosen := simd.Chosen
	defer func() { simd.Chosen = chosen }()
	for _, tier := range simd.Tiers() {
		simd.Chosen = tier
		t.Run(tier.String(), f)
	}
}

var specials = []float64{
	0, math.Copysign(0, -1), 1, -1, 1.28, 0.8, 3, 1. / 1024, -1. / 1024, math.Nextafter(1./1024, 0), math.Nextafter(1./1024, 1),
	5e-324, -5e-324, 1e-300, 1e300, -1e300, 1e39, -1e39, math.MaxFloat32, math.MaxFloat64, math.Inf(1), math.Inf(-1), math.NaN(),
}

// numbers are n random ones, with a special one in special of them.
func numbers(rng *rand.Rand, n int, special float64) []float64 {
	x := make([]float64, n)
	for i := range x {
		switch {
		case rng.Float64() < special:
			x[i] = specials[rng.IntN(len(specials))]
		case rng.Float64() < 0.3:
			x[i] = 1e-3 * (2*rng.Float64() - 1)
		default:
			x[i] = 4*rng.Float64() - 2
		}
	}
	return x
}

// sames compares bits, but for those of NaN.
func sames[F Float](t *testing.T, want, got []F, what string) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		same := want[i] == got[i] && math.Signbit(float64(want[i])) == math.Signbit(float64(got[i]))
		if !same && (want[i] == want[i] || got[i] == got[i]) {
			require.Failf(t, "bits differ", "%s: element %d of %d is %v, the twin has %v", what, i, len(want), got[i], want[i])
		}
	}
}

// run is one call of every pass on n numbers each, with all that they wrote. It cuts
// them at the multiples of step.
func run[F Float](seed uint64, n, step int, special float64) (f64 map[string][]float64, f map[string][]F) {
	rng := rand.New(rand.NewPCG(seed, 7))
	in := func() []float64 { return numbers(rng, n+3, special)[rng.IntN(4):][:n] }
	inF := func() []F {
		x := make([]F, 0, n)
		for _, v := range in() {
			x = append(x, F(v))
		}
		return x
	}
	a, b, u, v, w, y, z := inF(), inF(), in(), in(), in(), in(), in()
	out := func() []float64 { return make([]float64, n) }
	f64 = map[string][]float64{"subtract": out(), "widen": out(), "loss": out(), "dloss": out(), "d": out(), "ratio": out(), "value": out(), "slope": out(),
		"estimate": out(), "estimate slope": out(), "clipped": out(), "clipped slope": out(), "fill": out()}
	f = map[string][]F{"narrow": make([]F, n), "narrow sum": make([]F, n), "gradient": make([]F, n), "gradient sum": make([]F, n)}
	spare := [...][]float64{out(), out(), out()}
	var difference Lanes
	var sum Pair
	var m, ratios RatioSums
	var kl, losses, clipped, gradient, gradientSum Pair
	var c, h, g HeldCounts
	m.Reset()
	ratios.Reset()
	finite := []float64{1, 1, 1, 1, 1}
	clear := func(i int, ok bool) {
		if !ok {
			finite[i] = 0
		}
	}
	factors := Factors{0.3, -0.7}
	one := 1. // a response's advantage
	if n > 0 {
		one = v[0]
	}
	for lo := 0; lo < n; lo += step {
		at := func(x []float64) []float64 { return x[lo:min(lo+step, n)] }
		atF := func(x []F) []F { return x[lo:min(lo+step, n)] }
		Subtract(at(f64["subtract"]), atF(a), atF(b), &difference)
		clear(0, Widen(at(f64["widen"]), atF(a)))
		Fill(at(f64["fill"]), float64(seed))
		sum.Add(at(u), at(v))
		Clip(at(f64["loss"]), at(f64["dloss"]), at(u), at(v), Bounds{0.8, 1.28, 3})
		ClipLosses(&clipped, &h, at(f64["clipped"]), at(f64["clipped slope"]), at(u), at(w), at(v), Bounds{0.8, 1.28, 3})
		Estimate(at(f64["estimate"]), at(f64["estimate slope"]), at(u))
		K3(at(f64["value"]), at(f64["slope"]), atF(a), atF(b), &kl)
		Ratio(at(f64["d"]), at(f64["ratio"]), atF(a), atF(b), &ratios)
		Measure(&m, at(u), at(v), at(w))
		Losses(&losses, &c, at(u), at(w), at(f64["dloss"]), at(w), at(v))
		clear(1, Narrow(atF(f["narrow"]), at(y), nil, factors))
		clear(2, Narrow(atF(f["narrow sum"]), at(y), at(z), factors))
		clear(3, ClipGradient(atF(f["gradient"]), &gradient, &g, at(u), at(w), nil, one, Bounds{0.8, 1.28, 3}, factors, spare))
		clear(4, ClipGradient(atF(f["gradient sum"]), &gradientSum, &g, at(u), at(w), at(z), one, Bounds{0.8, 1.28, 3}, factors, spare))
	}
	f64["difference"], f64["sum"], f64["finite"] = difference[:], slices.Concat(sum[0][:], sum[1][:]), finite
	flat := func(s *RatioSums) []float64 {
		return slices.Concat(s.LogRatio[:], s.Ratio[:], s.Square[:], s.Min[:], s.Max[:], s.K2[:], s.K3[:])
	}
	f64["sums"], f64["measured"], f64["kl"] = flat(&ratios), flat(&m), slices.Concat(kl[0][:], kl[1][:])
	f64["clipped losses"] = slices.Concat(clipped[0][:], clipped[1][:])
	f64["gradient losses"] = slices.Concat(gradient[0][:], gradient[1][:], gradientSum[0][:], gradientSum[1][:])
	held := func(c HeldCounts) []float64 {
		return []float64{float64(c.LowNegative), float64(c.LowPositive), float64(c.HighNegative), float64(c.HighPositive)}
	}
	f64["clipped held"], f64["gradient held"], f64["held"] = held(h), held(g), held(c)
	f64["losses"] = slices.Concat(losses[0][:], losses[1][:])
	return f64, f
}

func TestTiersAndBlocksAgree(t *testing.T) {
	t.Run("float32", testTiersAndBlocks[float32])
	t.Run("float64", testTiersAndBlocks[float64])
}

func testTiersAndBlocks[F Float](t *testing.T) {
	compare := func(t *testing.T, seed uint64, n, step int, special float64) {
		chosen := simd.Chosen
		simd.Chosen = simd.Generic
		want, wantF := run[F](seed, n, max(n, 1), special)
		simd.Chosen = chosen
		got, gotF := run[F](seed, n, step, special)
		for k := range want {
			sames(t, want[k], got[k], fmt.Sprint(k, " of ", n, " in steps of ", step))
		}
		for k := range wantF {
			sames(t, wantF[k], gotF[k], fmt.Sprint(k, " of ", n, " in steps of ", step))
		}
	}
	forEachTier(t, func(t *testing.T) {
		for n := range 70 {
			for seed := range uint64(4) {
				for _, special := range []float64{0, 0.05, 0.5} {
					compare(t, seed, n, max(n, 1), special)
				}
			}
		}
		for seed := range uint64(50) {
			for _, step := range []int{8, 24, 512} {
				compare(t, seed, 600+int(seed), step, 0.001*float64(seed%3))
			}
		}
	})
}

// A lane order that any machine can check by hand: the sum of 1, 2, ... 9 with a large
// number that swallows what comes to its lane.
func TestLanes(t *testing.T) {
	forEachTier(t, func(t *testing.T) {
		var l Lanes
		l.Add([]float64{1e16, 2, 3, 4, 5, 6, 7, 8, 1})
		require.Equal(t, Lanes{1e16, 2, 3, 4, 5, 6, 7, 8}, l, "1e16 + 1 is 1e16, so token 8 went to lane 0")
		require.Equal(t, 1e16+34, l.Sum(), "1e16 + 9 is 1e16 + 8")
		require.Zero(t, Sum(nil))
	})
}

// A pass of two in one is the two.
func TestClipLosses(t *testing.T) {
	forEachTier(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(3, 3))
		for _, n := range []int{0, 1, 8, 77, mostHeld + 13} {
			ratio, side, advantage := numbers(rng, n, 0.05), numbers(rng, n, 0.05), numbers(rng, n, 0.05)
			b := Bounds{0.8, 1.28, 3}
			loss, dloss, gotLoss, gotD := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
			var sums, gotSums Pair
			var c, got HeldCounts
			Clip(loss, dloss, ratio, advantage, b)
			Losses(&sums, &c, loss, dloss, dloss, side, advantage)
			ClipLosses(&gotSums, &got, gotLoss, gotD, ratio, side, advantage, b)
			sames(t, loss, gotLoss, "loss")
			sames(t, dloss, gotD, "dloss")
			sames(t, slices.Concat(sums[0][:], sums[1][:]), slices.Concat(gotSums[0][:], gotSums[1][:]), "sums")
			require.Equal(t, c, got)
			if n > mostHeld {
				require.NotZero(t, c.LowNegative*c.LowPositive*c.HighNegative*c.HighPositive)
			}
		}
	})
}

// A pass of three in one is the three.
func TestClipGradient(t *testing.T) {
	forEachTier(t, func(t *testing.T) {
		t.Run("float32", testClipGradient[float32])
		t.Run("float64", testClipGradient[float64])
	})
}

func testClipGradient[F Float](t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	b, f := Bounds{0.8, 1.28, 3}, Factors{0.3, -0.7}
	for _, n := range []int{0, 1, 8, 77, mostHeld + 13} {
		for _, advantage := range append(specials, 0.7, -0.7) {
			ratio, side := numbers(rng, n, 0.05*float64(n&1)), numbers(rng, n, 0.05)
			for _, slope := range [][]float64{nil, numbers(rng, n, 0)} {
				a, loss, dloss := make([]float64, n), make([]float64, n), make([]float64, n)
				want, got := make([]F, n), make([]F, n)
				var sums, gotSums Pair
				var c, gotC HeldCounts
				Fill(a, advantage)
				ClipLosses(&sums, &c, loss, dloss, ratio, side, a, b)
				ok := Narrow(want, dloss, slope, f)
				spare := [...][]float64{make([]float64, n), make([]float64, n), make([]float64, n)}
				require.Equal(t, ok, ClipGradient(got, &gotSums, &gotC, ratio, side, slope, advantage, b, f, spare))
				sames(t, want, got, fmt.Sprint("gradient for the advantage ", advantage))
				sames(t, slices.Concat(sums[0][:], sums[1][:]), slices.Concat(gotSums[0][:], gotSums[1][:]), "sums")
				require.Equal(t, c, gotC)
			}
		}
	}
}

// More held tokens of one class than sixteen bits of each lane count.
func TestManyHeld(t *testing.T) {
	const n = 8 << 16
	same := func(v float64) []float64 { return slices.Repeat([]float64{v}, n) }
	loss, dloss, ratio, advantage := same(0), same(0), same(2), same(1)
	forEachTier(t, func(t *testing.T) {
		var p Pair
		var c HeldCounts
		ClipLosses(&p, &c, loss, dloss, ratio, ratio, advantage, Bounds{High: 1.5})
		require.Equal(t, HeldCounts{HighPositive: n}, c)
		Losses(&p, &c, loss, dloss, dloss, ratio, advantage)
		require.Equal(t, HeldCounts{HighPositive: 2 * n}, c)
		dst := make([]float32, n)
		require.True(t, ClipGradient(dst, &p, &c, ratio, ratio, nil, 1, Bounds{High: 1.5}, Factors{Share: 1}, [...][]float64{same(0), same(0), same(0)}))
		require.Equal(t, HeldCounts{HighPositive: 3 * n}, c)
	})
}

func TestHandNumbers(t *testing.T) {
	repeat := func(x ...float64) []float64 {
		for len(x) < 24 {
			x = append(x, x...)
		}
		return x
	}
	forEachTier(t, func(t *testing.T) {
		ratio := repeat(0.5, 1, 1.25, 2, 4)
		n := len(ratio)
		loss, dloss := make([]float64, n), make([]float64, n)
		bounds := Bounds{0.75, 1.25, 3}
		Clip(loss, dloss, ratio, repeat(2, 2, 2, 2, 2), bounds)
		require.Equal(t, repeat(-1, -2, -2.5, -2.5, -2.5), loss)
		require.Equal(t, repeat(-1, -2, -2.5, 0, 0), dloss, "on the bound of 1.25 the token is inside")
		Clip(loss, dloss, ratio, repeat(-2, -2, -2, -2, -2), bounds)
		require.Equal(t, repeat(1.5, 2, 2.5, 4, 6), loss)
		require.Equal(t, repeat(0, 2, 2.5, 4, 0), dloss)
		inf := math.Inf(1)
		Clip(loss, dloss, repeat(inf, inf, inf, inf, inf), repeat(0, 0, 0, 0, 0), bounds)
		require.Equal(t, make([]float64, n), loss, "advantage 0 is 0 whatever the ratio")
		require.Equal(t, make([]float64, n), dloss)

		x, zeros := repeat(0, 1, -1, 0x1p-20, -0x1p-20), make([]float64, n)
		var kl Pair
		K3(loss, dloss, x, zeros, &kl)
		for i := range x {
			require.InEpsilon(t, 1+math.Expm1(x[i])-x[i], 1+loss[i], 1e-15)
			require.InDelta(t, -math.Expm1(x[i]), dloss[i], 3e-16)
		}
		require.InEpsilon(t, 0x1p-41*(1+0x1p-20/3), loss[3], 1e-12)
		k := float64(n / 5)
		require.InEpsilon(t, k*(math.E-2+1/math.E+0x1p-40), kl[0].Sum(), 1e-12)

		var m RatioSums
		m.Reset()
		Measure(&m, repeat(0.5, 1, 2, 1, 0.5), repeat(1, 2, 3, 4, 5), repeat(1, 0, 1, 0, -1))
		require.Equal(t, []float64{5 * k, 6.5 * k, 3 * k, 9 * k},
			[]float64{m.Ratio.Sum(), m.Square.Sum(), m.K2.Sum(), m.K3.Sum()})
		low, high := m.Range()
		require.Equal(t, []float64{0.5, 2}, []float64{low, high})
		m.Reset()
		Ratio(loss, dloss, repeat(-1, -2, -1, -2, -1), repeat(-1, -2, -2, -1, -1), &m)
		require.Equal(t, repeat(0, 0, 1, -1, 0), loss)
		require.InEpsilonSlice(t, repeat(1, 1, math.E, 1/math.E, 1), dloss, 3e-16)
		require.Equal(t, 0., m.LogRatio.Sum())
		require.Equal(t, 2*k, m.K2.Sum())
		require.InEpsilon(t, k*(math.E-2+1/math.E), m.K3.Sum(), 1e-14)

		var c HeldCounts
		var l Pair
		Losses(&l, &c, repeat(1, 2, 3, 4, 5), repeat(1, 1, 1, 1, 2), repeat(0, 0, 0, 0, 1), repeat(-1, 1, -1, 1, 1), repeat(-1, -1, 1, 1, 1))
		Losses(&l, &c, repeat(1, 2, 3, 4, 5), repeat(1, 1, 1, 1, 2), repeat(0, 0, 1, 1, 1), repeat(-1, 0, -1, 1, 1), repeat(0, -1, 1, 1, 1))
		require.Equal(t, []float64{30 * k, 12 * k}, []float64{l[0].Sum(), l[1].Sum()})
		require.Equal(t, HeldCounts{int64(k), int64(k), int64(k), int64(k)}, c)

		g := make([]float32, n)
		require.True(t, Narrow(g, repeat(1, 2, 3, 4, 5), repeat(1, 1, 0, 0, 0), Factors{2, 8}))
		require.Equal(t, []float32{10, 12, 6, 8, 10}, g[:5])
		// 2 dloss + 8 slope of the ratios above at the advantage 2, then -2.
		l, c = Pair{}, HeldCounts{}
		spare := [...][]float64{make([]float64, n), make([]float64, n), make([]float64, n)}
		require.True(t, ClipGradient(g, &l, &c, ratio, repeat(-1, 0, 1, 1, 1), repeat(1, 0, 0, 0, 1), 2, bounds, Factors{2, 8}, spare))
		require.Equal(t, []float32{6, -4, -5, 0, 8}, g[:5])
		require.True(t, ClipGradient(g, &l, &c, ratio, repeat(-1, 0, 1, 1, 1), nil, -2, bounds, Factors{2, 8}, spare))
		require.Equal(t, []float32{0, 4, 5, 8, 0}, g[:5])
		require.Equal(t, []float64{(16 - 10.5) * k, (8.5 - 5.5) * k}, []float64{l[0].Sum(), l[1].Sum()})
		require.Equal(t, HeldCounts{HighPositive: 2 * int64(k), HighNegative: int64(k), LowNegative: int64(k)}, c)

		for place := range n {
			y := repeat(1, 1, 1, 1, 1)
			y[place] = 1e39 // finite, but not in float32
			require.False(t, Narrow(g, y, nil, Factors{1, 0}))
			require.True(t, Narrow(make([]float64, n), y, nil, Factors{1, 0}))
			require.False(t, ClipGradient(g, &l, &c, ratio, ratio, y, 1, bounds, Factors{1, 1}, spare))
			require.True(t, ClipGradient(make([]float64, n), &l, &c, ratio, ratio, y, 1, bounds, Factors{1, 1}, spare))
			g[place] = float32(math.NaN())
			require.False(t, Widen(loss, g))
		}
	})
}

func FuzzTiers(f *testing.F) {
	f.Add(uint64(1), 20, 0.1)
	f.Fuzz(func(t *testing.T, seed uint64, n int, special float64) {
		chosen := simd.Chosen
		defer func() { simd.Chosen = chosen }()
		n &= 63
		simd.Chosen = simd.Generic
		want, wantF := run[float32](seed, n, 64, special)
		for _, simd.Chosen = range simd.Tiers() {
			got, gotF := run[float32](seed, n, 16, special)
			for k := range want {
				sames(t, want[k], got[k], k)
			}
			for k := range wantF {
				sames(t, wantF[k], gotF[k], k)
			}
		}
	})
}
