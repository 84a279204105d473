package advantage_test

import (
	"encoding/json"
	"testing"

	"github.com/grouprl/grouprl/advantage"
	"github.com/stretchr/testify/require"
)

func TestOptionsAsJSON(t *testing.T) {
	for o := range everyGroupRelative {
		o.NaN = advantage.NaNExclude
		text, err := json.Marshal(o)
		require.NoError(t, err)
		var back advantage.GroupRelative
		require.NoError(t, json.Unmarshal(text, &back))
		require.Equal(t, o, back)
	}
	text, err := json.Marshal(advantage.RLOO())
	require.NoError(t, err)
	require.Contains(t, string(text), `"Baseline":"leave-one-out"`)
	var o advantage.GroupRelative
	require.ErrorContains(t, json.Unmarshal([]byte(`{"Scale":"sd"}`), &o), "is none of group-std")
	_, err = json.Marshal(advantage.GroupRelative{Scale: 9})
	require.Error(t, err)
	require.Equal(t, "invalid(9)", advantage.Scale(9).String())
}
