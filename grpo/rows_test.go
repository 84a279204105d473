package grpo_test

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/grpo"
	"github.com/grouprl/grouprl/grpo/grpotest"
	"github.com/grouprl/grouprl/internal/hand"
)

// Surrogates by hand, at one token that was sampled with probability 1/4: at ratio 2
// its probability is 1/2.
func TestSurrogatesByHand(t *testing.T) {
	sigmoid := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	lp := func(r float64) float64 { return math.Log(r / 4) }
	for _, c := range []struct {
		name       string
		s          grpo.Surrogate
		a, r       float64
		loss, grad float64
	}{
		{"SAPO at 1 is -A", grpo.SAPO{Positive: 1, Negative: 1.05}, 3, 1, -2 * 3, -3},
		{"SAPO far out", grpo.SAPO{Positive: 1, Negative: 1.05}, 1, 2, -4 * sigmoid(1), -4 * sigmoid(1) * sigmoid(-1) * 2},
		{"SAPO, wrong", grpo.SAPO{Positive: 1, Negative: 2}, -1, 2, 2 * sigmoid(2), 4 * sigmoid(2) * sigmoid(-2) * 2},
		{"REINFORCE", grpo.Reinforce{}, -2, 2, 2 * lp(2), 2},
		{"log-linear", grpo.LogLinear{}, 3, 2, -3 * math.Ln2, -3},
		{"TIS", grpo.CISPO{Max: 1}, 1, 2, -lp(2), -1},
		{"DRO: -(A lp - 1/2 0.5 d^2)", grpo.DRO{Beta: 0.5}, 1, 2, -lp(2) + 0.25*math.Ln2*math.Ln2, -1 + 0.5*math.Ln2},
		{"AWR", grpo.AWR{Beta: 2, Max: 20}, 1, 2, -math.Exp(0.5) * lp(2), -math.Exp(0.5)},
		{"AWR at its cap", grpo.AWR{Beta: 0.1, Max: 20}, 100, 2, -20 * lp(2), -20},
		{"AWR imitates at A = 0 too", grpo.AWR{Beta: 1, Max: 20}, 0, 2, -lp(2), -1},
		{"TOPR, right", grpo.TOPR{Max: 1.5}, 1, 2, -lp(2), -1},
		{"TOPR, wrong", grpo.TOPR{Max: 1.5}, -1, 2, 1.5 * lp(2), 1.5},
		{"ASPO turns the weight over", grpo.InverseRatio{High: 0.2, Max: 3}, 1, 0.5, -2 * lp(0.5), -2},
		{"ASPO caps the weight", grpo.InverseRatio{High: 0.2, Max: 3}, 1, 0.25, -3 * lp(0.25), -3},
		{"ASPO drops what has grown", grpo.InverseRatio{High: 0.2, Max: 3}, 1, 1.5, 0, 0},
		{"UP, right", grpo.NewUP().Surrogate, 1, 2, -lp(2), -1},
		{"UP, wrong and held", grpo.NewUP().Surrogate, -1, 0.5, 0.8, 0},
		{"UP, wrong", grpo.NewUP().Surrogate, -1, 2, 2, 2},
		{"DISPO, right", grpo.NewDISPO().Surrogate, 1, 2, -1.28 * lp(2), -1.28},
		{"DISPO, wrong", grpo.NewDISPO().Surrogate, -1, 2, 1.2 * lp(2), 1.2},
		{"CE-GPPO below", grpo.NewCEGPPO().Surrogate, -1, 0.5, 0.4, 0.4},
		{"CE-GPPO above", grpo.NewCEGPPO().Surrogate, 1, 2, -1.28, -1.28},
		{"CE-GPPO inside", grpo.NewCEGPPO().Surrogate, 1, 0.5, -0.5, -0.5},
		// |A| q (r-1)^2 / (2 Delta) = 1/4 / 1
		{"DRPO", grpo.DRPO{Delta: 0.5}, 1, 2, -2 + 0.25, -2 + 0.25*2/0.5},
		{"DRPO, wrong", grpo.DRPO{Delta: 0.5}, -1, 2, 2 + 0.25, 2 + 0.25*2/0.5},
		// eps = sqrt(0.01/0.25) = 0.2
		{"RIPO inside", grpo.RIPO{Delta: 0.01, Min: 0.5, Max: 10}, 1, 1.15, -1.15, -1.15},
		{"RIPO held", grpo.RIPO{Delta: 0.01, Min: 0.5, Max: 10}, 1, 2, -1.2, 0},
		{"RIPO held below", grpo.RIPO{Delta: 0.01, Min: 0.5, Max: 10}, -1, 0.5, 0.8, 0},
		{"RIPO at its limits", grpo.RIPO{Delta: 9, Min: 0.5, Max: 1.5}, 1, 2, -1.5, 0},
		{"RIPO at its lower limit", grpo.RIPO{Delta: 9, Min: 0.5, Max: 1.5}, -1, 0.25, 0.5, 0},
		// 1/2 + 1/2 sqrt(1 + 4 0.1875/0.25) = 1.5; 1/2 + 1/2 sqrt(1 - 4 0.06/0.25) = 0.6
		{"DCPO held", grpo.DCPO{Low: 0.06, High: 0.1875, Max: 10}, 1, 2, -1.5, 0},
		{"DCPO held below", grpo.DCPO{Low: 0.06, High: 0.1875, Max: 10}, -1, 0.5, 0.6, 0},
		{"DCPO at its limit", grpo.DCPO{Low: 0.06, High: 0.1875, Max: 1.25}, 1, 1.4, -1.25, 0},
		{"DCPO without a lower bound", grpo.DCPO{Low: 0.16, High: 0.2, Max: 10}, -1, 0.55, 0.55, 0.55},
		// p - q = 1/4
		{"DPPO keeps", grpo.DPPO{High: 0.3, Low: 0.3}, 1, 2, -2 * lp(2), -2},
		{"DPPO drops", grpo.DPPO{High: 0.2, Low: 0.3}, 1, 2, 0, 0},
		{"DPPO keeps what comes back", grpo.DPPO{High: 0.3, Low: 0.01}, -1, 2, 2 * lp(2), 2},
		{"DPPO drops a wrong one", grpo.DPPO{High: 0.3, Low: 0.1}, -1, 0.5, 0, 0},
		{"DPPO truncates", grpo.DPPO{High: 0.3, Low: 0.3, Max: 1.5}, 1, 2, -1.5 * lp(2), -1.5},
		// KL(1/4 || 1/2) = 1/4 hand.Ln(1/2) + 3/4 hand.Ln(3/2) = 0.1308
		{"DPPO by KL keeps", grpo.DPPO{Divergence: grpo.DivergenceKL, High: 0.131}, 1, 2, -2 * lp(2), -2},
		{"DPPO by KL drops", grpo.DPPO{Divergence: grpo.DivergenceKL, High: 0.130}, 1, 2, 0, 0},
		// phi(2) = e^3 2^2 e^-6
		{"VESPO", grpo.VESPO{KPositive: 2, LambdaPositive: 3, KNegative: 3, LambdaNegative: 2}, 1, 2, -4 * math.Exp(-3) * lp(2), -4 * math.Exp(-3)},
		{"VESPO at 1", grpo.VESPO{KPositive: 2, LambdaPositive: 3, KNegative: 3, LambdaNegative: 2}, -5, 1, 5 * lp(1), 5},
		{"KL-cov, resolved", grpo.KLCov{Share: 1, Coefficient: 0.5, Done: true, Threshold: -9}, 1, 0.5, -0.5 + 0.5*math.Ln2, -0.5 - 0.5},
		{"KL-cov, elsewhere", grpo.KLCov{Share: 1, Coefficient: 0.5, Done: true, Threshold: 9}, 1, 0.5, -0.5, -0.5},
		{"BAPO, resolved", grpo.BAPO{Low: 0.7, LowEnd: 0.9, LowStep: 0.1, High: 1.3, HighEnd: 2, HighStep: 0.1, Positive: 0.5, Done: true}, 1, 2, -1.3, 0},
	} {
		o := grpo.Objective{Surrogate: c.s, Aggregation: grpo.Sum{}}
		stats, g := hand.Eval(t, o, grpo.Batch[float64]{
			Offsets: []int{0, 1}, LogProbs: []float64{lp(c.r)}, OldLogProbs: []float64{lp(1)}, Advantages: []float64{c.a}, Rewards: []float64{c.a},
		})
		require.InDelta(t, c.loss, stats.Loss(), 1e-14, "%s: loss", c.name)
		require.InDelta(t, c.grad, g[0], 1e-14, "%s: derivative", c.name)
	}
}

