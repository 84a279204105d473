package policy

// Pinned behaviours:
//
//  1. LogProbs is the model of doc.go, and Backward its derivative (oracle, finite differences).
//  2. Sampler and trainer agree to the last bit, also with swapped frequencies.
//  3. A log-probability does not depend on the rest of the batch, a completion not on
//     the other requests, Lanes or GOMAXPROCS; a gradient not on GOMAXPROCS.
//  4. Draws follow the distribution; greedy takes its mode.
//  5. A snapshot goes on to the same bits; a damaged one is refused.
//  6. Bad input is a typed error that changes nothing.
//  7. The policy learns.

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func mustNew(t testing.TB, c Config, seed uint64) *Policy {
	t.Helper()
	p, err := New(c, seed)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// perturb moves gains and head away from their regular initial values.
func perturb(p *Policy, rng *rand.Rand, std float64) {
	for i := range p.weights.flat {
		p.weights.flat[i] += float32(std * rng.NormFloat64())
	}
}

func randomTokens(rng *rand.Rand, vocabulary, n int) []int32 {
	s := make([]int32, n)
	for i := range s {
		s[i] = rng.Int32N(int32(vocabulary))
	}
	return s
}

// randomGroups are ragged: prompts of 1 to 40 tokens, 0 to 8 responses of 1 to 70.
func randomGroups(rng *rand.Rand, vocabulary, n int) []Group {
	groups := make([]Group, n)
	for i := range groups {
		groups[i].Prompt = randomTokens(rng, vocabulary, 1+rng.IntN(40))
		for range rng.IntN(9) {
			groups[i].Responses = append(groups[i].Responses, randomTokens(rng, vocabulary, 1+rng.IntN(70)))
		}
	}
	groups[0].Responses = append(groups[0].Responses, randomTokens(rng, vocabulary, 1))
	return groups
}

func randomGradient(rng *rand.Rand, n int) []float32 {
	g := make([]float32, n)
	for i := range g {
		g[i] = float32(rng.NormFloat64()) / float32(n)
	}
	return g
}

func logProbs(t testing.TB, p *Policy, groups []Group) []float32 {
	t.Helper()
	lp, err := p.LogProbs(groups)
	if err != nil {
		t.Fatal(err)
	}
	return lp
}

func mustSample(t testing.TB, p *Policy, requests []Request, o SampleOptions) []Completion {
	t.Helper()
	c, err := p.Sample(context.Background(), requests, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func sameBits(t *testing.T, what string, want, got []float32) {
	t.Helper()
	if len(want) != len(got) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	for i := range want {
		if math.Float32bits(want[i]) != math.Float32bits(got[i]) {
			t.Fatalf("%s: number %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}

func float64s(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

func TestDefaultIsTheExamplesModel(t *testing.T) {
	p := mustNew(t, Config{Vocabulary: 186}, 1)
	if n := len(p.Parameters()); n != 122432 {
		t.Errorf("%d parameters, want 122432", n)
	}
	if want := (Config{186, 0, 2, 64, 4, 256, 1000, 512, 4}); p.Config() != want {
		t.Errorf("config %+v, want %+v", p.Config(), want)
	}
}

func TestBadInput(t *testing.T) {
	var config *ConfigError
	for _, c := range []Config{
		{}, {Vocabulary: -1}, {Vocabulary: 9, End: 9}, {Vocabulary: 9, End: -1}, {Vocabulary: 9, Width: 20, Heads: 4}, {Vocabulary: 9, Heads: 3},
		{Vocabulary: 9, RopeBase: math.NaN()}, {Vocabulary: 9, RopeBase: 1}, {Vocabulary: 1 << 20}, {Vocabulary: 1 << 15, Width: 1 << 15}, {Vocabulary: 9, Shards: -1},
	} {
		if _, err := New(c, 1); !errors.As(err, &config) {
			t.Errorf("%+v: %v", c, err)
		}
	}

	p := mustNew(t, Config{Vocabulary: 9, Positions: 8}, 1)
	before := p.Parameters()
	var input *InputError
	for _, g := range []Group{
		{}, {Prompt: []int32{9}}, {Prompt: []int32{-1}}, {Prompt: []int32{1}, Responses: [][]int32{{}}},
		{Prompt: []int32{1}, Responses: [][]int32{{1, 2, 9}}}, {Prompt: []int32{1}, Responses: [][]int32{{1, 2, 3, 4, 5, 6, 7, 8}}},
		{Prompt: make([]int32, 9)},
	} {
		if _, err := p.LogProbs([]Group{{Prompt: []int32{1}}, g}); !errors.As(err, &input) || input.Group != 1 {
			t.Errorf("%v: %v", g, err)
		}
	}
	for _, r := range []Request{{}, {Prompt: []int32{9}}, {Prompt: []int32{1, 2}, Window: 2}, {Prompt: []int32{1, 2}, Window: -4}, {Prompt: make([]int32, 8)}, {Prompt: []int32{1}, Window: 1 << 30}} {
		if _, err := p.Sample(context.Background(), []Request{{Prompt: []int32{1}}, r}, SampleOptions{}); !errors.As(err, &input) || input.Group != 1 {
			t.Errorf("%v: %v", r, err)
		}
	}
	if _, err := p.Sample(context.Background(), nil, SampleOptions{Lanes: -1}); !errors.As(err, &config) {
		t.Errorf("negative lanes: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := p.Sample(ctx, []Request{{Prompt: []int32{1}}}, SampleOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}

	if err := p.Backward(nil); !errors.Is(err, ErrNoForward) {
		t.Errorf("Backward first: %v", err)
	}
	logProbs(t, p, []Group{{Prompt: []int32{1}, Responses: [][]int32{{1, 2}}}})
	if err := p.Backward([]float32{1}); !errors.As(err, &input) {
		t.Errorf("short gradient: %v", err)
	}
	var value *ValueError
	if err := p.Backward([]float32{1, float32(math.NaN())}); !errors.As(err, &value) || value.Index != 1 {
		t.Errorf("NaN gradient: %v", err)
	}
	if err := p.Backward([]float32{math.MaxFloat32, math.MaxFloat32}); err != nil {
		t.Errorf("a finite gradient: %v", err)
	}
	if err := p.Backward([]float32{1, 1}); !errors.Is(err, ErrNoForward) {
		t.Errorf("Backward twice: %v", err)
	}
	if _, err := p.Step(1); !errors.As(err, &value) {
		t.Errorf("overflowed gradient: %v", err)
	}
	if _, err := p.Step(math.NaN()); !errors.As(err, &config) {
		t.Errorf("NaN learning rate: %v", err)
	}
	for _, a := range []Adam{{Beta1: 1}, {Beta2: -0.5}, {Epsilon: math.Inf(1)}, {Clip: math.NaN()}} {
		p.Adam = a
		if _, err := p.Step(1); !errors.As(err, &config) {
			t.Errorf("%+v: %v", a, err)
		}
	}
	sameBits(t, "weights after errors", before, p.Parameters())

	p.ZeroGradient()
	if lp := logProbs(t, p, nil); len(lp) != 0 {
		t.Errorf("empty batch: %v", lp)
	}
}

// A policy learns to copy a token from the prompt: 1, k -> 2, k, end. Then Backward by a
// reward moves it to another answer.
func TestLearns(t *testing.T) {
	p := mustNew(t, Config{Vocabulary: 16, Width: 32, Hidden: 64}, 1)
	var groups []Group
	for k := range int32(12) {
		groups = append(groups, Group{Prompt: []int32{1, 4 + k}, Responses: [][]int32{{2, 4 + k, 0}}})
	}
	g := make([]float32, 36)
	for i := range g {
		g[i] = -1.0 / 36
	}
	var nll float64
	for range 60 {
		nll = 0
		for _, lp := range logProbs(t, p, groups) {
			nll -= float64(lp) / 36
		}
		if err := p.Backward(g); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Step(1e-2); err != nil {
			t.Fatal(err)
		}
	}
	if !(nll < 0.05) {
		t.Errorf("negative log-likelihood %.3f after 60 steps", nll)
	}
	greedy := mustSample(t, p, []Request{{Prompt: []int32{1, 9}, Greedy: true}}, SampleOptions{})
	if want := []int32{2, 9, 0}; !slices.Equal(greedy[0].Tokens, want) {
		t.Errorf("greedy says %v, want %v", greedy[0].Tokens, want)
	}
}
