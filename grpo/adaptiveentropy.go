package grpo

import "errors"

// AdaptiveEntropy moves the coefficient of an entropy bonus so that entropy does not
// fall below a target (Skywork-OR1, arXiv 2505.22312; TRL use_adaptive_entropy). It
// is state of a training run, outside the objective, and a plain value: JSON stores
// it.
//
//	Coefficient += Step while entropy <= Target, else -= Step, kept in [Min, Max]
//
// The bonus is in force only while the last entropy was at or below the target:
//
//	objective.Entropy.Coefficient = controller.Active()
//	stats, err := e.Eval(dst, &objective, &batch, &totals)
//	err = controller.Update(entropy)
//
// A coefficient of 0 leaves the entropies unread, so measure the entropy of the
// step's batch beside it (logprob.Forward has it). TRL: Step 0.005, Target 0.2, [0, 1].
type AdaptiveEntropy struct {
	Coefficient float64 `json:"coefficient"`
	Target      float64 `json:"target"` // nats a token
	Step        float64 `json:"step"`   // >= 0
	Min         float64 `json:"min"`
	Max         float64 `json:"max"`
	Below       bool    `json:"below"` // the last entropy was at or below the target
}

// Active returns the coefficient in force.
func (c *AdaptiveEntropy) Active() float64 {
	if !c.Below {
		return 0
	}
	return c.Coefficient
}

// Update takes the mean entropy of a step's tokens. After an error the coefficient
// is unchanged.
func (c *AdaptiveEntropy) Update(entropy float64) error {
	if !finite(entropy) || !finite(c.Coefficient) || !finite(c.Target) || !(c.Step >= 0) || !finite(c.Step) || !(c.Min <= c.Max) || !finite(c.Max-c.Min) {
		return errors.New("grpo: AdaptiveEntropy: want finite numbers, Step >= 0 and Min <= Max")
	}
	step := -c.Step
	if c.Below = entropy <= c.Target; c.Below {
		step = c.Step
	}
	c.Coefficient = min(max(c.Coefficient+step, c.Min), c.Max)
	return nil
}
