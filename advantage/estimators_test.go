package advantage_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/grouprl/grouprl/advantage"
	"github.com/stretchr/testify/require"
)

// estimateTokens runs an estimator that gives one number a token.
func estimateTokens(t *testing.T, e advantage.Estimator, in advantage.Input) []float64 {
	t.Helper()
	dst := make([]float64, in.Offsets[len(in.Offsets)-1])
	for i := range dst {
		dst[i] = math.NaN()
	}
	require.NoError(t, e.Estimate(dst, &in))
	return dst
}

func TestNamed(t *testing.T) {
	in := advantage.Input{Rewards: []float64{1, 0, 0, 1}, Groups: []int{0, 0, 1, 1}, Lengths: []int{1, 3, 2, 2}, Baselines: []float64{1, 1, 0, 0}}
	for _, c := range []struct {
		e    advantage.Estimator
		want []float64
	}{
		{advantage.OPO(), []float64{0.75, -0.25, -0.5, 0.5}},
		{advantage.AsymRE(-0.25), []float64{0.75, -0.25, -0.25, 0.75}},
		{advantage.FlashReinforce(), []float64{0.5, -0.5, -0.5, 0.5}},
		{advantage.ReMax(), []float64{0, -1, 0, 1}},
		{advantage.RawReward(), []float64{1, 0, 0, 1}},
		{advantage.GPG{}, []float64{1, -1, -1, 1}},                // two of four are rewarded: alpha 2
		{advantage.GPG{Norm: 4}, []float64{.25, -.25, -.25, .25}}, //
		{advantage.MaxRL{}, []float64{1, -1, -1, 1}},
	} {
		require.Equal(t, c.want, estimate(t, c.e, in), "%+v", c.e)
	}
}

func TestGPGCountsRewardsThatAreNotZero(t *testing.T) {
	// Three of six count as rewarded, the punished one with them: alpha 2. Left out, two of five.
	in := advantage.Input{Rewards: []float64{1, 0, -1, 0, 1, 0}, Groups: []int{0, 0, 1, 1, 2, 2}, Truncated: []bool{false, false, false, false, true, false}}
	require.Equal(t, []float64{1, -1, -1, 1, 0, -1}, estimate(t, advantage.GPG{}, in))
	require.Equal(t, []float64{1.25, -1.25, -1.25, 1.25, 0, 0}, estimate(t, advantage.GPG{Overlong: advantage.Exclude}, in))
}

func TestMaxRL(t *testing.T) {
	// One of four is right: (1 - 1/4)/(1/4) = 3 and -1, with -1 for wrong as with 0.
	in := advantage.Input{Rewards: []float64{1, -1, 0, -1, -1, -1, 1}, Groups: []int{0, 0, 0, 0, 1, 1, 2}}
	require.Equal(t, []float64{3, -1, -1, -1, 0, 0, 0}, estimate(t, advantage.MaxRL{}, in))
	require.Equal(t, 0.75/0.5, estimate(t, advantage.MaxRL{Epsilon: 0.25}, in)[0])
}

func TestSignWeighted(t *testing.T) {
	in := advantage.Input{Rewards: []float64{1, -1, 0}}
	require.Equal(t, []float64{1, 0, 0}, estimate(t, advantage.PSR(), in))
	require.Equal(t, []float64{0, -1, 0}, estimate(t, advantage.NSR(), in))
	require.Equal(t, []float64{0.1, -1, 0}, estimate(t, advantage.WeightedReinforce(), in))
}