// Weights by hand: three tokens of which the trainer's old policy and the sampler
// differ by d, with ratios 2, 1/2 and 1; and probabilities 1/2 against 1/4, 1/4
// against 1/2, 1/2 against 1/2.
func TestWeightsByHand(t *testing.T) {
	old, rollout := hand.Ln(0.5, 0.25, 0.5), hand.Ln(0.25, 0.5, 0.5)
	kl := func(p, q float64) float64 { return p*math.Log(p/q) + (1-p)*math.Log((1-p)/(1-q)) }
	for _, c := range []struct {
		name string
		w    grpo.Weight
		want []float64
	}{
		{"plain", grpo.Mismatch{}, []float64{2, 0.5, 1}},
		{"TIS", grpo.Mismatch{High: 1.5}, []float64{1.5, 0.5, 1}},
		{"TIS with a floor", grpo.Mismatch{Low: 0.8, High: 1.5}, []float64{1.5, 0.8, 1}},
		{"IcePop", grpo.Mismatch{Mode: grpo.Mask, Low: 0.5, High: 1.9}, []float64{0, 0.5, 1}},
		{"product 1", grpo.Mismatch{Level: grpo.ProductLevel, High: 3}, []float64{1, 1, 1}},
		{"bounded exponent", grpo.Mismatch{Bound: math.Log(1.25)}, []float64{1.25, 0.8, 1}},
		{"gate on the ratio", grpo.Gate{Low: 0.6, High: 1.5}, []float64{0, 0, 1}},
		{"gate on TV", grpo.Gate{Statistic: grpo.TVStatistic, High: 0.3}, []float64{1, 1, 1}},
		{"gate on TV, tight", grpo.Gate{Statistic: grpo.TVStatistic, High: 0.2}, []float64{0, 0, 1}},
		{"gate on KL(q||p)", grpo.Gate{Statistic: grpo.BinaryKL, High: (kl(0.25, 0.5) + kl(0.5, 0.25)) / 2}, []float64{1, 0, 1}},
		{"KPop", grpo.Gate{Statistic: grpo.SymmetricKL, High: (kl(0.25, 0.5) + kl(0.5, 0.25)) / 2}, []float64{0, 0, 1}},
		{"mean TV 1/6", grpo.Gate{Level: grpo.SequenceLevel, Statistic: grpo.TVStatistic, High: 0.17}, []float64{1, 1, 1}},
		{"mean TV 1/6, tight", grpo.Gate{Level: grpo.SequenceLevel, Statistic: grpo.TVStatistic, High: 0.16}, []float64{0, 0, 0}},
		{"sum of TV 1/2", grpo.Gate{Level: grpo.ProductLevel, Statistic: grpo.TVStatistic, High: 0.51}, []float64{1, 1, 1}},
		{"outlier", grpo.Gate{Any: true, Low: 0.1, High: 1.9}, []float64{0, 0, 0}},
		{"veto", grpo.Gate{Any: true, Low: 0.4}, []float64{1, 1, 1}},
		{"veto, strict", grpo.Gate{Any: true, Low: 0.6}, []float64{0, 0, 0}},
		{"k1 above", grpo.Divergence{Estimator: grpo.K1, High: 0.5}, []float64{1, 0, 1}},
		{"k2 = hand.Ln(2)^2/2 = 0.240", grpo.Divergence{Estimator: grpo.K2, High: 0.24}, []float64{0, 0, 1}},
		// k3 = 2 - 1 - ln 2 = 0.307 and 1/2 - 1 + ln 2 = 0.193
		{"k3", grpo.Divergence{High: 0.2}, []float64{0, 1, 1}},
		{"mean k3 0.167", grpo.Divergence{Reduce: grpo.ReduceMean, High: 0.17}, []float64{1, 1, 1}},
		{"sum k3 0.5", grpo.Divergence{Reduce: grpo.ReduceSum, High: 0.49}, []float64{0, 0, 0}},
		{"max k3 0.307", grpo.Divergence{Reduce: grpo.ReduceMax, High: 0.3}, []float64{0, 0, 0}},
		{"max k3 0.307, loose", grpo.Divergence{Reduce: grpo.ReduceMax, High: 0.31}, []float64{1, 1, 1}},
		// mean |x-1| = (1 + 1/2)/3; A > 0 pushes the first further
		{"VACO", grpo.VACO{Threshold: 0.49}, []float64{0, 1, 1}},
		{"VACO, loose", grpo.VACO{Threshold: 0.51}, []float64{1, 1, 1}},
		{"position", grpo.PositionWeight{First: 1, Last: 0.5}, []float64{1, 0.75, 0.5}},
		{"length", grpo.LengthPower{Power: -1, Reference: 6}, []float64{2, 2, 2}},
		{"sign", grpo.SignWeight{Positive: 0.1, Negative: 7}, []float64{0.1, 0.1, 0.1}},
		{"mean weight 3.5/3", grpo.MeanWeight{Of: grpo.Mismatch{}}, []float64{2 * 3 / 3.5, 0.5 * 3 / 3.5, 3 / 3.5}},
		{"mean weight of responses", grpo.MeanWeight{Of: grpo.Mismatch{}, ByResponse: true}, []float64{2 * 3 / 3.5, 0.5 * 3 / 3.5, 3 / 3.5}},
		{"top entropy, a third", grpo.TopEntropy{Share: 0.3}, []float64{0, 0, 1}},
		{"top entropy, two thirds", grpo.TopEntropy{Share: 0.6}, []float64{0, 1, 1}},
		// d^2 = hand.Ln(2)^2 = 0.48 twice and 0: the means of the smallest 1, 2, 3 are 0, 0.24, 0.32
		{"M2PO", grpo.M2PO{Threshold: 0.4}, []float64{1, 1, 1}},
		{"M2PO, tight", grpo.M2PO{Threshold: 0.1}, []float64{0, 0, 1}},
	} {
		have := weighAlone(t, c.w, grpo.Batch[float64]{
			Offsets: []int{0, 3}, LogProbs: old, OldLogProbs: old, RolloutLogProbs: rollout, Entropies: []float64{1, 2, 3}, Advantages: []float64{2},
		})
		require.InDeltaSlice(t, c.want, have, 1e-14, c.name)
	}
}

