package grpo_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/grpo"
	"github.com/grouprl/grouprl/grpo/grpotest"
	"github.com/grouprl/grouprl/gspo"
	"github.com/grouprl/grouprl/internal/hand"
)

// Every inconsistent batch is a *BatchError that names the field; nothing panics.
func TestInconsistentBatches(t *testing.T) {
	for field, edit := range map[string]func(b *grpo.Batch[float64]){
		"Batch.Offsets":         func(b *grpo.Batch[float64]) { b.Offsets = nil },
		"Batch.OldLogProbs":     func(b *grpo.Batch[float64]) { b.OldLogProbs = b.OldLogProbs[:1] },
		"Batch.RolloutLogProbs": func(b *grpo.Batch[float64]) { b.RolloutLogProbs = []float64{1} },
		"Batch.RefLogProbs":     func(b *grpo.Batch[float64]) { b.RefLogProbs = []float64{1} },
		"Batch.Entropies":       func(b *grpo.Batch[float64]) { b.Entropies = []float64{1} },
		"Batch.Mask":            func(b *grpo.Batch[float64]) { b.Mask = []bool{true} },
		"Batch.Advantages":      func(b *grpo.Batch[float64]) { b.Advantages = []float64{1} },
		"Batch.Groups":          func(b *grpo.Batch[float64]) { b.Groups = []int{1} },
		"Batch.Episodes":        func(b *grpo.Batch[float64]) { b.Episodes = []int{1} },
		"Batch.Keys":            func(b *grpo.Batch[float64]) { b.Keys = []uint64{1} },
		"Batch.Rewards":         func(b *grpo.Batch[float64]) { b.Rewards = []float64{1} },
	} {
		b := hand.Batch()
		edit(&b)
		o := grpo.New()
		_, err := grpo.Eval(grpo.Gradient[float64]{}, &o, &b)
		var fault *grpo.BatchError
		require.ErrorAs(t, err, &fault, field)
		require.Equal(t, field, fault.Field)
	}
	for _, offsets := range [][]int{{-1, 2, 3}, {0, 3, 2}, {0, 2, 4}, {5}} {
		b := hand.Batch()
		b.Offsets = offsets
		o := grpo.New()
		_, err := grpo.Eval(grpo.Gradient[float64]{}, &o, &b)
		var fault *grpo.BatchError
		require.ErrorAs(t, err, &fault, "%v", offsets)
		require.Equal(t, "Batch.Offsets", fault.Field)
	}

	b := hand.Batch()
	b.TokenAdvantages = []float64{1, 1, 1}
	o := grpo.New()
	_, err := grpo.Eval(grpo.Gradient[float64]{}, &o, &b)
	require.ErrorContains(t, err, "both Advantages and TokenAdvantages")
	b.Advantages = nil
	o = gspo.New()
	_, err = grpo.Eval(grpo.Gradient[float64]{}, &o, &b)
	var fault *grpo.ObjectiveError
	require.ErrorAs(t, err, &fault, "token advantages at the sequence level")
	b.TokenAdvantages = nil
	_, err = grpo.Eval(grpo.Gradient[float64]{}, &o, &b)
	var missing *grpo.FieldError
	require.ErrorAs(t, err, &missing)
	require.Equal(t, "Advantages", missing.Field)

	b, o = hand.Batch(), grpo.New()
	_, err = grpo.Eval(grpo.Gradient[float64]{LogProbs: make([]float64, 2)}, &o, &b)
	require.ErrorContains(t, err, "Gradient.LogProbs: length 2")
	o.Entropy.Coefficient = 0.1
	b.Entropies = []float64{1, 1, 1}
	_, err = grpo.Eval(grpo.Gradient[float64]{LogProbs: make([]float64, 3)}, &o, &b)
	require.ErrorContains(t, err, "Gradient.Entropies: length 0", "its gradient would be lost")

	totals := grpo.Totals{Tokens: 3, Responses: 2, AllResponses: 2, Prompts: map[int]grpo.Tally{7: {Tokens: 3, Responses: 2}}}
	o = grpo.Objective{Surrogate: grpo.Linear{}, Aggregation: grpo.PromptMean{}}
	b.Groups = []int{7, 8}
	var e grpo.Evaluator[float64]
	_, err = e.Eval(grpo.Gradient[float64]{}, &o, &b, &totals)
	require.ErrorContains(t, err, "prompt 8 of the batch is not in the totals")
	e.Scale = math.NaN()
	_, err = e.Eval(grpo.Gradient[float64]{}, &o, &b, &totals)
	require.ErrorContains(t, err, "Evaluator.Scale")
}