func TestWhitening(t *testing.T) {
	// 1 3 5 without the masked one: mean 3, variance 8/3, with n-1 4.
	a := []float64{1, 3, math.NaN(), 5}
	mask := []bool{true, true, false, true}
	require.NoError(t, advantage.Whitening{DDof: 1}.Apply(a, mask))
	require.Equal(t, []float64{-1, 0, 0, 1}, a)
	a = []float64{1, 3, 5}
	require.NoError(t, advantage.Whitening{Epsilon: 1. / 3, EpsilonPlace: advantage.AddToVariance}.Apply(a, nil))
	near(t, []float64{-2 / math.Sqrt(3), 0, 2 / math.Sqrt(3)}, a)
	for _, equal := range [][]float64{nil, {7}, {0.1, 0.1, 0.1}} {
		require.NoError(t, advantage.Whitening{DDof: 1}.Apply(equal, nil))
		require.Equal(t, make([]float64, len(equal)), append([]float64{}, equal...))
	}
	var bad *advantage.ValueError
	a = []float64{1, math.Inf(1)}
	require.ErrorAs(t, advantage.Whitening{}.Apply(a, nil), &bad)
	require.Equal(t, 1, bad.Response)
	require.Equal(t, []float64{0, 0}, a)
	require.Equal(t, &advantage.LengthError{Field: "mask", Got: 1, Want: 2}, advantage.Whitening{}.Apply(a, mask[:1]))
}

func TestReinforcePlusPlusBaseline(t *testing.T) {
	// Centred 1/2 and -1/2, over 3 tokens and 1: mean 1/4, squares 3/16 + 9/16, variance with n-1 1/4.
	in := advantage.Input{Rewards: []float64{1, 0}, Groups: []int{0, 0}, Lengths: []int{3, 1}}
	got := estimate(t, advantage.Whitened{Of: advantage.DrGRPO(), Whitening: advantage.Whitening{DDof: 1}, ByLength: true}, in)
	near(t, []float64{0.5, -1.5}, got)
	s := math.Sqrt(0.25 + 1e-8)
	near(t, []float64{0.25 / s, -0.75 / s}, estimate(t, advantage.ReinforcePlusPlusBaseline(), in))
	// A truncated response is in the statistics and then 0, or in neither.
	in = advantage.Input{Rewards: []float64{2, 0, 1}, Groups: []int{0, 0, 0}, Truncated: []bool{false, false, true}}
	s = math.Sqrt(2. / 3)
	near(t, []float64{1 / s, -1 / s, 0}, estimate(t, advantage.Whitened{Of: advantage.DrGRPO()}, in))
	o := advantage.DrGRPO()
	o.Overlong = advantage.Exclude
	near(t, []float64{1, -1, 0}, estimate(t, advantage.Whitened{Of: o}, in))
}

func TestGDPO(t *testing.T) {
	// Components 1 0 | 10 30: z = 1 -1 and -1 1; weights 1 and 1/2 leave 1/2 -1/2, whitened 1 -1.
	in := advantage.Input{Rewards: nil, Groups: []int{0, 0}, Components: [][]float64{{1, 0}, {10, 30}}}
	e := advantage.GDPO{Weights: []float64{1, 0.5}, Raw: true}
	dst := make([]float64, 2)
	require.NoError(t, e.Estimate(dst, &in))
	require.Equal(t, []float64{0.5, -0.5}, dst)
	e.Raw = false
	require.NoError(t, e.Estimate(dst, &in))
	require.Equal(t, []float64{1, -1}, dst)
	require.NoError(t, advantage.GDPO{}.Estimate(dst, &in))
	require.Equal(t, []float64{0, 0}, dst, "the components cancel")
	// A truncated response is in means, deviations and whitening, or in none of them.
	in = advantage.Input{Groups: []int{0, 0, 0}, Components: [][]float64{{1, 0, 2}, {0, 0, 0}}, Truncated: []bool{false, false, true}}
	dst = make([]float64, 3)
	require.NoError(t, advantage.GDPO{}.Estimate(dst, &in)) // 1 0 2 and their own deviation, sqrt(2/3)
	near(t, []float64{0, -math.Sqrt(1.5), 0}, dst)
	require.NoError(t, advantage.GDPO{Of: advantage.GroupRelative{Overlong: advantage.Exclude}}.Estimate(dst, &in))
	require.Equal(t, []float64{1, -1, 0}, dst)
	// A NaN in one component takes the response out of all.
	in = advantage.Input{Groups: []int{0, 0, 0}, Components: [][]float64{{1, 0, 5}, {10, 30, math.NaN()}}}
	dst = make([]float64, 3)
	e = advantage.GDPO{Of: advantage.GroupRelative{NaN: advantage.NaNExclude}, Weights: []float64{1, 0.5}, Raw: true}
	require.NoError(t, e.Estimate(dst, &in))
	require.Equal(t, []float64{0.5, -0.5, 0}, dst)
	var bad *advantage.ValueError
	require.ErrorAs(t, advantage.GDPO{}.Estimate(dst, &in), &bad)
	require.Equal(t, 2, bad.Response)
}

