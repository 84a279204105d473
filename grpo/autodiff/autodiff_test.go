package autodiff_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/num/dual"

	"github.com/grouprl/grouprl/grpo"
	"github.com/grouprl/grouprl/grpo/autodiff"
	"github.com/grouprl/grouprl/grpo/grpotest"
)

// Published surrogates from their value alone, beside the ones with their derivative
// written out.
var pairs = []struct {
	name  string
	value func(t autodiff.Token) dual.Number
	hand  grpo.Objective
}{
	{"clip", func(t autodiff.Token) dual.Number {
		a, r := t.Advantage(), t.Ratio()
		return autodiff.Max(dual.Scale(-a, r), dual.Scale(-a, autodiff.Clamp(r, 1-0.2, 1+0.28)))
	}, grpo.Objective{Surrogate: grpo.Clip{Low: 0.2, High: 0.28}}},
	{"dual clip", func(t autodiff.Token) dual.Number {
		a, r := t.Advantage(), t.Ratio()
		l := autodiff.Max(dual.Scale(-a, r), dual.Scale(-a, autodiff.Clamp(r, 1-0.2, 1+0.2)))
		if a < 0 {
			l = autodiff.Min(l, autodiff.Const(-3*a))
		}
		return l
	}, grpo.Objective{Surrogate: grpo.Clip{Low: 0.2, High: 0.2, Cap: 3}}},
	{"SAPO", func(t autodiff.Token) dual.Number {
		tau := 1.05
		if t.Advantage() > 0 {
			tau = 1
		}
		gate := autodiff.Sigmoid(dual.Scale(tau, dual.Sub(t.Ratio(), autodiff.Const(1))))
		return dual.Scale(-4/tau*t.Advantage(), gate)
	}, grpo.Objective{Surrogate: grpo.SAPO{Positive: 1, Negative: 1.05}}},
	{"CISPO", func(t autodiff.Token) dual.Number {
		w := t.Detach(autodiff.Clamp(t.Ratio(), 0.8, 1.2))
		return dual.Scale(-t.Advantage(), dual.Mul(w, t.LogProb()))
	}, grpo.Objective{Surrogate: grpo.CISPO{Min: 0.8, Max: 1.2}}},
	{"CE-GPPO", func(t autodiff.Token) dual.Number {
		a, r := t.Advantage(), t.Ratio()
		kept := dual.Mul(r, dual.Inv(t.Detach(r)))
		switch {
		case a < 0 && r.Real < 1-0.2:
			return dual.Scale(-a*0.5*(1-0.2), kept)
		case a > 0 && r.Real > 1+0.28:
			return dual.Scale(-a*(1+0.28), kept)
		}
		return dual.Scale(-a, r)
	}, grpo.NewCEGPPO()},
	{"DRPO", func(t autodiff.Token) dual.Number {
		a, r := t.Advantage(), t.Ratio()
		off := dual.Sub(r, autodiff.Const(1))
		penalty := dual.Scale(math.Abs(a)*math.Exp(t.Anchor())/(2*12.5), dual.Mul(off, off))
		return dual.Add(dual.Scale(-a, r), penalty)
	}, grpo.NewDRPO()},
	{"DRO", func(t autodiff.Token) dual.Number {
		d := t.LogRatio()
		return dual.Sub(dual.Scale(0.25, dual.Mul(d, d)), dual.Scale(t.Advantage(), t.LogProb()))
	}, grpo.NewDRO(0.5)},
	{"VESPO", func(t autodiff.Token) dual.Number {
		k, lambda := 3.0, 2.0
		if t.Advantage() >= 0 {
			k, lambda = 2, 3
		}
		w, logW := t.Ratio(), t.LogRatio()
		phi := dual.Exp(dual.Add(autodiff.Const(lambda), dual.Sub(dual.Scale(k, logW), dual.Scale(lambda, w))))
		return dual.Scale(-t.Advantage(), dual.Mul(t.Detach(phi), t.LogProb()))
	}, grpo.Objective{
		Ratio:     grpo.Ratio{Level: grpo.ProductTokenLevel},
		Surrogate: grpo.VESPO{KPositive: 2, LambdaPositive: 3, KNegative: 3, LambdaNegative: 2},
	}},
}

