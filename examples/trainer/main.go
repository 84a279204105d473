// Command trainer is the smallest trainer on grouprl: a softmax bandit. A prompt is a row of arms,
// a response the one token that names an arm, and its reward 1 or 0 by the arm's odds.
package main

import (
	"fmt"
	"log"
	"math"
	"math/rand/v2"

	"github.com/grouprl/grouprl/advantage"
	"github.com/grouprl/grouprl/dapo"
	"github.com/grouprl/grouprl/grpo"
	"gonum.org/v1/gonum/floats"
)

const prompts, arms, group, micro, n = 8, 10, 16, 32, 8 * 16 // responses: of a prompt, of a micro-batch, of a step
type policy [prompts][arms]float64                           // logits: the only part that grouprl does not bring

func (p *policy) probs(prompt int) (q [arms]float64) {
	lse := floats.LogSumExp(p[prompt][:])
	for v, x := range p[prompt] {
		q[v] = math.Exp(x - lse)
	}
	return q
}

// train returns the mean reward of each step.
func train(steps int, rate float64, rng *rand.Rand) []float64 {
	p, arm, rewards, history := policy{}, [n]int{}, make([]float64, n), make([]float64, steps)
	b := grpo.Batch[float64]{Offsets: []int{0}, LogProbs: make([]float64, n), OldLogProbs: make([]float64, n), Advantages: make([]float64, n)}
	for i := range n {
		b.Offsets, b.Groups = append(b.Offsets, i+1), append(b.Groups, i/group)
	}
	objective, eval, dst := dapo.New(), grpo.Evaluator[float64]{}, grpo.Gradient[float64]{LogProbs: make([]float64, n)}
	parts, totals := []grpo.Batch[float64]{}, grpo.Totals{} // micro-batches, and the counts of the step that they add up to
	for i := 0; i < n; i += micro {
		part := b.Slice(i, i+micro)
		counts := check(grpo.Count(&objective, &part))
		totals.Merge(&counts)
		parts = append(parts, part)
	}
	for step := range steps {
		for i := range n { // roll out
			q, v := p.probs(i/group), 0
			for u := rng.Float64() - q[0]; u >= 0 && v < arms-1; u -= q[v] {
				v++
			}
			arm[i], b.OldLogProbs[i], rewards[i] = v, math.Log(q[v]), math.Floor(rng.Float64()+float64((v+i/group)%arms)/(arms-1))
		}
		history[step] = floats.Sum(rewards) / n
		fmt.Printf("step %2d  mean reward %.2f\n", step, history[step])
		check(0, advantage.GroupRelative{}.Estimate(b.Advantages, &advantage.Input{Rewards: rewards, Groups: b.Groups}))
		for range 2 { // updates a rollout: in the second, ratios have left 1
			before := p
			for i := range n {
				b.LogProbs[i] = math.Log(before.probs(i / group)[arm[i]])
			}
			for k := range parts {
				check(eval.Eval(dst, &objective, &parts[k], &totals))
			}
			for i, g := range dst.LogProbs { // dL/dlogits = g (onehot - q)
				q := before.probs(i / group)
				floats.AddScaled(p[i/group][:], rate*g, q[:])
				p[i/group][arm[i]] -= rate * g
			}
		}
	}
	return history
}

func main() { train(30, 4, rand.New(rand.NewPCG(1, 2))) }

func check[T any](x T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return x
}
