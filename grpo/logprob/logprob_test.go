package logprob

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/internal/simd"
)

// What the tests of this package pin, on every tier:
//
//  1. numbers that can be checked by hand (here);
//  2. the stated accuracy, on rows that go wrong in different ways (oracle_test.go);
//  3. equal bits for any split of rows, stride, number of workers, aliasing and choice
//     of outputs (split_test.go);
//  4. the answers to -Inf, +Inf, NaN, masked rows, bad targets and bad arguments
//     (special_test.go);
//  5. shards merge into the whole, a support equals a masked row (part_test.go);
//  6. nothing outside of the rows is read or written (guard_test.go,
//     page_linux_test.go), also beyond 2^31 elements;
//  7. 16-bit numbers convert as IEEE 754 says (float16_test.go);
//  8. no allocation (alloc_test.go).

// The logits log 1, log 2, log 5 have the probabilities 1/8, 2/8, 5/8.
func TestByHand(t *testing.T) {
	forEachTier(t, func(t *testing.T) {
		x := Logits[float32]{Data: []float32{0, float32(math.Log(2)), float32(math.Log(5))}, Rows: 1, Vocab: 3}
		rows := Rows[float64]{make([]float64, 1), make([]float64, 1), make([]float64, 1), make([]float64, 1)}
		targets := []int32{1}
		require.NoError(t, Forward(rows, x, targets, Options{}))
		require.InDelta(t, math.Log(8), rows.LSE[0], 3e-7)
		require.InDelta(t, math.Log(0.25), rows.LogProbs[0], 3e-7)
		entropy := 0.125*math.Log(8) + 0.25*math.Log(4) + 0.625*math.Log(1.6)
		require.InDelta(t, entropy, rows.Entropies[0], 3e-7)
		require.InDelta(t, (1.0+4+25)/64, rows.SumSquares[0], 3e-7)

		dst := Logits[float32]{Data: make([]float32, 3), Rows: 1, Vocab: 3}
		g := Gradient[float64]{LogProbs: []float64{2}}
		require.NoError(t, Backward(dst, x, targets, rows, g, Options{}))
		require.InDeltaSlice(t, []float32{-2. / 8, 2 - 4./8, -10. / 8}, dst.Data, 3e-7)

		g.Entropies = []float64{1}
		require.NoError(t, Backward(dst, x, targets, rows, g, Options{}))
		require.InDeltaSlice(t, []float64{
			-2./8 - 1./8*(math.Log(1./8)+entropy),
			2 - 4./8 - 2./8*(math.Log(2./8)+entropy),
			-10./8 - 5./8*(math.Log(5./8)+entropy),
		}, []float64{float64(dst.Data[0]), float64(dst.Data[1]), float64(dst.Data[2])}, 3e-7)
	})
}

// At temperature 1/2 the same logits count twice: probabilities 1/30, 4/30, 25/30.
func TestTemperatureByHand(t *testing.T) {
	forEachTier(t, func(t *testing.T) {
		x := Logits[float32]{Data: []float32{0, float32(math.Log(2)), float32(math.Log(5))}, Rows: 1, Vocab: 3}
		rows := Rows[float32]{LogProbs: make([]float32, 1)}
		g := Gradient[float32]{LogProbs: []float32{3}}
		require.NoError(t, ForwardBackward(rows, x, x, []int32{2}, g, Options{Temperature: 0.5}))
		require.InDelta(t, math.Log(25./30), rows.LogProbs[0], 3e-7)
		require.InDeltaSlice(t, []float32{-6. / 30, -24. / 30, 6 - 150./30}, x.Data, 2e-6)
	})
}

// TestGradientIsDerivative compares with central differences of the forward pass.
func TestGradientIsDerivative(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 20 {
		v := 2 + rng.IntN(30)
		x := make([]float64, v)
		for i := range x {
			x[i] = 2 * rng.NormFloat64()
		}
		target, temperature, g, e := rng.IntN(v), 0.5+rng.Float64(), rng.NormFloat64(), rng.NormFloat64()
		loss := func() float64 { a := oracle(x, target, temperature); return g*a.logProb + e*a.entropy }
		want := oracleGradient(x, target, temperature, g, e)
		var sum float64
		for j := range x {
			const h = 1e-5
			at := x[j]
			x[j] = at + h
			up := loss()
			x[j] = at - h
			require.InDelta(t, (up-loss())/(2*h), want[j], 1e-8)
			x[j] = at
			sum += want[j]
		}
		require.InDelta(t, 0, sum, 1e-12, "adding a constant to all logits changes nothing")
	}
}

