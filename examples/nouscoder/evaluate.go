package main

import (
	"context"

	"github.com/grouprl/grouprl/examples/nouscoder/internal/policy"
	"github.com/grouprl/grouprl/examples/nouscoder/internal/problems"
	"github.com/grouprl/grouprl/rollout"
	"github.com/grouprl/grouprl/rollout/eval"
	"github.com/grouprl/grouprl/rollout/window"
)

// protocols are how a policy is evaluated: in the trained window, which the curve
// uses, and in twice that, plain and with positions stretched by YaRN, as the
// NousCoder-14B report has 40k in training and 80k in evaluation.
func (r *recipe) protocols() []eval.Protocol {
	trained := r.Windows[len(r.Windows)-1]
	p := eval.Protocol{Samples: r.EvalSamples, Temperature: 1, Window: trained, Seed: int64(r.stream(evalStream))}
	double := p
	double.Window = 2 * trained
	stretched := double
	stretched.YaRN = window.Extend(trained, 2*trained)
	return []eval.Protocol{p, double, stretched}
}

// evaluation is how a policy did, one result a problem: samples at temperature 1,
// and the greedy program.
type evaluation struct {
	Protocol        eval.Protocol
	Sampled, Greedy []eval.Result // [problems]
}

// evaluate samples programs and a greedy one for each problem. Every evaluation of a
// run draws with the same random numbers, so that a difference between two of them is
// one between their policies.
func (r *run) evaluate(ctx context.Context, p *policy.Policy, list []*problems.Problem, protocol eval.Protocol) (evaluation, error) {
	e := evaluation{Protocol: protocol}
	sampler := newSampler(p, protocol.Window)
	sampler.greedy = true
	if y := protocol.YaRN; y.Factor > 1 {
		sampler.rope.Frequencies = p.Config().Frequencies()
		sampler.rope.AttentionScale = y.AttentionScale()
		if err := y.Frequencies(sampler.rope.Frequencies, p.Config().RopeBase); err != nil {
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
	options := rollout.Options{Samples: 1 + protocol.Samples, Seed: protocol.Seed, Generators: rows}
	for g, err := range rollout.Groups(ctx, in, sampler, r.judge, options) {
		if err != nil {
			return e, err
		}
		cluster := list[len(e.Greedy)].Reading.Composition()
		e.Greedy = append(e.Greedy, result(g, 0, 1, cluster))
		e.Sampled = append(e.Sampled, result(g, 1, len(g.Completions), cluster))
	}
	return e, nil
}

// result is what a group's samples i to j-1 came to. Problems of one composition are a
// cluster: they are solved or missed together.
func result(g *rollout.Group, i, j int, composition string) eval.Result {
	part := rollout.Group{Problem: g.Problem, Completions: g.Completions[i:j], Verdicts: g.Verdicts[i:j]}
	r := eval.FromGroup(&part)
	r.Cluster = composition
	return r
}

// estimate is a mean with its 95 % interval, clustered by composition.
type estimate struct {
	Mean float64
	eval.Interval
}

// pass1 estimates pass@1.
func pass1(results []eval.Result) (e estimate, err error) {
	if e.Mean, err = eval.Pass1(results); err != nil {
		return e, err
	}
	e.Interval, err = eval.Clustered(results, eval.Options{})
	return e, err
}

// rise estimates the paired difference between two evaluations of the same problems.
func rise(before, after []eval.Result) (estimate, error) {
	c, err := eval.Compare(before, after, eval.Options{Resamples: 1})
	return estimate{c.Diff, c.Clustered}, err
}

// point is one point of the curve.
type point struct {
	Step            int
	Sampled, Greedy estimate
}

// point is the evaluation's place on the curve: its first n problems.
func (e *evaluation) point(step, n int) (p point, err error) {
	p.Step = step
	if p.Sampled, err = pass1(e.Sampled[:n]); err != nil {
		return p, err
	}
	p.Greedy, err = pass1(e.Greedy[:n])
	return p, err
}
