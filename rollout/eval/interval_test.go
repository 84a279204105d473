package eval_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/rollout/eval"
)

// scores are results of one sample each, in clusters "" (their own) or named.
func scores(clusters ...string) (results []eval.Result) {
	for i, c := range clusters {
		r := eval.Result{Problem: fmt.Sprint("p", i), Samples: 1, Cluster: c[1:]}
		if c[0] == '1' {
			r.Correct = 1
		}
		results = append(results, r)
	}
	return results
}

// 8 of 10: p = 0.8, z = 1.959964, z² = 3.841459. Middle 0.8 + 0.192073 = 0.992073,
// half 1.959964 sqrt(0.016 + 0.009604) = 0.313614, both over 1.384146.
func TestWilson(t *testing.T) {
	i, err := eval.Wilson(8, 10, 0)
	require.NoError(t, err)
	require.InDelta(t, 0.490162, i.Low, 1e-5)
	require.InDelta(t, 0.943318, i.High, 1e-5)

	i, err = eval.Wilson(0, 10, 0.95) // 3.841459 / 13.841459
	require.NoError(t, err)
	require.Zero(t, i.Low)
	require.InDelta(t, 0.277533, i.High, 1e-6)
	i, err = eval.Wilson(10, 10, 0.95)
	require.NoError(t, err)
	require.InDelta(t, 1-0.277533, i.Low, 1e-6)
	require.Equal(t, 1.0, i.High)

	wide, err := eval.Wilson(8, 10, 0.99)
	require.NoError(t, err)
	require.Less(t, wide.Low, 0.49)
	for _, level := range []float64{-1, 1, 2, math.NaN()} {
		_, err = eval.Wilson(8, 10, level)
		var e *eval.OptionsError
		require.ErrorAs(t, err, &e)
	}
	for _, c := range [][2]int{{0, 0}, {3, 2}, {-1, 2}} {
		_, err = eval.Wilson(c[0], c[1], 0)
		var e *eval.ResultError
		require.ErrorAs(t, err, &e)
	}
}

// Scores 1 0 1 1 around 0.75: squares 0.0625 * 3 + 0.5625 = 0.75, times 4/3 is 1,
// so the standard error is 1/4. t with 3 degrees of freedom is 3.182446: 0.75 ±
// 0.795612, cut to [0, 1]. At level 0.5, t = 0.764892: 0.75 ± 0.191223.
func TestClusteredByHand(t *testing.T) {
	r := scores("1", "0", "1", "1")
	i, err := eval.Clustered(r, eval.Options{})
	require.NoError(t, err)
	require.Equal(t, eval.Interval{Low: 0, High: 1}, i)
	i, err = eval.Clustered(r, eval.Options{Level: 0.5})
	require.NoError(t, err)
	require.InDelta(t, 0.75-0.191223, i.Low, 1e-6)
	require.InDelta(t, 0.75+0.191223, i.High, 1e-6)

	// Two clusters {1 0} and {1 1}: their sums lie 0.5 below and above 2 * 0.75;
	// 2 (0.25 + 0.25) = 1, standard error 1/4 again. t with 1 degree of freedom at
	// level 0.5 is 1.
	i, err = eval.Clustered(scores("1a", "0a", "1b", "1b"), eval.Options{Level: 0.5})
	require.NoError(t, err)
	require.InDelta(t, 0.5, i.Low, 1e-9)
	require.InDelta(t, 1.0, i.High, 1e-9)
}

func TestClusters(t *testing.T) {
	var few *eval.ClustersError
	_, err := eval.Clustered(scores("1a", "0a", "1a"), eval.Options{})
	require.ErrorAs(t, err, &few)
	_, err = eval.Bootstrap(scores("1"), eval.Options{})
	require.ErrorAs(t, err, &few)
	_, err = eval.Clustered(nil, eval.Options{})
	require.ErrorIs(t, err, eval.ErrNoResults)
	_, err = eval.Clustered(scores("1", "0"), eval.Options{K: 2})
	var samples *eval.SamplesError
	require.ErrorAs(t, err, &samples)

	// A problem named like a cluster is not in it.
	r := scores("1p1", "0", "1p1", "0x")
	two, err := eval.Clustered(r, eval.Options{Level: 0.5})
	require.NoError(t, err)
	r[1].Problem = "other"
	same, err := eval.Clustered(r, eval.Options{Level: 0.5})
	require.NoError(t, err)
	require.Equal(t, two, same)

	// The same results in any order are the same interval, to the bit.
	random := rand.New(rand.NewPCG(1, 1))
	many := clustered(random, 40, 5)
	want, err := eval.Bootstrap(many, eval.Options{Seed: 5})
	require.NoError(t, err)
	wantC, err := eval.Clustered(many, eval.Options{})
	require.NoError(t, err)
	for range 10 {
		random.Shuffle(len(many), func(i, j int) { many[i], many[j] = many[j], many[i] })
		got, err := eval.Bootstrap(many, eval.Options{Seed: 5})
		require.NoError(t, err)
		require.Equal(t, want, got)
		gotC, err := eval.Clustered(many, eval.Options{})
		require.NoError(t, err)
		require.Equal(t, wantC, gotC)
	}
	other, err := eval.Bootstrap(many, eval.Options{Seed: 6})
	require.NoError(t, err)
	require.NotEqual(t, want, other)
}

