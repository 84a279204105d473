package grpo_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/grpo"
	"github.com/grouprl/grouprl/grpo/grpotest"
	"github.com/grouprl/grouprl/internal/hand"
)

var (
	levels  = []grpo.Level{grpo.TokenLevel, grpo.SequenceLevel, grpo.SequenceTokenLevel, grpo.ProductLevel, grpo.ProductTokenLevel}
	anchors = []grpo.Anchor{grpo.Old, grpo.Rollout, grpo.Current}
	clamps  = []grpo.Ratio{
		{},
		{Clamp: grpo.Clamp{Low: -0.2, High: 0.3}},
		{Clamp: grpo.Clamp{High: 0.1, Low: -0.1, Pessimistic: true}},
		{Cap: grpo.Clamp{High: 0.15}},
		{Cap: grpo.Clamp{Low: -0.05, High: 0.05, Pessimistic: true}},
		{Clamp: grpo.Clamp{Low: -0.5}, Cap: grpo.Clamp{Low: -0.3, High: 1}},
	}
	surrogates = []grpo.Surrogate{
		grpo.Clip{Low: 0.2, High: 0.28}, grpo.Clip{Low: 3e-4, High: 4e-4, Cap: 1.5}, grpo.Linear{}, grpo.CISPO{Min: 0.5, Max: 1.2},
		grpo.PolicyGradient(func(t grpo.Token) float64 { return min(t.Ratio(), 1) }),
		grpo.SurrogateFunc(func(t grpo.Token) (loss, dloss float64) { // Kimi's square, as a function of the log-ratio
			d := t.LogRatio()
			return d*d/2 - t.Advantage()*d, d - t.Advantage()
		}),
	}
	aggregations = []grpo.Aggregation{
		grpo.TokenMean{}, grpo.ResponseMean{}, grpo.ResponseMean{All: true}, grpo.ResponseSum{}, grpo.ConstantLength{Length: 50, All: true},
		grpo.Sum{}, grpo.PromptMean{}, grpo.EpisodeMean{}, grpo.Scaled{Factor: -0.25, Of: grpo.PromptMean{}},
	}
	weights = [][]grpo.Weight{nil, {icePop{0.9, 1.1}}, {fipo{0.9, 0.8, 1.2}, grpo.WeightFunc(func(t grpo.Token) float64 { return t.Entropy() })}}
)

// kls is every legal KL term.
func kls() (all []grpo.KL) {
	for _, k := range []grpo.KL{
		{}, {InputBound: 0.4}, {OutputBound: 0.1}, {InputBound: 20, OutputBound: 10},
		{Against: grpo.AgainstOld}, {Against: grpo.AgainstRollout},
	} {
		for _, k.Estimator = range []grpo.KLEstimator{grpo.K3, grpo.K1, grpo.AbsK1, grpo.K2} {
			for _, k.Gradient = range []grpo.KLGradient{grpo.EstimatorGradient, grpo.K2Gradient} {
				for _, mode := range []grpo.FactorMode{grpo.NoFactor, grpo.Differentiable, grpo.Detached, grpo.GradientOnly} {
					for _, level := range []grpo.Level{grpo.TokenLevel, grpo.SequenceLevel} {
						for _, anchor := range anchors {
							k.Factor = grpo.KLFactor{Mode: mode, Level: level, Anchor: anchor, Cap: 1.1}
							if mode == grpo.NoFactor {
								k.Factor = grpo.KLFactor{}
							}
							k.Coefficient = 0.3
							all = append(all, k)
						}
					}
				}
			}
		}
	}
	return all
}

// Analytic gradients against central finite differences, for every legal
// combination of level, anchor, bounds, surrogate, weights and aggregation, and for
// every KL term with every aggregation; with -short for one in eleven. An illegal
// combination is an *ObjectiveError, and legal is what the documentation says.
func TestGridGradients(t *testing.T) {
	n, illegal, seed := 0, 0, uint64(0)
	check := func(o grpo.Objective, legal bool) {
		seed++
		if testing.Short() && seed%11 != 0 { // of every axis all values, not all combinations
			return
		}
		err := grpotest.CheckGradient(o, seed)
		var fault *grpo.ObjectiveError
		if errors.As(err, &fault) {
			require.False(t, legal, "%v: %v", o, err)
			illegal++
			return
		}
		require.True(t, legal, "%v: want an *ObjectiveError", o)
		require.NoError(t, err, "%v, seed %d", o, seed)
		n++
	}
	for _, level := range levels {
		for _, anchor := range anchors {
			for _, ratio := range clamps {
				ratio.Level, ratio.Anchor = level, anchor
				for _, s := range surrogates {
					_, detached := s.(grpo.Detacher)
					for k, w := range weights {
						correction := k == 1 && anchor == grpo.Rollout
						check(grpo.Objective{
							Ratio: ratio, Surrogate: s, Weights: w, Aggregation: aggregations[seed%uint64(len(aggregations))],
						}, !(detached && level.Shared()) && !correction)
					}
				}
			}
		}
		for _, s := range surrogates {
			_, detached := s.(grpo.Detacher)
			for _, a := range aggregations {
				check(grpo.Objective{Ratio: grpo.Ratio{Level: level}, Surrogate: s, Aggregation: a}, !(detached && level.Shared()))
			}
		}
	}
	for i, k := range kls() {
		if k.Gradient == grpo.K2Gradient && (k.Factor.Mode == grpo.Differentiable || k.OutputBound > 0) {
			continue // no loss has this gradient: TestHandKL and TestStraightThrough have them
		}
		o := grpo.Objective{Surrogate: grpo.Linear{}, KL: k, Aggregation: grpo.TokenMean{}}
		check(o, true)
		o.KL.Aggregation = aggregations[i%len(aggregations)]
		check(o, true)
	}
	t.Logf("%d legal objectives, %d illegal", n, illegal)
}

