package policy

import (
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"testing"
)

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