// Two clusters, one all right, one all wrong. A resample has 0, 1 or 2 of the
// right one with probability 1/4, 1/2, 1/4, so the quartiles of the mean are 0 or
// 1/2 and 1/2 or 1, and at 95 % it is [0, 1]. At level 0.4 both ends lie in the
// middle half.
func TestBootstrapByHand(t *testing.T) {
	r := scores("1a", "1a", "1a", "0b", "0b", "0b")
	i, err := eval.Bootstrap(r, eval.Options{})
	require.NoError(t, err)
	require.Equal(t, eval.Interval{Low: 0, High: 1}, i)
	i, err = eval.Bootstrap(r, eval.Options{Level: 0.4})
	require.NoError(t, err)
	require.Equal(t, eval.Interval{Low: 0.5, High: 0.5}, i)

	// Three right in one cluster, one wrong in the other: a resample of one each has
	// 3 of 4 right, whole clusters being drawn.
	i, err = eval.Bootstrap(scores("1a", "1a", "1a", "0b"), eval.Options{Level: 0.4})
	require.NoError(t, err)
	require.Equal(t, eval.Interval{Low: 0.75, High: 0.75}, i)
	i, err = eval.Bootstrap(scores("1a", "1a", "1a", "0b"), eval.Options{})
	require.NoError(t, err)
	require.Equal(t, eval.Interval{Low: 0, High: 1}, i, "3 of 3, or 6 of 6")

	_, err = eval.Bootstrap(r, eval.Options{Resamples: -1})
	var e *eval.OptionsError
	require.ErrorAs(t, err, &e)
}

// clustered draws clusters of problems whose pass rates differ from cluster to
// cluster, 7 samples a problem; the true mean is 1/2.
func clustered(random *rand.Rand, clusters, problems int) (results []eval.Result) {
	for c := range clusters {
		p := random.Float64()
		for i := range problems {
			r := eval.Result{Problem: fmt.Sprintf("%d/%d", c, i), Cluster: fmt.Sprint(c), Samples: 7}
			for range r.Samples {
				if random.Float64() < p {
					r.Correct++
				}
			}
			results = append(results, r)
		}
	}
	return results
}

// Of 95 % intervals, 95 % hold the truth; those that take clustered problems for
// independent ones hold it much less often.
func TestCoverage(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 3))
	const runs = 400
	byT, byBootstrap, naive := 0, 0, 0
	for run := range runs {
		results := clustered(random, 40, 6)
		i, err := eval.Clustered(results, eval.Options{})
		require.NoError(t, err)
		if i.Contains(0.5) {
			byT++
		}
		i, err = eval.Bootstrap(results, eval.Options{Resamples: 400, Seed: uint64(run)})
		require.NoError(t, err)
		if i.Contains(0.5) {
			byBootstrap++
		}
		for j := range results {
			results[j].Cluster = ""
		}
		i, err = eval.Clustered(results, eval.Options{})
		require.NoError(t, err)
		if i.Contains(0.5) {
			naive++
		}
	}
	require.InDelta(t, 0.95, float64(byT)/runs, 0.03)
	require.InDelta(t, 0.95, float64(byBootstrap)/runs, 0.03)
	require.Less(t, float64(naive)/runs, 0.75)
}

// Problem by problem +1, 0, 0, +1: the mean difference is 1/2, squares 4 * 1/4 = 1,
// times 4/3, standard error sqrt(4/3)/4 = 0.288675; t of 3 at level 0.5 is 0.764892.
func TestCompareByHand(t *testing.T) {
	a, b := scores("0", "1", "0", "0"), scores("1", "1", "0", "1")
	slices.Reverse(b)
	c, err := eval.Compare(a, b, eval.Options{Level: 0.5})
	require.NoError(t, err)
	require.Equal(t, []any{4, 4, 0.25, 0.75, 0.5, 2, 0}, []any{c.Problems, c.Clusters, c.A, c.B, c.Diff, c.Better, c.Worse})
	require.InDelta(t, 0.5-0.220805, c.Clustered.Low, 1e-6)
	require.InDelta(t, 0.5+0.220805, c.Clustered.High, 1e-6)
	require.GreaterOrEqual(t, c.Bootstrap.Low, 0.0)
	require.LessOrEqual(t, c.Bootstrap.High, 1.0)

	back, err := eval.Compare(b, a, eval.Options{Level: 0.5})
	require.NoError(t, err)
	require.Equal(t, -0.5, back.Diff)
	require.Equal(t, 2, back.Worse)
	require.Equal(t, -c.Clustered.Low, back.Clustered.High, "differences are not cut at 0")
	require.Contains(t, c.String(), "0.2500 -> 0.7500, difference +0.5000")
}

