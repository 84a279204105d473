package main

import (
	"context"

	"github.com/grouprl/grouprl/examples/nouscoder/internal/policy"
	"github.com/grouprl/grouprl/examples/nouscoder/internal/problems"
)

// model is the seam between this program and whatever computes gradients: all that
// reinforcement learning asks of a trainer. Here it is a small transformer in Go; it
// could as well be a client of a process with eight GPUs. No loss crosses it: the
// library turns log-probabilities into g = dL/dlogp.
type model interface {
	// Sample draws completions, with their log-probabilities.
	Sample(ctx context.Context, requests []policy.Request, o policy.SampleOptions) ([]policy.Completion, error)
	// LogProbs are those of given responses, packed [T], and differentiable once.
	LogProbs(groups []policy.Group) ([]float32, error)
	// Backward adds sum_t g[t] dlogp_t/dtheta to the gradient.
	Backward(g []float32) error
	// Step moves the weights down the gradient and returns its norm.
	Step(rate float64) (norm float64, err error)
}

var _ model = (*policy.Policy)(nil)

// newPolicy draws the weights.
func newPolicy(seed uint64) (*policy.Policy, error) {
	return policy.New(policy.Config{Vocabulary: problems.Vocabulary(), End: problems.End}, seed)
}
