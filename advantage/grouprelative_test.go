package advantage_test

import (
	"math"
	"testing"

	"github.com/grouprl/grouprl/advantage"
	"github.com/stretchr/testify/require"
)

// estimate runs an estimator that gives one number a response.
func estimate(t *testing.T, e advantage.Estimator, in advantage.Input) []float64 {
	t.Helper()
	dst := make([]float64, len(in.Rewards))
	for i := range dst {
		dst[i] = math.NaN() // nothing of what was there stays
	}
	require.NoError(t, e.Estimate(dst, &in))
	return dst
}

// near compares numbers that pencil and paper give to about 15 digits.
func near(t *testing.T, want, got []float64) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		require.InDelta(t, want[i], got[i], 1e-14*(1+math.Abs(want[i])), "element %d of %v, want %v", i, got, want)
	}
}

// Rewards 1 0 0 1 | 3 1 and, alone, 7. Group 5: mean 1/2, squares 4/4 -> std 1/2.
// Group -2: mean 2, std 1. All seven: mean 13/7.
var small = advantage.Input{
	Rewards: []float64{1, 3, 0, 0, 7, 1, 1},
	Groups:  []int{5, -2, 5, 5, 900, -2, 5},
}

func TestRecipeIsTheZeroValue(t *testing.T) {
	require.Equal(t, []float64{1, 1, -1, -1, 0, -1, 1}, estimate(t, advantage.GroupRelative{}, small))
}

func TestDDof(t *testing.T) {
	// Variance of 1 0 0 1 is 1/3 with n-1, of 3 1 it is 2.
	got := estimate(t, advantage.GroupRelative{DDof: 1}, small)
	a, b := math.Sqrt(3)/2, math.Sqrt(0.5)
	near(t, []float64{a, b, -a, -a, 0, -b, a}, got)
}

func TestEpsilonPlace(t *testing.T) {
	for place, want := range map[advantage.EpsilonPlace]float64{
		advantage.AddToStd:      0.5 / (0.5 + 0.75),
		advantage.FloorStd:      0.5 / 0.75,
		advantage.AddToVariance: 0.5 / 1, // sqrt(1/4 + 3/4)
		advantage.FloorVariance: 0.5 / math.Sqrt(0.75),
	} {
		got := estimate(t, advantage.GroupRelative{Epsilon: 0.75, EpsilonPlace: place}, small)
		require.InDelta(t, want, got[0], 1e-15, place)
	}
	got := estimate(t, advantage.GroupRelative{Epsilon: 0.25, EpsilonPlace: advantage.FloorStd}, small)
	require.Equal(t, 1.0, got[0], "a floor below the deviation changes nothing")
}

func TestSingleton(t *testing.T) {
	for _, o := range []advantage.GroupRelative{{}, advantage.DrGRPO(), advantage.RLOO(), advantage.BatchScaled(), {DDof: 1}} {
		require.Zero(t, estimate(t, o, small)[4], "%+v", o)
		o.Singleton = advantage.SingletonReward
		require.Equal(t, 7.0, estimate(t, o, small)[4], "%+v", o)
	}
	// A group of two of which one is left out is a singleton too.
	in := advantage.Input{Rewards: []float64{1, 5}, Groups: []int{0, 0}, Truncated: []bool{true, false}}
	require.Equal(t, []float64{0, 0}, estimate(t, advantage.GroupRelative{Overlong: advantage.Exclude}, in))
}

func TestZeroSpread(t *testing.T) {
	// std of three times 0.1 is 1.4e-17 in floating point: dividing by it gives -1.
	in := advantage.Input{Rewards: []float64{0.1, 0.1, 0.1}, Groups: []int{1, 1, 1}}
	for _, o := range []advantage.GroupRelative{{}, advantage.DrGRPO(), advantage.RLOO(), advantage.BatchScaled(),
		{ZeroSpread: advantage.ZeroSpreadCenter}, {Scale: advantage.LeaveOneOutStd}, {DDof: 1}} {
		require.Equal(t, []float64{0, 0, 0}, estimate(t, o, in), "%+v", o)
	}
	// With a tolerance, small differences count as none, or are left undivided.
	in.Rewards = []float64{0, 0.25, 0.5}
	require.Equal(t, []float64{0, 0, 0}, estimate(t, advantage.GroupRelative{Tolerance: 0.5}, in))
	center := advantage.GroupRelative{Tolerance: 0.5, ZeroSpread: advantage.ZeroSpreadCenter}
	require.Equal(t, []float64{-0.25, 0, 0.25}, estimate(t, center, in))
	require.NotZero(t, estimate(t, advantage.GroupRelative{Tolerance: 0.49}, in)[0])
}