// The loss and gradient of both are the same to rounding, on ragged random batches.
func TestAgainstDerivativesByHand(t *testing.T) {
	for _, p := range pairs {
		t.Run(p.name, func(t *testing.T) {
			hand, prototype := p.hand, p.hand
			hand.Aggregation = grpo.TokenMean{}
			prototype.Aggregation, prototype.Surrogate = hand.Aggregation, autodiff.Surrogate(p.value)
			for seed := range uint64(20) {
				for _, tokens := range []bool{false, true} {
					b := grpotest.RandomBatch(seed, grpotest.Shape{Responses: 12, MaxLength: 20, Tokens: tokens})
					want := grpo.Gradient[float64]{LogProbs: make([]float64, len(b.LogProbs)), Losses: make([]float64, len(b.LogProbs))}
					have := grpo.Gradient[float64]{LogProbs: make([]float64, len(b.LogProbs)), Losses: make([]float64, len(b.LogProbs))}
					a, err := grpo.Eval(want, &hand, &b)
					require.NoError(t, err)
					c, err := grpo.Eval(have, &prototype, &b)
					require.NoError(t, err)
					require.InDelta(t, a.Loss(), c.Loss(), 1e-13)
					require.InDeltaSlice(t, want.LogProbs, have.LogProbs, 1e-13)
					require.InDeltaSlice(t, want.Losses, have.Losses, 1e-12)
				}
			}
		})
	}
}

// Prototypes keep the contracts, stop-gradients included. (CE-GPPO and its kin write
// 0 times Inf at advantage 0 and an overflowing ratio, which the zero check finds:
// a prototype that is to be proportional says so itself.)
func TestContracts(t *testing.T) {
	for _, p := range pairs {
		o := p.hand
		o.Aggregation = grpo.TokenMean{}
		o.Surrogate = autodiff.Surrogate(func(t autodiff.Token) dual.Number {
			if t.Advantage() == 0 && p.name != "DRO" {
				return dual.Number{}
			}
			return p.value(t)
		})
		t.Run(p.name, func(t *testing.T) { grpotest.Run(t, o) })
	}
}

// A detached number that is not declared so is found out.
func TestForgottenDetachFails(t *testing.T) {
	o := grpo.Objective{Aggregation: grpo.TokenMean{}, Surrogate: autodiff.Surrogate(func(t autodiff.Token) dual.Number {
		w := dual.Number{Real: t.Ratio().Real}
		return dual.Scale(-t.Advantage(), dual.Mul(w, t.LogProb()))
	})}
	require.ErrorContains(t, grpotest.Check(o), "gradient")
}

// On a kink the first branch is taken, and a bound is inside.
func TestKinks(t *testing.T) {
	a, b := dual.Number{Real: 1, Emag: 2}, dual.Number{Real: 1, Emag: 3}
	require.Equal(t, a, autodiff.Max(a, b))
	require.Equal(t, a, autodiff.Min(a, b))
	require.Equal(t, a, autodiff.Clamp(a, 1, 2))
	require.Equal(t, a, autodiff.Clamp(a, 0, 1))
	require.Equal(t, dual.Number{Real: 2}, autodiff.Clamp(a, 2, 3))
	require.Equal(t, dual.Number{Real: 0.5}, autodiff.Clamp(a, 0, 0.5))
	require.Equal(t, dual.Number{Real: 0.5, Emag: 0.25}, autodiff.Sigmoid(dual.Number{Emag: 1}))
	for _, x := range []float64{-800, -3, 3, 800} {
		s := autodiff.Sigmoid(dual.Number{Real: x, Emag: 1})
		require.InDelta(t, 1/(1+math.Exp(-x)), s.Real, 1e-16)
		require.InDelta(t, s.Real*(1-s.Real), s.Emag, 1e-15)
	}
}

// log pi of a token has no derivative of its own where a response shares one ratio.
func TestLogProbAtSharedLevels(t *testing.T) {
	o := grpo.Objective{
		Ratio: grpo.Ratio{Level: grpo.SequenceLevel}, Aggregation: grpo.TokenMean{},
		Surrogate: autodiff.Surrogate(func(t autodiff.Token) dual.Number { return t.LogProb() }),
	}
	var fault *grpo.ObjectiveError
	require.ErrorAs(t, o.Validate(), &fault)
	o.Surrogate = autodiff.Surrogate(func(t autodiff.Token) dual.Number { return t.LogRatio() })
	require.NoError(t, o.Validate())
	o.Surrogate = autodiff.Surrogate(nil)
	require.ErrorAs(t, o.Validate(), &fault)
}

// An objective in one expression: the ratio under a square root, so that no token
// pulls harder than its root.
func ExampleSurrogate() {
	o := grpo.Objective{
		Aggregation: grpo.TokenMean{},
		Surrogate: autodiff.Surrogate(func(t autodiff.Token) dual.Number {
			return dual.Scale(-2*t.Advantage(), dual.Sqrt(t.Ratio()))
		}),
	}
	b := grpo.Batch[float64]{
		Offsets: []int{0, 2}, LogProbs: []float64{math.Log(0.4), math.Log(0.9)},
		OldLogProbs: []float64{math.Log(0.1), math.Log(0.9)}, Advantages: []float64{1},
	}
	g := grpo.Gradient[float64]{LogProbs: make([]float64, 2)}
	stats, err := grpo.Eval(g, &o, &b)
	fmt.Printf("%.3f %.3f %v\n", stats.Loss(), g.LogProbs, err) // ratios 4 and 1
	// Output: -3.000 [-1.000 -0.500] <nil>
}
