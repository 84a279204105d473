package rollout_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	. "github.com/grouprl/grouprl/rollout"
)

func TestStatusText(t *testing.T) {
	all := []Status{Unjudged, Accepted, WrongAnswer, TimeLimit, MemoryLimit, OutputLimit, RuntimeError, CompileError, Crash, Truncated, NoCode}
	text, err := json.Marshal(all)
	require.NoError(t, err)
	require.JSONEq(t, `["Unjudged","Accepted","WrongAnswer","TimeLimit","MemoryLimit","OutputLimit","RuntimeError","CompileError","Crash","Truncated","NoCode"]`, string(text))
	var back []Status
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, all, back)

	require.Equal(t, "WrongAnswer", WrongAnswer.String())
	require.Equal(t, "Status(11)", (NoCode + 1).String())
	_, err = json.Marshal(NoCode + 1)
	require.Error(t, err)
	require.Error(t, json.Unmarshal([]byte(`["Right"]`), &back))
}
