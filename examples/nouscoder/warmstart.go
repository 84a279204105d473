package main

import (
	"context"
	"fmt"
	"math"

	"github.com/grouprl/grouprl/examples/internal/progress"
	"github.com/grouprl/grouprl/examples/nouscoder/internal/policy"
	"github.com/grouprl/grouprl/examples/nouscoder/internal/problems"
)

// warmStep is one step of supervised learning: maximum likelihood of the programs
// of the corpus given their statements. It returns the mean negative
// log-likelihood of a token, in nats.
func warmStep(m model, corpus problems.Corpus, r *recipe, step, steps int) (nll float64, err error) {
	groups := make([]policy.Group, r.WarmBatch)
	for i := range groups {
		e := corpus.Example(step*r.WarmBatch + i)
		groups[i] = policy.Group{Prompt: e.Prompt, Responses: [][]int32{e.Program}}
	}
	logProbs, err := m.LogProbs(groups)
	if err != nil {
		return 0, err
	}
	g := make([]float32, len(logProbs)) // L = -sum of logp / T, so dL/dlogp = -1/T
	for t, logp := range logProbs {
		nll -= float64(logp) / float64(len(logProbs))
		g[t] = -1 / float32(len(logProbs))
	}
	if err := m.Backward(g); err != nil {
		return 0, err
	}
	_, err = m.Step(r.WarmRate * warmRate(step, steps))
	return nll, err
}

// warmRate is the learning rate's schedule: linear over 20 steps, then a cosine
// from 1 to 0.1.
func warmRate(step, steps int) float64 {
	const rise = 20
	up := min(1, float64(step+1)/rise)
	done := float64(step) / float64(steps)
	return up * (0.55 + 0.45*math.Cos(math.Pi*done))
}

// warmStart trains the first policy of all objectives, from where it was
// interrupted.
func (r *run) warmStart(ctx context.Context) error {
	s := &r.state
	if s.Start != nil {
		return nil
	}
	p, err := r.warmPolicy()
	if err != nil {
		return err
	}
	corpus := s.Recipe.corpus()
	bar := progress.New(r.log, "warm start", s.Plan.WarmSteps, s.WarmStep)
	bar.Every = 100
	defer bar.End()
	for s.WarmStep < s.Plan.WarmSteps {
		if ctx.Err() != nil {
			s.Warm = snapshot(p)
			return context.Cause(ctx)
		}
		nll, err := warmStep(p, corpus, &s.Recipe, s.WarmStep, s.Plan.WarmSteps)
		if err != nil {
			return fmt.Errorf("warm start, step %d: %w", s.WarmStep, err)
		}
		s.WarmStep++
		s.WarmLoss += (nll - s.WarmLoss) * max(0.02, 1/float64(s.WarmStep))
		if s.WarmStep == measuredWarmSteps {
			r.planWarmStart()
			bar.Total(s.Plan.WarmSteps)
		}
		bar.Set(s.WarmStep, fmt.Sprintf("nll %.3f", s.WarmLoss))
	}
	p.ResetAdam()
	s.Warm, s.Start = nil, snapshot(p)
	return nil
}

// warmPolicy is the policy to go on with.
func (r *run) warmPolicy() (*policy.Policy, error) {
	if r.state.Warm != nil {
		return restore(r.state.Warm)
	}
	return newPolicy(r.state.Recipe.Seed)
}
