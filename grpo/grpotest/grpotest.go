// Package grpotest checks an objective: one of package grpo's, or one of your own
// made of its interfaces, as testing/slogtest does for log handlers.
//
//	func TestMyObjective(t *testing.T) {
//		grpotest.Run(t, grpo.Objective{
//			Surrogate:   mySurrogate{},
//			Aggregation: grpo.TokenMean{},
//		})
//	}
//
// It evaluates the objective on ragged random batches and checks, each as a
// subtest:
//
//	gradient    the analytic gradient is that of the loss, by central finite differences
//	terms       surrogate, KL and entropy add up to the objective
//	split       any micro-batches, order, workers and ranks give the same bits
//	mask        masked tokens are never read, and nothing outside the rows is written
//	nonfinite   a NaN or Inf at a counted token is a *grpo.ValueError, never silent
//	drop        NonFinite Drop removes it and leaves the rest and the counts alone
//	zero        advantage 0 gives exactly 0, whatever the ratio
//	types       float32 is float64 rounded once; Scale and Add do what they say
//	errors      missing fields and empty steps are typed errors
//	allocation  no allocation in steady state
//	value       the formula prints, and JSON gives an equal objective back
//
// Beside Run stand Catalogue, the table of published objectives; Golden, what TRL,
// verl, OpenRLHF and Liger-Kernel computed for some of them; and Match, which compares
// somebody's own loss and gradient with an objective's. The package depends on the
// standard library, gonum and this module only.
package grpotest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/grouprl/grouprl/grpo"
)

// Run checks an objective on random batches, a subtest a contract; with -short on
// fewer batches.
func Run(t *testing.T, o grpo.Objective) {
	t.Helper()
	seeds := uint64(seeds)
	if testing.Short() {
		seeds = 2
	}
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			t.Helper()
			if err := repeat(c.check, o, seeds); err != nil {
				t.Error(err)
			}
		})
	}
}

// Check is Run for those who want an error: all that failed, joined; nil if nothing
// did.
func Check(o grpo.Objective) error {
	var all []error
	for _, c := range checks {
		if err := repeat(c.check, o, seeds); err != nil {
			all = append(all, fmt.Errorf("%s: %w", c.name, err))
		}
	}
	return errors.Join(all...)
}

// CheckGradient is the gradient check of Run alone, on one small batch: for sweeps
// over many objectives.
func CheckGradient(o grpo.Objective, seed uint64) error {
	shape := Shape{Responses: 4, MaxLength: 5}
	shape.Tokens = seed%2 == 0 && !o.Ratio.Level.Shared()
	return checkGradientOn(o, Batch(rand.New(rand.NewPCG(seed, 1)), shape))
}

// seeds is the number of random batches that each check draws.
const seeds = 8

// repeat runs a check on every batch. A rule that panics, as one does that reads a
// field which the batch lacks and its Needs does not name, has failed it.
func repeat(check func(o grpo.Objective, rng *rand.Rand) error, o grpo.Objective, seeds uint64) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v (does a rule read a field that its Needs does not declare?)", p)
		}
	}()
	for seed := range seeds {
		o := o
		o.Weights = append([]grpo.Weight(nil), o.Weights...)
		if err := check(o, rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))); err != nil {
			return fmt.Errorf("batch %d: %w", seed, err)
		}
	}
	return nil
}

var checks = []struct {
	name  string
	check func(o grpo.Objective, rng *rand.Rand) error
}{
	{"gradient", checkGradient},
	{"terms", checkTerms},
	{"split", checkSplit},
	{"mask", checkMask},
	{"nonfinite", checkNonFinite},
	{"drop", checkDrop},
	{"zero", checkZero},
	{"types", checkTypes},
	{"errors", checkErrors},
	{"allocation", checkAllocation},
	{"value", checkValue},
}

// result is all that an evaluation gives.
type result struct {
	grpo.Gradient[float64]
	stats []byte
	loss  float64
	from  int // first row
}

// fill is what a destination holds before an evaluation.
const fill = 12345.678

func newGradient(n int) grpo.Gradient[float64] {
	g := grpo.Gradient[float64]{LogProbs: make([]float64, n), Entropies: make([]float64, n), Losses: make([]float64, n)}
	for i := range n {
		g.LogProbs[i], g.Entropies[i], g.Losses[i] = fill, fill, fill
	}
	return g
}

// evaluate computes a whole step in one batch.
func evaluate(o grpo.Objective, b grpo.Batch[float64]) (result, error) {
	g := newGradient(len(b.LogProbs))
	stats, err := grpo.Eval(g, &o, &b)
	bytes, _ := stats.MarshalBinary()
	return result{Gradient: g, stats: bytes, loss: stats.Loss(), from: b.Offsets[0]}, err
}

// resolve fills in the numbers of step-wide rules.
func resolve(o grpo.Objective, b grpo.Batch[float64]) (grpo.Objective, error) {
	if !o.NeedsStep() {
		return o, nil
	}
	var s grpo.Sample
	if err := grpo.Observe(&s, &o, &b); err != nil {
		return o, err
	}
	return o.Resolve(&s)
}

// same returns an error if two results differ in a bit of rows a to b of them.
func (r result) same(u result, from, to int) error {
	for t := from; t < to; t++ {
		for _, x := range []struct {
			name string
			a, b float64
		}{
			{"gradient", r.LogProbs[t], u.LogProbs[t]},
			{"entropy gradient", r.Entropies[t], u.Entropies[t]},
			{"token loss", r.Losses[t], u.Losses[t]},
		} {
			if x.a != x.b {
				return fmt.Errorf("%s of token %d is %v, was %v", x.name, t, x.b, x.a)
			}
		}
	}
	if string(r.stats) != string(u.stats) {
		return fmt.Errorf("statistics differ: loss %v, was %v", u.loss, r.loss)
	}
	return nil
}
