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
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"sync"
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

func TestSamplerAndTrainerAgreeToTheBit(t *testing.T) {
	for _, c := range []Config{
		{Vocabulary: 186, End: 1},
		{Vocabulary: 37, End: 1, Layers: 3, Width: 12, Heads: 2, Hidden: 10}, // no size a multiple of eight
		{Vocabulary: 9, End: 1, Layers: 1, Width: 6, Heads: 1, Hidden: 5},
		{Vocabulary: 300, End: 1, Layers: 1, Width: 128, Heads: 1, Hidden: 300}, // beyond gonum's blocks of 64 everywhere
	} {
		testSamplerAndTrainerAgree(t, c)
	}
}

func testSamplerAndTrainerAgree(t *testing.T, c Config) {
	rng := rand.New(rand.NewPCG(3, 3))
	p := mustNew(t, c, 3)
	perturb(p, rng, 0.1)
	var requests []Request
	var groups []Group
	for i := range 12 {
		prompt := randomTokens(rng, c.Vocabulary, 1+rng.IntN(200)) // longer than one block of a product, at times
		for range 1 + rng.IntN(8) {
			requests = append(requests, Request{Prompt: prompt, Seed: rng.Uint64(), Window: len(prompt) + 1 + rng.IntN(120), Greedy: i%3 == 2})
		}
	}
	completions := mustSample(t, p, requests, SampleOptions{})
	var want, entropies []float32
	for i, r := range requests {
		if i == 0 || !slices.Equal(r.Prompt, requests[i-1].Prompt) {
			groups = append(groups, Group{Prompt: r.Prompt})
		}
		g := &groups[len(groups)-1]
		g.Responses = append(g.Responses, completions[i].Tokens)
		want = append(want, completions[i].LogProbs...)
		entropies = append(entropies, completions[i].Entropies...)
	}
	sameBits(t, "log-probabilities", want, logProbs(t, p, groups))
	sameBits(t, "entropies", entropies, p.Entropies())

	// The same one response at a time.
	var alone []float32
	for i, r := range requests {
		alone = append(alone, logProbs(t, p, []Group{{r.Prompt, [][]int32{completions[i].Tokens}}})...)
	}
	sameBits(t, "log-probabilities one by one", want, alone)
}