// weighAlone returns a weight's numbers, as gradients of -w A lp with A = 2.
func weighAlone(t *testing.T, w grpo.Weight, b grpo.Batch[float64]) []float64 {
	t.Helper()
	_, g := hand.Eval(t, grpo.Objective{Surrogate: grpo.Reinforce{}, Weights: []grpo.Weight{w}, Aggregation: grpo.Sum{}}, b)
	for i := range g {
		a := 0.0
		if b.Advantages != nil {
			a = b.Advantages[0]
		} else {
			a = b.TokenAdvantages[i]
		}
		g[i] /= -a
	}
	return g
}

// Weights of the ratio by hand: tokens with ratios 2, 1/2 and 1, probabilities 1/2,
// 1/8 and 1/4 where the old policy had 1/4.
func TestRatioWeightsByHand(t *testing.T) {
	for _, c := range []struct {
		name string
		w    grpo.Weight
		a    float64
		want []float64
	}{
		{"ring, near", grpo.Ring{Low: 0.2, High: 0.2}, 1, []float64{0, 0, 1}},
		{"ring, far and helpful", grpo.Ring{Low: 0.2, High: 0.2, FarLow: 0.4, FarHigh: 0.9}, 1, []float64{0, 1, 1}},
		{"ring, far and helpful, wrong", grpo.Ring{Low: 0.2, High: 0.2, FarLow: 0.4, FarHigh: 0.9}, -1, []float64{1, 0, 1}},
		{"ring, not far enough", grpo.Ring{Low: 0.2, High: 0.2, FarLow: 0.6, FarHigh: 2}, 1, []float64{0, 0, 1}},
		{"trust region", grpo.TrustRegion{Low: 0.1, High: 0.2}, 1, []float64{0, 1, 1}},
		{"trust region, wrong", grpo.TrustRegion{Low: 0.1, High: 0.2}, -1, []float64{1, 0, 1}},
		{"two-sided TV", grpo.Gate{Of: grpo.CurrentOverAnchor, Statistic: grpo.TVStatistic, High: 0.2}, 1, []float64{0, 1, 1}},
		// mean(old - lp) = 0
		{"OPSM", grpo.OPSM{Threshold: 0.01}, -1, []float64{1, 1, 1}},
		// F = d_t + F_(t+1)/2: -(ln 2)/2 + ln 2, -ln 2, 0
		{"FIPO", grpo.FIPO{Decay: 0.5, Low: 0.8, High: 1.2}, 1, []float64{1.2, 0.8, 1}},
		{"FIPO, wide", grpo.FIPO{Decay: 0.5, Low: 0.1, High: 9}, 1, []float64{math.Sqrt2, 0.5, 1}},
		{"FIPO, guarded", grpo.FIPO{Decay: 0.5, Low: 0.1, High: 9, Guard: 1.5, GuardLow: 0.8}, -1, []float64{1, 0.5, 1}},
		// D = 1/4, 1/8, 0; limit 0.2 then 0.2 + 0.04 - 1/4 < 0
		{"CPPO", grpo.CPPO{Limit: 0.2, Last: 0.8, RateLow: 0.02, RateHigh: 0.04}, 1, []float64{0, 1, 1}},
		{"CPPO, the budget is spent", grpo.CPPO{Limit: 0.2, Last: 0.8, RateLow: 0.02, RateHigh: 0.04}, -1, []float64{1, 0, 1}},
		{"CPPO, plenty", grpo.CPPO{Limit: 0.9, Last: 0.8, RateLow: 0.02, RateHigh: 0.04}, 1, []float64{1, 1, 1}},
	} {
		have := weighAlone(t, c.w, grpo.Batch[float64]{
			Offsets: []int{0, 3}, LogProbs: hand.Ln(0.5, 0.125, 0.25), OldLogProbs: hand.Ln(0.25, 0.25, 0.25), RolloutLogProbs: hand.Ln(0.25, 0.25, 0.25),
			Entropies: []float64{1, 1, 1}, Advantages: []float64{c.a},
		})
		require.InDeltaSlice(t, c.want, have, 1e-14, c.name)
	}
}

