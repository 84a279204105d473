package grpo_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/grpo"
)

// The KL at twice the target moves the coefficient by the most, 0.2, in proportion
// to the samples; and JSON carries the state.
func TestAdaptiveKL(t *testing.T) {
	c := grpo.AdaptiveKL{Coefficient: 0.1, Target: 0.05, Horizon: 100}
	require.NoError(t, c.Update(0.1, 10))
	require.InDelta(t, 0.1*1.02, c.Coefficient, 1e-15)
	require.NoError(t, c.Update(0.05, 10))
	require.InDelta(t, 0.1*1.02, c.Coefficient, 1e-15)
	require.NoError(t, c.Update(0.045, 10)) // 10 % below
	require.InDelta(t, 0.1*1.02*0.99, c.Coefficient, 1e-15)

	encoded, err := json.Marshal(c)
	require.NoError(t, err)
	var back grpo.AdaptiveKL
	require.NoError(t, json.Unmarshal(encoded, &back))
	require.Equal(t, c, back)

	before := c
	require.Error(t, c.Update(math.NaN(), 10))
	require.Error(t, c.Update(0, 1000)) // 1 - 0.2*10
	require.Equal(t, before, c)
}

// The coefficient walks up while entropy is low and down while it is not, within its
// bounds; the bonus is in force only while it is low.
func TestAdaptiveEntropy(t *testing.T) {
	c := grpo.AdaptiveEntropy{Target: 0.2, Step: 0.005, Max: 0.012}
	require.Zero(t, c.Active())
	for _, want := range []float64{0.005, 0.01, 0.012, 0.012} {
		require.NoError(t, c.Update(0.2))
		require.InDelta(t, want, c.Active(), 1e-15)
	}
	require.NoError(t, c.Update(0.3))
	require.Zero(t, c.Active())
	require.InDelta(t, 0.007, c.Coefficient, 1e-15)

	encoded, err := json.Marshal(c)
	require.NoError(t, err)
	var back grpo.AdaptiveEntropy
	require.NoError(t, json.Unmarshal(encoded, &back))
	require.Equal(t, c, back)

	require.Error(t, c.Update(math.Inf(1)))
	require.Error(t, (&grpo.AdaptiveEntropy{Min: 1}).Update(0))
	require.Equal(t, back, c)
}
