package cuda

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/grpo/cuda/internal/ptx"
)

// testEvaluator is an evaluator on the interpreter, which must leak nothing.
func testEvaluator(t testing.TB) *Evaluator {
	machine := &ptx.Device{Seed: 1}
	d := over(machine)
	s, err := d.Stream(0)
	require.NoError(t, err)
	e := &Evaluator{Stream: s}
	t.Cleanup(func() {
		require.NoError(t, e.Close())
		require.NoError(t, s.Close())
		require.NoError(t, d.Close())
		require.Empty(t, machine.Leaks())
	})
	return e
}

// rounds is n, or ten times as many where GROUPRL_LONG asks for the long form.
func rounds(n int) int {
	if os.Getenv("GROUPRL_LONG") != "" {
		return 10 * n
	}
	return n
}