// OPSM drops a wrong response that the policy has left, and no right one.
func TestOPSMByHand(t *testing.T) {
	for _, c := range []struct{ a, threshold, want float64 }{{-1, 0.6, 0}, {-1, 0.7, 1}, {1, 0.6, 1}} {
		b := grpo.Batch[float64]{Offsets: []int{0, 1}, LogProbs: hand.Ln(0.25), OldLogProbs: hand.Ln(0.5), Advantages: []float64{c.a}} // ln 2 = 0.693
		require.Equal(t, []float64{c.want}, weighAlone(t, grpo.OPSM{Threshold: c.threshold}, b))
	}
}

// ClipB by hand: p (H + lp) of probability 1/2 with entropies 0, ln 2 and 2 ln 2 is
// -L, 0 and L with L = hand.Ln(2)/2; the mean is 0, the deviation L sqrt(2/3).
func TestClipBByHand(t *testing.T) {
	for mu, want := range map[float64][]float64{1: {0, 1, 1}, 1.3: {1, 1, 1}} {
		b := grpo.Batch[float64]{
			Offsets: []int{0, 3}, LogProbs: hand.Ln(0.5, 0.5, 0.5), Entropies: []float64{0, math.Ln2, 2 * math.Ln2}, TokenAdvantages: []float64{-1, -1, -1},
		}
		require.Equal(t, want, weighAlone(t, grpo.ClipB{Mu: mu}, b), "mu %v", mu)
	}
}

