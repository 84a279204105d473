package main

import "fmt"

// plan is how much of the recipe is run: all of it, unless a budget cuts it. It is
// decided once, from the time that the first steps take, and kept in the
// checkpoint: a resumed run goes on with the same plan.
type plan struct {
	WarmSteps  int
	Steps      int
	Decided    bool    // Steps has been measured
	Evaluation float64 // seconds of one at the start, on all reported problems
}

// Steps that are measured before a budget is applied.
const (
	measuredWarmSteps = 20
	measuredSteps     = 3
)

// planWarmStart cuts the warm start to two fifths of the budget, but not below half
// of the recipe: a policy that has not learnt to copy a constant has nothing to
// reinforce.
func (r *run) planWarmStart() {
	s, budget := &r.state, r.options.budget.Seconds()
	if budget == 0 {
		return
	}
	each := r.spent() / measuredWarmSteps
	steps := max(int(0.4*budget/each), s.Recipe.WarmSteps/2)
	if steps < s.Plan.WarmSteps {
		fmt.Fprintf(r.log, "budget %s: a step of the warm start takes %.2f s; it is cut from %d to %d steps\n",
			r.options.budget, each, s.Plan.WarmSteps, steps)
		s.Plan.WarmSteps = steps
	}
}

// planSteps cuts the reinforcement steps to what is left of the budget after the
// first steps, which are given, and the final evaluations.
func (r *run) planSteps(first []record) {
	s, budget := &r.state, r.options.budget.Seconds()
	s.Plan.Decided = true
	if budget == 0 {
		return
	}
	recipe := &s.Recipe
	step := 0.0
	for i := range first {
		step += (first[i].Rollout + first[i].Update) / float64(len(first))
	}
	curve := s.Plan.Evaluation * float64(recipe.EvalProblems) / float64(recipe.Reported) / float64(recipe.EvalEvery)
	n := float64(len(recipe.Objectives))
	left := budget - r.spent() - n*float64(len(recipe.protocols()))*s.Plan.Evaluation
	steps := max(measuredSteps, (int(left/(step+curve))+len(first))/len(recipe.Objectives))
	if steps < s.Plan.Steps {
		fmt.Fprintf(r.log, "budget %s: a step takes %.2f s, its share of the curve %.2f s, and %.0f s are left for %d objectives; they are cut from %d to %d steps\n",
			r.options.budget, step, curve, max(0, left), len(recipe.Objectives), s.Plan.Steps, steps)
		s.Plan.Steps = steps
	}
}
