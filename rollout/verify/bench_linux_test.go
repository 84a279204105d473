//go:build amd64 || arm64

package verify

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/rollout"
	"github.com/grouprl/grouprl/rollout/sandbox"
)

// A whole verification in each tier: a session of its own, the program, its tests, and the
// end of the session. Side by side with it, turn by turn in one run:
//
//	bare           python3 -I -S, started once: what a process of its own costs at the least
//	livecodebench  that harness' own check_correctness, which isolates nothing; with
//	               GROUPRL_LIVECODEBENCH naming a python3 that can import it
//	               (pip install nvidia-livecodebench)
//
// A turn is eight programs, one after the other with no pause, so that what goes on
// behind a verification (the pool of sessions fills, an old session is cleared away)
// is paid for in the next. Medians over the turns, in ms a program; and how many times as
// long the peer takes.
func BenchmarkVerify(b *testing.B) {
	const turn = 8
	const program = "print(int(input()) + 1)"
	peer := startPeer(b)
	for _, tier := range []sandbox.Tier{sandbox.Namespaces, sandbox.Landlock} {
		l, err := sandbox.Local(sandbox.Config{Tier: tier})
		require.NoError(b, err)
		defer l.Close()
		v := &Verifier{Runner: l}
		for _, tests := range []int{1, 10, 50} {
			b.Run(fmt.Sprint(tier, "/", tests, " tests"), func(b *testing.B) {
				all := make([]rollout.Test, tests)
				for i := range all {
					all[i] = test(fmt.Sprintln(i), fmt.Sprintln(i+1))
				}
				p := problem(all...)
				var ours, bare, theirs []float64
				for b.Loop() {
					began := time.Now()
					for range turn {
						got, err := v.Judge(b.Context(), p, program)
						require.NoError(b, err)
						require.Equal(b, rollout.Accepted, got.Status)
					}
					ours = append(ours, time.Since(began).Seconds()*1e3/turn)

					began = time.Now()
					require.NoError(b, exec.Command(l.Python(), "-I", "-S", "-c", "n = 1").Run())
					bare = append(bare, time.Since(began).Seconds()*1e3)

					for range turn {
						theirs = append(theirs, peer.ask(b, tests)/turn)
					}
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(median(ours), "verify-ms")
				b.ReportMetric(median(bare), "bare-ms")
				if peer != nil {
					turns := make([]float64, len(ours))
					for i, ms := range theirs {
						turns[i/turn] += ms
					}
					b.ReportMetric(median(turns), "livecodebench-ms")
					b.ReportMetric(median(turns)/median(ours), "livecodebench/verify")
				}
			})
		}
	}
}

func median(ms []float64) float64 {
	slices.Sort(ms)
	return ms[len(ms)/2]
}

// peer is LiveCodeBench's grader in a process that has it imported.
type peer struct {
	to   io.Writer
	from *bufio.Scanner
}

func startPeer(b *testing.B) *peer {
	python := os.Getenv("GROUPRL_LIVECODEBENCH")
	if python == "" {
		return nil
	}
	cmd := exec.Command(python, "testdata/peer.py")
	cmd.Stderr = os.Stderr
	to, err := cmd.StdinPipe()
	require.NoError(b, err)
	from, err := cmd.StdoutPipe()
	require.NoError(b, err)
	require.NoError(b, cmd.Start())
	b.Cleanup(func() {
		to.Close()
		require.NoError(b, cmd.Wait())
	})
	return &peer{to, bufio.NewScanner(from)}
}

// ask returns how long the peer takes for one program, in ms by its own clock.
func (p *peer) ask(b *testing.B, tests int) (ms float64) {
	if p == nil {
		return 0
	}
	fmt.Fprintln(p.to, tests)
	require.True(b, p.from.Scan(), "the peer has ended")
	_, err := fmt.Sscan(strings.TrimSpace(p.from.Text()), &ms)
	require.NoError(b, err)
	return ms
}
