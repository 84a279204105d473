package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/grouprl/grouprl/advantage"
	"github.com/grouprl/grouprl/examples/nouscoder/internal/policy"
	"github.com/grouprl/grouprl/grpo"
	"github.com/grouprl/grouprl/rollout"
)

// learner trains one policy with one objective.
type learner struct {
	*training
	recipe    *recipe
	steps     int // of the plan, which a budget may have cut
	model     model
	judge     *judge
	objective grpo.Objective
	shuffle   *rand.PCG // order of the groups in a step's minibatches
	evaluator grpo.Evaluator[float32]
}

// training is a learner's state between two steps, the policy apart.
type training struct {
	Objective string
	Step      int    // steps made
	Cursor    int    // problems drawn
	Shuffle   []byte // state of the generator that orders groups
	Records   []record
	Curve     []point
	Final     []evaluation // one for each evaluation window
}

// step samples and judges programs, and updates the policy on those groups that
// carry a signal.
func (l *learner) step(ctx context.Context) error {
	r := record{Objective: l.Objective, Step: l.Step + 1, Window: l.recipe.Schedule(l.steps).At(l.Step)}
	r.Rate = l.recipe.Rate * min(1, float64(r.Step)/5)
	groups, err := l.rollouts(ctx, &r)
	if err != nil {
		return err
	}
	start := time.Now()
	rand.New(l.shuffle).Shuffle(len(groups), func(i, j int) { groups[i], groups[j] = groups[j], groups[i] })
	for m := range l.recipe.Minibatches {
		low, high := len(groups)*m/l.recipe.Minibatches, len(groups)*(m+1)/l.recipe.Minibatches
		if low < high {
			if err := l.update(groups[low:high], &r, low == 0); err != nil {
				return fmt.Errorf("%s, step %d, minibatch %d: %w", l.Objective, r.Step, m, err)
			}
		}
	}
	r.Update = seconds(start)
	r.average()
	l.Step++
	l.Cursor += r.Drawn
	l.Records = append(l.Records, r)
	return nil
}

// rollouts draws problems, samples a group of programs for each and has them
// judged, until enough groups have both right and wrong programs.
func (l *learner) rollouts(ctx context.Context, r *record) ([]*rollout.Group, error) {
	start := time.Now()
	sampler := newSampler(l.model, r.Window)
	feed := newFeed(l.recipe.training(), l.Cursor, l.recipe.Groups, l.recipe.Rounds)
	defer feed.close()
	_, ran := l.judge.counts()

	all := rollout.Groups(ctx, feed.problems(ctx), sampler, l.judge, rollout.Options{
		Samples:    l.recipe.Samples,
		Seed:       int64(l.recipe.stream(samplingStream)<<20 + uint64(l.Step)),
		Generators: rows,
		InFlight:   feed.most,
	})
	informative := func(g *rollout.Group) bool {
		r.count(g)
		return g.Informative(0)
	}
	budget := rollout.Budget{Groups: l.recipe.Groups, Rounds: l.recipe.Rounds, Observe: feed.observe}
	var kept []*rollout.Group
	for g, err := range rollout.Refill(all, informative, budget) {
		if err != nil {
			feed.close()
			return nil, err
		}
		kept = append(kept, g)
	}
	r.Kept = len(kept)
	r.Rounds = (r.Drawn + l.recipe.Groups - 1) / l.recipe.Groups
	r.Rollout = seconds(start)
	r.Sampling = sampler.worked().Seconds()
	_, after := l.judge.counts()
	r.Ran = after - ran
	return kept, nil
}

// update is one optimiser step on some groups: advantages, log-probabilities, the
// objective's gradient, back through the model.
func (l *learner) update(groups []*rollout.Group, r *record, first bool) error {
	var batch grpo.Batch[float32]
	if err := rollout.Pack(&batch, groups...); err != nil {
		return err
	}
	in := advantage.Input{Rewards: batch.Rewards, Groups: batch.Groups}
	sequences := make([]policy.Group, len(groups))
	for i, g := range groups {
		in.Truncated = g.Truncated(in.Truncated)
		sequences[i].Prompt = g.Completions[0].Prompt
		for _, c := range g.Completions {
			sequences[i].Responses = append(sequences[i].Responses, c.Tokens)
		}
	}

	// Group mean and standard deviation; a truncated program then gets 0, and its
	// tokens stay in the denominators (overlong filtering).
	batch.Advantages = make([]float64, len(batch.Rewards))
	if err := (advantage.GroupRelative{}).Estimate(batch.Advantages, &in); err != nil {
		return err
	}

	// The sampler's log-probabilities are the trainer's of before this step, to the bit.
	batch.OldLogProbs, batch.RolloutLogProbs = batch.RolloutLogProbs, nil
	var err error
	if batch.LogProbs, err = l.model.LogProbs(sequences); err != nil {
		return err
	}

	gradient := grpo.Gradient[float32]{LogProbs: make([]float32, len(batch.LogProbs))}
	totals, err := grpo.Count(&l.objective, &batch)
	if err != nil {
		return err
	}
	stats, err := l.evaluator.Eval(gradient, &l.objective, &batch, &totals)
	if err != nil {
		return err
	}
	if err := l.model.Backward(gradient.LogProbs); err != nil {
		return err
	}
	norm, err := l.model.Step(r.Rate)
	if err != nil {
		return err
	}
	r.updated(&stats, norm, largestDeviation(batch.LogProbs, batch.OldLogProbs), first)
	return nil
}

// largestDeviation is max |exp(a-b) - 1|: 0 if and only if all bits agree.
func largestDeviation(a, b []float32) float64 {
	d := 0.0
	for t := range a {
		d = max(d, math.Abs(math.Expm1(float64(a[t])-float64(b[t]))))
	}
	return d
}