// Two responses of tokens a b c and d e; b is masked.
var twoResponses = advantage.Input{
	Rewards: []float64{8, 2}, Groups: []int{0, 0},
	Offsets: []int{0, 3, 5}, Mask: []bool{true, false, true, true, true},
}

func TestTokenReturns(t *testing.T) {
	nan := math.NaN()
	in := twoResponses
	// The reward passes through b undiscounted: 4 8 and 1 2.
	require.Equal(t, []float64{4, 0, 8, 1, 2}, estimateTokens(t, advantage.TokenReturns{Gamma: 0.5, Raw: true}, in))
	in.TokenRewards = []float64{1, nan, 0, 3, 4}
	require.Equal(t, []float64{5, 0, 8, 6, 6}, estimateTokens(t, advantage.TokenReturns{Gamma: 0.5, Raw: true}, in))
	in.Baselines = []float64{1, 10}
	require.Equal(t, []float64{8, 0, 7, -1, -4}, estimateTokens(t, advantage.TokenReturns{Baselines: true, Raw: true}, in))
	// Whitened over the four that count: 5 8 6 6, mean 6.25, squares 1.5625 + 3.0625 + 2/16 = 4.75.
	s := math.Sqrt(4.75 / 3)
	near(t, []float64{-1.25 / s, 0, 1.75 / s, -0.25 / s, -0.25 / s},
		estimateTokens(t, advantage.TokenReturns{Gamma: 0.5, Whitening: advantage.Whitening{DDof: 1}}, in))
	// Truncated: in the statistics or not, 0 in the end.
	in.Truncated = []bool{true, false}
	near(t, []float64{0, 0, 0, -0.25 / s, -0.25 / s},
		estimateTokens(t, advantage.TokenReturns{Gamma: 0.5, Whitening: advantage.Whitening{DDof: 1}}, in))
	in.TokenRewards = []float64{1, nan, 0, 3, 0}
	near(t, []float64{0, 0, 0, 1, -1}, estimateTokens(t, advantage.TokenReturns{Gamma: 0.5, Overlong: advantage.Exclude}, in)) // 4 and 2
	in.Rewards = nil
	require.Equal(t, []float64{0, 0, 0, 3, 0}, estimateTokens(t, advantage.TokenReturns{Raw: true}, in))
}

func TestGAE(t *testing.T) {
	in := twoResponses
	in.Values = []float64{1, math.NaN(), 4, 2, 2}
	// delta: 4 - 1, 8 - 4; 2 - 2, 2 - 2. Lambda 1/2: 3 + 4/2.
	require.Equal(t, []float64{5, 0, 4, 0, 0}, estimateTokens(t, advantage.GAE{Lambda: 0.5, Raw: true}, in))
	require.Equal(t, []float64{3, 0, 4, 0, 0}, estimateTokens(t, advantage.GAE{Raw: true}, in), "one step")
	require.Equal(t, []float64{7, 0, 4, 0, 0}, estimateTokens(t, advantage.GAE{Lambda: 1, Raw: true}, in), "return minus value")
	// Gamma 1/2: delta 4/2 - 1, 8 - 4; 2/2 - 2, 0; with lambda 1/2: 1 + 4/4.
	require.Equal(t, []float64{2, 0, 4, -1, 0}, estimateTokens(t, advantage.GAE{Gamma: 0.5, Lambda: 0.5, Raw: true}, in))
	// Two tokens, alpha 1: lambda = 1 - 1/2.
	require.Equal(t, []float64{5, 0, 4, 0, 0}, estimateTokens(t, advantage.GAE{Adaptive: 1, Raw: true}, in))
	// Whitened: 5 4 0 0, mean 9/4.
	s := math.Sqrt((7.5625 + 3.0625 + 2*5.0625) / 4)
	near(t, []float64{2.75 / s, 0, 1.75 / s, -2.25 / s, -2.25 / s}, estimateTokens(t, advantage.GAE{Lambda: 0.5}, in))
}