// The first bad value in batch order is reported, whatever Workers is.
func TestTheFirstBadValueIsReported(t *testing.T) {
	b := grpotest.RandomBatch(3, grpotest.Shape{Responses: 40, MaxLength: 20})
	o := grpo.New()
	var bad []int
	for k := b.Offsets[0]; k < b.Offsets[b.Len()]; k++ {
		if b.Mask[k] && k%37 == 5 {
			b.LogProbs[k] = math.NaN()
			bad = append(bad, k)
		}
	}
	require.Greater(t, len(bad), 3)
	totals, err := grpo.Count(&o, &b)
	require.NoError(t, err)
	for workers := range 9 {
		e := grpo.Evaluator[float64]{Workers: workers}
		_, err := e.Eval(grpo.Gradient[float64]{LogProbs: make([]float64, len(b.LogProbs))}, &o, &b, &totals)
		var v *grpo.ValueError
		require.ErrorAs(t, err, &v)
		require.Equal(t, bad[0], v.Token)
		require.Equal(t, "LogProbs", v.Field)
	}
}

// A ratio that overflows, a weight below 0, a loss beyond float64 and a gradient
// beyond float32, all from finite input.
func TestNonFiniteResults(t *testing.T) {
	far := grpo.Batch[float64]{Offsets: []int{0, 2}, LogProbs: []float64{-1, -1}, OldLogProbs: []float64{-1, -801}, Advantages: []float64{1}}
	value := func(o grpo.Objective, b grpo.Batch[float64]) *grpo.ValueError {
		_, err := grpo.Eval(grpo.Gradient[float64]{LogProbs: make([]float64, len(b.LogProbs))}, &o, &b)
		var v *grpo.ValueError
		require.ErrorAs(t, err, &v)
		return v
	}
	require.Equal(t, &grpo.ValueError{Field: "Ratio", Response: 0, Token: 1, Value: math.Inf(1)}, value(grpo.New(), far),
		"held by the clip, but a ratio of +Inf is a bug upstream")
	minus := grpo.New()
	minus.Weights = []grpo.Weight{grpo.WeightFunc(func(t grpo.Token) float64 { return -1 })}
	require.Equal(t, &grpo.ValueError{Field: "Weight", Response: 0, Token: 0, Value: -1}, value(minus, hand.Batch()))

	// A weight of 0 drops the token, ratio and all.
	veto := grpo.New()
	veto.Weights = []grpo.Weight{grpo.WeightFunc(func(t grpo.Token) float64 {
		if t.LogRatio() > 20 {
			return 0
		}
		return 1
	})}
	stats, g := hand.Eval(t, veto, far)
	require.Equal(t, []float64{-0.5, 0}, g)
	require.Equal(t, -0.5, stats.Loss())

	// Drop: at token level the one token, and the mean still divides by two.
	drop := grpo.New()
	drop.NonFinite = grpo.Drop
	stats, g = hand.Eval(t, drop, far)
	require.Equal(t, []float64{-0.5, 0}, g)
	require.Equal(t, int64(1), stats.Dropped())
	require.Equal(t, int64(2), stats.Tokens())
	// At sequence level the whole response.
	drop = gspo.New()
	drop.NonFinite = grpo.Drop
	b := hand.Batch()
	b.LogProbs[0] = math.Inf(-1)
	stats, g = hand.Eval(t, drop, b)
	require.Equal(t, []float64{0, 0, 0}, g, "response 0 is dropped, response 1 clipped")
	require.Equal(t, int64(2), stats.Dropped())

	huge := grpo.Objective{Surrogate: grpo.Linear{}, Aggregation: grpo.Scaled{Factor: 1e100, Of: grpo.Sum{}}}
	b32 := grpo.Batch[float32]{Offsets: []int{0, 1}, LogProbs: []float32{-1}, Advantages: []float64{1}}
	_, err := grpo.Eval(grpo.Gradient[float32]{LogProbs: make([]float32, 1)}, &huge, &b32)
	var v *grpo.ValueError
	require.ErrorAs(t, err, &v)
	require.Equal(t, "Gradient", v.Field)
}