// BAPO by hand: one right token of ratio 3, one wrong of ratio 1/2. At [0.6, 1.2]
// right has 1.2 of 1.8; a share of 0.75 needs high >= 1.8.
func TestBAPOByHand(t *testing.T) {
	o := grpo.Objective{Aggregation: grpo.TokenMean{}, Surrogate: grpo.BAPO{
		Low: 0.6, LowEnd: 0.9, LowStep: 0.1, High: 1.2, HighEnd: 3, HighStep: 0.25, Positive: 0.74,
	}}
	b := grpo.Batch[float64]{Offsets: []int{0, 1, 2}, LogProbs: hand.Ln(0.75, 0.125), OldLogProbs: hand.Ln(0.25, 0.25), Advantages: []float64{1, -1}}
	bounds := func() (low, high float64) {
		var s grpo.Sample
		require.NoError(t, grpo.Observe(&s, &o, &b))
		resolved, err := o.Resolve(&s)
		require.NoError(t, err)
		r := resolved.Surrogate.(grpo.BAPO)
		return r.Low, r.High
	}
	low, high := bounds()
	require.Equal(t, 0.6, low)
	require.InDelta(t, 1.2+3*0.25, high, 1e-12)

	first := o.Surrogate.(grpo.BAPO)
	first.LowFirst = true // raises low to 0.9 in vain, and then high: 0.74/0.26 * 0.9 = 2.56
	o.Surrogate = first
	low, high = bounds()
	require.InDelta(t, 0.9, low, 1e-12)
	require.InDelta(t, 1.2+6*0.25, high, 1e-12)
}

