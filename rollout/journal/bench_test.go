package journal

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/grouprl/grouprl/rollout"
)

// wide is a group of 8 completions of n tokens.
func wide(i, n int) *rollout.Group {
	g := &rollout.Group{Problem: &rollout.Problem{ID: fmt.Sprint(i)}}
	for s := range 8 {
		g.Completions = append(g.Completions, &rollout.Completion{Sample: s, Tokens: make([]int32, n), LogProbs: make([]float32, n), Versions: []int64{1}})
		g.Verdicts = append(g.Verdicts, rollout.Verdict{Status: rollout.Accepted, Reward: 1})
	}
	return g
}

// BenchmarkAppend is the cost of one group made durable, alone and with others under
// way at the same time, which share its fsync.
func BenchmarkAppend(b *testing.B) {
	for _, tokens := range []int{1 << 10, 16 << 10} {
		for _, parallel := range []int{1, 16} {
			b.Run(fmt.Sprintf("tokens=%d/parallel=%d", 8*tokens, parallel), func(b *testing.B) {
				j, err := Open(b.TempDir(), Options{})
				if err != nil {
					b.Fatal(err)
				}
				defer j.Close()
				b.SetBytes(int64(8 * 8 * tokens))
				b.SetParallelism(parallel)
				var n atomic.Int64
				work := func() {
					if _, err := j.Append(wide(int(n.Add(1)), tokens)); err != nil {
						b.Error(err)
					}
				}
				if parallel == 1 {
					for b.Loop() {
						work()
					}
				} else {
					b.RunParallel(func(pb *testing.PB) {
						for pb.Next() {
							work()
						}
					})
				}
				b.ReportMetric(float64(j.log.sync)/float64(b.N), "fsyncs/op")
			})
		}
	}
}

// BenchmarkTake reads a step of 16 groups of 8 x 16k tokens back.
func BenchmarkTake(b *testing.B) {
	j, err := Open(b.TempDir(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	for i := range 16 {
		if _, err := j.Append(wide(i, 16<<10)); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(16 * 8 * 8 * 16 << 10)
	for b.Loop() {
		if _, err := j.Take(0, 16, nil); err != nil {
			b.Fatal(err)
		}
	}
}
