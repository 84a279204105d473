package logprob

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/grouprl/grouprl/internal/simd"
)

// BenchmarkVocabulary runs V = 151,936 ids, Qwen3's, over 512 MiB of logits, so that
// rows come from memory. "read" adds the same numbers and "scale" multiplies them in
// place: what the machine's memory gives, on the same cores and in the same minutes.
// Medians are reported, in nanoseconds a logit, and beside them shares of a ceiling:
// read/forward is 1 where the forward pass costs what reading costs, and
// forward/forward-bfloat16 is the rate of rows of half the bytes. A share is the median
// over groups of four turns, each of a few rows: ceiling, contestant, contestant, ceiling.
// What else goes on in the machine, and what turns before have left to be written back,
// is then felt by both alike.
//
//	go test ./grpo/logprob -run xxx -bench Vocabulary -benchtime 50x
func BenchmarkVocabulary(b *testing.B) {
	const vocab, turn = 151936, 8
	rng := rand.New(rand.NewPCG(1, 2))
	x := benchLogits[float32](512<<20/4/vocab/turn*turn, vocab, rng)
	bf := benchLogits[BFloat16](x.Rows, vocab, rng)
	hf := benchLogits[Float16](x.Rows/4, vocab, rng)
	apart := Logits[float32]{Data: make([]float32, turn*vocab), Rows: turn, Vocab: vocab}
	targets := make([]int32, turn)
	rows := Rows[float32]{LogProbs: make([]float32, turn), LSE: make([]float64, turn), Entropies: make([]float32, turn)}
	g := Gradient[float32]{make([]float32, turn), make([]float32, turn)}
	for r := range turn {
		targets[r], g.LogProbs[r], g.Entropies[r] = int32(r*997), -1e-3, 1e-5
	}
	policy := Gradient[float32]{LogProbs: g.LogProbs}
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	var place int64
	// next is rows that have not been touched for a while.
	next := func() Logits[float32] {
		place = (place + turn) % (x.Rows - turn + 1)
		return x.Slice(place, place+turn)
	}
	before := tier
	defer func() { tier = before }()
	for _, cores := range slices.Compact([]int{1, runtime.GOMAXPROCS(0)}) {
		o := Options{Workers: cores}
		turns := map[string]func(){
			"read":    func() { parallel(cores, next(), readRow) },
			"scale":   func() { parallel(cores, next(), scaleRow) },
			"forward": func() { must(Forward(rows, next(), targets, o)) },
			"forward-bfloat16": func() {
				next()
				must(Forward(rows, bf.Slice(place, place+turn), targets, o))
			},
			"forward-float16": func() {
				next()
				at := place % (hf.Rows - turn + 1)
				must(Forward(rows, hf.Slice(at, at+turn), targets, o))
			},
			"forward+backward":         func() { chunk := next(); must(ForwardBackward(rows, chunk, chunk, targets, policy, o)) },
			"forward+backward-entropy": func() { chunk := next(); must(ForwardBackward(rows, chunk, chunk, targets, g, o)) },
			"forward+backward-apart":   func() { must(ForwardBackward(rows, apart, next(), targets, policy, o)) },
		}
		groups := []struct{ ceiling, name string }{
			{"read", "forward"}, {"forward", "forward-bfloat16"}, {"forward", "forward-float16"},
			{"scale", "forward+backward"}, {"scale", "forward+backward-entropy"}, {"scale", "forward+backward-apart"},
		}
		for i := len(simd.Tiers()) - 1; i >= 0; i-- {
			b.Run(fmt.Sprintf("%v/cores=%d", simd.Tier(i), cores), func(b *testing.B) {
				tier = simd.Tier(i)
				times := map[string][]float64{}
				clock := func(name string) float64 {
					start := time.Now()
					turns[name]()
					spent := float64(time.Since(start)) / (turn * vocab)
					times[name] = append(times[name], spent)
					return spent
				}
				median := func(name string) float64 {
					slices.Sort(times[name])
					return times[name][len(times[name])/2]
				}
				refill(x, rng)
				b.ResetTimer()
				for range b.N {
					for _, of := range groups {
						turns[of.ceiling]() // not timed: caches are as the ceiling leaves them
						first := clock(of.ceiling)
						two := clock(of.name) + clock(of.name)
						share := of.ceiling + "/" + of.name
						times[share] = append(times[share], (first+clock(of.ceiling))/two)
					}
				}
				b.StopTimer()
				b.ReportMetric(0, "ns/op")
				for name := range turns {
					b.ReportMetric(median(name), name+"-ns")
				}
				allocs := 0.0 // of the package's calls alone
				for _, of := range groups {
					if share := of.ceiling + "/" + of.name; tier != simd.Generic {
						b.ReportMetric(median(share), share)
					}
					allocs += testing.AllocsPerRun(3, turns[of.name])
				}
				b.ReportMetric(allocs, "allocs")
			})
		}
	}
}