// A thousand bad tokens are dropped in one go, not one at a time.
func TestDropManyTokens(t *testing.T) {
	const n = 100_000
	b := grpo.Batch[float32]{Offsets: []int{0, n}, LogProbs: make([]float32, n), Advantages: []float64{1}}
	for i := range b.LogProbs {
		b.LogProbs[i] = float32(math.NaN())
	}
	b.LogProbs[7] = -1
	o := grpo.New()
	o.NonFinite = grpo.Drop
	stats, err := grpo.Eval(grpo.Gradient[float32]{}, &o, &b)
	require.NoError(t, err)
	require.Equal(t, int64(n-1), stats.Dropped())
	require.InDelta(t, -1./n, stats.Loss(), 1e-18)
}

func TestSliceSharesTokensAndCutsResponses(t *testing.T) {
	b := grpotest.RandomBatch(1, grpotest.Shape{})
	m := b.Slice(2, 4)
	require.Equal(t, b.Offsets[2:5], m.Offsets)
	require.Equal(t, b.Advantages[2:4], m.Advantages)
	require.Equal(t, b.Groups[2:4], m.Groups)
	require.Equal(t, b.Keys[2:4], m.Keys)
	require.Len(t, m.LogProbs, len(b.LogProbs))
	require.Equal(t, 2, m.Len())
	require.Nil(t, m.TokenAdvantages)
	require.Panics(t, func() { b.Slice(0, 7) })
}

func TestMaskResponses(t *testing.T) {
	mask := []bool{true, true, false, true, true}
	require.NoError(t, grpo.MaskResponses(mask, []int{1, 3, 4}, []bool{true, false}))
	require.Equal(t, []bool{true, false, false, true, true}, mask)
	var fault *grpo.BatchError
	require.ErrorAs(t, grpo.MaskResponses(mask, []int{0, 6}, []bool{true}), &fault)
	require.ErrorAs(t, grpo.MaskResponses(mask, []int{0, 5}, nil), &fault)
	require.Equal(t, []bool{true, false, false, true, true}, mask)
}

// Reject takes tokens out of the counts; a weight of 0 leaves the counts alone.
func TestReject(t *testing.T) {
	b := hand.Batch()
	high := grpo.WeightFunc(func(t grpo.Token) float64 {
		if t.Ratio() > 1.2 {
			return 0
		}
		return 1
	})
	o := grpo.Objective{Surrogate: grpo.Linear{}, Aggregation: grpo.TokenMean{}, Weights: []grpo.Weight{high}}
	stats, _ := hand.Eval(t, o, b)
	require.InDelta(t, (-1.1+0.5)/3, stats.Loss(), 1e-15)

	b.Mask = []bool{true, true, true}
	require.NoError(t, grpo.Reject(b.Mask, &b, high))
	require.Equal(t, []bool{true, false, true}, b.Mask)
	o.Weights = nil
	stats, _ = hand.Eval(t, o, b)
	require.InDelta(t, (-1.1+0.5)/2, stats.Loss(), 1e-15)

	b = hand.Batch()
	b.Mask = []bool{true, true, true}
	err := grpo.Reject(b.Mask, &b, high, grpo.WeightFunc(func(t grpo.Token) float64 { return math.NaN() }))
	var v *grpo.ValueError
	require.ErrorAs(t, err, &v)
	require.Equal(t, []bool{true, true, true}, b.Mask, "nothing is half-written")
}

func TestTotals(t *testing.T) {
	b := grpotest.RandomBatch(4, grpotest.Shape{Responses: 12})
	o := grpo.Objective{Surrogate: grpo.Linear{}, Aggregation: grpo.PromptMean{}, KL: grpo.KL{Coefficient: 1, Aggregation: grpo.EpisodeMean{}}}
	whole, err := grpo.Count(&o, &b)
	require.NoError(t, err)
	var merged grpo.Totals
	for i := range b.Len() {
		m := b.Slice(i, i+1)
		part, err := grpo.Count(&o, &m)
		require.NoError(t, err)
		bytes, err := part.MarshalBinary()
		require.NoError(t, err)
		var received grpo.Totals
		require.NoError(t, received.UnmarshalBinary(bytes))
		merged.Merge(&received)
	}
	require.Equal(t, whole, merged)
	_, ok := whole.Vector(nil)
	require.False(t, ok, "tables do not fit a vector")

	o = grpo.New()
	whole, err = grpo.Count(&o, &b)
	require.NoError(t, err)
	v, ok := whole.Vector(nil)
	require.True(t, ok)
	var back grpo.Totals
	require.NoError(t, back.SetVector(v))
	require.Equal(t, whole, back)
	require.Error(t, back.SetVector(v[:2]))
	require.Error(t, back.UnmarshalBinary([]byte{1, 2}))
}

