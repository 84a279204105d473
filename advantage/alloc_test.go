//go:build !race

package advantage_test

import (
	"math/rand/v2"
	"testing"

	"github.com/grouprl/grouprl/advantage"
	"github.com/stretchr/testify/require"
)

// The race detector makes sync.Pool drop things at random, hence the build tag.
func TestNoAllocationInSteadyState(t *testing.T) {
	in := nonEmpty(rand.New(rand.NewPCG(1, 2)))
	dst, keep := make([]float64, len(in.Rewards)), make([]bool, len(in.Rewards))
	for o := range everyGroupRelative {
		require.NoError(t, o.Estimate(dst, &in))
		require.Zero(t, testing.AllocsPerRun(5, func() { _ = o.Estimate(dst, &in) }), "%+v", o)
	}
	for name, e := range catalogue {
		dst := make([]float64, size(e, &in))
		require.NoError(t, e.Estimate(dst, &in), name)
		require.Zero(t, testing.AllocsPerRun(5, func() { _ = e.Estimate(dst, &in) }), name)
	}
	require.Zero(t, testing.AllocsPerRun(5, func() { _ = advantage.Informative(keep, in.Rewards, in.Groups, 0) }))
}