func TestCompletionsDependOnTheirOwnRequestAlone(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	p := mustNew(t, Config{Vocabulary: 40, End: 7}, 4)
	perturb(p, rng, 0.1)
	var requests []Request
	for range 10 {
		prompt := randomTokens(rng, 40, 1+rng.IntN(30))
		for range 1 + rng.IntN(8) {
			requests = append(requests, Request{Prompt: prompt, Seed: rng.Uint64(), Window: len(prompt) + 1 + rng.IntN(60)})
		}
	}
	want := mustSample(t, p, requests, SampleOptions{})
	for _, cores := range []int{1, 3} {
		for _, lanes := range []int{1, 3, 200} {
			old := runtime.GOMAXPROCS(cores)
			got := mustSample(t, p, requests, SampleOptions{Lanes: lanes})
			runtime.GOMAXPROCS(old)
			if !reflect.DeepEqual(want, got) {
				t.Fatalf("%d cores, %d lanes: completions differ", cores, lanes)
			}
		}
	}
	var mu sync.Mutex
	seen := map[int]*Completion{}
	order := rng.Perm(len(requests))
	shuffled := make([]Request, len(order))
	for i, j := range order {
		shuffled[i] = requests[j]
	}
	mustSample(t, p, shuffled, SampleOptions{Each: func(i int, c *Completion) {
		mu.Lock()
		defer mu.Unlock()
		seen[order[i]] = c
	}})
	if len(seen) != len(requests) {
		t.Fatalf("Each called for %d of %d requests", len(seen), len(requests))
	}
	ended, truncated := 0, 0
	for i, w := range want {
		if !reflect.DeepEqual(w, *seen[i]) {
			t.Fatalf("request %d differs in another order", i)
		}
		last := w.Tokens[len(w.Tokens)-1]
		if i := slices.Index(w.Tokens, 7); i >= 0 && i != len(w.Tokens)-1 {
			t.Errorf("goes on after the end token")
		}
		if w.Truncated {
			truncated++
			if last == 7 || len(requests[i].Prompt)+len(w.Tokens) != requests[i].Window {
				t.Errorf("request %d: truncated with last token %d at %d of %d", i, last, len(requests[i].Prompt)+len(w.Tokens), requests[i].Window)
			}
		} else {
			ended++
			if last != 7 {
				t.Errorf("request %d: neither ended nor truncated", i)
			}
		}
	}
	if ended == 0 || truncated == 0 {
		t.Errorf("%d ended, %d truncated: want some of both", ended, truncated)
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

func TestSwappedFrequencies(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	c := Config{Vocabulary: 40, Positions: 64}
	p := mustNew(t, c, 7)
	perturb(p, rng, 0.1)
	requests := []Request{{Prompt: randomTokens(rng, 40, 9), Seed: 1, Window: 128}}
	own := mustSample(t, p, requests, SampleOptions{})
	same := mustSample(t, p, requests, SampleOptions{Rope: Rope{c.Frequencies(), 1}})
	if !reflect.DeepEqual(own, same) {
		t.Error("the trained frequencies, given, change the completion")
	}
	f := c.Frequencies()
	for i := range f {
		f[i] /= 2
	}
	scaled := mustSample(t, p, requests, SampleOptions{Rope: Rope{f, 1.0693147}})
	if reflect.DeepEqual(own[0].LogProbs, scaled[0].LogProbs) {
		t.Error("other frequencies change nothing")
	}
	// A policy trained with these frequencies says the same: base' with base'^(-2i/h) cannot
	// halve them all, so its table is set by hand.
	q := p.Clone()
	q.config.Positions = 128
	q.rotation, _ = newRotation(q.config, Rope{f, 1.0693147}, 128)
	sameBits(t, "log-probabilities", scaled[0].LogProbs, logProbs(t, q, []Group{{requests[0].Prompt, [][]int32{scaled[0].Tokens}}}))

	// cos and sin doubled are q and k doubled: to the bit, as 2 is a power of two.
	q = p.Clone()
	for _, l := range q.weights.layers {
		for i := range 64 {
			for j := range 2 * 64 {
				l.qkv.data[i*l.qkv.stride+j] *= 2
			}
		}
	}
	if !reflect.DeepEqual(mustSample(t, q, requests, SampleOptions{}), mustSample(t, p, requests, SampleOptions{Rope: Rope{AttentionScale: 2}})) {
		t.Error("an attention scale of 2 is not q and k doubled")
	}

	for _, r := range []Rope{{Frequencies: f[:3]}, {Frequencies: append(f[:7:7], math.NaN())}, {AttentionScale: -1}, {AttentionScale: math.Inf(1)}} {
		var want *ConfigError
		if _, err := p.Sample(context.Background(), requests, SampleOptions{Rope: r}); !errors.As(err, &want) {
			t.Errorf("%v: error %v", r, err)
		}
	}
}

// 4,000 first tokens against their probabilities: chi-squared with 39 degrees of freedom.
func TestDrawsFollowTheDistribution(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	p := mustNew(t, Config{Vocabulary: 40}, 8)
	perturb(p, rng, 0.1)
	prompt := randomTokens(rng, 40, 5)
	requests := make([]Request, 4000)
	for i := range requests {
		requests[i] = Request{Prompt: prompt, Seed: uint64(i), Window: 6}
	}
	counts := make([]float64, 40)
	for _, c := range mustSample(t, p, requests, SampleOptions{Lanes: 4000}) {
		counts[c.Tokens[0]]++
	}
	var all Group
	all.Prompt = prompt
	for token := range int32(40) {
		all.Responses = append(all.Responses, []int32{token})
	}
	var chi float64
	mode := 0
	lp := logProbs(t, p, []Group{all})
	for i, l := range lp {
		expected := 4000 * math.Exp(float64(l))
		chi += (counts[i] - expected) * (counts[i] - expected) / expected
		if l > lp[mode] {
			mode = i
		}
	}
	if chi > 80 { // one in 10,000
		t.Errorf("chi-squared %.1f", chi)
	}
	greedy := mustSample(t, p, []Request{{Prompt: prompt, Window: 6, Greedy: true}}, SampleOptions{})
	if int(greedy[0].Tokens[0]) != mode {
		t.Errorf("greedy took %d, the mode is %d", greedy[0].Tokens[0], mode)
	}
}

func TestPick(t *testing.T) {
	probs := []float32{0, 0.25, 0, 0.5, 0.25, 0}
	for _, c := range []struct {
		u    float64
		want int
	}{{0, 1}, {0.2499, 1}, {0.25, 3}, {0.7499, 3}, {0.75, 4}, {0.9999999, 4}, {1, 4}} {
		if got := pick(probs, c.u); got != c.want {
			t.Errorf("pick(%v) = %d, want %d", c.u, got, c.want)
		}
	}
}

func TestMostProbableIsTheLowestOfEquals(t *testing.T) {
	if got := mostProbable([]float32{1, 3, 2, 3}); got != 1 {
		t.Errorf("got %d, want 1", got)
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

func TestUniform(t *testing.T) {
	const n = 100_000
	var sum, square, lag float64
	last := 0.5
	for k := range n {
		u := uniform(uint64(k%100), k/100)
		if u < 0 || u >= 1 {
			t.Fatal(u)
		}
		sum += u
		square += u * u
		lag += (u - 0.5) * (last - 0.5)
		last = u
	}
	if m := sum / n; math.Abs(m-0.5) > 0.004 {
		t.Errorf("mean %v", m)
	}
	if v := square / n; math.Abs(v-1.0/3) > 0.004 {
		t.Errorf("mean square %v", v)
	}
	if c := lag / n; math.Abs(c) > 0.0012 {
		t.Errorf("covariance of neighbours %v", c)
	}
}

func TestExp(t *testing.T) {
	for x := float32(0); x > -87; x -= 0.00137 {
		want := math.Exp(float64(x))
		if got := float64(exp(x)); math.Abs(got-want) > 2e-7*want {
			t.Fatalf("exp(%v) = %v, want %v", x, got, want)
		}
	}
	nan := float32(math.NaN())
	if exp(0) != 1 || exp(-100) != 0 || exp(float32(math.Inf(-1))) != 0 || exp(nan) == exp(nan) {
		t.Errorf("exp(0) %v, exp(-100) %v, exp(-Inf) %v, exp(NaN) %v", exp(0), exp(-100), exp(float32(math.Inf(-1))), exp(nan))
	}
}

func TestSnapshotGoesOnToTheSameBits(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	groups := randomGroups(rng, 40, 3)
	p := mustNew(t, Config{Vocabulary: 40, End: 3, Shards: 3, Positions: 200, RopeBase: 500}, 9)
	p.Adam.Beta2 = 0.99
	g := randomGradient(rng, len(logProbs(t, p, groups)))
	step := func(p *Policy) {
		logProbs(t, p, groups)
		if err := p.Backward(g); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Step(1e-2); err != nil {
			t.Fatal(err)
		}
	}
	step(p)
	step(p)
	var b bytes.Buffer
	if err := p.Snapshot(&b); err != nil {
		t.Fatal(err)
	}
	data := slices.Clone(b.Bytes())
	b.WriteString("what follows")
	q, err := Restore(&b)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != "what follows" {
		t.Errorf("read %d bytes too many", len("what follows")-b.Len())
	}
	if q.Config() != p.Config() || q.Steps() != 2 || q.Adam.withDefaults() != p.Adam.withDefaults() {
		t.Errorf("%+v after %d steps, %+v", q.Config(), q.Steps(), q.Adam)
	}
	r := p.Clone()
	step(p)
	step(q)
	step(r)
	sameBits(t, "restored", p.Parameters(), q.Parameters())
	sameBits(t, "cloned", p.Parameters(), r.Parameters())
	sameBits(t, "first moments", p.moment1, q.moment1)
	sameBits(t, "second moments", p.moment2, q.moment2)

	for range 40 {
		i := rng.IntN(len(data))
		bad := slices.Clone(data)
		bad[i] ^= 1 << rng.IntN(8)
		if _, err := Restore(bytes.NewReader(bad)); err == nil {
			t.Fatalf("a changed bit in byte %d goes unseen", i)
		}
		if _, err := Restore(bytes.NewReader(data[:i])); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("cut at %d: %v", i, err)
		}
	}
	for i := range 128 { // the header and a little more
		bad := slices.Clone(data)
		bad[i] ^= 0x80
		if _, err := Restore(bytes.NewReader(bad)); err == nil {
			t.Fatalf("a changed bit in byte %d goes unseen", i)
		}
	}

	logProbs(t, p, groups)
	if err := p.Backward(g); err != nil {
		t.Fatal(err)
	}
	if err := p.Snapshot(io.Discard); !errors.Is(err, ErrPendingGradient) {
		t.Errorf("snapshot with a pending gradient: %v", err)
	}
}

// Two Adam steps of one weight by hand, the second with a clipped gradient.
func TestStepByHand(t *testing.T) {
	p := mustNew(t, Config{Vocabulary: 8}, 1)
	p.Adam = Adam{Beta1: 0.5, Beta2: 0.75, Epsilon: 1e-8, Clip: 2}
	w, g := p.weights.flat, p.shards[1].gradient.flat
	w[0], g[0] = 1, 2
	norm, err := p.Step(0.1)
	if err != nil || norm != 2 {
		t.Fatal(norm, err)
	}
	// m = 1, v = 1; corrected 2 and 4; step 0.1 · 2/2.
	if math.Abs(float64(w[0])-0.9) > 1e-6 {
		t.Errorf("weight %v, want 0.9", w[0])
	}
	g[0] = -8 // clipped to -2
	if norm, err = p.Step(0.1); err != nil || norm != 8 {
		t.Fatal(norm, err)
	}
	// m = 0.5 - 1 = -0.5, corrected by 1 - 1/4: -2/3. v = 0.75 + 1 = 1.75, corrected by 1 - 9/16: 4.
	if want := 0.9 + 0.1*(2.0/3)/2; math.Abs(float64(w[0])-want) > 1e-6 {
		t.Errorf("weight %v, want %v", w[0], want)
	}
	if g[0] != 0 {
		t.Errorf("gradient %v after Step", g[0])
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
