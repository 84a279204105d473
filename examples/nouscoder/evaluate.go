package main

import (
	"context"
	"fmt"

	"github.com/grouprl/grouprl/examples/nouscoder/internal/policy"
	"github.com/grouprl/grouprl/examples/nouscoder/internal/problems"
	"github.com/grouprl/grouprl/rollout"
	"github.com/grouprl/grouprl/rollout/window"
)

// setting is how the policy is evaluated.
type setting struct {
	Window int     // prompt and completion together
	YaRN   float64 // factor by which positions are stretched; 1: not
}

func (s setting) String() string {
	if s.YaRN > 1 {
		return fmt.Sprintf("%d YaRN", s.Window)
	}
	return fmt.Sprint(s.Window)
}

// settings are the trained window, which the curve uses, and twice it, as the
// NousCoder-14B report has it: 40k in training, 80k in evaluation.
func (r *recipe) settings() []setting {
	trained := r.Windows[len(r.Windows)-1]
	return []setting{{trained, 1}, {2 * trained, 1}, {2 * trained, 2}}
}

// evaluation is the result of a policy on problems, in their order.
type evaluation struct {
	Setting   setting
	Sampled   []float64 // [n] share of the samples at temperature 1 that pass every test
	Greedy    []float64 // [n] 1 if the greedy program passes, else 0
	Truncated float64   // share of the samples
}

// point is one point of the curve.
type point struct {
	Step            int
	Sampled, Greedy interval
}

// evaluate samples EvalSamples programs and a greedy one for each problem. Every
// evaluation of a run draws with the same random numbers, so a difference between
// two of them is a difference between policies.
func (r *run) evaluate(ctx context.Context, p *policy.Policy, list []*problems.Problem, s setting) (evaluation, error) {
	e := evaluation{Setting: s}
	recipe := &r.state.Recipe
	sampler := newSampler(p, s.Window)
	sampler.greedy = true
	if s.YaRN > 1 {
		c := p.Config()
		y := window.Extend(int(float64(s.Window)/s.YaRN), s.Window)
		sampler.rope.Frequencies = make([]float64, c.Width/c.Heads/2)
		sampler.rope.AttentionScale = y.AttentionScale()
		if err := y.Frequencies(sampler.rope.Frequencies, c.RopeBase); err != nil {
			return e, err
		}
	}
	in := func(yield func(*rollout.Problem, error) bool) {
		for _, p := range list {
			if !yield(&p.Problem, nil) {
				return
			}
		}
	}
	groups := rollout.Groups(ctx, in, sampler, r.judge, rollout.Options{
		Samples:    1 + recipe.EvalSamples,
		Seed:       int64(recipe.stream(evalStream)),
		Generators: rows,
	})
	for g, err := range groups {
		if err != nil {
			return e, err
		}
		passed, truncated := 0.0, 0.0
		for i, v := range g.Verdicts {
			if v.Status == rollout.Accepted && i > 0 {
				passed++
			}
			if v.Status == rollout.Truncated && i > 0 {
				truncated++
			}
		}
		greedy := 0.0
		if g.Verdicts[0].Status == rollout.Accepted {
			greedy = 1
		}
		n := float64(recipe.EvalSamples)
		e.Sampled = append(e.Sampled, passed/n)
		e.Greedy = append(e.Greedy, greedy)
		e.Truncated += truncated / n / float64(len(list))
	}
	return e, nil
}

// point is the evaluation's place on the curve: its first n problems.
func (e *evaluation) point(step, n int, list []*problems.Problem) point {
	c := compositions(list[:n])
	return point{Step: step, Sampled: clustered(e.Sampled[:n], c), Greedy: clustered(e.Greedy[:n], c)}
}

// compositions are the clusters of intervals.
func compositions(list []*problems.Problem) []string {
	c := make([]string, len(list))
	for i, p := range list {
		c[i] = p.Reading.Composition()
	}
	return c
}