func TestOverlong(t *testing.T) {
	in := advantage.Input{
		Rewards:   []float64{-1, 1, 1, -1},
		Groups:    []int{0, 0, 0, 0},
		Truncated: []bool{true, false, false, false},
	}
	// In the baseline: mean 0, std 1.
	require.Equal(t, []float64{0, 1, 1, -1}, estimate(t, advantage.GroupRelative{}, in))
	// Out of it: mean 1/3, variance (4/9 + 4/9 + 16/9)/3 = 8/9.
	s := math.Sqrt(8.0 / 9)
	near(t, []float64{0, 2 / (3 * s), 2 / (3 * s), -4 / (3 * s)}, estimate(t, advantage.GroupRelative{Overlong: advantage.Exclude}, in))
}

func TestNaN(t *testing.T) {
	nan := math.NaN()
	in := advantage.Input{Rewards: []float64{1, nan, 0}, Groups: []int{0, 0, 0}}
	dst := []float64{5, 5, 5}
	var bad *advantage.ValueError
	require.ErrorAs(t, advantage.GroupRelative{}.Estimate(dst, &in), &bad)
	require.Equal(t, "Rewards", bad.Field)
	require.Equal(t, 1, bad.Response)
	require.Equal(t, -1, bad.Token)
	require.Equal(t, []float64{0, 0, 0}, dst, "nothing is half-written")

	require.Equal(t, []float64{1, 0, -1}, estimate(t, advantage.GroupRelative{NaN: advantage.NaNExclude}, in))

	in.Rewards[1] = math.Inf(-1)
	require.ErrorAs(t, advantage.GroupRelative{NaN: advantage.NaNExclude}.Estimate(dst, &in), &bad, "an infinity is never excluded")
	require.Equal(t, 1, bad.Response)
}

func TestDrGRPO(t *testing.T) {
	require.Equal(t, []float64{0.5, 1, -0.5, -0.5, 0, -1, 0.5}, estimate(t, advantage.DrGRPO(), small))
}

func TestRLOO(t *testing.T) {
	// 1 - (0+0+1)/3, 3 - 1, ...
	near(t, []float64{2. / 3, 2, -2. / 3, -2. / 3, 0, -2, 2. / 3}, estimate(t, advantage.RLOO(), small))
}

func TestBatchScaled(t *testing.T) {
	// Rewards 0 0 2 2 in two groups: variance of all four 1; with ddof 1 4/3.
	in := advantage.Input{Rewards: []float64{0, 2, 0, 2}, Groups: []int{1, 1, 2, 2}}
	require.Equal(t, []float64{-1, 1, -1, 1}, estimate(t, advantage.BatchScaled(), in))
	in.Groups = []int{1, 2, 1, 2} // both groups without spread
	require.Equal(t, []float64{0, 0, 0, 0}, estimate(t, advantage.BatchScaled(), in))
	in = advantage.Input{Rewards: []float64{0, 4, 1, 3}, Groups: []int{1, 1, 2, 2}}
	o := advantage.BatchScaled() // squares of all about the mean 2: 4 + 4 + 1 + 1, over 4
	s := math.Sqrt(2.5)
	near(t, []float64{-2 / s, 2 / s, -1 / s, 1 / s}, estimate(t, o, in))
}

