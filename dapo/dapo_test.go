package dapo_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/advantage"
	"github.com/grouprl/grouprl/dapo"
	"github.com/grouprl/grouprl/grpo/grpotest"
	"github.com/grouprl/grouprl/internal/hand"
)

func TestContracts(t *testing.T) { grpotest.Run(t, dapo.New()) }

// DAPO, clip 0.2/0.28, token mean:
//
//	L = (-1.1 - 1.28 + 0.8) / 3 = -1.58/3
//	g = -1.1/3, 0, 0
func TestHandDAPO(t *testing.T) {
	stats, g := hand.Eval(t, dapo.New(), hand.Batch())
	require.InDelta(t, -1.58/3, stats.Loss(), 1e-15)
	require.InDeltaSlice(t, []float64{-1.1 / 3, 0, 0}, g, 1e-15)
}

// Max 100, Cache 20: nothing up to 80, then a line down to -1 at 100, and -1 beyond.
func TestHandOverlong(t *testing.T) {
	o := dapo.Overlong{Max: 100, Cache: 20}
	for n, want := range map[int]float64{0: 0, 80: 0, 81: -0.05, 90: -0.5, 100: -1, 101: -1, 5000: -1} {
		require.Equal(t, want, o.Penalty(n), "%d tokens", n)
	}
	require.Equal(t, -0.25, dapo.Overlong{Max: 100, Cache: 20, Factor: 0.5}.Penalty(90))
	require.Zero(t, dapo.Overlong{}.Penalty(1<<30), "the zero value punishes nothing")
	require.Equal(t, -1., dapo.Overlong{Max: 100}.Penalty(101))
	require.Zero(t, dapo.Overlong{Max: 100}.Penalty(100))

	rewards := []float64{1, 1, -1}
	require.NoError(t, o.AddTo(rewards, []int{80, 90, 200}))
	require.Equal(t, []float64{1, 0.5, -2}, rewards)
}

func TestImpossibleOverlong(t *testing.T) {
	var fault *dapo.OverlongError
	for _, o := range []dapo.Overlong{{Max: -1}, {Max: 5, Cache: 6}, {Max: 5, Cache: -1}, {Max: 5, Factor: -1}} {
		require.ErrorAs(t, o.AddTo(nil, nil), &fault, "%+v", o)
	}
	rewards := []float64{1, 1}
	require.ErrorAs(t, dapo.Overlong{Max: 1}.AddTo(rewards, []int{1}), &fault)
	require.ErrorAs(t, dapo.Overlong{Max: 1}.AddTo(rewards, []int{9, -1}), &fault)
	require.Equal(t, []float64{1, 1}, rewards, "nothing is half-written")
}

// The filter looks at raw outcomes, the advantage at punished rewards: group 0 is
// all right and leaves, although its lengths differ; in group 1 the longer right
// answer loses 0.5.
//
//	rewards 1, 0.5, -1: mean 1/6, deviations 5/6, 2/6, -7/6, variance (25+4+49)/108 = 13/18
func TestRecipe(t *testing.T) {
	recipe := dapo.NewRecipe()
	recipe.Overlong = dapo.Overlong{Max: 100, Cache: 20}
	groups := []int{0, 0, 1, 1, 1}
	outcomes := []float64{1, 1, 1, 1, -1}
	keep, err := recipe.Keep(outcomes, groups)
	require.NoError(t, err)
	require.Equal(t, []bool{false, false, true, true, true}, keep)

	in := advantage.Input{Rewards: outcomes[2:], Groups: groups[2:], Lengths: []int{10, 90, 10}}
	dst := make([]float64, 3)
	require.NoError(t, recipe.Advantages(dst, &in))
	std := 0.8498365855987975 // sqrt(13/18)
	require.InDeltaSlice(t, []float64{5. / 6 / std, 2. / 6 / std, -7. / 6 / std}, dst, 1e-15)
	require.Equal(t, []float64{1, 1, -1}, outcomes[2:], "the caller's rewards are not changed")
}