// REAL by hand: one group, S = 0 for all, two right and one wrong:
// log(1+1) + log(1+2). A group of one label is left out.
func TestREALByHand(t *testing.T) {
	o := grpo.NewREAL()
	o.Surrogate = grpo.REAL{Tau: 1}
	stats, g := hand.Eval(t, o, grpo.Batch[float64]{
		Offsets: []int{0, 1, 2, 4, 5}, LogProbs: []float64{-1, -2, -3, -3, -4}, Advantages: []float64{1, 1, 1, 1},
		Rewards: []float64{1, 1, -1, 1}, Groups: []int{5, 5, 5, 6},
	})
	require.InDelta(t, math.Log(2)+math.Log(3), stats.Loss(), 1e-15)
	require.InDeltaSlice(t, []float64{-1. / 3, -1. / 3, 1. / 4, 1. / 4, 0}, g, 1e-15)
}

// Clip-cov by hand: of two tokens inside, one is drawn, whatever the split, and
// another seed may draw the other.
func TestClipCovDraws(t *testing.T) {
	b := grpo.Batch[float64]{ // mean A 0, mean lp hand.Ln(0.5) - hand.Ln(2)/2
		Offsets: []int{0, 2, 4}, LogProbs: hand.Ln(0.5, 0.5, 0.25, 0.25), TokenAdvantages: []float64{1, 1, -1, 1}, Keys: []uint64{7, 8},
	}
	b.TokenAdvantages[3] = -1
	drawn := map[int]int{}
	for seed := range uint64(40) {
		_, g := hand.Eval(t, grpo.Objective{Aggregation: grpo.Sum{}, Surrogate: grpo.ClipCov{
			Clip: grpo.Clip{Low: 0.2, High: 0.2}, Share: 0.3, Low: 0.1, High: 5, Seed: seed,
		}}, b)
		zeros := 0
		for i, x := range g {
			if x == 0 {
				zeros++
				drawn[i]++
			}
		}
		require.Equal(t, 1, zeros, "seed %d", seed)
	}
	require.Len(t, drawn, 4, "every token is drawn by some seed: %v", drawn)
}

// A side of BySign sees what it would see alone, with advantages of both signs in
// one response.
func TestBySignIsItsSides(t *testing.T) {
	sides := []grpo.Surrogate{
		grpo.Clip{Low: 0.1, High: 0.2}, grpo.SAPO{Positive: 1, Negative: 2}, grpo.CISPO{Max: 1.1}, grpo.Reinforce{}, grpo.DPPO{Low: 0.05, High: 0.05},
	}
	for _, p := range sides {
		for _, n := range sides {
			b := grpotest.RandomBatch(3, grpotest.Shape{Responses: 10, MaxLength: 9, Tokens: true})
			at := func(s grpo.Surrogate) []float64 {
				_, g := hand.Eval(t, grpo.Objective{Surrogate: s, Aggregation: grpo.Sum{}}, b)
				return g
			}
			both, positive, negative := at(grpo.BySign{Positive: p, Negative: n}), at(p), at(n)
			for i, a := range b.TokenAdvantages {
				switch {
				case !b.Mask[i]:
				case a > 0:
					require.Equal(t, positive[i], both[i], "%v, %v", p, n)
				default:
					require.Equal(t, negative[i], both[i], "%v, %v", p, n)
				}
			}
		}
	}
}

// A resolved objective is stored with its numbers, and evaluates alike after.
func TestResolvedObjectivesRoundTrip(t *testing.T) {
	n := 0
	for _, row := range grpotest.Catalogue() {
		o := row.New()
		if !o.NeedsStep() {
			continue
		}
		n++
		b := grpotest.RandomBatch(1, grpotest.Shape{})
		var s grpo.Sample
		require.NoError(t, grpo.Observe(&s, &o, &b), row.Name)
		resolved, err := o.Resolve(&s)
		require.NoError(t, err, row.Name)
		encoded, err := json.Marshal(resolved)
		require.NoError(t, err, row.Name)
		var back grpo.Objective
		require.NoError(t, json.Unmarshal(encoded, &back), row.Name)
		require.True(t, reflect.DeepEqual(resolved, back), "%s: %s", row.Name, encoded)
		require.False(t, back.NeedsStep())
	}
	require.GreaterOrEqual(t, n, 8)
}

