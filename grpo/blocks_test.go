package grpo_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/grpo"
	"github.com/grouprl/grouprl/internal/simd"
	"github.com/grouprl/grouprl/internal/vexp"
)

// What these tests pin: an objective whose parts look at one token at a time goes
// through long responses in blocks, and through the vector kernels of this machine,
// with the same gradients, losses, Stats and errors, to the last bit, as
//
//  1. the same rule through whole responses;
//  2. plain Go;
//  3. any other machine and build: the digest of a run is written down here.
//
// The same goes for the three passes of a clip that is asked for its gradient only.

// wholeSurrogate is a surrogate of which the engine knows nothing but what it needs.
type wholeSurrogate struct{ grpo.Surrogate }

func (wholeSurrogate) Needs() grpo.Fields { return 0 }

// wholeHolder is one that says what it holds.
type wholeHolder struct {
	wholeSurrogate
	grpo.Holder
}

func whole(s grpo.Surrogate) grpo.Surrogate {
	if h, ok := s.(grpo.Holder); ok {
		return wholeHolder{wholeSurrogate{s}, h}
	}
	return wholeSurrogate{s}
}

// raggedBatch is made without transcendental functions, so that it is the same on
// every machine: responses of 0 to 3400 tokens that begin anywhere, some masked, with
// log-ratios of exactly 0, kink and -kink among others. bad of them are not finite.
func raggedBatch[F grpo.Float](seed uint64, kink float64, bad int) grpo.Batch[F] {
	rng := rand.New(rand.NewPCG(seed, 11))
	b := grpo.Batch[F]{Offsets: []int{rng.IntN(9)}}
	for i := range 6 {
		n := []int{rng.IntN(4), rng.IntN(40), 1024, 1030 + rng.IntN(9), rng.IntN(3400), 2048}[rng.IntN(6)]
		b.Offsets = append(b.Offsets, b.Offsets[i]+n)
		a := float64(rng.IntN(9)-4) / 4
		b.Advantages = append(b.Advantages, a)
	}
	if b.Offsets[6] == b.Offsets[0] {
		b.Offsets[6]++
	}
	// Sixteenths, so that the differences below are exact.
	sixteenths := func(n int) float64 { return float64(rng.IntN(n)) / 16 }
	spread := func(width float64) float64 { return float64(width * (rng.Float64() - 0.5)) }
	for range b.Offsets[6] + rng.IntN(5) {
		lp := -sixteenths(80) + spread(1e-3)
		old, ref := lp+spread(0.4), lp+spread(0.6)
		switch rng.IntN(6) {
		case 0:
			lp = float64(F(lp))
			old = lp
		case 1:
			lp = -sixteenths(80)
			old = lp + []float64{kink, -kink}[rng.IntN(2)]
		case 2:
			ref = lp + spread(1e-3)
		case 3:
			old += spread(4)
		}
		b.LogProbs, b.OldLogProbs, b.RefLogProbs = append(b.LogProbs, F(lp)), append(b.OldLogProbs, F(old)), append(b.RefLogProbs, F(ref))
		b.Entropies = append(b.Entropies, F(rng.Float64()))
		b.RolloutLogProbs = append(b.RolloutLogProbs, F(math.NaN())) // nothing reads it
		b.Mask = append(b.Mask, rng.IntN(4) != 0)
		b.TokenAdvantages = append(b.TokenAdvantages, float64(rng.IntN(9)-4)/4)
	}
	switch seed % 3 {
	case 0:
		b.Mask = nil
	case 1: // an end that does not count
		for t := range b.Mask {
			b.Mask[t] = t%700 < 600
		}
	}
	if seed%2 == 0 {
		b.TokenAdvantages = nil
	} else {
		b.Advantages = nil
	}
	for range bad {
		if b.Advantages != nil && rng.IntN(9) == 0 {
			b.Advantages[rng.IntN(6)] = []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e308}[rng.IntN(4)]
		}
		field := [...][]F{b.LogProbs, b.OldLogProbs, b.RefLogProbs, b.Entropies}[rng.IntN(4)]
		t := b.Offsets[0] + rng.IntN(b.Offsets[6]-b.Offsets[0])
		field[t] = F([]float64{math.NaN(), math.Inf(1), math.Inf(-1), 3e38, -1000}[rng.IntN(5)])
	}
	return b
}

