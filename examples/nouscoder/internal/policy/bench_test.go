package policy

import (
	"context"
	"math/rand/v2"
	"testing"
)

// benchmarkGroups are 64 sequences of 100 tokens as 16 groups: prompts of 28, responses of 72.
func benchmarkGroups(groupSize int) ([]Group, int) {
	rng := rand.New(rand.NewPCG(1, 1))
	groups := make([]Group, 64/groupSize)
	rows := 0
	for i := range groups {
		groups[i].Prompt = randomTokens(rng, 186, 28)
		rows += 28
		for range groupSize {
			groups[i].Responses = append(groups[i].Responses, randomTokens(rng, 186, 72))
			rows += 71
		}
	}
	return groups, rows
}

func benchmarkTraining(b *testing.B, groupSize int, backward bool) {
	p := mustNew(b, Config{Vocabulary: 186}, 1)
	groups, rows := benchmarkGroups(groupSize)
	g := make([]float32, 64*72)
	for i := range g {
		g[i] = -1.0 / float32(len(g))
	}
	b.ReportAllocs()
	for b.Loop() {
		logProbs(b, p, groups)
		if backward {
			if err := p.Backward(g); err != nil {
				b.Fatal(err)
			}
			if _, err := p.Step(1e-4); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(64*100*b.N)/b.Elapsed().Seconds(), "tokens/s")
}

// Rows are input tokens really computed; tokens count the prompt once a response (64 × 100).
func BenchmarkForward(b *testing.B)      { benchmarkTraining(b, 1, false) }
func BenchmarkForwardGroup(b *testing.B) { benchmarkTraining(b, 8, false) }
func BenchmarkTrain(b *testing.B)        { benchmarkTraining(b, 1, true) }
func BenchmarkTrainGroup(b *testing.B)   { benchmarkTraining(b, 8, true) }

// 24 prompts of 28 tokens, 8 completions each of up to 72 (an untrained policy rarely ends).
func BenchmarkSample(b *testing.B) {
	p := mustNew(b, Config{Vocabulary: 186}, 1)
	rng := rand.New(rand.NewPCG(1, 1))
	var requests []Request
	for range 24 {
		prompt := randomTokens(rng, 186, 28)
		for range 8 {
			requests = append(requests, Request{Prompt: prompt, Seed: rng.Uint64(), Window: 100})
		}
	}
	tokens := 0
	for b.Loop() {
		cs, err := p.Sample(context.Background(), requests, SampleOptions{})
		if err != nil {
			b.Fatal(err)
		}
		for _, c := range cs {
			tokens += len(c.Tokens)
		}
	}
	b.ReportMetric(float64(tokens)/b.Elapsed().Seconds(), "tokens/s")
}
