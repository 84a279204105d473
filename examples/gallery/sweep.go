package main

import (
	"fmt"
	"math"

	"gonum.org/v1/plot/plotter"

	"github.com/grouprl/grouprl/grpo"
)

// curves are a surrogate's loss and derivative against the ratio.
type curves struct {
	loss, gradient plotter.XYs
}

const (
	points  = 161
	oldProb = 0.3 // of the sampled token, so that ratios up to 3.3 are possible
)

// sweep evaluates an objective on responses of one token whose ratio runs from low
// to high, with advantages 1 and then -1, as one step.
func sweep(o grpo.Objective, low, high float64) (positive, negative curves, err error) {
	o.Aggregation = plain(o.Aggregation)
	old := math.Log(oldProb)
	b := grpo.Batch[float64]{Offsets: []int{0}}
	for i := range 2 * points {
		x := low + (high-low)*float64(i%points)/(points-1)
		a := 1.0
		if i >= points {
			a = -1
		}
		b.Offsets = append(b.Offsets, i+1)
		b.LogProbs = append(b.LogProbs, old+math.Log(x))
		b.OldLogProbs = append(b.OldLogProbs, old)
		b.RolloutLogProbs = append(b.RolloutLogProbs, old)
		b.RefLogProbs = append(b.RefLogProbs, old)
		b.Entropies = append(b.Entropies, 1)
		b.Advantages = append(b.Advantages, a)
		b.Rewards = append(b.Rewards, a)
		b.Groups = append(b.Groups, i%points) // a right and a wrong response of one ratio
		b.Episodes = append(b.Episodes, i)
		b.Keys = append(b.Keys, uint64(i))
	}
	n := len(b.LogProbs)
	g := grpo.Gradient[float64]{LogProbs: make([]float64, n), Entropies: make([]float64, n), Losses: make([]float64, n)}
	if _, err := grpo.Eval(g, &o, &b); err != nil {
		return curves{}, curves{}, fmt.Errorf("%v: %w", o, err)
	}
	scale := 1.0
	if _, ok := o.Surrogate.(grpo.REAL); ok {
		scale = points // a mean over groups
	}
	for i := range n {
		x := low + (high-low)*float64(i%points)/(points-1)
		c := &positive
		if i >= points {
			c = &negative
		}
		c.loss = append(c.loss, plotter.XY{X: x, Y: scale * g.Losses[i]})
		c.gradient = append(c.gradient, plotter.XY{X: x, Y: scale * g.LogProbs[i]})
	}
	return positive, negative, nil
}

// plain sums tokens instead of taking a mean of them, and keeps a factor.
func plain(a grpo.Aggregation) grpo.Aggregation {
	if s, ok := a.(grpo.Scaled); ok {
		return grpo.Scaled{Factor: s.Factor, Of: grpo.Sum{}}
	}
	return grpo.Sum{}
}