// tokenwiseObjectives are evaluated in blocks, but for GSPO-token, whose ratio is the
// response's. kink is a log-ratio at which the clip has its bounds exactly.
func tokenwiseObjectives(kink float64) map[string]grpo.Objective {
	e := []float64{kink, -kink}
	vexp.Exp(e, e)
	clip := grpo.Clip{Low: 1 - e[1], High: e[0] - 1}
	capped := clip
	capped.Cap = 2
	k3 := grpo.KL{Coefficient: 0.04}
	return map[string]grpo.Objective{
		"clip":             {Surrogate: clip, Aggregation: grpo.TokenMean{}},
		"clip+k3":          {Surrogate: clip, KL: k3, Aggregation: grpo.TokenMean{}},
		"clip, cap, mean":  {Surrogate: capped, KL: k3, Aggregation: grpo.ResponseMean{All: true}},
		"clip, gspo-token": {Ratio: grpo.Ratio{Level: grpo.SequenceTokenLevel}, Surrogate: clip, KL: k3, Aggregation: grpo.ResponseMean{}},
		"clip+k2, bounds":  {Surrogate: clip, KL: grpo.KL{Coefficient: 1, Estimator: grpo.K2, InputBound: 0.2, Aggregation: grpo.ResponseSum{}}, Aggregation: grpo.Sum{}},
		"clip, verl's k3":  {Surrogate: clip, KL: grpo.KL{Coefficient: 1, OutputBound: 0.1, Gradient: grpo.K2Gradient}, Aggregation: grpo.Sum{}},
		"clip, log bounds": {Ratio: grpo.Ratio{Clamp: grpo.Clamp{Low: -1, High: 0.5}, Cap: grpo.Clamp{High: 0.4}}, Surrogate: clip, KL: k3, Aggregation: grpo.TokenMean{}},
		"linear+entropy":   {Surrogate: grpo.Linear{}, Entropy: grpo.Entropy{Coefficient: 0.01}, Aggregation: grpo.TokenMean{}},
		"sapo":             {Surrogate: grpo.SAPO{Positive: 1, Negative: 1.05}, KL: k3, Aggregation: grpo.TokenMean{}},
		"gppo":             {Surrogate: grpo.GPPO{Low: 0.2, High: 0.2}, Aggregation: grpo.TokenMean{}},
		"by sign": {Surrogate: grpo.BySign{Positive: clip, Negative: grpo.SAPO{Positive: 1, Negative: 1}}, KL: k3,
			Aggregation: grpo.TokenMean{}},
	}
}

// What an evaluation is asked for.
const (
	gradient   = 0
	losses     = 1
	entropies  = 2
	everything = losses | entropies
)

// outcome is everything that an evaluation gives, as text and bits.
func outcome[F grpo.Float](t *testing.T, o grpo.Objective, b grpo.Batch[F], add bool, wanted int) []byte {
	n := len(b.LogProbs)
	dst := grpo.Gradient[F]{LogProbs: make([]F, n)}
	if wanted&losses != 0 {
		dst.Losses = make([]F, n)
	}
	if wanted&entropies != 0 || o.Entropy.Coefficient != 0 {
		dst.Entropies = make([]F, n)
	}
	for _, x := range [...][]F{dst.LogProbs, dst.Entropies, dst.Losses} {
		for i := range x {
			x[i] = F(i%7) / 4
		}
	}
	totals, err := grpo.Count(&o, &b)
	require.NoError(t, err)
	e := grpo.Evaluator[F]{Scale: 3}
	eval := e.Eval
	if add {
		eval = e.Add
	}
	stats, err := eval(dst, &o, &b, &totals)
	out := fmt.Append(nil, err)
	encoded, err := stats.MarshalBinary()
	require.NoError(t, err)
	out = append(out, encoded...)
	for _, x := range [...][]F{dst.LogProbs, dst.Entropies, dst.Losses} {
		for _, v := range x {
			out = binary.LittleEndian.AppendUint64(out, math.Float64bits(float64(v)))
		}
	}
	return out
}

// forEachTier runs f on every tier of this machine.
func forEachTier(t *testing.T, f func(t *testing.T)) {
	chosen := simd.Chosen
	defer func() { simd.Chosen = chosen }()
	for _, tier := range simd.Tiers() {
		simd.Chosen = tier
		t.Run(tier.String(), f)
	}
}

func TestBlocks(t *testing.T) {
	t.Run("float32", testBlocks[float32])
	t.Run("float64", testBlocks[float64])
}