// A straight-through gradient is -x times the factor, whatever the estimator: here
// with a differentiable factor, whose own derivative f' k is added.
func TestStraightThrough(t *testing.T) {
	b := grpo.Batch[float64]{
		Offsets: []int{0, 1}, LogProbs: hand.Ln(0.5), OldLogProbs: hand.Ln(0.25), RefLogProbs: hand.Ln(0.125), Advantages: []float64{0},
	}
	const ln4 = 1.3862943611198906 // lp - ref
	for mode, want := range map[grpo.FactorMode]float64{
		grpo.NoFactor:       ln4,
		grpo.Detached:       2 * ln4,         // f = 2
		grpo.GradientOnly:   2 * ln4,         //
		grpo.Differentiable: 2*ln4 + 2*(ln4), // f k1 + f (lp - ref)
	} {
		o := grpo.Objective{Surrogate: grpo.Linear{}, Aggregation: grpo.Sum{}, KL: grpo.KL{
			Coefficient: 1, Estimator: grpo.K1, Gradient: grpo.K2Gradient, Factor: grpo.KLFactor{Mode: mode},
		}}
		_, g := hand.Eval(t, o, b)
		require.InDelta(t, want, g[0], 1e-15, "%v", mode)
	}
}

// Every impossible objective is an *ObjectiveError that names the part.
func TestImpossibleObjectives(t *testing.T) {
	ok := grpo.New()
	for part, edit := range map[string]func(o *grpo.Objective){
		"Surrogate":           func(o *grpo.Objective) { o.Surrogate = nil },
		"Aggregation":         func(o *grpo.Objective) { o.Aggregation = nil },
		"Weights[1]":          func(o *grpo.Objective) { o.Weights = []grpo.Weight{icePop{1, 2}, nil} },
		"Weights[0]":          func(o *grpo.Objective) { o.Weights = []grpo.Weight{grpo.WeightFunc(nil)} },
		"Ratio.Level":         func(o *grpo.Objective) { o.Ratio.Level = 9 },
		"Ratio.Anchor":        func(o *grpo.Objective) { o.Ratio.Anchor = -1 },
		"Ratio.Clamp":         func(o *grpo.Objective) { o.Ratio.Clamp.Low = 0.1 },
		"Ratio.Cap":           func(o *grpo.Objective) { o.Ratio.Cap.Pessimistic = true },
		"KL.Coefficient":      func(o *grpo.Objective) { o.KL.Coefficient = -1 },
		"KL.Factor":           func(o *grpo.Objective) { o.KL.Factor.Cap = 2 },
		"KL.Factor.Level":     func(o *grpo.Objective) { o.KL.Factor = grpo.KLFactor{Mode: grpo.Detached, Level: grpo.ProductLevel} },
		"KL.Estimator":        func(o *grpo.Objective) { o.KL.Estimator = 7 },
		"KL.Aggregation":      func(o *grpo.Objective) { o.KL.Aggregation = grpo.ConstantLength{} },
		"Entropy.Aggregation": func(o *grpo.Objective) { o.Entropy.Aggregation = grpo.Scaled{Factor: 1} },
		"NonFinite":           func(o *grpo.Objective) { o.NonFinite = 2 },
	} {
		o := ok
		edit(&o)
		var fault *grpo.ObjectiveError
		require.ErrorAs(t, o.Validate(), &fault, part)
		require.Equal(t, part, fault.Part)
	}
	for i, s := range []grpo.Surrogate{
		grpo.Clip{Low: -0.1}, grpo.Clip{Low: 1.1}, grpo.Clip{High: -1}, grpo.Clip{Low: 0.2, High: 0.2, Cap: 1.1},
		grpo.CISPO{}, grpo.CISPO{Min: 2, Max: 1}, grpo.CISPO{Min: -1, Max: 1}, grpo.PolicyGradient(nil), (*wrapper)(nil), wrapper{}, &wrapper{Of: wrapper{}},
	} {
		o := ok
		o.Surrogate = s
		var fault *grpo.ObjectiveError
		require.ErrorAs(t, o.Validate(), &fault, "surrogate %d", i)
	}
	require.Equal(t, "grpo: objective: Surrogate: grpo_test.wrapper.Of is nil", fmt.Sprint((&grpo.Objective{Surrogate: wrapper{}, Aggregation: grpo.Sum{}}).Validate()))
}

// wrapper is a user's surrogate around another.
type wrapper struct{ Of grpo.Surrogate }

func (w wrapper) Loss(loss, dloss []float64, r *grpo.Response) { w.Of.Loss(loss, dloss, r) }