// b is a with many a sample turned right: each run alone is too uncertain to
// tell them apart, the pairs are not.
func TestPairsSeeWhatRunsHide(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	a := clustered(random, 40, 5)
	b := slices.Clone(a)
	for i := range b {
		if b[i].Correct < b[i].Samples && random.IntN(3) == 0 {
			b[i].Correct++
		}
	}
	ia, err := eval.Clustered(a, eval.Options{})
	require.NoError(t, err)
	ib, err := eval.Clustered(b, eval.Options{})
	require.NoError(t, err)
	require.Greater(t, ia.High, ib.Low, "the runs' intervals overlap")
	c, err := eval.Compare(a, b, eval.Options{})
	require.NoError(t, err)
	require.Greater(t, c.Clustered.Low, 0.0)
	require.Greater(t, c.Bootstrap.Low, 0.0)
	require.Equal(t, 40, c.Clusters)

	same, err := eval.Compare(a, a, eval.Options{})
	require.NoError(t, err)
	require.Equal(t, eval.Interval{}, same.Clustered)
	require.Zero(t, same.Diff)
}

func TestCompareRefuses(t *testing.T) {
	result := func(problem, cluster string) eval.Result {
		return eval.Result{Problem: problem, Cluster: cluster, Samples: 1}
	}
	a, b, c := result("a", ""), result("b", ""), result("c", "")
	for _, pair := range []struct {
		a, b    []eval.Result
		problem string
		why     string
	}{
		{[]eval.Result{a, b}, []eval.Result{a, c}, "b", "only the first"},
		{[]eval.Result{a, c}, []eval.Result{a, b}, "b", "only the second"},
		{[]eval.Result{a, b}, []eval.Result{a}, "b", "only the first"},
		{[]eval.Result{a}, []eval.Result{a, b}, "b", "only the second"},
		{[]eval.Result{a, a}, []eval.Result{a, b}, "a", "first run has it twice"},
		{[]eval.Result{a, b}, []eval.Result{a, a}, "a", "second run has it twice"},
		{[]eval.Result{a, b}, []eval.Result{a, b, b}, "b", "second run has it twice"},
		{[]eval.Result{a, b}, []eval.Result{a, result("b", "x")}, "b", "cluster"},
	} {
		_, err := eval.Compare(pair.a, pair.b, eval.Options{})
		var e *eval.PairError
		require.ErrorAs(t, err, &e)
		require.Equal(t, pair.problem, e.Problem)
		require.Contains(t, e.Error(), pair.why)
	}
	_, err := eval.Compare(nil, []eval.Result{a}, eval.Options{})
	require.ErrorIs(t, err, eval.ErrNoResults)
	_, err = eval.Compare([]eval.Result{a}, []eval.Result{a}, eval.Options{})
	var few *eval.ClustersError
	require.ErrorAs(t, err, &few)
	_, err = eval.Compare([]eval.Result{a, b}, []eval.Result{a, b}, eval.Options{K: 3})
	var samples *eval.SamplesError
	require.ErrorAs(t, err, &samples)
	_, err = eval.Compare([]eval.Result{a, b}, []eval.Result{a, b}, eval.Options{Level: 3})
	var options *eval.OptionsError
	require.ErrorAs(t, err, &options)
}

func ExampleCompare() {
	before := []eval.Result{{Problem: "a", Samples: 16, Correct: 3}, {Problem: "b", Samples: 16, Correct: 8}, {Problem: "c", Samples: 16, Correct: 12}}
	after := []eval.Result{{Problem: "a", Samples: 16, Correct: 7}, {Problem: "b", Samples: 16, Correct: 11}, {Problem: "c", Samples: 16, Correct: 14}}
	c, err := eval.Compare(before, after, eval.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.4f -> %.4f: %+.4f %v\n", c.A, c.B, c.Diff, c.Clustered)
	// Output:
	// 0.4792 -> 0.6667: +0.1875 [0.0322, 0.3428]
}
