package advantage_test

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"

	"github.com/grouprl/grouprl/advantage"
	"github.com/stretchr/testify/require"
)

func TestPassKArgmax(t *testing.T) {
	// 5 leads 2 by 3; squares about the mean 2 of 5 1 0 2 are 9+1+4+0, variance 14/4.
	in := advantage.Input{Rewards: []float64{5, 1, 0, 2, 4, 4, 0, 9}, Groups: []int{0, 0, 0, 0, 1, 1, 1, 2}}
	near(t, []float64{3 / math.Sqrt(3.5), 0, 0, 0, 0, 0, 0, 0}, estimate(t, advantage.PassKArgmax{}, in))
	near(t, []float64{3 / (math.Sqrt(14./3) + 0.5), 0, 0, 0, 0, 0, 0, 0}, estimate(t, advantage.PassKArgmax{DDof: 1, Epsilon: 0.5}, in))
	require.Equal(t, []float64{3, 0, 0, 0, 0, 0, 0, 0}, estimate(t, advantage.PassKArgmax{Unscaled: true}, in), "a tie and a singleton have no lead")
}

func TestPassK(t *testing.T) {
	// Two of four are right, K = 2: of 6 pairs one has none right, R = 5/6, s = sqrt(5)/6.
	// A right one: (1/6)/s = 1/sqrt 5. A wrong one: of its 3 pairs one fails, (1/6 - 1/3)/s.
	s5 := math.Sqrt(5)
	in := advantage.Input{Rewards: []float64{1, -1, -1, 1}, Groups: []int{3, 3, 3, 3}}
	near(t, []float64{1 / s5, -1 / s5, -1 / s5, 1 / s5}, estimate(t, advantage.PassK{K: 2}, in))
	in.Rewards = []float64{1, 0, 0, 1}
	near(t, []float64{1 / s5, -1 / s5, -1 / s5, 1 / s5}, estimate(t, advantage.PassK{K: 2}, in))
	require.Equal(t, []float64{0, 0, 0, 0}, estimate(t, advantage.PassK{K: 3}, in), "each triple has a right one")
	require.Equal(t, []float64{0, 0, 0, 0}, estimate(t, advantage.PassK{K: 5}, in), "less than K")
	require.Equal(t, []float64{1, -1, -1, 1}, estimate(t, advantage.PassK{}, in), "K = 1 is GRPO")
}

func TestPKPO(t *testing.T) {
	// 0 1 3, K = 2. Pairs that contain 3: it beats 0 by 3 and 1 by 2, (3+2)/3. 1 beats 0: 1/3.
	in := advantage.Input{Rewards: []float64{3, 0, 1}, Groups: []int{0, 0, 0}}
	near(t, []float64{5. / 3, 0, 1. / 3}, estimate(t, advantage.PKPO{K: 2}, in))
	near(t, []float64{5, 0, 1}, estimate(t, advantage.PKPO{K: 2, Scale: 3}, in))
	// Without a baseline: best of the pairs 3+3, 3+1, 3+1 over 3.
	near(t, []float64{2, 4. / 3, 4. / 3}, estimate(t, advantage.PKPO{K: 2, Baseline: advantage.PKPOPlain}, in))
	// Against the best of the other two, 2 pairs of 3 each: 2 - 2/3 * 1, 4/3 - 2/3 * 3, 4/3 - 2/3 * 3.
	near(t, []float64{4. / 3, -2. / 3, -2. / 3}, estimate(t, advantage.PKPO{K: 2, Baseline: advantage.PKPOLeaveOneOut}, in))
	// K = 1 is leave-one-out over n.
	near(t, []float64{2.5 / 3, -2. / 3, -0.5 / 3}, estimate(t, advantage.PKPO{}, in))
	require.Equal(t, []float64{0, 0, 0}, estimate(t, advantage.PKPO{K: 4}, in))
}

// bestOf is over all subsets of k of 0..n-1, given as bit masks.
func subsets(n, k int, visit func(set uint)) {
	for set := range uint(1) << n {
		if bits.OnesCount(set) == k {
			visit(set)
		}
	}
}

func best(r []float64, set uint) float64 {
	m := math.Inf(-1)
	for i, x := range r {
		if set>>i&1 != 0 {
			m = math.Max(m, x)
		}
	}
	return m
}

func TestPassKOverAllSubsets(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 22))
	for range 300 {
		n := 1 + rng.IntN(9)
		k := 1 + rng.IntN(n)
		r, groups := make([]float64, n), make([]int, n)
		for i := range r {
			r[i] = float64(rng.IntN(2))
		}
		total, count := 0.0, 0.0
		own, owns := make([]float64, n), make([]float64, n)
		subsets(n, k, func(set uint) {
			b := best(r, set)
			total, count = total+b, count+1
			for i := range n {
				if set>>i&1 != 0 {
					own[i], owns[i] = own[i]+b, owns[i]+1
				}
			}
		})
		rate := total / count
		want := make([]float64, n)
		if s := math.Sqrt(rate * (1 - rate)); s > 0 {
			for i := range want {
				want[i] = (own[i]/owns[i] - rate) / s
			}
		}
		got := estimate(t, advantage.PassK{K: k}, advantage.Input{Rewards: r, Groups: groups})
		for i := range want {
			require.InDelta(t, want[i], got[i], 1e-12, "K %d of %v", k, r)
		}
	}
}

func TestPKPOOverAllSubsets(t *testing.T) {
	rng := rand.New(rand.NewPCG(23, 24))
	for range 300 {
		n := 1 + rng.IntN(9)
		k := 1 + rng.IntN(n)
		r, groups := make([]float64, n), make([]int, n)
		for i := range r {
			r[i] = float64(rng.IntN(5)) - 1.7 // with ties
		}
		in := advantage.Input{Rewards: r, Groups: groups}
		plain, minusOne, loo := make([]float64, n), make([]float64, n), make([]float64, n)
		count := 0.0
		subsets(n, k, func(set uint) {
			count++
			for i := range n {
				if set>>i&1 != 0 {
					plain[i] += best(r, set)
					minusOne[i] += best(r, set) - best(r, set&^(1<<i))
				}
			}
		})
		for i := range n {
			others, sets := 0.0, 0.0
			subsets(n, k, func(set uint) {
				if set>>i&1 == 0 {
					others, sets = others+best(r, set), sets+1
				}
			})
			plain[i], minusOne[i] = plain[i]/count, minusOne[i]/count
			loo[i] = plain[i] - float64(k)/float64(n)*others/sets
		}
		if n == k {
			loo = make([]float64, n)
		}
		if k == 1 {
			minusOne = loo
		}
		for b, want := range map[advantage.PKPOBaseline][]float64{
			advantage.PKPOPlain: plain, advantage.PKPOLeaveOneOut: loo, advantage.PKPOLeaveOneOutMinusOne: minusOne} {
			got := estimate(t, advantage.PKPO{K: k, Baseline: b}, in)
			for i := range want {
				require.InDelta(t, want[i], got[i], 1e-12, "%v, K %d of %v", b, k, r)
			}
		}
	}
}
