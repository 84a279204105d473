package grpo_test

import (
	"math/rand/v2"
	"testing"

	"github.com/grouprl/grouprl/grpo"
	"github.com/grouprl/grouprl/grpo/grpotest"
)

// Every surrogate of the catalogue on one batch of 200 responses of 500 tokens,
// float32, one core, token advantages of one sign a response. The clip is the first
// row: the others are to cost at most twice as much, and nothing allocates.
func BenchmarkSurrogates(b *testing.B) {
	const responses, length = 200, 500
	rng := rand.New(rand.NewPCG(1, 1))
	batch := grpo.Batch[float32]{Offsets: []int{0}}
	for i := range responses {
		batch.Offsets = append(batch.Offsets, (i+1)*length)
		batch.Advantages = append(batch.Advantages, rng.NormFloat64())
		batch.Groups = append(batch.Groups, i/8)
		batch.Episodes = append(batch.Episodes, i)
		batch.Keys = append(batch.Keys, rng.Uint64())
		batch.Rewards = append(batch.Rewards, float64(2*(i%2)-1))
	}
	for range responses * length {
		lp := float32(-rng.ExpFloat64())
		batch.LogProbs = append(batch.LogProbs, lp)
		batch.OldLogProbs = append(batch.OldLogProbs, lp+float32(0.1*rng.NormFloat64()))
		batch.RolloutLogProbs = append(batch.RolloutLogProbs, lp+float32(0.1*rng.NormFloat64()))
	}
	for _, row := range grpotest.Catalogue() {
		if row.Kind != grpotest.Surrogate {
			continue
		}
		o := row.New()
		b.Run(row.Name, func(b *testing.B) {
			if o.NeedsStep() {
				var s grpo.Sample
				err := grpo.Observe(&s, &o, &batch)
				if err == nil {
					o, err = o.Resolve(&s)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
			totals, err := grpo.Count(&o, &batch)
			if err != nil {
				b.Fatal(err)
			}
			dst := grpo.Gradient[float32]{LogProbs: make([]float32, responses*length)}
			var e grpo.Evaluator[float32]
			b.ReportAllocs()
			for b.Loop() {
				if _, err := e.Eval(dst, &o, &batch, &totals); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(responses*length), "ns/token")
		})
	}
}