// An objective survives JSON as an equal value; what can't is a typed error.
func TestObjectiveJSON(t *testing.T) {
	o := grpo.Objective{
		Ratio:     grpo.Ratio{Level: grpo.SequenceTokenLevel, Anchor: grpo.Rollout, Clamp: grpo.Clamp{Low: -0.4, High: 0.4, Pessimistic: true}},
		Surrogate: grpo.Clip{Low: 0.2, High: 0.28, Cap: 3},
		KL: grpo.KL{Coefficient: 0.04, Estimator: grpo.K2, Against: grpo.AgainstOld, InputBound: 20,
			Factor: grpo.KLFactor{Mode: grpo.Detached, Level: grpo.SequenceLevel, Cap: 10}},
		Entropy:     grpo.Entropy{Coefficient: 1e-3, Aggregation: grpo.Scaled{Factor: 2, Of: grpo.ResponseMean{All: true}}},
		Aggregation: grpo.TokenMean{}, NonFinite: grpo.Drop,
	}
	b, err := json.Marshal(o)
	require.NoError(t, err)
	require.JSONEq(t, `{
		"ratio": {"level": "sequence_token", "anchor": "rollout", "clamp": {"low": -0.4, "high": 0.4, "pessimistic": true}},
		"surrogate": {"type": "clip", "low": 0.2, "high": 0.28, "cap": 3},
		"kl": {"coefficient": 0.04, "estimator": "k2", "against": "old", "input_bound": 20,
			"factor": {"mode": "detached", "level": "sequence", "cap": 10}},
		"entropy": {"coefficient": 0.001, "aggregation": {"type": "scaled", "factor": 2, "of": {"type": "response_mean", "all": true}}},
		"aggregation": {"type": "token_mean"}, "non_finite": "drop"}`, string(b))
	var back grpo.Objective
	require.NoError(t, json.Unmarshal(b, &back))
	require.Equal(t, o, back)

	var part *grpo.PartError
	for _, text := range []string{
		`{"surrogate":{"type":"klip"},"aggregation":{"type":"sum"}}`,
		`{"surrogate":{"type":"sum"},"aggregation":{"type":"sum"}}`,
		`{"surrogate":{"type":"clip","lowest":1},"aggregation":{"type":"sum"}}`,
		`{"surrogate":{"type":"clip","low":"x"},"aggregation":{"type":"sum"}}`,
		`{"surrogate":{"type":"clip"},"aggregation":{"type":"sum"},"ratio":{"level":"word"}}`,
	} {
		require.ErrorAs(t, json.Unmarshal([]byte(text), &back), &part, text)
	}
	require.Error(t, json.Unmarshal([]byte(`{"surogate":{}}`), &back))
	require.Equal(t, o, back, "a failed read changes nothing")
	_, err = json.Marshal(grpo.Objective{Surrogate: real{}, Aggregation: grpo.Sum{}})
	require.ErrorAs(t, err, &part)
	require.Contains(t, err.Error(), "grpo.Register")

	grpo.Register("test_ice_pop", icePop{})
	o.Weights, o.Ratio.Anchor = []grpo.Weight{icePop{0.5, 2}}, grpo.Old
	b, err = json.Marshal(o)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &back))
	require.Equal(t, o, back)
	require.Panics(t, func() { grpo.Register("clip", icePop{}) })
	require.Panics(t, func() { grpo.Register("other", &icePop{}) })
}

func TestStrings(t *testing.T) {
	require.Equal(t, "1/S sum_i 1/len_i sum_t -min(r A, clip(r, 1-0.2, 1+0.2) A), r = exp(lp - old)", grpo.New().String())
	require.Equal(t, "1/T sum_t -min(r A, clip(r, 1-0.0003, 1+0.0004) A), r = exp(mean(lp - old))", gspo.Plus().String())
	require.Equal(t, "1/S sum_i 1/len_i sum_t -r A, r = exp(mean((A >= 0 ? min(lp - old, 0.4) : max(lp - old, -0.4))))", gmpo().String())
	o := grpo.New()
	o.KL.Coefficient, o.Entropy.Coefficient = 0.04, 0.001
	require.True(t, strings.HasSuffix(o.String(), "; + 0.04 k3(ref - lp); - 0.001 H"), o.String())
	require.Equal(t, "(missing) (missing), r = exp(lp - old)", grpo.Objective{}.String())
}