func TestOTB(t *testing.T) {
	// Probabilities 1/2 with sum of squares 1/2: w = 1 - 1 + 1/2 a token; of d 1/4 with 1/2, w = 1.
	in := twoResponses
	l := math.Log
	in.LogProbs = []float64{l(0.5), math.NaN(), l(0.5), l(0.25), l(0.5)}
	in.SquaredProbs = []float64{0.5, math.NaN(), 0.5, 0.5, 0.5}
	// W: 1/2 1; 1 3/2. Position 0: B = (8/2 + 2)/(3/2) = 4; position 1: (8 + 3)/(5/2) = 4.4.
	near(t, []float64{4, 0, 3.6, -2, -2.4}, estimateTokens(t, advantage.OTB{}, in))
	// Weights of 2 quadruple the first response's w: W = 2 4; B = (16 + 2)/3, (32 + 3)/5.5.
	in.RolloutWeights = []float64{2, math.NaN(), 2, 1, 1}
	near(t, []float64{2, 0, 8 - 35/5.5, -4, 2 - 35/5.5}, estimateTokens(t, advantage.OTB{}, in))
	in.RolloutWeights = nil
	// The second response ends after d: the tail of the first has no baseline, or itself.
	in.Mask = []bool{true, false, true, true, false}
	near(t, []float64{4, 0, 8, -2, 0}, estimateTokens(t, advantage.OTB{}, in))
	near(t, []float64{4, 0, 0, -2, 0}, estimateTokens(t, advantage.OTB{KeepTail: true}, in))
	// Alone.
	in.Groups = []int{0, 1}
	require.Equal(t, []float64{0, 0, 0, 0, 0}, estimateTokens(t, advantage.OTB{}, in))
	require.Equal(t, []float64{8, 0, 8, 2, 0}, estimateTokens(t, advantage.OTB{Singleton: advantage.SingletonReward}, in))
}

func TestTeacher(t *testing.T) {
	nan := math.NaN()
	in := twoResponses // advantages 1 and -1
	in.LogProbs = []float64{-1, nan, -2, -1, -1}
	in.TeacherLogProbs = []float64{-0.5, nan, -4, -1, -2}
	require.Equal(t, []float64{1.25, 0, 0, -1, -1.5}, estimateTokens(t, advantage.Teacher{Coefficient: 0.5}, in))
	require.Equal(t, []float64{0.5, 0, -2, 0, -1}, estimateTokens(t, advantage.Teacher{Coefficient: 1, NoReward: true}, in))
	// RLSD: exp(.5) is above 1.2, exp(-2) below .8; of the negative one exp(0) and exp(1).
	near(t, []float64{1.1, 0, 0.9, -1, -1.1}, estimateTokens(t, advantage.NewRLSD(), in))
	require.Equal(t, []float64{1, 0, 1, -1, -1}, estimateTokens(t, advantage.RLSD{}, in))
}

func TestCenteredKL(t *testing.T) {
	nan := math.NaN()
	in := twoResponses
	in.LogProbs = []float64{-1, nan, -1, -1, -1}
	in.RefLogProbs = []float64{-2, nan, -1, -1, -4} // d = 1 0 0 3, mean 1
	require.Equal(t, []float64{1, 0, 1.5, -0.5, -2}, estimateTokens(t, advantage.CenteredKL{Coefficient: 0.5}, in))
	in.Truncated = []bool{false, true} // alone, A = 0; the mean of d is 1, or 1/2 without the truncated
	require.Equal(t, []float64{1, 0, 1.5, 0, 0}, estimateTokens(t, advantage.CenteredKL{Coefficient: 0.5}, in))
	of := advantage.GroupRelative{Overlong: advantage.Exclude}
	require.Equal(t, []float64{-0.25, 0, 0.25, 0, 0}, estimateTokens(t, advantage.CenteredKL{Of: of, Coefficient: 0.5}, in))
}

