//go:build amd64 || arm64

package verify

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/rollout"
	"github.com/grouprl/grouprl/rollout/sandbox"
)

// What a function returns against what is expected, by Python's ==.
func TestReturns(t *testing.T) {
	l, err := sandbox.Local(sandbox.Config{Limits: sandbox.Limits{Wall: 5 * time.Second, Output: 1 << 20}})
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	for _, c := range []struct {
		returns, expected string
		want              rollout.Status
	}{
		{"True", "1", rollout.Accepted},
		{"1", "1.0", rollout.Accepted},
		{"0", "false", rollout.Accepted},
		{"-0.0", "0", rollout.Accepted},
		{"1", `"1"`, rollout.WrongAnswer},
		{"None", "null", rollout.Accepted},
		{"None", "0", rollout.WrongAnswer},
		{"float('nan')", "NaN", rollout.WrongAnswer}, // equals nothing
		{"float('inf')", "Infinity", rollout.Accepted},
		{"2 ** 53 + 1", "9007199254740992.0", rollout.WrongAnswer}, // compared exactly
		{"10 ** 400", "1e400", rollout.WrongAnswer},                // an infinity
		{"(1, 2)", "[1, 2]", rollout.Accepted},                     // a tuple at the top
		{"[(1, 2)]", "[[1, 2]]", rollout.WrongAnswer},              // and one inside
		{"((1, 2),)", "[[1, 2]]", rollout.WrongAnswer},
		{"{'a': 1, 'b': 2}", `{"b": 2, "a": 1}`, rollout.Accepted}, // order is nothing
		{"{1: 2}", `{"1": 2}`, rollout.WrongAnswer},                // a key that is no string
		{"{1: 2}", `{"": 2}`, rollout.WrongAnswer},
		{"{b'': 2}", `{"bytes": 2}`, rollout.WrongAnswer},
		{"{(1,): 2}", `{"(1,)": 2}`, rollout.WrongAnswer},
		{"{None: 2}", `{"null": 2}`, rollout.WrongAnswer},
		{"{'a': 1}", `{"a": 1, "b": 2}`, rollout.WrongAnswer},
		{"{1, 2}", "[1, 2]", rollout.WrongAnswer}, // a set is no list
		{"[1, 2, 3]", "[1, 2]", rollout.WrongAnswer},
		{"'\\ud83d'", `"\ud83d"`, rollout.Accepted}, // half a surrogate pair
		{"'x' * (1 << 21)", `"x"`, rollout.OutputLimit},
	} {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			p := problem(test("0", c.expected))
			p.Entry = "f"
			got, err := (&Verifier{Runner: l}).Judge(t.Context(), p, "def f(_): return "+c.returns)
			require.NoError(t, err)
			require.Equal(t, c.want, got.Status, "%s, expected %s: %+v", c.returns, c.expected, got)
		})
	}
}

// A caller that gives up in the middle of a run gets its own error, not a verdict and
// not a failure of the machinery.
func TestCancel(t *testing.T) {
	l, err := sandbox.Local(sandbox.Config{})
	require.NoError(t, err)
	defer l.Close()
	v := &Verifier{Runner: l}
	p := problem(test("", "x"), test("", "x"))
	ctx, cancel := context.WithCancel(t.Context())
	drawn := p.Tests
	p.Tests = func(yield func(rollout.Test, error) bool) {
		for test, err := range drawn {
			time.AfterFunc(100*time.Millisecond, cancel)
			if !yield(test, err) {
				return
			}
		}
	}
	got, err := v.Judge(ctx, p, "while True: pass")
	require.ErrorIs(t, err, context.Canceled)
	require.Zero(t, got)
	require.Empty(t, v.InfraErrors())
}