func benchLogits[E Element](rows, vocab int64, rng *rand.Rand) Logits[E] {
	x := Logits[E]{Data: make([]E, rows*vocab), Rows: rows, Vocab: vocab}
	refill(x, rng)
	return x
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

// parallel runs f over the rows on n goroutines.
func parallel(n int, x Logits[float32], f func(row []float32)) {
	var wait sync.WaitGroup
	work := func(w int) {
		for r := int64(w); r < x.Rows; r += int64(n) {
			f(x.Row(r))
		}
	}
	for w := 1; w < n; w++ {
		wait.Go(func() { work(w) })
	}
	work(0)
	wait.Wait()
}

// BenchmarkKernels runs the kernels over 32,768 logits that stay in the second-level
// cache, so that memory has no say. They take turns; medians are reported, in nanoseconds
// a logit.
//
//	go test ./grpo/logprob -run xxx -bench Kernels -benchtime 1000x
func BenchmarkKernels(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	x := benchLogits[float32](1, callElements, rng).Data
	bf := benchLogits[BFloat16](1, callElements, rng).Data
	hf := benchLogits[Float16](1, callElements, rng).Data
	dst := make([]float32, len(x))
	for i := len(simd.Tiers()) - 1; i >= 0; i-- {
		b.Run(simd.Tier(i).String(), func(b *testing.B) {
			tier := simd.Tier(i)
			var s scan
			s.begin(1)
			s.forward.setReference(18, 1)
			masked := s.forward
			masked.masked = true
			s.backward.shift, s.backward.reference = s.backward.shiftTo(20)
			s.backward.constant = -1
			turns := []struct {
				name string
				run  func() int
			}{
				{"forward", func() int { return forwardKernel(tier, x, &s.forward, false) }},
				{"forward-masked", func() int { return forwardKernel(tier, x, &masked, false) }},
				{"forward-squares", func() int { return forwardKernel(tier, x, &s.forward, true) }},
				{"forward-bfloat16", func() int { return forwardKernel(tier, bf, &s.forward, false) }},
				{"forward-float16", func() int { return forwardKernel(tier, hf, &s.forward, false) }},
				{"forward-keep", func() int { return keepKernel(tier, dst, x, &s.forward) }},
				{"scale", func() int { scaleKernel(tier, dst, 1); return len(dst) }},
				{"backward", func() int { backwardKernel(tier, dst, x, true, &s.backward); return len(dst) }},
			}
			times := make([][]float64, len(turns))
			for range b.N {
				for i, turn := range turns {
					turn.run()
					start := time.Now()
					if turn.run() != len(x) {
						b.Fatal(turn.name + " stopped")
					}
					times[i] = append(times[i], float64(time.Since(start))/float64(len(x)))
				}
			}
			b.ReportMetric(0, "ns/op")
			for i, turn := range turns {
				slices.Sort(times[i])
				b.ReportMetric(times[i][len(times[i])/2], turn.name+"-ns")
			}
		})
	}
}