// The assembly reads these structs by place.
func TestPlaces(t *testing.T) {
	var f forwardState
	require.Equal(t, []uintptr{0, 64, 128, 192, 256, 320, 324, 328}, []uintptr{
		unsafe.Offsetof(f.scale), unsafe.Offsetof(f.rest), unsafe.Offsetof(f.sum), unsafe.Offsetof(f.weighted),
		unsafe.Offsetof(f.squares), unsafe.Offsetof(f.shift), unsafe.Offsetof(f.limit), unsafe.Offsetof(f.saved),
	})
	var b backwardState
	require.Equal(t, []uintptr{0, 64, 128, 192, 196, 200}, []uintptr{
		unsafe.Offsetof(b.scale), unsafe.Offsetof(b.rest), unsafe.Offsetof(b.total),
		unsafe.Offsetof(b.shift), unsafe.Offsetof(b.constant), unsafe.Offsetof(b.slope),
	})
}

// Where the environment asks for a tier, that tier is what runs.
func TestTierInUse(t *testing.T) {
	require.Equal(t, simd.Chosen, tier)
}

// random is rows of logits with a spike each.
func random[E Element](rows, vocab, stride int64, seed uint64) (Logits[E], []int32) {
	rng := rand.New(rand.NewPCG(seed, 7))
	x := Logits[E]{Data: make([]E, rows*stride), Rows: rows, Vocab: vocab, Stride: stride}
	for i := range x.Data {
		x.Data[i] = encode[E](float32(3 * rng.NormFloat64()))
	}
	targets := make([]int32, rows)
	for r := range targets {
		targets[r] = int32(rng.Int64N(vocab))
		x.Row(int64(r))[rng.Int64N(vocab)] = encode[E](float32(20 * rng.Float64()))
	}
	return x, targets
}

func outputs(rows int64) Rows[float32] {
	return Rows[float32]{make([]float32, rows), make([]float64, rows), make([]float32, rows), make([]float32, rows)}
}

func (x Logits[E]) clone() Logits[E] {
	x.Data = append([]E(nil), x.Data...)
	return x
}

// equalData compares without printing thousands of numbers.
func equalData[E comparable](t *testing.T, want, got []E, what string) {
	t.Helper()
	require.Len(t, got, len(want), what)
	for i := range want {
		if want[i] != got[i] {
			require.Failf(t, "differ", "%s: element %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}

func FuzzForward(f *testing.F) {
	f.Add([]byte{0, 1, 2, 250, 128, 7}, uint16(0), 1.0)
	f.Add(make([]byte, 200), uint16(9), 0.7)
	f.Fuzz(func(t *testing.T, bytes []byte, at uint16, temperature float64) {
		if len(bytes) == 0 || !(temperature > 0.05 && temperature < 20) {
			return
		}
		x := Logits[BFloat16]{Data: make([]BFloat16, len(bytes)), Rows: 1, Vocab: int64(len(bytes))}
		exact := make([]float64, len(bytes))
		for i, b := range bytes { // eighths in [-16, 16), the lowest masked
			exact[i] = float64(int8(b)) / 8
			if b == 128 {
				exact[i] = math.Inf(-1)
			}
		}
		exact[0] = 1
		exact = rounded(x.Data, exact)
		targets := []int32{int32(int(at) % len(bytes))}
		want := oracle(exact, int(targets[0]), temperature)
		for _, tier = range simd.Tiers() {
			rows := Rows[float64]{make([]float64, 1), make([]float64, 1), make([]float64, 1), nil}
			require.NoError(t, Forward(rows, x, targets, Options{Temperature: temperature}))
			require.True(t, near(want.lse, rows.LSE[0]), fmt.Sprint(tier, want.lse, rows.LSE))
			require.True(t, near(want.entropy, rows.Entropies[0]), fmt.Sprint(tier, want.entropy, rows.Entropies))
		}
		tier = simd.Chosen
	})
}
