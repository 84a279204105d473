package advantage_test

import (
	"math"
	"testing"

	"github.com/grouprl/grouprl/advantage"
	"github.com/stretchr/testify/require"
)

func TestInformative(t *testing.T) {
	outcomes := []float64{1, -1, 0.1, 1, 1, 0.1, 7, 0.1}
	groups := []int{4, 4, 9, -3, -3, 9, 11, 9} // 4 varies; 9 and -3 do not; 11 is alone
	keep := []bool{false, true, true, true, true, true, true, true}
	require.NoError(t, advantage.Informative(keep, outcomes, groups, 0))
	require.Equal(t, []bool{true, true, false, false, false, false, false, false}, keep)

	require.NoError(t, advantage.Informative(keep, outcomes, groups, 2)) // 1 - -1 is not more than 2
	require.Equal(t, make([]bool, 8), keep)
	require.NoError(t, advantage.Informative(nil, nil, nil, 0))
}

func TestInformativeErrors(t *testing.T) {
	keep := []bool{true, true}
	require.Equal(t, &advantage.LengthError{"groups", 1, 2}, advantage.Informative(keep, []float64{0, 1}, []int{1}, 0))
	require.Equal(t, &advantage.LengthError{"keep", 2, 1}, advantage.Informative(keep, []float64{0}, []int{1}, 0))
	for _, tol := range []float64{-1e-9, math.NaN(), math.Inf(1)} {
		require.Error(t, advantage.Informative(keep, []float64{0, 1}, []int{1, 1}, tol))
	}
	require.Equal(t, []bool{true, true}, keep)
	var bad *advantage.ValueError
	require.ErrorAs(t, advantage.Informative(keep, []float64{0, math.NaN()}, []int{1, 1}, 0), &bad)
	require.Equal(t, 1, bad.Response)
	require.Equal(t, []bool{false, false}, keep)
}