// Stats of hand.Batch(), GRPO: ratios 1.1, 1.5, 0.5.
func TestStats(t *testing.T) {
	stats, _ := hand.Eval(t, grpo.New(), hand.Batch())
	low, mean, high := stats.RatioRange()
	require.InDeltaSlice(t, []float64{0.5, 3.1 / 3, 1.5}, []float64{low, mean, high}, 1e-15)
	got := map[string]float64{}
	for name, x := range stats.All() {
		got[name] = x
	}
	d := []float64{math.Log(1.1), math.Log(1.5), math.Log(0.5)}
	require.InDelta(t, -(d[0]+d[1]+d[2])/3, got["approx_kl/k1"], 1e-15)
	require.InDelta(t, (d[0]*d[0]+d[1]*d[1]+d[2]*d[2])/6, got["approx_kl/k2"], 1e-15)
	require.InDelta(t, (3.1-3-(d[0]+d[1]+d[2]))/3, got["approx_kl/k3"], 1e-15)
	require.InDelta(t, 3.1*3.1/(3*(1.21+2.25+0.25)), got["ratio/ess"], 1e-15)
	require.NotContains(t, got, "kl", "no KL term, no KL metric")
	require.Equal(t, 3.0, got["tokens"])

	var decoded map[string]float64
	b, err := json.Marshal(stats)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &decoded))
	require.Equal(t, got, decoded)
	require.Equal(t, slog.KindGroup, stats.LogValue().Kind())
	require.Len(t, stats.LogValue().Group(), len(got))

	seen := map[string]bool{}
	for _, m := range grpo.Metrics() {
		require.False(t, seen[m.Name])
		seen[m.Name] = true
		require.NotEmpty(t, m.Meaning)
	}
	for name := range got {
		require.True(t, seen[name], name)
	}

	bytes, err := stats.MarshalBinary()
	require.NoError(t, err)
	var back grpo.Stats
	require.NoError(t, back.UnmarshalBinary(bytes))
	require.Equal(t, stats.Loss(), back.Loss())
	for cut := range len(bytes) {
		require.Error(t, back.UnmarshalBinary(bytes[:cut]))
	}
}

// Uniform is a function of seed, key and position, spread evenly over [0, 1).
func TestUniform(t *testing.T) {
	var draws []float64
	o := grpo.Objective{Surrogate: grpo.Linear{}, Aggregation: grpo.Sum{}, Weights: []grpo.Weight{grpo.WeightFunc(func(t grpo.Token) float64 {
		draws = append(draws, t.Response().Uniform(5, t.Position()))
		return 1
	})}}
	b := grpo.Batch[float64]{Offsets: []int{0}}
	for i := range 100 {
		b.Offsets = append(b.Offsets, (i+1)*100)
		b.Keys = append(b.Keys, uint64(i))
		b.Advantages = append(b.Advantages, 1)
	}
	b.LogProbs = make([]float64, 10000)
	hand.Eval(t, o, b)
	require.Len(t, draws, 10000)
	first := slices.Clone(draws)
	draws = nil
	hand.Eval(t, o, b)
	require.Equal(t, first, draws)
	var sum, square float64
	var tenths [10]int
	for _, x := range first {
		sum, square = sum+x, square+x*x
		tenths[int(10*x)]++
	}
	require.InDelta(t, 0.5, sum/1e4, 0.015) // five standard errors
	require.InDelta(t, 1./3, square/1e4, 0.015)
	for _, n := range tenths {
		require.InDelta(t, 1000, n, 150)
	}
}

// The errors say what to do.
func TestErrorTexts(t *testing.T) {
	require.Equal(t, "grpo: KL needs Batch.RefLogProbs, which is not given", (&grpo.FieldError{Field: "RefLogProbs", By: "KL"}).Error())
	require.Equal(t, "grpo: Ratio at token 7 of response 2 is +Inf", (&grpo.ValueError{Field: "Ratio", Response: 2, Token: 7, Value: math.Inf(1)}).Error())
	require.Equal(t, "grpo: Advantages of response 2 is NaN", (&grpo.ValueError{Field: "Advantages", Response: 2, Token: -1, Value: math.NaN()}).Error())
	require.True(t, errors.Is(fmt.Errorf("x: %w", grpo.ErrEmptyStep), grpo.ErrEmptyStep))
}
