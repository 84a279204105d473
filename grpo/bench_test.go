package grpo_test

import (
	"math/rand/v2"
	"testing"

	"github.com/grouprl/grouprl/dapo"
	"github.com/grouprl/grouprl/grpo"
	"github.com/grouprl/grouprl/gspo"
)

// 1000 responses of 1000 tokens, float32, one core. scripts: testdata/eager.py runs
// the same step in PyTorch.
func BenchmarkEval(b *testing.B) {
	const responses, length = 1000, 1000
	rng := rand.New(rand.NewPCG(1, 1))
	batch := grpo.Batch[float32]{Offsets: []int{0}}
	for i := range responses {
		batch.Offsets = append(batch.Offsets, (i+1)*length)
		batch.Advantages = append(batch.Advantages, rng.NormFloat64())
	}
	for range responses * length {
		lp := float32(-rng.ExpFloat64())
		batch.LogProbs = append(batch.LogProbs, lp)
		batch.OldLogProbs = append(batch.OldLogProbs, lp+float32(0.1*rng.NormFloat64()))
		batch.RefLogProbs = append(batch.RefLogProbs, lp+float32(0.2*rng.NormFloat64()))
	}
	withKL := dapo.New()
	withKL.KL.Coefficient = 0.04
	for _, c := range []struct {
		name string
		o    grpo.Objective
	}{{"clip+k3", withKL}, {"clip", dapo.New()}, {"gspo", gspo.New()}} {
		b.Run(c.name, func(b *testing.B) {
			totals, err := grpo.Count(&c.o, &batch)
			if err != nil {
				b.Fatal(err)
			}
			dst := grpo.Gradient[float32]{LogProbs: make([]float32, responses*length)}
			var e grpo.Evaluator[float32]
			b.ReportAllocs()
			for b.Loop() {
				if _, err := e.Eval(dst, &c.o, &batch, &totals); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(responses*length), "ns/token")
		})
	}
}
