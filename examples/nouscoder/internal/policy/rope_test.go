package policy

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
)

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
