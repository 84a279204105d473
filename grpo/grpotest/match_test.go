package grpotest_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/dapo"
	"github.com/grouprl/grouprl/grpo"
	"github.com/grouprl/grouprl/grpo/grpotest"
	"github.com/grouprl/grouprl/gspo"
)

// slowDAPO is the DAPO objective as its paper has it, the obvious way, times scale.
func slowDAPO(scale float64) grpotest.LossAndGradient {
	return func(b grpo.Batch[float64]) (loss float64, gradient []float64, err error) {
		gradient = make([]float64, len(b.LogProbs))
		tokens := 0.0
		for i := range b.Len() {
			for t := b.Offsets[i]; t < b.Offsets[i+1]; t++ {
				if b.Mask[t] {
					tokens++
				}
			}
		}
		for i := range b.Len() {
			for t := b.Offsets[i]; t < b.Offsets[i+1]; t++ {
				if !b.Mask[t] {
					continue
				}
				a := 0.0
				if b.Advantages != nil {
					a = b.Advantages[i]
				} else {
					a = b.TokenAdvantages[t]
				}
				r := math.Exp(b.LogProbs[t] - b.OldLogProbs[t])
				clipped := min(max(r, 0.8), 1.28)
				if r*a <= clipped*a {
					loss += -r * a / tokens
					gradient[t] = -r * a / tokens * scale
				} else {
					loss += -clipped * a / tokens
				}
			}
		}
		return loss, gradient, nil
	}
}

// recorder is a testing.TB that remembers errors.
type recorder struct {
	testing.TB
	errors []string
}

func (*recorder) Helper()             {}
func (r *recorder) Error(args ...any) { r.errors = append(r.errors, fmt.Sprint(args...)) }

func TestMatch(t *testing.T) {
	grpotest.Match(t, dapo.New(), slowDAPO(1))
	for name, c := range map[string]struct {
		objective grpo.Objective
		theirs    grpotest.LossAndGradient
		want      string
	}{
		"a factor of two":    {dapo.New(), slowDAPO(2), "(2 times)"},
		"another objective":  {gspo.New(), slowDAPO(1), "loss is"},
		"one part in 10^8":   {dapo.New(), slowDAPO(1 + 1e-8), "dL/dlp of token"},
		"too short":          {dapo.New(), func(grpo.Batch[float64]) (float64, []float64, error) { return 0, nil, nil }, "a gradient of 0 tokens"},
		"an error":           {dapo.New(), func(grpo.Batch[float64]) (float64, []float64, error) { return 0, nil, grpo.ErrEmptyStep }, "yours: "},
		"no objective":       {grpo.Objective{}, slowDAPO(1), "missing"},
		"NaN in the loss":    {dapo.New(), func(b grpo.Batch[float64]) (float64, []float64, error) { return math.NaN(), b.LogProbs, nil }, "loss is NaN"},
		"NaN for a gradient": {dapo.New(), nanGradient, "is NaN"},
	} {
		t.Run(name, func(t *testing.T) {
			r := &recorder{}
			grpotest.Match(r, c.objective, c.theirs)
			require.Len(t, r.errors, 1)
			require.Contains(t, r.errors[0], c.want)
		})
	}
	r := &recorder{}
	grpotest.MatchWithin(r, dapo.New(), slowDAPO(1+1e-8), 2e-6)
	require.Empty(t, r.errors)
}

func nanGradient(b grpo.Batch[float64]) (float64, []float64, error) {
	loss, gradient, err := slowDAPO(1)(b)
	for t, m := range b.Mask {
		if m {
			gradient[t] = math.NaN()
		}
	}
	return loss, gradient, err
}