func TestLeaveOneOutStd(t *testing.T) {
	// Of 0 1 3, the others of 0 are 1 3 (mean 2, std 1), of 1 they are 0 3 (1.5, 1.5), of 3 they are 0 1 (.5, .5).
	o := advantage.GroupRelative{Baseline: advantage.LeaveOneOut, Scale: advantage.LeaveOneOutStd}
	in := advantage.Input{Rewards: []float64{3, 0, 1}, Groups: []int{0, 0, 0}}
	near(t, []float64{2.5 / 0.5, -2, -0.5 / 1.5}, estimate(t, o, in))
	// The peers of the odd one out agree: nothing to divide by.
	in.Rewards = []float64{0, 0, 1}
	require.Equal(t, []float64{-1, -1, 0}, estimate(t, o, in))
	o.ZeroSpread = advantage.ZeroSpreadCenter
	require.Equal(t, []float64{-1, -1, 1}, estimate(t, o, in))
}

func TestLengthWeightedMean(t *testing.T) {
	// OPO: (3*1 + 1*0)/4 = 3/4.
	o := advantage.GroupRelative{Baseline: advantage.LengthWeightedMean, Scale: advantage.NoScale}
	in := advantage.Input{Rewards: []float64{1, 0}, Groups: []int{0, 0}, Lengths: []int{3, 1}}
	require.Equal(t, []float64{0.25, -0.75}, estimate(t, o, in))
}

func TestBatchMean(t *testing.T) {
	// The batch decides: a group of equal rewards keeps its signal.
	o := advantage.GroupRelative{Baseline: advantage.BatchMean, Scale: advantage.NoScale}
	in := advantage.Input{Rewards: []float64{1, 1, 0, 0}}
	require.Equal(t, []float64{0.5, 0.5, -0.5, -0.5}, estimate(t, o, in))
	in.Rewards = []float64{1, 1, 1, 1}
	require.Equal(t, []float64{0, 0, 0, 0}, estimate(t, o, in))
}

func TestGivenBaseline(t *testing.T) {
	o := advantage.GroupRelative{Baseline: advantage.GivenBaseline, Scale: advantage.NoScale}
	in := advantage.Input{Rewards: []float64{1, 0, 1}, Baselines: []float64{1, 1, 0.25}, Truncated: []bool{false, false, true}}
	require.Equal(t, []float64{0, -1, 0}, estimate(t, o, in))
}

func TestShift(t *testing.T) {
	o := advantage.GroupRelative{Scale: advantage.NoScale, Shift: -0.5, ZeroSpread: advantage.ZeroSpreadCenter}
	in := advantage.Input{Rewards: []float64{1, 0, 1, 1}, Groups: []int{0, 0, 1, 1}}
	require.Equal(t, []float64{1, 0, 0.5, 0.5}, estimate(t, o, in))
	o.Baseline = advantage.LeaveOneOut
	require.Equal(t, []float64{1.5, -0.5, 0.5, 0.5}, estimate(t, o, in))
}

func TestScaleOfRewards(t *testing.T) {
	// Tiny, huge and offset rewards give what 0 1 2 gives.
	want := estimate(t, advantage.GroupRelative{}, advantage.Input{Rewards: []float64{0, 1, 2}, Groups: []int{0, 0, 0}})
	for _, r := range [][]float64{{0, 1e-300, 2e-300}, {-1e300, 0, 1e300}, {1e15, 1e15 + 1, 1e15 + 2}} {
		near(t, want, estimate(t, advantage.GroupRelative{}, advantage.Input{Rewards: r, Groups: []int{0, 0, 0}}))
	}
}

func TestOverflowIsAnError(t *testing.T) {
	var bad *advantage.ValueError
	dst := make([]float64, 3)
	in := advantage.Input{Rewards: []float64{-1.7e308, 1.7e308, 0}, Groups: []int{0, 0, 0}}
	for _, o := range []advantage.GroupRelative{{}, advantage.DrGRPO(), advantage.RLOO(), advantage.BatchScaled()} {
		require.ErrorAs(t, o.Estimate(dst, &in), &bad)
		require.Equal(t, "dst", bad.Field)
		require.Equal(t, []float64{0, 0, 0}, dst)
	}
}
