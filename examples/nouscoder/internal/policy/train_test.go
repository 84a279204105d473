package policy

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
)

func TestLogProbsAreTheModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	p := mustNew(t, Config{Vocabulary: 31}, 1)
	perturb(p, rng, 0.1)
	groups := randomGroups(rng, 31, 4)
	got := logProbs(t, p, groups)
	entropy := p.Entropies()
	flat := float64s(p.weights.flat)
	for _, g := range groups {
		for _, r := range g.Responses {
			for k, want := range oracle(p.config, flat, slices.Concat(g.Prompt, r), len(g.Prompt)) {
				if math.Abs(float64(got[0])-want) > 2e-5*max(1, math.Abs(want)) {
					t.Fatalf("token %d: %v, want %v", k, got[0], want)
				}
				got = got[1:]
			}
		}
	}
	// The entropy of the first token of group 0 is -sum p log p over all its tokens.
	var want float64
	for token := range int32(31) {
		lp := oracle(p.config, flat, append(slices.Clone(groups[0].Prompt), token), len(groups[0].Prompt))[0]
		want -= math.Exp(lp) * lp
	}
	if math.Abs(float64(entropy[0])-want) > 1e-5 {
		t.Errorf("entropy %v, want %v", entropy[0], want)
	}
}

// Finite differences of the oracle, in float64, against Backward, for every kind of parameter.
func TestBackwardIsTheDerivative(t *testing.T) {
	c := Config{Vocabulary: 11, Width: 8, Heads: 2, Hidden: 12, Shards: 2}
	rng := rand.New(rand.NewPCG(2, 2))
	p := mustNew(t, c, 2)
	perturb(p, rng, 0.2)
	groups := []Group{
		{Prompt: randomTokens(rng, 11, 5), Responses: [][]int32{randomTokens(rng, 11, 6), randomTokens(rng, 11, 1), randomTokens(rng, 11, 3)}},
		{Prompt: randomTokens(rng, 11, 1), Responses: [][]int32{randomTokens(rng, 11, 4)}},
	}
	g := randomGradient(rng, len(logProbs(t, p, groups)))
	if err := p.Backward(g); err != nil {
		t.Fatal(err)
	}
	got := p.Gradient()

	flat := float64s(p.weights.flat)
	loss := func() float64 {
		var sum float64
		i := 0
		for _, gr := range groups {
			for _, r := range gr.Responses {
				for _, lp := range oracle(p.config, flat, slices.Concat(gr.Prompt, r), len(gr.Prompt)) {
					sum += float64(g[i]) * lp
					i++
				}
			}
		}
		return sum
	}
	var worst, largest float64
	for i := range flat {
		old := flat[i]
		const h = 1e-5
		flat[i] = old + h
		up := loss()
		flat[i] = old - h
		down := loss()
		flat[i] = old
		fd := (up - down) / (2 * h)
		largest = max(largest, math.Abs(fd))
		worst = max(worst, math.Abs(fd-float64(got[i])))
	}
	if !(worst < 1e-5*largest) {
		t.Errorf("largest error %.2g, gradient up to %.2g", worst, largest)
	}
}

func TestTrainingHasTheSameBitsOnAnyNumberOfCores(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	var batches [][]Group
	for range 3 {
		batches = append(batches, randomGroups(rng, 40, 1+rng.IntN(7)))
	}
	seeds := rng.Uint64()
	train := func(cores int) []float32 {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
		rng := rand.New(rand.NewPCG(seeds, 0))
		p := mustNew(t, Config{Vocabulary: 40}, 5)
		for _, b := range batches {
			g := randomGradient(rng, len(logProbs(t, p, b)))
			if err := p.Backward(g); err != nil {
				t.Fatal(err)
			}
			if _, err := p.Step(1e-2); err != nil {
				t.Fatal(err)
			}
		}
		return p.Parameters()
	}
	want := train(1)
	for _, cores := range []int{2, 4, 7} {
		sameBits(t, "weights", want, train(cores))
	}
}

// Micro-batches add up, and the prompt's gradient is the sum over its responses.
func TestGradientsAdd(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	p := mustNew(t, Config{Vocabulary: 40}, 6)
	groups := randomGroups(rng, 40, 5)
	g := randomGradient(rng, len(logProbs(t, p, groups)))
	if err := p.Backward(g); err != nil {
		t.Fatal(err)
	}
	want := p.Gradient()
	p.ZeroGradient()
	for _, gr := range groups {
		for _, r := range gr.Responses {
			logProbs(t, p, []Group{{gr.Prompt, [][]int32{r}}})
			if err := p.Backward(g[:len(r)]); err != nil {
				t.Fatal(err)
			}
			g = g[len(r):]
		}
	}
	got := p.Gradient()
	var diff, norm float64
	for i := range want {
		diff += float64(want[i]-got[i]) * float64(want[i]-got[i])
		norm += float64(want[i]) * float64(want[i])
	}
	if !(diff < 1e-10*norm) {
		t.Errorf("|difference| %.2g of %.2g", math.Sqrt(diff), math.Sqrt(norm))
	}
}

// 10, 8, 6, 6 and 6 rows on two shards: 10 + 6 and 8 + 6 + 6.
func TestGroupsAreDealtEvenly(t *testing.T) {
	p := mustNew(t, Config{Vocabulary: 8, Shards: 2}, 1)
	var groups []Group
	for _, rows := range []int{6, 8, 6, 10, 6} {
		groups = append(groups, Group{Prompt: make([]int32, rows), Responses: [][]int32{{1}}})
	}
	logProbs(t, p, groups)
	if a, b := p.shards[0].groups, p.shards[1].groups; !slices.Equal(a, []int{3, 2}) || !slices.Equal(b, []int{1, 0, 4}) {
		t.Errorf("shards %v and %v", a, b)
	}
}
