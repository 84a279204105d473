package cuda

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/dapo"
	"github.com/grouprl/grouprl/grpo/cuda/internal/driver"
	"github.com/grouprl/grouprl/grpo/logprob"
)

// BenchmarkGPU measures, on logits of the size that a trainer has at once, what the
// memory can do (a copy, bytes read and written), Forward and Backward as parts of that,
// and a whole step with an objective in the middle:
//
//	go test -run '^$' -bench GPU ./grpo/cuda
func BenchmarkGPU(b *testing.B) {
	b.Run("bfloat16/8192x151936", func(b *testing.B) { benchmark[logprob.BFloat16](b, 8192, 151936) })
	b.Run("bfloat16/8192x50257", func(b *testing.B) { benchmark[logprob.BFloat16](b, 8192, 50257) })
	b.Run("float16/8192x128256", func(b *testing.B) { benchmark[logprob.Float16](b, 8192, 128256) })
	b.Run("float32/4096x151936", func(b *testing.B) { benchmark[float32](b, 4096, 151936) })
}

func benchmark[E logprob.Element](b *testing.B, rows, cols int64) {
	d, err := Open(Config{})
	if err != nil {
		b.Skip(err)
	}
	t := bedOver(b, d, nil)
	copier, ok := d.drv.(interface {
		Copy(dst, src driver.Ptr, n int64, s driver.Stream) error
	})
	require.True(b, ok)

	// A few hundred rows of random logits, over and over.
	const distinct = 256
	c := randomChunk[E](distinct, cols, cols, 1)
	row := cols * dtypeOf[E]().size()
	bytes := rows * row
	source, work := t.reserve(bytes, 0), t.reserve(bytes, 0)
	require.NoError(b, Upload(t.s, source, c.logits.Data))
	for at := distinct * row; at < bytes; at += distinct * row {
		require.NoError(b, copier.Copy(source+Ptr(at), source, min(distinct*row, bytes-at), t.s.handle))
	}
	targets, g := make([]int32, rows), make([]float32, rows)
	batch := Batch{Tokens: int(rows), Offsets: []int{0}}
	for r := range targets {
		targets[r], g[r] = c.targets[r%distinct], 1e-3
		if r%512 == 511 {
			batch.Offsets = append(batch.Offsets, r+1)
			batch.Advantages = append(batch.Advantages, float64(r/512%2)*2-1)
		}
	}
	m := Matrix{source, dtypeOf[E](), rows, cols, 0}
	out := Rows{LogProbs: t.reserve(4*rows, 0), LSE: t.reserve(8*rows, 0), Entropies: t.reserve(4*rows, 0)}
	ids, gradient := placed(t, targets), Gradient{LogProbs: placed(t, g)}
	batch.LogProbs, batch.Entropies = out.LogProbs, out.Entropies
	o := Options{Temperature: 0.7}
	w := m
	w.Ptr = work
	objective := dapo.New()
	totals, err := batch.Count(&objective)
	require.NoError(b, err)
	e := &Evaluator{Stream: t.s}
	defer e.Close()

	duplicate := func() error { return copier.Copy(work, source, bytes, t.s.handle) }
	forward := func() error { return t.s.Forward(out, m, ids, o) }
	backward := func() error { return t.s.Backward(w, ids, out, gradient, o) }
	step := func() error {
		if err := t.s.Forward(out, w, ids, o); err != nil {
			return err
		}
		if _, err := e.Eval(gradient, &objective, &batch, &totals); err != nil {
			return err
		}
		return backward()
	}
	fresh := func(f func() error) func() error { // Backward overwrites what it reads
		return func() error {
			if err := duplicate(); err != nil {
				return err
			}
			return f()
		}
	}
	for b.Loop() {
		copied := t.seconds(duplicate)
		for name, x := range map[string]struct {
			seconds float64
			passes  float64 // over the logits
		}{
			"forward": {t.seconds(forward), 1}, "backward": {t.seconds(fresh(backward)) - copied, 2}, "step": {t.seconds(fresh(step)) - copied, 3},
		} {
			b.ReportMetric(x.seconds*1e3, name+"-ms")
			b.ReportMetric(100*x.passes/2*copied/x.seconds, name+"-%copy")
		}
		b.ReportMetric(2*float64(bytes)/copied/1e9, "copy-GB/s")
	}
	require.NoError(b, t.s.Sync())
}

// seconds of f on the stream, the least of three batches of ten.
func (b *bed) seconds(f func() error) float64 {
	least := math.Inf(1)
	for i := range 4 { // the first one warms up
		require.NoError(b, b.s.Sync())
		start := time.Now()
		for range 10 {
			require.NoError(b, f())
		}
		require.NoError(b, b.s.Sync())
		if s := time.Since(start).Seconds() / 10; i > 0 {
			least = min(least, s)
		}
	}
	return least
}
