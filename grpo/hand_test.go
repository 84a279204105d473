package grpo_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/grpo"
	"github.com/grouprl/grouprl/internal/hand"
)

// The expected numbers below are pencil and paper, on the batch of package hand.

// GRPO, clip 0.2/0.2:
//
//	token 0: 1.1 inside,               l = -1.1, dl = -1.1
//	token 1: 1.5 > 1.2, A > 0: held,   l = -1.2, dl = 0
//	token 2: 0.5 < 0.8, A < 0: held,   l = +0.8, dl = 0
//
//	L = 1/2 ( (-1.1 - 1.2)/2 + 0.8 ) = (-1.15 + 0.8)/2 = -0.175
//	g = -1.1 / (2*2) = -0.275, 0, 0
func TestHandGRPO(t *testing.T) {
	stats, g := hand.Eval(t, grpo.New(), hand.Batch())
	require.InDelta(t, -0.175, stats.Loss(), 1e-15)
	require.InDeltaSlice(t, []float64{-0.275, 0, 0}, g, 1e-15)

	all, low, high := stats.ClipFraction()
	require.Equal(t, []float64{2. / 3, 1. / 3, 1. / 3}, []float64{all, low, high})
	require.Equal(t, 1.0, stats.ClippedResponses())
}

// KL with the estimator k3 of DeepSeekMath, x = ref - lp:
//
//	k3 = e^x - x - 1, dk3/dlp = 1 - e^x
//
// lp = 0, ref = ln 2: k3 = 2 - ln 2 - 1 = 1 - ln 2, slope -1. One token, A = 0.
func TestHandKL(t *testing.T) {
	o := grpo.New()
	o.KL.Coefficient = 0.04
	b := grpo.Batch[float64]{Offsets: []int{0, 1}, LogProbs: []float64{0}, RefLogProbs: hand.Ln(2), Advantages: []float64{0}}
	stats, g := hand.Eval(t, o, b)
	require.InDelta(t, 0.04*(1-math.Ln2), stats.Loss(), 1e-16)
	require.InDelta(t, 0.04*-1, g[0], 1e-16)

	for _, c := range []struct {
		kl    grpo.KL
		value float64
		slope float64
	}{
		{grpo.KL{Estimator: grpo.K1}, -math.Ln2, 1},
		{grpo.KL{Estimator: grpo.AbsK1}, math.Ln2, -1},
		{grpo.KL{Estimator: grpo.K2}, math.Ln2 * math.Ln2 / 2, -math.Ln2},
		{grpo.KL{Estimator: grpo.K1, Gradient: grpo.K2Gradient}, -math.Ln2, -math.Ln2},
		{grpo.KL{Estimator: grpo.K3, Gradient: grpo.K2Gradient}, 1 - math.Ln2, -math.Ln2},
		{grpo.KL{InputBound: 0.5}, math.Exp(0.5) - 1.5, 0},
		{grpo.KL{OutputBound: 0.1}, 0.1, 0},
		// the factor is 1 on-policy, but its derivative adds f' k = k3
		{grpo.KL{Factor: grpo.KLFactor{Mode: grpo.Differentiable}}, 1 - math.Ln2, -1 + 1 - math.Ln2},
		{grpo.KL{Factor: grpo.KLFactor{Mode: grpo.Detached}}, 1 - math.Ln2, -1},
	} {
		o.KL = c.kl
		o.KL.Coefficient = 1
		stats, g := hand.Eval(t, o, b)
		require.InDelta(t, c.value, stats.Loss(), 1e-15, "%v", o.KL)
		require.InDelta(t, c.slope, g[0], 1e-15, "%v", o.KL)
	}
}

// Kinks, as the rule is written down: on a bound the token counts as inside, and
// of two equal branches the unclipped one is taken. 1.25 and 0.75 are exact, and so
// is exp of the log-ratio 0 of an on-policy token with bounds of 0.
func TestKinks(t *testing.T) {
	o := grpo.Objective{Surrogate: grpo.Clip{}, Aggregation: grpo.Sum{}}
	for _, a := range []float64{1, -1} {
		b := grpo.Batch[float64]{Offsets: []int{0, 1}, LogProbs: []float64{-3}, Advantages: []float64{a}}
		stats, g := hand.Eval(t, o, b)
		require.Equal(t, -a, stats.Loss())
		require.Equal(t, -a, g[0], "ratio 1 is inside [1, 1]")
		all, _, _ := stats.ClipFraction()
		require.Zero(t, all)
	}
	for _, c := range []struct {
		clip      grpo.Clip
		ratio, a  float64
		loss, dot float64
	}{
		{grpo.Clip{Low: 0.25, High: 0.25}, 1.25, 1, -1.25, -1.25},
		{grpo.Clip{Low: 0.25, High: 0.25}, math.Nextafter(1.25, 2), 1, -1.25, 0},
		{grpo.Clip{Low: 0.25, High: 0.25}, 0.75, -1, 0.75, 0.75},
		{grpo.Clip{Low: 0.25, High: 0.25}, math.Nextafter(0.75, 0), -1, 0.75, 0},
		{grpo.Clip{Low: 0.25, High: 0.25}, 0.5, 1, -0.5, -0.5}, // far out on the side that hurts: never held
		{grpo.Clip{Low: 0.25, High: 0.25}, 4, -1, 4, 4},
		{grpo.Clip{Low: 0.25, High: 0.25, Cap: 3}, 3, -1, 3, 3},
		{grpo.Clip{Low: 0.25, High: 0.25, Cap: 3}, 4, -1, 3, 0},
		{grpo.Clip{Low: 0.25, High: 0.25, Cap: 3}, 4, 1, -1.25, 0},
	} {
		loss, dot := make([]float64, 1), make([]float64, 1)
		c.clip.Loss(loss, dot, &grpo.Response{Ratio: []float64{c.ratio}, Advantage: []float64{c.a}})
		require.Equal(t, []float64{c.loss, c.dot}, []float64{loss[0], dot[0]}, "%+v", c)
	}
}