// Impossible parameters are errors, of every part.
func TestImpossibleParts(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, s := range []grpo.Surrogate{
		grpo.SAPO{}, grpo.SAPO{Positive: 1}, grpo.SAPO{Positive: 1, Negative: 701}, grpo.DRO{Beta: -1}, grpo.DRO{Beta: nan}, grpo.TOPR{}, grpo.AWR{Beta: 1},
		grpo.AWR{Max: 1}, grpo.DRPO{}, grpo.DRPO{Delta: inf}, grpo.InverseRatio{}, grpo.InverseRatio{Max: 1, High: -1}, grpo.GPPO{Low: 2}, grpo.GPPO{NegativeLow: -1},
		grpo.RIPO{}, grpo.RIPO{Delta: 1, Min: 1.5, Max: 2}, grpo.DCPO{}, grpo.DCPO{Max: 2, Low: -1}, grpo.DPPO{Low: -1}, grpo.DPPO{Divergence: 7}, grpo.DPPO{Max: inf},
		grpo.VESPO{KPositive: -1}, grpo.VESPO{Correction: grpo.Mismatch{High: -1}}, grpo.VESPO{Bound: grpo.Clamp{Low: 1}}, grpo.KLCov{}, grpo.KLCov{Share: 0.1, Coefficient: -1},
		grpo.ClipCov{Share: 0.1}, grpo.ClipCov{Share: 2, High: 1}, grpo.REAL{}, grpo.BAPO{},
		grpo.BAPO{Low: 0.6, LowEnd: 0.9, LowStep: 1e-9, High: 1.2, HighEnd: 1.2, Positive: 0.5}, grpo.BAPO{Low: 1.5, LowEnd: 1.5, High: 2, HighEnd: 2, Positive: 0.5},
		grpo.BySign{}, grpo.BySign{Positive: grpo.Linear{}}, grpo.BySign{Positive: grpo.Linear{}, Negative: grpo.KLCov{Share: 0.1}},
		grpo.BySign{Positive: grpo.Linear{}, Negative: grpo.BySign{Positive: grpo.Linear{}, Negative: grpo.Linear{}}},
	} {
		o := grpo.Objective{Surrogate: s, Aggregation: grpo.Sum{}}
		var fault *grpo.ObjectiveError
		require.ErrorAs(t, o.Validate(), &fault, "%#v", s)
	}
	for _, w := range []grpo.Weight{
		grpo.Mismatch{Level: grpo.SequenceTokenLevel}, grpo.Mismatch{Mode: 5}, grpo.Mismatch{Mode: grpo.Mask}, grpo.Mismatch{Low: 2, High: 1}, grpo.Mismatch{Bound: -1},
		grpo.Gate{}, grpo.Gate{High: 1, Any: true, Level: grpo.SequenceLevel}, grpo.Gate{High: 1, Statistic: 9}, grpo.Gate{High: 1, Of: 4}, grpo.Gate{High: 1, Floor: 0.5},
		grpo.Divergence{}, grpo.Divergence{High: 1, Reduce: 9}, grpo.Divergence{Low: 2, High: 1}, grpo.Divergence{High: nan}, grpo.OPSM{Threshold: -1}, grpo.OPSM{Anchor: grpo.Current},
		grpo.TrustRegion{Low: -1}, grpo.Ring{Low: -1}, grpo.Ring{Low: 0.2, FarLow: 0.1}, grpo.TopEntropy{}, grpo.TopEntropy{Share: 1.1}, grpo.MeanWeight{},
		grpo.MeanWeight{Of: grpo.TopEntropy{Share: 0.1}}, grpo.M2PO{}, grpo.FIPO{}, grpo.FIPO{Decay: 2, High: 1}, grpo.FIPO{High: 1, GuardLow: 2}, grpo.CPPO{Limit: -1},
		grpo.CPPO{RateLow: 1}, grpo.PositionWeight{First: -1}, grpo.LengthPower{}, grpo.LengthPower{Reference: 1, Power: nan}, grpo.SignWeight{Positive: -1}, grpo.VACO{}, grpo.ClipB{},
	} {
		o := grpo.Objective{Surrogate: grpo.Linear{}, Weights: []grpo.Weight{w}, Aggregation: grpo.Sum{}}
		var fault *grpo.ObjectiveError
		require.ErrorAs(t, o.Validate(), &fault, "%#v", w)
	}
}

