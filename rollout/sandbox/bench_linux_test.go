//go:build amd64 || arm64

package sandbox_test

import (
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/rollout/sandbox"
)

// One trivial test: read a number, write a number.
var trivial = sandbox.Program{Source: []byte("n = int(input())\nprint(n + 1)\n")}

func median(times []time.Duration) float64 {
	slices.Sort(times)
	return float64(times[len(times)/2].Microseconds()) / 1000
}

// A fresh session with no warm pool, a session from the pool, a further test, and a
// bare interpreter's start, in turns within one run, so that their ratios survive a
// noisy host. Medians in ms.
func BenchmarkLatency(b *testing.B) {
	for _, tier := range tiers {
		b.Run(tier.String(), func(b *testing.B) {
			cold, err := sandbox.Local(sandbox.Config{Tier: tier, Warm: -1})
			require.NoError(b, err)
			defer cold.Close()
			pooled, err := sandbox.Local(sandbox.Config{Tier: tier})
			require.NoError(b, err)
			defer pooled.Close()
			var bare, fresh, warm, test []time.Duration
			for b.Loop() {
				t := time.Now()
				require.NoError(b, exec.Command(cold.Python(), "-I", "-S", "-c", "n = 1").Run())
				bare = append(bare, time.Since(t))

				t = time.Now()
				s, err := cold.Start(b.Context())
				require.NoError(b, err)
				fresh = append(fresh, time.Since(t))
				_, err = s.Load(b.Context(), trivial)
				require.NoError(b, err)
				for range 5 {
					t = time.Now()
					r, err := s.Run(b.Context(), []byte("41\n"))
					require.NoError(b, err)
					require.Equal(b, "42\n", string(r.Stdout))
					test = append(test, time.Since(t))
				}
				s.Close()

				t = time.Now()
				s, err = pooled.Start(b.Context())
				require.NoError(b, err)
				warm = append(warm, time.Since(t))
				s.Close()
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(median(bare), "bare-ms")
			b.ReportMetric(median(fresh), "session-ms")
			b.ReportMetric(median(warm), "pooled-ms")
			b.ReportMetric(median(test), "test-ms")
			b.ReportMetric(median(test)/median(bare), "test/bare")
		})
	}
}

// Trivial tests a second, with as many sessions as there are cores.
func BenchmarkThroughput(b *testing.B) {
	for _, tier := range tiers {
		b.Run(tier.String(), func(b *testing.B) {
			l, err := sandbox.Local(sandbox.Config{Tier: tier})
			require.NoError(b, err)
			defer l.Close()
			var sessions []sandbox.Session
			for range l.Parallel() {
				s, err := l.Start(b.Context())
				require.NoError(b, err)
				defer s.Close()
				_, err = s.Load(b.Context(), trivial)
				require.NoError(b, err)
				sessions = append(sessions, s)
			}
			b.ResetTimer()
			var wg sync.WaitGroup
			for _, s := range sessions {
				wg.Go(func() {
					for range b.N {
						if r, err := s.Run(b.Context(), []byte("41\n")); err != nil || string(r.Stdout) != "42\n" {
							b.Errorf("%v %v", r, err)
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N*len(sessions))/b.Elapsed().Seconds(), "tests/s")
		})
	}
}

var tiers = []sandbox.Tier{sandbox.Namespaces, sandbox.Landlock}