func TestKLReward(t *testing.T) {
	nan := math.NaN()
	in := twoResponses
	in.LogProbs = []float64{-1, nan, -1, -1, -1}
	in.RefLogProbs = []float64{-2, nan, 0, -1, -1 - math.Ln2} // d = 1 -1 0 ln 2
	for _, c := range []struct {
		k    advantage.KLReward
		want []float64 // penalties
	}{
		{advantage.KLReward{Coefficient: 1}, []float64{1, 0, -1, 0, math.Ln2}},
		{advantage.KLReward{Coefficient: 2, Estimator: advantage.AbsK1}, []float64{2, 0, 2, 0, 2 * math.Ln2}},
		{advantage.KLReward{Coefficient: 1, Estimator: advantage.K2}, []float64{0.5, 0, 0.5, 0, math.Ln2 * math.Ln2 / 2}},
		{advantage.KLReward{Coefficient: 1, Estimator: advantage.K3}, []float64{1 / math.E, 0, math.E - 2, 0, math.Ln2 - 0.5}},
		{advantage.KLReward{Coefficient: 1, Cap: 0.25}, []float64{0.25, 0, -0.25, 0, 0.25}},
	} {
		tokens := []float64{10, nan, 10, 10, 10}
		require.NoError(t, c.k.AddToTokens(tokens, &in))
		require.True(t, math.IsNaN(tokens[1]), "a masked token is left alone")
		tokens[1] = 10
		for i, w := range c.want {
			require.InDelta(t, 10-w, tokens[i], 1e-14, "%+v", c.k)
		}
		rewards := []float64{8, 2}
		require.NoError(t, c.k.AddTo(rewards, &in))
		near(t, []float64{8 - c.want[0] - c.want[2], 2 - c.want[3] - c.want[4]}, rewards)
	}
	rewards := []float64{8, 2}
	in.RefLogProbs[2] = 1e4
	var bad *advantage.ValueError
	require.ErrorAs(t, advantage.KLReward{Coefficient: 1, Estimator: advantage.K3}.AddTo(rewards, &in), &bad)
	require.Equal(t, [2]int{0, 2}, [2]int{bad.Response, bad.Token})
	require.Equal(t, []float64{8, 2}, rewards)
	require.IsType(t, &advantage.LengthError{}, advantage.KLReward{}.AddTo(rewards[:1], &agreeing))
	require.IsType(t, &advantage.LengthError{}, advantage.KLReward{}.AddToTokens(rewards, &agreeing))
}

var agreeing = advantage.Input{Offsets: []int{0, 3, 5}, LogProbs: make([]float64, 5), RefLogProbs: make([]float64, 5)}

func TestEMA(t *testing.T) {
	e := advantage.EMA{Decay: 0.75}
	dst := make([]float64, 3)
	require.NoError(t, e.Update([]int{7, 9, 7}, []float64{4, 1, 0})) // means 2 and 1
	require.NoError(t, e.Baselines(dst, []int{7, 9, 8}))
	require.Equal(t, []float64{0.5, 0.25, 0}, dst)
	require.NoError(t, e.Update([]int{7}, []float64{2.5}))
	text, err := json.Marshal(e)
	require.NoError(t, err)
	var back advantage.EMA
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, e, back)
	require.NoError(t, back.Baselines(dst, []int{7, 9, 8}))
	require.Equal(t, []float64{1, 0.25, 0}, dst)

	require.Error(t, e.Update([]int{7, 8}, []float64{1, math.NaN()}))
	require.Error(t, e.Update([]int{7, 8}, []float64{1}))
	require.Error(t, e.Update([]int{8, 7, 7}, []float64{1, 1.7e308, -1.7e308}), "the mean overflows")
	require.Error(t, e.Baselines(dst, []int{7}))
	bad := advantage.EMA{Decay: 2}
	require.Error(t, bad.Update([]int{7}, []float64{1}))
	require.Equal(t, back, e, "nothing has changed")

	e = advantage.EMA{Decay: 0.5, Initial: 4}
	require.NoError(t, e.Baselines(dst, []int{1, 1, 1}))
	require.Equal(t, []float64{4, 4, 4}, dst)
	require.NoError(t, e.Update([]int{1}, []float64{0}))
	require.Equal(t, map[int]float64{1: 2}, e.Values)
}
