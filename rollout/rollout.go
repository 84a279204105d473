// Package rollout holds what lies between a policy and an objective: problems in,
// completions and verdicts out, packed into a grpo.Batch.
//
// Types, two interfaces and free functions over iter.Seq2: nothing to inherit and
// no engine object. A trainer with a loop of its own uses Generator, Verifier and
// Pack and never meets the rest.
package rollout

import (
	"context"
	"iter"
	"time"
)

// Problem is one prompt of a training or evaluation set: a programming problem
// whose answer is a program.
type Problem struct {
	ID         string
	Statement  string
	Entry      string                 // function to call; "" for a program that reads stdin and writes stdout
	Starter    string                 // starter code shown with the statement, if any
	Reference  string                 // a right solution, if known
	Difficulty string                 // as the source says: "easy", "2100", ...
	Source     string                 // data set it comes from
	Released   time.Time              // zero: unknown
	TimeLimit  time.Duration          // of one test, as the problem's own judge had it, mostly for compiled programs; zero: unknown, and a verifier's own limit holds
	Tests      iter.Seq2[Test, error] // each range starts over; an error is the source's (an unreadable row), never the program's
}

// Test is one input and what is expected for it. Expected never enters the
// process that runs the submitted program.
type Test struct {
	Input    string // stdin; or, with Entry, one JSON value a line, the arguments
	Expected string // stdout; or, with Entry, one JSON value
}

// Tests yields fixed tests.
func Tests(tests ...Test) iter.Seq2[Test, error] {
	return func(yield func(Test, error) bool) {
		for _, t := range tests {
			if !yield(t, nil) {
				return
			}
		}
	}
}

// Request asks a Generator for one completion.
type Request struct {
	Problem *Problem
	Sample  int   // 0..n-1 within the problem's group
	Round   int   // how often this problem was drawn before, so that a redraw differs
	Seed    int64 // a generator that draws at random draws by (Seed, Problem.ID, Round, Sample) alone
}

// FinishReason says why a completion ended.
type FinishReason int

// Reasons for which generation ends.
const (
	Stop   FinishReason = iota // an end token or stop string
	Length                     // the window or token budget: the completion is truncated
)

// Completion is one sampled response.
type Completion struct {
	Sample   int
	Text     string    // decoded, for the verifier
	Prompt   []int32   // token ids of the prompt
	Tokens   []int32   // [n] sampled token ids
	LogProbs []float32 // [n] the sampler's log-probabilities of Tokens
	Versions []int64   // [n], or [1] for all: policy version that sampled each token
	Finish   FinishReason
}

// Truncated reports whether the window cut the completion.
func (c *Completion) Truncated() bool { return c.Finish == Length }

// Verdict is the judgement of one completion.
type Verdict struct {
	Status Status
	Reward float64       // what the verifier's reward mapping makes of it
	Test   int           // index of the first failing test; -1: none
	Passed int           // tests passed
	Ran    int           // tests run
	CPU    time.Duration // largest of any test
	Wall   time.Duration // largest of any test
	Memory int64         // peak resident bytes of any test
	Stderr string        // of the failing test, truncated
}

// Generator samples completions. It is called from several goroutines.
type Generator interface {
	Generate(ctx context.Context, r *Request) (*Completion, error)
}

// Verifier judges completions. An error is the machinery's, never the program's.
// It is called from several goroutines.
type Verifier interface {
	Verify(ctx context.Context, p *Problem, c *Completion) (Verdict, error)
}

// GeneratorFunc is a function as a Generator.
type GeneratorFunc func(ctx context.Context, r *Request) (*Completion, error)

// Generate calls f.
func (f GeneratorFunc) Generate(ctx context.Context, r *Request) (*Completion, error) {
	return f(ctx, r)
}

// VerifierFunc is a function as a Verifier.
type VerifierFunc func(ctx context.Context, p *Problem, c *Completion) (Verdict, error)

// Verify calls f.
func (f VerifierFunc) Verify(ctx context.Context, p *Problem, c *Completion) (Verdict, error) {
	return f(ctx, p, c)
}

// Group is all completions of one problem in one round, with their verdicts.
type Group struct {
	Problem     *Problem
	Round       int
	Completions []*Completion  // [n]
	Verdicts    []Verdict      // [n]
	Lost        []*SampleError // completions that the machinery lost, if any: they are not among the n
}

// Rewards appends the group's rewards to dst.
func (g *Group) Rewards(dst []float64) []float64 {
	for i := range g.Verdicts {
		dst = append(dst, g.Verdicts[i].Reward)
	}
	return dst
}
