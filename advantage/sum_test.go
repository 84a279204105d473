package advantage

import (
	"math"
	"math/big"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSum(t *testing.T) {
	for _, c := range []struct {
		x    []float64
		want float64
	}{
		{nil, 0},
		{[]float64{0, math.Copysign(0, -1)}, 0},
		{[]float64{1e16, 1, -1e16}, 1}, // left to right gives 0
		{[]float64{1, 0x1p-60, -1}, 0x1p-60},
		{[]float64{5e-324, 5e-324}, 1e-323},
		{[]float64{1e20, -1e20, 3}, 3},
	} {
		require.Equal(t, c.want, sum(slices.Clone(c.x), magnitude(c.x)), c.x)
	}
	require.False(t, math.Abs(sum([]float64{1.7e308, 1.7e308}, 1.7e308)) <= math.MaxFloat64, "an overflow shows")
}

func TestSumInAnyOrderAndExactly(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 2000 {
		x := make([]float64, 1+rng.IntN(50))
		exact := new(big.Float).SetPrec(2000)
		for i := range x {
			x[i] = math.Ldexp(rng.NormFloat64(), rng.IntN(30))
			exact.Add(exact, big.NewFloat(x[i]))
		}
		want, _ := exact.Float64()
		got := sum(slices.Clone(x), magnitude(x))
		require.InDelta(t, want, got, 0x1p-52*math.Abs(want), "within an ulp, cancellation or not")
		rng.Shuffle(len(x), func(i, j int) { x[i], x[j] = x[j], x[i] })
		require.Equal(t, got, sum(slices.Clone(x), magnitude(x)))
	}
}

func TestIndexNumbersManyGroups(t *testing.T) {
	// Ids that differ in few bits, that are spread over all, and extreme ones; several tables' worth.
	var ids []int
	for i := range 20_000 {
		ids = append(ids, i, -i, i<<(bits.UintSize*5/8), math.MaxInt-i, math.MinInt+i, i)
	}
	var x index
	for range 2 { // the second time in memory that was used
		x.build(ids)
		want := map[int]int{}
		for i, id := range ids {
			n, ok := want[id]
			if !ok {
				n = len(want)
				want[id] = n
			}
			require.Equal(t, n, x.of[i])
		}
		require.Equal(t, len(want), x.count)
	}
}