// Ratios 2 and 8 have the geometric mean 4 and the product 16.
func TestMismatchLevelsByHand(t *testing.T) {
	b := grpo.Batch[float64]{
		Offsets: []int{0, 2}, LogProbs: hand.Ln(0.5, 0.8), OldLogProbs: hand.Ln(0.5, 0.8), RolloutLogProbs: hand.Ln(0.25, 0.1), Advantages: []float64{1},
	}
	for _, c := range []struct {
		w    grpo.Mismatch
		want float64
	}{
		{grpo.Mismatch{Level: grpo.SequenceLevel}, 4}, {grpo.Mismatch{Level: grpo.ProductLevel}, 16},
		{grpo.Mismatch{Level: grpo.SequenceLevel, High: 3}, 3}, {grpo.Mismatch{Level: grpo.ProductLevel, Mode: grpo.Mask, High: 15}, 0},
		{grpo.Mismatch{Level: grpo.ProductLevel, Bound: math.Log(10)}, 10},
	} {
		require.InDeltaSlice(t, []float64{c.want, c.want}, weighAlone(t, c.w, b), 1e-13, "%v", c.w)
	}
}

// VESPO's correction by hand: weights 2 and 8, truncated to 3, so that w = 6 at a
// policy that has not moved; or the one weight of the response.
func TestVESPOCorrectionByHand(t *testing.T) {
	phi := func(w float64) float64 { return math.Exp(3) * w * w * math.Exp(-3*w) }
	b := grpo.Batch[float64]{
		Offsets: []int{0, 2}, LogProbs: hand.Ln(0.5, 0.8), OldLogProbs: hand.Ln(0.5, 0.8), RolloutLogProbs: hand.Ln(0.25, 0.1), Advantages: []float64{1},
	}
	for _, c := range []struct {
		w    grpo.Mismatch
		want float64
	}{
		{grpo.Mismatch{High: 3}, phi(6)}, {grpo.Mismatch{Low: 4, High: 9}, phi(32)}, {grpo.Mismatch{Level: grpo.SequenceLevel, High: 3}, phi(3)},
		{grpo.Mismatch{Mode: grpo.Mask, High: 3}, phi(2e-8)},
	} {
		o := grpo.NewVESPO()
		s := o.Surrogate.(grpo.VESPO)
		s.Correction = c.w
		o.Surrogate, o.Aggregation = s, grpo.Sum{}
		_, g := hand.Eval(t, o, b)
		require.InEpsilonSlice(t, []float64{-c.want, -c.want}, g, 1e-12, "%v", c.w)
	}
}

// CPPO's budget by hand: a token of 3/16 leaves 0.2 - 3/16 = 1/80 of 0.2, too little
// for one of 1/8 unless quiet tokens have earned the rate in between. The rate is
// the 90th percentile of the response's own moves: 1/8 of ten, of which one is larger.
func TestCPPOBudgetByHand(t *testing.T) {
	for _, c := range []struct {
		w    grpo.CPPO
		p    []float64
		last float64
	}{
		{grpo.CPPO{Limit: 0.2, Last: 1, RateLow: 0.1, RateHigh: 0.1}, []float64{7. / 16, 1. / 4, 1. / 4, 3. / 8}, 1},
		{grpo.CPPO{Limit: 0.2, Last: 1}, []float64{7. / 16, 1. / 4, 1. / 4, 3. / 8}, 0},
		{grpo.CPPO{Limit: 0.12, Last: 1, RateLow: 1, RateHigh: 1}, []float64{1. / 4, 1. / 4, 1. / 4, 3. / 8}, 0},
		{grpo.CPPO{Limit: 0.12, Last: 0.9, RateLow: 1, RateHigh: 1}, []float64{1. / 4, 1. / 4, 1. / 4, 3. / 8}, 1},
		{grpo.CPPO{Limit: 0.3, Last: 1, RateHigh: 1}, []float64{1. / 2, 1. / 4, 1. / 4, 1. / 4, 1. / 4, 1. / 4, 1. / 4, 1. / 4, 1. / 4, 3. / 8}, 1},
		{grpo.CPPO{Limit: 0.3, Last: 1, RateHigh: 0.001}, []float64{1. / 2, 1. / 4, 1. / 4, 1. / 4, 1. / 4, 1. / 4, 1. / 4, 1. / 4, 1. / 4, 3. / 8}, 0},
	} {
		n := len(c.p)
		old := make([]float64, n)
		for i := range old {
			old[i] = math.Log(0.25)
		}
		have := weighAlone(t, c.w, grpo.Batch[float64]{Offsets: []int{0, n}, LogProbs: hand.Ln(c.p...), OldLogProbs: old, Advantages: []float64{1}})
		require.Equal(t, c.last, have[n-1], "%v of %v", c.w, c.p)
		require.Equal(t, 1.0, have[1])
	}
}
