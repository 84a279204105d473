//go:build amd64 || arm64

package builtin_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/rollout"
	"github.com/grouprl/grouprl/rollout/dataset/builtin"
	"github.com/grouprl/grouprl/rollout/sandbox"
	"github.com/grouprl/grouprl/rollout/verify"
)

// Every program of the set gets the verdict it stands under. Slow programs must
// answer right until their time is up, which makes most of them a third opinion on
// the expected outputs.
func TestVerdicts(t *testing.T) {
	runner, err := sandbox.Local(sandbox.Config{})
	require.NoError(t, err)
	defer runner.Close()
	var (
		atOnce = make(chan struct{}, 2)
		wait   sync.WaitGroup
	)
	for p, err := range builtin.All(0) {
		require.NoError(t, err)
		programs := append(p.Programs,
			builtin.Program{Source: "pass\n", Note: "does nothing"})
		for _, program := range programs {
			wait.Add(1)
			atOnce <- struct{}{}
			go func() {
				defer wait.Done()
				defer func() { <-atOnce }()
				v := verify.Verifier{Runner: runner, Limits: sandbox.Limits{Wall: 4 * time.Second}}
				if program.Status == rollout.TimeLimit {
					v.Limits.Wall = time.Second
				}
				verdict, err := v.Verify(context.Background(), &p.Problem,
					&rollout.Completion{Text: fmt.Sprintf("```python\n%s```\n", program.Source)})
				name := fmt.Sprintf("%s, %v, %q", p.ID, program.Status, program.Note)
				switch {
				case err != nil:
					t.Errorf("%s: %v", name, err)
				case program.Note == "does nothing":
					if verdict.Status == rollout.Accepted || verdict.Passed > 0 {
						t.Errorf("%s: got %v after %d tests", name, verdict.Status, verdict.Passed)
					}
				case verdict.Status != program.Status:
					t.Errorf("%s: got %v at test %d, %s", name, verdict.Status, verdict.Test, verdict.Stderr)
				case verdict.Status == rollout.Accepted:
					t.Logf("%s: %d tests, at most %v", p.ID, verdict.Ran, verdict.CPU.Round(time.Millisecond))
				default:
					t.Logf("%s: at test %d after %v", name, verdict.Test, verdict.Wall.Round(time.Millisecond))
				}
			}()
		}
	}
	wait.Wait()
}
