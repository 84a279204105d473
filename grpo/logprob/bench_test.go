package logprob

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"github.com/grouprl/grouprl/internal/simd"
)

// The benchmarks run V = 151,936 ids, Qwen3's, over 512 MiB of logits, so that rows come
// from memory, and give nanoseconds a logit. "read" and "scale" are what the machine's
// memory gives in the same minutes: the sum of the same numbers, and their product
// with a constant in place. Compare figures of one run with each other only:
//
//	go test ./grpo/logprob -run xxx -bench Vocabulary -count 5
const benchVocab = 151936

func benchRows() int64 { return 512 << 20 / 4 / benchVocab }

func benchLogits[E Element](b *testing.B) (Logits[E], []int32) {
	rows := benchRows()
	x := Logits[E]{Data: make([]E, rows*benchVocab), Rows: rows, Vocab: benchVocab}
	refill(x, rand.New(rand.NewPCG(1, 2)))
	targets := make([]int32, rows)
	for r := range targets {
		targets[r] = int32(r * 997)
	}
	return x, targets
}

// refill writes logits as a model's: normal, with a few likely ids.
func refill[E Element](x Logits[E], rng *rand.Rand) {
	noise := make([]E, 1<<16)
	for i := range noise {
		noise[i] = encode[E](float32(2 * rng.NormFloat64()))
	}
	for r := range x.Rows {
		row := x.Row(r)
		for at := 0; at < len(row); {
			at += copy(row[at:], noise[rng.IntN(len(noise)):])
		}
		for range 8 {
			row[rng.IntN(len(row))] = encode[E](float32(8 + 10*rng.Float64()))
		}
	}
}

func measure(b *testing.B, name string, elements int64, f func()) {
	b.Run(name, func(b *testing.B) {
		f()
		b.ReportAllocs()
		b.ResetTimer()
		for range b.N {
			f()
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(elements), "ns/logit")
		b.ReportMetric(0, "ns/op")
	})
}

// parallel runs f over the rows on n goroutines.
func parallel(n int, x Logits[float32], f func(row []float32)) {
	var wait sync.WaitGroup
	for w := range n {
		wait.Go(func() {
			for r := int64(w); r < x.Rows; r += int64(n) {
				f(x.Row(r))
			}
		})
	}
	wait.Wait()
}

func BenchmarkVocabulary(b *testing.B) {
	cores := []int{1}
	if n := runtime.GOMAXPROCS(0); n > 1 {
		cores = append(cores, n)
	}
	x, targets := benchLogits[float32](b)
	elements := x.Rows * x.Vocab
	half := x
	half.Data, half.Rows = half.Data[:x.Rows/2*x.Vocab], x.Rows/2
	other := half
	other.Data = x.Data[x.Rows/2*x.Vocab:]
	bf, _ := benchLogits[BFloat16](b)
	hf, _ := benchLogits[Float16](b)
	rows := Rows[float32]{LogProbs: make([]float32, x.Rows), LSE: make([]float64, x.Rows), Entropies: make([]float32, x.Rows)}
	g := Gradient[float32]{make([]float32, x.Rows), make([]float32, x.Rows)}
	for r := range g.LogProbs {
		g.LogProbs[r], g.Entropies[r] = -1e-3, 1e-5
	}
	refresh := func() { refill(x, rand.New(rand.NewPCG(1, 2))) }
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	before := tier
	defer func() { tier = before }()
	tiers := simd.Tiers()
	for i := len(tiers) - 1; i >= 0; i-- {
		tier = tiers[i]
		for _, n := range cores {
			name := func(what string) string { return fmt.Sprintf("%v/cores=%d/%s", tier, n, what) }
			o := Options{Workers: n}
			if tier != simd.Generic {
				measure(b, name("read"), elements, func() { parallel(n, x, readRow) })
			}
			measure(b, name("forward"), elements, func() { must(Forward(rows, x, targets, o)) })
			measure(b, name("forward-bfloat16"), elements, func() { must(Forward(rows, bf, targets, o)) })
			measure(b, name("forward-float16"), elements, func() { must(Forward(rows, hf, targets, o)) })
			if tier != simd.Generic {
				measure(b, name("scale"), elements, func() { parallel(n, x, scaleRow) })
			}
			measure(b, name("forward+backward"), elements, func() { must(ForwardBackward(rows, x, x, targets, g, o)) })
			refresh()
			part := rows.Slice(0, half.Rows)
			measure(b, name("forward+backward-apart"), half.Rows*half.Vocab, func() {
				must(ForwardBackward(part, other, half, targets[:half.Rows], g.Slice(0, half.Rows), o))
			})
			refresh()
		}
	}
}
