package gspo_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/grpo"
	"github.com/grouprl/grouprl/grpo/grpotest"
	"github.com/grouprl/grouprl/gspo"
	"github.com/grouprl/grouprl/internal/hand"
)

func TestContracts(t *testing.T) {
	for name, o := range map[string]grpo.Objective{"GSPO": gspo.New(), "GSPO-token": gspo.Token(), "GSPO+": gspo.Plus()} {
		t.Run(name, func(t *testing.T) { grpotest.Run(t, o) })
	}
}

// GSPO with bounds 0.3/0.3, so that one response is inside:
//
//	s_0 = sqrt(1.1 * 1.5) = sqrt(1.65) = 1.2845 inside 1.3,   f = -s_0
//	s_1 = 0.5 < 0.7, A < 0: held,                             f = +0.7
//
//	L = (-1.2845 + 0.7) / 2
//	g = -s_0 / (2*2) for both tokens of response 0, exactly 0 for response 1
func TestHandGSPO(t *testing.T) {
	o := gspo.New()
	o.Surrogate = grpo.Clip{Low: 0.3, High: 0.3}
	s := math.Sqrt(1.65)
	stats, g := hand.Eval(t, o, hand.Batch())
	require.InDelta(t, (-s+0.7)/2, stats.Loss(), 1e-15)
	require.InDeltaSlice(t, []float64{-s / 4, -s / 4, 0}, g, 1e-15)
	require.Equal(t, 0.5, stats.ClippedResponses())

	// GSPO-token: the same value, and with one advantage a response the same gradient.
	o.Ratio.Level = grpo.SequenceTokenLevel
	stats, g = hand.Eval(t, o, hand.Batch())
	require.InDelta(t, (-s+0.7)/2, stats.Loss(), 1e-15)
	require.InDeltaSlice(t, []float64{-s / 4, -s / 4, 0}, g, 1e-15)

	// GSPO+: L = (2 (-s_0) + 1 * 0.7) / 3, g = -s_0 / 3.
	o = gspo.Plus()
	o.Surrogate = grpo.Clip{Low: 0.3, High: 0.3}
	stats, g = hand.Eval(t, o, hand.Batch())
	require.InDelta(t, (-2*s+0.7)/3, stats.Loss(), 1e-15)
	require.InDeltaSlice(t, []float64{-s / 3, -s / 3, 0}, g, 1e-15)
}

// The paper's bounds hold both responses of hand.Batch: everything is exactly 0.
func TestAClippedSequenceContributesExactlyZero(t *testing.T) {
	for _, o := range []grpo.Objective{gspo.New(), gspo.Token(), gspo.Plus()} {
		_, g := hand.Eval(t, o, hand.Batch())
		require.Equal(t, []float64{0, 0, 0}, g)
	}
}

// GSPO+ with responses of 1 and of 1000 tokens in one step: every token weighs the
// same, dL/dlp = -s_i A_i / 1001 where not clipped and 0 where clipped.
func TestGSPOPlusWeighsEveryTokenTheSame(t *testing.T) {
	const long = 1000
	b := grpo.Batch[float64]{
		Offsets: []int{0, 1, 1 + long}, LogProbs: make([]float64, 1+long), OldLogProbs: make([]float64, 1+long),
		Advantages: []float64{1, 1},
	}
	set := func(first, rest float64) {
		for i := range b.LogProbs {
			b.OldLogProbs[i] = -1
			b.LogProbs[i] = -1 + rest
		}
		b.LogProbs[0] = -1 + first
	}
	set(1e-4, 1e-4) // both inside
	_, g := hand.Eval(t, gspo.Plus(), b)
	for _, x := range g {
		require.InDelta(t, -math.Exp(1e-4)/1001, x, 1e-15)
	}
	_, paper := hand.Eval(t, gspo.New(), b)
	require.InDelta(t, 1000, paper[0]/paper[1], 1e-9, "in GSPO the short response's token weighs a thousand times the other's")

	set(1e-4, 5e-4) // the long response is clipped from above
	stats, g := hand.Eval(t, gspo.Plus(), b)
	require.InDelta(t, -math.Exp(1e-4)/1001, g[0], 1e-15)
	require.Equal(t, make([]float64, long), g[1:])
	require.InDelta(t, -(math.Exp(1e-4)+1000*(1+4e-4))/1001, stats.Loss(), 1e-12)

	b.Advantages[1] = -2 // for a negative advantage that is the side that hurts: not held
	_, g = hand.Eval(t, gspo.Plus(), b)
	require.InDelta(t, 2*math.Exp(5e-4)/1001, g[1], 1e-12)
}

// GSPO with responses of one token is GRPO with the same bounds; GSPO+ with equal
// lengths is GSPO. To the last bit.
func TestIdentities(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	batch := func(length int) grpo.Batch[float64] {
		b := grpo.Batch[float64]{Offsets: []int{0}}
		for i := range 50 {
			b.Offsets = append(b.Offsets, (i+1)*length)
			b.Advantages = append(b.Advantages, rng.NormFloat64())
			for range length {
				b.LogProbs = append(b.LogProbs, -rng.ExpFloat64())
				b.OldLogProbs = append(b.OldLogProbs, b.LogProbs[len(b.LogProbs)-1]+0.3*rng.NormFloat64())
			}
		}
		return b
	}
	sequence := gspo.New()
	sequence.Surrogate = grpo.New().Surrogate
	one := batch(1)
	a, ga := hand.Eval(t, sequence, one)
	b, gb := hand.Eval(t, grpo.New(), one)
	require.Equal(t, ga, gb)
	require.Equal(t, a.Loss(), b.Loss())

	plus := gspo.Plus()
	plus.Surrogate, sequence.Surrogate = grpo.Clip{Low: 0.05, High: 0.05}, grpo.Clip{Low: 0.05, High: 0.05}
	equal := batch(13)
	_, ga = hand.Eval(t, sequence, equal)
	_, gb = hand.Eval(t, plus, equal)
	require.Equal(t, ga, gb)
	require.Contains(t, ga, 0.0, "some response is clipped")
}
