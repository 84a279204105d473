package grpotest

import (
	"math"
	"math/rand/v2"

	"github.com/grouprl/grouprl/grpo"
)

// Shape says how large a random batch is. The zero value is small enough to
// difference every token.
type Shape struct {
	Responses int  // 0 means 6
	MaxLength int  // longest response, in tokens; 0 means 7
	Tokens    bool // advantages of tokens instead of responses
}

// RandomBatch returns the batch of a seed: see Batch.
func RandomBatch(seed uint64, shape Shape) grpo.Batch[float64] {
	return Batch(rand.New(rand.NewPCG(seed, 0)), shape)
}

// Batch returns a ragged random batch with every field set: responses of no, one
// and many tokens, some fully masked, some advantages exactly 0, log-ratios from 0
// to about 1 so that bounds of all published sizes hold some and not others,
// groups and episodes spread over the batch, one group at least with both signs of
// reward, an Offsets[0] that is not 0, and NaN
// at every masked token.
func Batch(rng *rand.Rand, shape Shape) grpo.Batch[float64] {
	s, longest := shape.Responses, shape.MaxLength
	if s == 0 {
		s = 6
	}
	if longest == 0 {
		longest = 7
	}
	b := grpo.Batch[float64]{Offsets: make([]int, s+1)}
	b.Offsets[0] = rng.IntN(3)
	for i := range s {
		n := 1 + rng.IntN(longest)
		if i > 1 && rng.IntN(12) == 0 {
			n = 0
		}
		b.Offsets[i+1] = b.Offsets[i] + n
	}
	total := b.Offsets[s] + rng.IntN(3)
	nan := func() []float64 {
		x := make([]float64, total)
		for i := range x {
			x[i] = math.NaN()
		}
		return x
	}
	b.LogProbs, b.OldLogProbs, b.RolloutLogProbs, b.RefLogProbs, b.Entropies = nan(), nan(), nan(), nan(), nan()
	b.Mask = make([]bool, total)
	if shape.Tokens {
		b.TokenAdvantages = nan()
	}
	scales := []float64{0, 2e-4, 2e-3, 0.05, 0.3, 0.8}
	for i := range s {
		advantage := rng.NormFloat64()
		if rng.IntN(6) == 0 {
			advantage = 0
		}
		if !shape.Tokens {
			b.Advantages = append(b.Advantages, advantage)
		}
		b.Groups = append(b.Groups, 100-rng.IntN(3))
		b.Episodes = append(b.Episodes, rng.IntN(4)-2)
		b.Keys = append(b.Keys, rng.Uint64())
		b.Rewards = append(b.Rewards, float64(2*rng.IntN(2)-1))
		if i == 1 {
			b.Groups[1], b.Rewards[1] = b.Groups[0], -b.Rewards[0]
		}
		drift := scales[rng.IntN(len(scales))]
		masked := i > 1 && rng.IntN(8) == 0
		for t := b.Offsets[i]; t < b.Offsets[i+1]; t++ {
			if masked || rng.IntN(5) == 0 && t > b.Offsets[min(i, 1)] {
				continue
			}
			b.Mask[t] = true
			b.LogProbs[t] = -2.5 * rng.Float64()
			b.OldLogProbs[t] = b.LogProbs[t] + drift*rng.NormFloat64()
			b.RolloutLogProbs[t] = b.OldLogProbs[t] + 0.1*rng.NormFloat64()
			b.RefLogProbs[t] = b.LogProbs[t] + 0.5*rng.NormFloat64()
			b.Entropies[t] = 3 * rng.Float64()
			if shape.Tokens {
				b.TokenAdvantages[t] = advantage + 0.5*rng.NormFloat64()
				if advantage == 0 {
					b.TokenAdvantages[t] = 0
				}
			}
		}
	}
	return b
}

// counted returns the indices of the tokens that count.
func counted(b grpo.Batch[float64]) (tokens []int) {
	for t := b.Offsets[0]; t < b.Offsets[b.Len()]; t++ {
		if b.Mask == nil || b.Mask[t] {
			tokens = append(tokens, t)
		}
	}
	return tokens
}

// responseOf returns the response that owns token t.
func responseOf(b grpo.Batch[float64], t int) int {
	for i := range b.Len() {
		if b.Offsets[i] <= t && t < b.Offsets[i+1] {
			return i
		}
	}
	return -1
}

// shapes are what an objective can be evaluated on: token advantages only where its
// level has a derivative for each token.
func shapes(o grpo.Objective) []Shape {
	if o.Ratio.Level.Shared() {
		return []Shape{{}}
	}
	return []Shape{{}, {Tokens: true}}
}
