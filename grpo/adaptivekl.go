package grpo

import (
	"errors"
	"math"
)

// AdaptiveKL moves a KL coefficient so that the KL stays near a target (Ziegler et
// al., arXiv 1909.08593; verl, OpenRLHF, SkyRL and ROLL have it). It is state of a
// training run, outside the objective, and a plain value: JSON stores it.
//
//	error = clip(kl/Target - 1, -0.2, 0.2)
//	Coefficient *= 1 + error samples/Horizon
//
// A step reads the coefficient, then updates it:
//
//	objective.KL.Coefficient = controller.Coefficient
//	stats, err := e.Eval(dst, &objective, &batch, &totals)
//	err = controller.Update(kl, batch.Len()) // kl of stats.All
type AdaptiveKL struct {
	Coefficient float64 `json:"coefficient"` // > 0
	Target      float64 `json:"target"`      // nats a token, > 0
	Horizon     float64 `json:"horizon"`     // samples, > 0
}

// Update takes the KL of a step, as a mean over its tokens, and the step's samples.
// After an error the coefficient is unchanged.
func (c *AdaptiveKL) Update(kl float64, samples int) error {
	if !(c.Coefficient > 0) || !(c.Target > 0) || !(c.Horizon > 0) || samples < 0 || !finite(kl) {
		return errors.New("grpo: AdaptiveKL: want a finite KL, and Coefficient, Target and Horizon > 0")
	}
	relative := min(max(kl/c.Target-1, -0.2), 0.2)
	next := c.Coefficient * (1 + relative*float64(samples)/c.Horizon)
	if !(next > 0) || math.IsInf(next, 0) {
		return errors.New("grpo: AdaptiveKL: the step's samples exceed the horizon by so much that the coefficient leaves (0, inf)")
	}
	c.Coefficient = next
	return nil
}
