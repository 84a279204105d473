package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math"

	"github.com/grouprl/grouprl/dapo"
	"github.com/grouprl/grouprl/grpo"
	"github.com/grouprl/grouprl/rollout/atropos"
	"gonum.org/v1/gonum/floats"
)

type trainerOptions struct {
	Batch int // sequences
	Steps int
	Rate  float64
}

func (o *trainerOptions) flags(f *flag.FlagSet) {
	f.IntVar(&o.Batch, "batch", 16, "`sequences` of a batch")
	f.IntVar(&o.Steps, "steps", 20, "steps")
	f.Float64Var(&o.Rate, "rate", 50, "learning rate")
}

// A bigram stands where a language model would: a row of logits for each class of
// token before. Ids fall into classes by their remainder, so it takes the tokens of
// any environment.
const classes = 256

type bigram [classes][classes]float64

func (m *bigram) probs(before int) (q [classes]float64) {
	lse := floats.LogSumExp(m[before][:])
	for v, x := range m[before] {
		q[v] = math.Exp(x - lse)
	}
	return q
}

// train registers and makes Steps steps, on the batches of whatever environments
// there are, each of two updates with DAPO's objective.
func train(ctx context.Context, client *atropos.Client, o trainerOptions, out io.Writer) error {
	if _, err := client.Register(ctx, atropos.Registration{
		WandbGroup: "grouprl", WandbProject: "grouprl", BatchSize: o.Batch, MaxTokenLen: 1 << 15, CheckpointDir: "checkpoints", SaveCheckpointInterval: 100, NumSteps: o.Steps,
	}); err != nil {
		return err
	}
	fmt.Fprintln(out, "waiting for environments")
	var (
		model     bigram
		b         grpo.Batch[float64]
		evaluator grpo.Evaluator[float64]
		objective = dapo.New()
		step      = 0
	)
	for groups, err := range client.Batches(ctx) {
		if err != nil {
			return err
		}
		// The sampler was another model, so its log-probabilities are no anchor here:
		// the old policy is this one, before the step.
		first, tokens, err := atropos.Pack(&b, groups...)
		if err != nil {
			return err
		}
		b.RolloutLogProbs = nil
		before := make([]int, len(tokens)) // the class of the token before each
		for i, t := range first {
			for k := b.Offsets[i]; k < b.Offsets[i+1]; k++ {
				before[k] = class(t)
				t = tokens[k]
			}
		}
		var stats grpo.Stats
		for update := range 2 {
			b.LogProbs = make([]float64, len(tokens))
			var rows [classes]*[classes]float64
			row := func(k int) *[classes]float64 {
				if rows[before[k]] == nil {
					q := model.probs(before[k])
					rows[before[k]] = &q
				}
				return rows[before[k]]
			}
			for k, t := range tokens {
				b.LogProbs[k] = math.Log(row(k)[class(t)])
			}
			if update == 0 {
				b.OldLogProbs = b.LogProbs
			}
			totals, err := grpo.Count(&objective, &b)
			if err != nil {
				return err
			}
			dst := grpo.Gradient[float64]{LogProbs: make([]float64, len(tokens))}
			if stats, err = evaluator.Eval(dst, &objective, &b, &totals); err != nil {
				return err
			}
			for k, g := range dst.LogProbs { // dL/dlogits = g (onehot - q)
				if g != 0 {
					floats.AddScaled(model[before[k]][:], o.Rate*g, row(k)[:])
					model[before[k]][class(tokens[k])] -= o.Rate * g
				}
			}
		}
		fmt.Fprintf(out, "step %3d  %d groups  mean score %+.2f  loss %+.4f  better minus worse %+.3f\n",
			step, len(groups), floats.Sum(b.Rewards)/float64(len(b.Rewards)), stats.Loss(), preference(&b))
		if step++; step == o.Steps {
			return nil
		}
	}
	return nil
}

func class(token int32) int { return int(uint32(token) % classes) }

// preference is how much more probable a trained token is in sequences with a
// positive advantage than in those with a negative one, in nats.
func preference(b *grpo.Batch[float64]) float64 {
	var sum, n [2]float64
	for i, a := range b.Advantages {
		if a == 0 {
			continue
		}
		worse := 0
		if a < 0 {
			worse = 1
		}
		for k := b.Offsets[i]; k < b.Offsets[i+1]; k++ {
			if b.Mask[k] {
				sum[worse] += b.LogProbs[k]
				n[worse]++
			}
		}
	}
	if n[0] == 0 || n[1] == 0 {
		return 0
	}
	return sum[0]/n[0] - sum[1]/n[1]
}
