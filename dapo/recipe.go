package dapo

import (
	"fmt"

	"github.com/grouprl/grouprl/advantage"
	"github.com/grouprl/grouprl/grpo"
)

// Recipe is DAPO's way from rewards to a loss as one value: dynamic sampling, soft
// overlong punishment, advantages, objective. NewRecipe has the paper's choices;
// edit a field for yours.
//
//	recipe := dapo.NewRecipe()
//	keep, err := recipe.Keep(outcomes, groups)                      // draw more prompts until enough are kept
//	err = recipe.Advantages(batch.Advantages, &input)            // of what was kept
//	stats, err := grpo.Eval(dst, &recipe.Objective, &batch)
type Recipe struct {
	Objective grpo.Objective
	Advantage advantage.GroupRelative
	Overlong  Overlong // the zero value punishes nothing
	Tolerance float64  // spread of outcomes that counts as none, for Keep
}

// NewRecipe returns clip 0.2/0.28 with the token mean, advantages by group mean and
// standard deviation, and no overlong punishment until its Max is set.
func NewRecipe() Recipe { return Recipe{Objective: New()} }

// Keep reports for each response [S] whether its whole group carries a signal:
// outcomes that differ by more than Tolerance. See advantage.Informative.
func (r Recipe) Keep(outcomes []float64, groups []int) ([]bool, error) {
	keep := make([]bool, len(outcomes))
	if err := advantage.Informative(keep, outcomes, groups, r.Tolerance); err != nil {
		return nil, fmt.Errorf("dapo: dynamic sampling: %w", err)
	}
	return keep, nil
}

// Advantages writes the advantages dst [S] of in, whose rewards are first lowered
// by the overlong punishment of in.Lengths. in is not changed.
func (r Recipe) Advantages(dst []float64, in *advantage.Input) error {
	shaped := *in
	if r.Overlong.Max != 0 {
		shaped.Rewards = append([]float64(nil), in.Rewards...)
		if err := r.Overlong.AddTo(shaped.Rewards, in.Lengths); err != nil {
			return err
		}
	}
	return r.Advantage.Estimate(dst, &shaped)
}