func testBlocks[F grpo.Float](t *testing.T) {
	const kink = 0.25
	seeds := uint64(9)
	if testing.Short() {
		seeds = 3
	}
	chosen := simd.Chosen
	defer func() { simd.Chosen = chosen }()
	for name, o := range tokenwiseObjectives(kink) {
		for seed := range seeds {
			for _, c := range []struct {
				bad       int
				nonFinite grpo.NonFinite
				add       bool
				wanted    int
			}{
				{0, grpo.Error, seed%2 == 1, everything}, {8, grpo.Error, false, everything},
				{2, grpo.Drop, false, everything}, {2, grpo.Drop, true, everything},
				{0, grpo.Error, false, gradient}, {0, grpo.Error, true, gradient}, {0, grpo.Error, false, losses}, {0, grpo.Error, false, entropies},
				{2, grpo.Error, false, gradient}, {8, grpo.Error, false, gradient}, {2, grpo.Drop, false, gradient},
			} {
				b := raggedBatch[F](seed, kink, c.bad)
				o.NonFinite = c.nonFinite
				plain := o
				plain.Surrogate = whole(o.Surrogate)
				simd.Chosen = simd.Generic
				want := outcome(t, plain, b, c.add, c.wanted)
				for _, simd.Chosen = range simd.Tiers() {
					require.True(t, bytes.Equal(want, outcome(t, o, b, c.add, c.wanted)), "%s in blocks, %v, seed %d, %+v", name, simd.Chosen, seed, c)
				}
				require.True(t, bytes.Equal(want, outcome(t, plain, b, c.add, c.wanted)), "%s, %v, seed %d, %+v", name, simd.Chosen, seed, c)
			}
		}
	}
}

// A number that is not finite is the same error whether or not the passes are fused,
// wherever it comes up: each case has one that nothing else would show.
func TestFusedErrors(t *testing.T) {
	one := func(x float64) []float64 { return []float64{x, x, x, x, x, x, x, x, x, x, x} }
	inf := math.Inf(1)
	clip := grpo.Clip{Low: 0.2, High: 0.25}
	for _, c := range []struct {
		name                    string
		advantage, lp, old, ref float64
		kl, scale               float64
		field                   string
	}{
		{"advantage", math.NaN(), -1, -1, -1, 0, 1, "Advantages"},
		{"log-ratio", 1, -1, inf, -1, 0, 1, "OldLogProbs"},
		{"ratio", 1, 1000, -1, -1, 0, 1, "Ratio"},
		{"a held loss", 1.7e308, 1, -1, -1, 0, 1, "Loss"},
		{"sum of KL", 1, -709.5, -709.5, 0, 1e-3, 1, "KL"},
		{"KL term", 1, -700, -700, 0, 5e3, 1, "Loss"},
		{"gradient", 20, -1, -1, -1, 0, 1e308, "Gradient"},
	} {
		t.Run(c.name, func(t *testing.T) {
			lp := one(c.lp)
			b := grpo.Batch[float64]{Offsets: []int{0, len(lp)}, Advantages: []float64{c.advantage}, LogProbs: lp, OldLogProbs: one(c.old), RefLogProbs: one(c.ref)}
			o := grpo.Objective{Surrogate: clip, KL: grpo.KL{Coefficient: c.kl}, Aggregation: grpo.Sum{}}
			totals, err := grpo.Count(&o, &b)
			require.NoError(t, err)
			var errs []string
			for _, losses := range [][]float64{nil, one(0)} { // fused, and not
				dst := grpo.Gradient[float64]{LogProbs: one(1), Losses: losses}
				e := grpo.Evaluator[float64]{Scale: c.scale}
				_, err := e.Eval(dst, &o, &b, &totals)
				var bad *grpo.ValueError
				require.ErrorAs(t, err, &bad)
				require.Equal(t, c.field, bad.Field)
				require.Equal(t, one(0), dst.LogProbs)
				errs = append(errs, err.Error())
			}
			require.Equal(t, errs[1], errs[0])
		})
	}
}

// The bits of clip and k3 on 60 batches. They may change where the arithmetic is meant
// to change, and then on every machine alike.
func TestDigest(t *testing.T) {
	const kink, want = 0.25, "697bf2d5dd70a674967e7622a3f0d2b3e207cbfc280c4b25671aa8b5168a5ce9"
	o := tokenwiseObjectives(kink)["clip, cap, mean"]
	forEachTier(t, func(t *testing.T) {
		h := sha256.New()
		for seed := range uint64(30) {
			h.Write(outcome(t, o, raggedBatch[float32](seed, kink, 0), false, everything))
			h.Write(outcome(t, o, raggedBatch[float64](seed, kink, 0), false, everything))
		}
		require.Equal(t, want, fmt.Sprintf("%x", h.Sum(nil)))
	})
}
