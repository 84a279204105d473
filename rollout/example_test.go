package rollout_test

import (
	"context"
	"fmt"

	"github.com/grouprl/grouprl/grpo"
	"github.com/grouprl/grouprl/rollout"
)

// answers is a Generator of one-token completions, of which the request's sample
// decides how good they are.
func answers(_ context.Context, r *rollout.Request) (*rollout.Completion, error) {
	answer := int32(r.Sample)
	if r.Problem.ID == "easy" {
		answer = 2
	}
	return &rollout.Completion{Tokens: []int32{answer}, LogProbs: []float32{-1.5}, Versions: []int64{0}}, nil
}

// even is a Verifier that accepts even answers.
func even(_ context.Context, _ *rollout.Problem, c *rollout.Completion) (rollout.Verdict, error) {
	if c.Tokens[0]%2 == 0 {
		return rollout.Verdict{Status: rollout.Accepted, Reward: 1}, nil
	}
	return rollout.Verdict{Status: rollout.WrongAnswer, Reward: -1}, nil
}

func set(ids ...string) func(yield func(*rollout.Problem, error) bool) {
	return func(yield func(*rollout.Problem, error) bool) {
		for _, id := range ids {
			if !yield(&rollout.Problem{ID: id}, nil) {
				return
			}
		}
	}
}

// One optimiser step's rollouts: sampled and verified side by side, uninformative
// groups replaced, packed for an objective.
func Example() {
	ctx := context.Background()
	groups := rollout.Groups(ctx, set("easy", "x", "y", "z"), rollout.GeneratorFunc(answers), rollout.VerifierFunc(even), rollout.Options{Samples: 4})
	informative := func(g *rollout.Group) bool { return g.Informative(0) }

	var step []*rollout.Group
	for g, err := range rollout.Refill(groups, informative, rollout.Budget{Groups: 2, Rounds: 3}) {
		if err != nil {
			fmt.Println(err) // an unreadable problem, a group the machinery lost, or ctx
			continue
		}
		fmt.Println(g.Problem.ID, g.Rewards(nil))
		step = append(step, g)
	}

	var batch grpo.Batch[float32]
	if err := rollout.Pack(&batch, step...); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(batch.Offsets)
	// Output:
	// x [1 -1 1 -1]
	// y [1 -1 1 -1]
	// [0 1 2 3 4 5 6 7 8]
}

// What a trainer does with a packed batch: advantages from the rewards, its own
// log-probabilities for the tokens, in the order in which Pack took them.
func ExamplePack() {
	group := &rollout.Group{
		Problem: &rollout.Problem{ID: "a"},
		Completions: []*rollout.Completion{
			{Sample: 0, Tokens: []int32{11, 12}, LogProbs: []float32{-0.5, -0.25}},
			{Sample: 1, Tokens: []int32{13}, LogProbs: []float32{-1}},
		},
		Verdicts: []rollout.Verdict{{Status: rollout.Accepted, Reward: 1}, {Status: rollout.WrongAnswer, Reward: -1}},
	}
	policy := func(prompt, tokens []int32) []float32 { return make([]float32, len(tokens)) } // log pi_theta, one a token

	var b grpo.Batch[float32]
	if err := rollout.Pack(&b, group); err != nil {
		fmt.Println(err)
		return
	}
	b.OldLogProbs = b.RolloutLogProbs // a trainer whose forward pass is the sampler's, bit for bit
	mean := (b.Rewards[0] + b.Rewards[1]) / 2
	for i := range b.Rewards {
		b.Advantages = append(b.Advantages, b.Rewards[i]-mean) // package advantage has the estimators
	}
	for _, c := range group.Completions {
		b.LogProbs = append(b.LogProbs, policy(c.Prompt, c.Tokens)...)
	}
	fmt.Println(b.Offsets, b.LogProbs, b.OldLogProbs, b.Advantages)
	// Output:
	// [0 2 3] [0 0 0] [-0.5 -0.25 -1] [1 -1]
}
