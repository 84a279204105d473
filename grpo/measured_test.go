package grpo_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/grpo"
	"github.com/grouprl/grouprl/grpo/grpotest"
)

// Stats that are added up response by response, from sums made here token by token,
// have the bytes of an Evaluator's. Responses of at most three tokens leave a sum no
// choice of order.
func TestStatsAddResponses(t *testing.T) {
	o := grpo.Objective{
		Surrogate: grpo.Clip{Low: 0.1, High: 0.1}, Weights: []grpo.Weight{grpo.SignWeight{Positive: 0.5}},
		KL: grpo.KL{Coefficient: 0.1, Estimator: grpo.K1}, Entropy: grpo.Entropy{Coefficient: 0.01}, Aggregation: grpo.ResponseMean{},
	}
	for seed := range uint64(20) {
		b := grpotest.RandomBatch(seed, grpotest.Shape{Responses: 9, MaxLength: 3})
		totals, err := grpo.Count(&o, &b)
		require.NoError(t, err)
		var e grpo.Evaluator[float64]
		want, err := e.Eval(grpo.Gradient[float64]{Entropies: make([]float64, len(b.LogProbs))}, &o, &b, &totals)
		require.NoError(t, err)

		var got grpo.Stats
		for i := range b.Len() {
			m := measure(&o, &b, &totals, i)
			require.NoError(t, got.Add(&m))
		}
		x, err := want.MarshalBinary()
		require.NoError(t, err)
		y, err := got.MarshalBinary()
		require.NoError(t, err)
		require.Equal(t, want.LogValue(), got.LogValue())
		require.Equal(t, x, y)
	}
}

func measure(o *grpo.Objective, b *grpo.Batch[float64], totals *grpo.Totals, i int) (m grpo.Measured) {
	var loss float64
	for t := b.Offsets[i]; t < b.Offsets[i+1]; t++ {
		if !b.Mask[t] {
			continue
		}
		d, a, n := b.LogProbs[t]-b.OldLogProbs[t], b.Advantages[i], m.Tokens
		r, w := exp(d), 1.0
		switch {
		case a > 0:
			w = 0.5
		case a < 0:
			w = 0
			m.ZeroWeights++
		}
		if n == 0 {
			m.RatioMin, m.RatioMax = r, r
		}
		m.RatioMin, m.RatioMax = min(m.RatioMin, r), max(m.RatioMax, r)
		loss += -min(float64(r*a), float64(min(max(r, 1-0.1), 1+0.1)*a)) * w
		if a < 0 && r < 1-0.1 {
			m.LowNegative++
		}
		if a > 0 && r > 1+0.1 {
			m.HighPositive++
		}
		m.Ratio += r
		m.RatioSquared += float64(r * r)
		m.K1 -= d
		m.K2 += float64(d * d)
		m.K3 += r - 1 - d
		m.Weight += w
		m.WeightSquared += float64(w * w)
		m.KL += b.LogProbs[t] - b.RefLogProbs[t]
		m.Entropy += b.Entropies[t]
		m.Tokens++
	}
	m.K2 *= 0.5
	m.Ratios, m.Weights, m.KLs, m.Entropies = m.Tokens, m.Tokens, m.Tokens, m.Tokens
	share := 1 / float64(totals.Responses*m.Tokens)
	m.Surrogate, m.KLTerm, m.EntropyTerm = share*loss, 0.1*share*m.KL, -0.01*share*m.Entropy
	if m.Tokens == 0 {
		m.Surrogate, m.KLTerm, m.EntropyTerm = 0, 0, 0
	}
	return m
}

// exp is the library's, by way of the gradient of -r A with A = -1.
func exp(x float64) float64 {
	g := []float64{0}
	b := grpo.Batch[float64]{Offsets: []int{0, 1}, LogProbs: []float64{x}, OldLogProbs: []float64{0}, Advantages: []float64{-1}}
	if _, err := grpo.Eval(grpo.Gradient[float64]{LogProbs: g}, &grpo.Objective{Surrogate: grpo.Linear{}, Aggregation: grpo.Sum{}}, &b); err != nil {
		panic(err)
	}
	return g[0]
}

func TestStatsAddRefusesWhatIsNotFinite(t *testing.T) {
	var s grpo.Stats
	for _, m := range []grpo.Measured{
		{Tokens: 1, Surrogate: math.NaN()}, {Tokens: 1, KLs: 1, KL: math.Inf(1)}, {Tokens: 1, KLs: 1, KLTerm: math.NaN()},
		{Tokens: 1, Entropies: 1, Entropy: math.NaN()}, {Tokens: 1, Entropies: 1, EntropyTerm: math.Inf(-1)},
	} {
		var e *grpo.ValueError
		require.ErrorAs(t, s.Add(&m), &e)
		require.Zero(t, s.Tokens())
	}
	// Ratios and weights that overflow are left out, and counted as unmeasured.
	require.NoError(t, s.Add(&grpo.Measured{
		Tokens: 2, Surrogate: 1, Ratios: 2, Ratio: math.Inf(1), RatioMax: math.Inf(1), Weights: 2, Weight: 1, WeightSquared: math.Inf(1),
	}))
	_, mean, _ := s.RatioRange()
	require.True(t, math.IsNaN(mean))
	for name, x := range s.All() {
		require.NotContains(t, name, "weight/mean")
		if name == "tokens/unmeasured" {
			require.Equal(t, 2.0, x)
		}
	}
}
