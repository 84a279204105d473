package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"

	"github.com/grouprl/grouprl/examples/internal/progress"
	"github.com/grouprl/grouprl/examples/nouscoder/internal/policy"
	"github.com/grouprl/grouprl/examples/nouscoder/internal/problems"
)

// run is one run of the program, in one or, with -resume, several sessions.
type run struct {
	options options
	log     io.Writer
	session time.Time // when this process began
	judge   *judge
	heldOut []*problems.Problem
	state   state
}

// open starts a run, or goes on with that of a checkpoint.
func (r *run) open(recipe recipe) error {
	r.state = state{Recipe: recipe, Plan: plan{WarmSteps: recipe.WarmSteps, Steps: recipe.Steps}}
	if err := os.MkdirAll(r.options.out, 0o755); err != nil {
		return err
	}
	if r.options.resume {
		var err error
		if r.state, err = load(r.options.out, &recipe); err != nil {
			return err
		}
		for key, verdict := range r.state.Verdicts {
			r.judge.verdicts[key] = verdict
		}
		fmt.Fprintf(r.log, "resumed after %.0f s of work\n", r.state.Spent)
	}
	r.heldOut = recipe.heldOut(recipe.Reported)
	return nil
}

// spent is the time of the run so far, in seconds.
func (r *run) spent() float64 { return r.state.Spent + seconds(r.session) }

// save writes the checkpoint.
func (r *run) save() error {
	s := r.state
	s.Spent = r.spent()
	s.Verdicts = r.judge.known()
	return s.save(r.options.out)
}

// learn is the whole training: the warm start, then each objective from there.
func (r *run) learn(ctx context.Context) error {
	if err := r.warmStart(ctx); err != nil {
		return err
	}
	s := &r.state
	start, err := restore(s.Start)
	if err != nil {
		return err
	}
	began := time.Now()
	for _, protocol := range s.Recipe.protocols()[len(s.Before):] {
		e, err := r.evaluate(ctx, start, r.heldOut, protocol)
		if err != nil {
			return err
		}
		s.Before = append(s.Before, e)
		if len(s.Before) == 1 {
			s.Plan.Evaluation = seconds(began)
		}
	}
	if err := r.save(); err != nil {
		return err
	}
	for i, name := range s.Recipe.Objectives {
		if i == len(s.Trainings) {
			t := &training{Objective: name}
			t.Shuffle, _ = rand.NewPCG(s.Recipe.stream(shuffleStream), 0).MarshalBinary() // it never fails
			s.Trainings = append(s.Trainings, t)
			s.Policies = append(s.Policies, s.Start)
		}
		if len(s.Trainings[i].Final) == len(s.Recipe.protocols()) {
			continue
		}
		if err := r.reinforce(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// reinforce trains with the i-th objective, from where it was interrupted.
func (r *run) reinforce(ctx context.Context, i int) error {
	s := &r.state
	t, recipe := s.Trainings[i], &s.Recipe
	p, err := restore(s.Policies[i])
	if err != nil {
		return err
	}
	l := &learner{training: t, recipe: recipe, model: p, judge: r.judge, objective: newObjective(t.Objective), shuffle: new(rand.PCG)}
	if err := l.shuffle.UnmarshalBinary(t.Shuffle); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	keep := func() { // the state between two steps, for a checkpoint
		s.Policies[i] = snapshot(p)
		t.Shuffle, _ = l.shuffle.MarshalBinary()
	}

	fmt.Fprintf(r.log, "%s: %s\n", t.Objective, l.objective)
	bar := progress.New(r.log, t.Objective, s.Plan.Steps, t.Step)
	bar.Every = recipe.EvalEvery
	defer bar.End()
	for t.Step < s.Plan.Steps {
		if t.Step%recipe.EvalEvery == 0 && len(t.Curve) == t.Step/recipe.EvalEvery {
			if err := r.addPoint(ctx, t, p); err != nil {
				return err
			}
			if err := r.save(); err != nil {
				return err
			}
		}
		l.steps = s.Plan.Steps
		if err := l.step(ctx); err != nil {
			return err
		}
		keep()
		if i == 0 && t.Step == measuredSteps && !s.Plan.Decided {
			r.planSteps(t.Records)
			bar.Total(s.Plan.Steps)
		}
		bar.Set(t.Step, t.Records[t.Step-1].line())
	}
	for _, protocol := range recipe.protocols()[len(t.Final):] {
		e, err := r.evaluate(ctx, p, r.heldOut, protocol)
		if err != nil {
			return err
		}
		if len(t.Final) == 0 {
			end, err := e.point(t.Step, recipe.EvalProblems)
			if err != nil {
				return err
			}
			t.Curve = append(t.Curve, end)
		}
		t.Final = append(t.Final, e)
	}
	return r.save()
}

// addPoint evaluates the policy for the curve.
func (r *run) addPoint(ctx context.Context, t *training, p *policy.Policy) error {
	n := r.state.Recipe.EvalProblems
	e := r.state.Before[0]
	if t.Step > 0 {
		var err error
		if e, err = r.evaluate(ctx, p, r.heldOut[:n], r.state.Recipe.protocols()[0]); err != nil {
			return err
		}
	}
	at, err := e.point(t.Step, n)
	t.Curve = append(t.Curve, at)
	return err
}
