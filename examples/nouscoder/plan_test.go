package main

import (
	"strings"
	"testing"
	"time"
)

// planned makes a run that has spent some seconds of a budget.
func planned(budget time.Duration, spent float64, log *strings.Builder) *run {
	recipe := newRecipe(options{seed: 1, objectives: []string{"grpo", "dapo"}})
	r := &run{options: options{budget: budget}, log: log, session: time.Now()}
	r.state = state{Recipe: recipe, Spent: spent, Plan: plan{WarmSteps: 800, Steps: 40, Evaluation: 4}}
	r.state.Recipe.EvalProblems, r.state.Recipe.Reported, r.state.Recipe.EvalEvery = 100, 400, 5
	return r
}

// first is what three steps of two seconds leave behind.
func first() []record {
	return []record{{Rollout: 1.5, Update: 0.5}, {Rollout: 1, Update: 1}, {Rollout: 2}}
}

func TestBudgetCutsSteps(t *testing.T) {
	// 2 objectives; a step takes 2 s and a fifth of a 1 s evaluation; 6 final evaluations of 4 s.
	// 60 s + 24 s + 2.2 (2 n - 3) = 150 s at n = 16.5.
	var log strings.Builder
	r := planned(150*time.Second, 60, &log)
	r.planSteps(first())
	if r.state.Plan.Steps != 16 || !r.state.Plan.Decided {
		t.Errorf("%d steps, want 16", r.state.Plan.Steps)
	}
	if !strings.Contains(log.String(), "from 40 to 16 steps") {
		t.Errorf("it does not say so: %q", log.String())
	}

	r = planned(10*time.Second, 60, &log) // spent already: what has been measured is kept
	r.planSteps(first())
	if r.state.Plan.Steps != measuredSteps {
		t.Errorf("%d steps, want %d", r.state.Plan.Steps, measuredSteps)
	}
}

func TestBudgetCutsWarmStartToHalfAtMost(t *testing.T) {
	for _, test := range []struct {
		budget time.Duration
		want   int
	}{
		{200 * time.Second, 800}, // 0.1 s a step: two fifths are 80 s
		{150 * time.Second, 600},
		{30 * time.Second, 400},
	} {
		var log strings.Builder
		r := planned(test.budget, 2, &log)
		r.planWarmStart()
		if got := r.state.Plan.WarmSteps; got < test.want-1 || got > test.want {
			t.Errorf("budget %s: %d steps, want %d", test.budget, got, test.want)
		}
	}
}

// Without a budget, or with enough of it, nothing is cut and nothing said.
func TestAmpleBudgetCutsNothing(t *testing.T) {
	for _, budget := range []time.Duration{0, time.Hour} {
		var log strings.Builder
		r := planned(budget, 2, &log)
		r.planWarmStart()
		r.planSteps(first())
		if r.state.Plan.WarmSteps != 800 || r.state.Plan.Steps != 40 || log.Len() > 0 {
			t.Errorf("budget %s: %+v %q", budget, r.state.Plan, log.String())
		}
	}
}
