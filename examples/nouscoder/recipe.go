package main

import (
	"github.com/grouprl/grouprl/examples/nouscoder/internal/problems"
	"github.com/grouprl/grouprl/rollout/window"
)

// recipe is every number of a run. A checkpoint holds it: a run can only be
// resumed as what it was.
type recipe struct {
	Seed    uint64
	Control bool

	// Warm start: supervised learning on the corpus.
	WarmSteps, WarmBatch int
	WarmRate             float64 // after 20 steps of warm-up; a cosine to a tenth of it
	Systematic, Random   float64 // the corpus' flaws, see problems.Corpus
	Plain                bool    // a smaller family, written in one style

	// Reinforcement learning, each step.
	Objectives  []string
	Steps       int
	Groups      int     // problems that carry a signal, at most
	Samples     int     // completions of each
	Rounds      int     // dynamic sampling: at most so many times Groups are drawn
	Minibatches int     // optimiser steps on one batch of rollouts
	Rate        float64 // after 5 steps of warm-up
	Simple      float64 // share of problems with one stage only
	Tests       int     // tests of a problem
	Windows     []int   // context schedule: prompt and completion, in tokens; an equal share of the steps each

	// Evaluation on held-out compositions.
	EvalEvery    int // steps
	EvalProblems int // of a point of the curve
	Reported     int // of the start and the end
	EvalSamples  int // completions at temperature 1 of each, beside the greedy one
	EvalTests    int
}

// newRecipe is the recipe for a command line.
func newRecipe(o options) recipe {
	r := recipe{
		Seed: o.seed, Control: o.control, Objectives: o.objectives,
		WarmSteps: 800, WarmBatch: 16, WarmRate: 4e-3, Systematic: 0.67, Random: 0.3,
		Steps: 40, Groups: 24, Samples: 8, Rounds: 3, Minibatches: 4, Rate: 3e-4, Simple: 0.25, Tests: 4,
		Windows:   []int{80, 96},
		EvalEvery: 5, EvalProblems: 120, Reported: 320, EvalSamples: 2, EvalTests: 5,
	}
	if o.smoke {
		r.WarmSteps, r.Plain = 160, true
		r.Steps, r.Groups, r.Rounds, r.EvalEvery = 6, 10, 2, 3
		r.EvalProblems, r.Reported, r.EvalSamples = 24, 24, 1
		r.Windows = []int{64, 96}
	}
	if o.control {
		r.Systematic, r.Random = 0, 0.5
	}
	if o.steps > 0 {
		r.Steps = o.steps
	}
	return r
}

// Seeds of the independent streams that a run draws from.
const (
	corpusStream uint64 = iota + 1
	trainStream
	evalStream
	samplingStream
	shuffleStream
)

// stream is the seed of one of them.
func (r *recipe) stream(id uint64) uint64 { return r.Seed<<8 | id }

// corpus is what the warm start learns from.
func (r *recipe) corpus() problems.Corpus {
	return problems.Corpus{
		Set:        problems.Set{Seed: r.stream(corpusStream), Tests: r.EvalTests, Simple: r.Simple, Plain: r.Plain},
		Systematic: r.Systematic,
		Random:     r.Random,
		Short:      r.Plain,
	}
}

// training is the stream of problems for reinforcement learning; every objective
// meets the same.
func (r *recipe) training() problems.Set {
	return problems.Set{Seed: r.stream(trainStream), Tests: r.Tests, Simple: r.Simple, Plain: r.Plain}
}

// heldOut draws the n problems that results are reported on.
func (r *recipe) heldOut(n int) []*problems.Problem {
	set := problems.Set{Seed: r.stream(evalStream), Tests: r.EvalTests, HeldOut: true, Plain: r.Plain}
	list := make([]*problems.Problem, n)
	for i := range list {
		list[i] = set.Problem(i)
	}
	return list
}

// Schedule is the context window by step of a training of so many steps: an equal
// share for each of Windows.
func (r *recipe) Schedule(steps int) window.Schedule {
	var s window.Schedule
	for i, tokens := range r.Windows {
		from := steps * i / len(r.Windows)
		if i > 0 && from == s[len(s)-1].From {
			s[len(s)-1].Tokens = tokens // fewer steps than windows
			continue
		}
		s = append(s, window.Stage{From: from, Tokens: tokens})
	}
	return s
}
