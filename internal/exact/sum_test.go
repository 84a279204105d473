package exact

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// oracle adds in arbitrary precision and rounds once.
func oracle(xs []float64) float64 {
	sum := new(big.Float).SetPrec(2300)
	for _, x := range xs {
		sum.Add(sum, new(big.Float).SetFloat64(x))
	}
	x, _ := sum.Float64()
	return x
}

func random(rng *rand.Rand) float64 {
	switch rng.IntN(4) {
	case 0: // any exponent, subnormals included
		for {
			if x := math.Float64frombits(rng.Uint64()); !math.IsNaN(x) && !math.IsInf(x, 0) {
				return x
			}
		}
	case 1:
		return float64(rng.IntN(7) - 3)
	case 2:
		return math.Ldexp(rng.NormFloat64(), rng.IntN(60)-30)
	}
	return math.Float64frombits(rng.Uint64N(1 << 53)) // at and below the smallest normal
}

func TestSumIsTheRoundedExactSum(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		xs := make([]float64, rng.IntN(40))
		for i := range xs {
			xs[i] = random(rng)
			if i > 0 && rng.IntN(3) == 0 {
				xs[i] = -xs[rng.IntN(i)]
			}
		}
		var s Sum
		for _, x := range xs {
			s.Add(x)
		}
		require.Equal(t, oracle(xs), s.Value(), "%v", xs)
	}
}

func TestHandNumbers(t *testing.T) {
	sum := func(xs ...float64) float64 {
		var s Sum
		for _, x := range xs {
			s.Add(x)
		}
		return s.Value()
	}
	require.Equal(t, 0.0, sum())
	require.Equal(t, 1.0, sum(1e100, 1, -1e100)) // float64 addition says 0
	require.Equal(t, 0x1p-1074, sum(0x1p-1074))
	require.Equal(t, -0x1p-1074, sum(0x1p-1074, -0x1p-1073))
	require.Equal(t, math.Inf(1), sum(math.MaxFloat64, math.MaxFloat64))
	require.Equal(t, math.MaxFloat64, sum(math.MaxFloat64, math.MaxFloat64, -math.MaxFloat64))
	require.Equal(t, 1.0, sum(1, 0x1p-53))                             // a tie goes to even
	require.Equal(t, 1+0x1p-52, sum(1, 0x1p-53, 0x1p-1074))            // the sticky bit decides
	require.Equal(t, 1+0x1p-51, sum(1+0x1p-52, 0x1p-53))               // a tie goes up to even
	require.Equal(t, math.Inf(1), sum(math.MaxFloat64, 0x1p970))       // half an ulp beyond the largest
	require.Equal(t, math.MaxFloat64, sum(math.MaxFloat64, 0x1.8p969)) // less than half
}

func TestAnyOrderAndSplitHasTheSameBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		xs := make([]float64, 1+rng.IntN(5000))
		for i := range xs {
			xs[i] = rng.NormFloat64() * math.Exp(20*rng.NormFloat64())
		}
		var whole Sum
		for _, x := range xs {
			whole.Add(x)
		}
		rng.Shuffle(len(xs), func(i, j int) { xs[i], xs[j] = xs[j], xs[i] })
		parts := make([]Sum, 1+rng.IntN(5))
		for _, x := range xs {
			parts[rng.IntN(len(parts))].Add(x)
		}
		var merged Sum
		for i := range parts {
			merged.Merge(&parts[i])
		}
		a, _ := whole.AppendBinary(nil)
		b, _ := merged.AppendBinary(nil)
		require.Equal(t, a, b)
		require.Equal(t, whole.Value(), merged.Value())

		var back Sum
		rest, err := back.ConsumeBinary(append(a, 7))
		require.NoError(t, err)
		require.Equal(t, []byte{7}, rest)
		require.Equal(t, whole.Value(), back.Value())
	}
}

// Digits grow by less than 2^53 an add; the largest mantissas at the worst
// shift, far more often than maxAdds, must not overflow one.
func TestManyAddsDoNotOverflowADigit(t *testing.T) {
	for _, x := range []float64{0x1.fffffffffffffp31, -0x1.fffffffffffffp0, math.MaxFloat64 / 0x1p40} {
		var s Sum
		const n = 1 << 16
		for range n {
			s.Add(x)
		}
		require.Equal(t, x*n, s.Value())
	}
}

func TestConsumeBinaryRefusesJunk(t *testing.T) {
	var s Sum
	for _, b := range [][]byte{nil, {1}, {60, 20}, {0, 1, 0}, {0, 1, 0, 0, 0, 0, 1, 0, 0, 0}} {
		_, err := s.ConsumeBinary(b)
		require.Error(t, err)
	}
}

func BenchmarkAdd(b *testing.B) {
	var s Sum
	for i := 0; b.Loop(); i++ {
		s.Add(1.5 + float64(i&7))
	}
}
