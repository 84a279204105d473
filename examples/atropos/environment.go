package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"strings"
	"sync/atomic"
	"time"

	"github.com/grouprl/grouprl/rollout"
	"github.com/grouprl/grouprl/rollout/atropos"
	"github.com/grouprl/grouprl/rollout/dataset"
	"github.com/grouprl/grouprl/rollout/sandbox"
	"github.com/grouprl/grouprl/rollout/verify"
)

type environmentOptions struct {
	Name      string
	Group     int // completions a problem
	Groups    int // to post; 0: until interrupted
	Workers   int // groups under way, at most
	OffPolicy int // batches ahead of the trainer, at most
	Seed      int64
}

func (o *environmentOptions) flags(f *flag.FlagSet) {
	f.StringVar(&o.Name, "name", "grouprl_builtin", "`name` to register with")
	f.IntVar(&o.Group, "group", 8, "completions a problem")
	f.IntVar(&o.Groups, "groups", 0, "groups to post; 0: until interrupted")
	f.IntVar(&o.Workers, "workers", 8, "groups under way, at most")
	f.IntVar(&o.OffPolicy, "off-policy", 2, "batches ahead of the trainer, at most")
	f.Int64Var(&o.Seed, "seed", 1, "seed")
}

// startVerifier starts the sandbox, in which alone programs run.
func startVerifier() (*verify.Verifier, *sandbox.LocalRunner, error) {
	runner, err := sandbox.Local(sandbox.Config{Limits: sandbox.Limits{Wall: 4 * time.Second, Memory: 1 << 30}})
	if err != nil {
		return nil, nil, err
	}
	return &verify.Verifier{Runner: runner}, runner, nil
}

// serveProblems samples, judges and posts groups of the built-in problems, over and
// over. It starts no group that would be more than OffPolicy batches ahead, and
// cancels none that is under way.
func serveProblems(ctx context.Context, client *atropos.Client, o environmentOptions, g rollout.Generator, v rollout.Verifier, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	fmt.Fprintln(out, "waiting for the trainer's first batch")
	env, err := client.RegisterEnv(ctx, atropos.EnvRegistration{DesiredName: o.Name, GroupSize: o.Group, MaxTokenLength: 1 << 15})
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		env.Disconnect(ctx)
	}()
	fmt.Fprintf(out, "registered as %s\n", env.Name)

	var running atomic.Int64
	problems := func(yield func(*rollout.Problem, error) bool) {
		for {
			for p, err := range dataset.Builtin() {
				if err == nil {
					_, err = env.WaitRoom(ctx, func() int { return int(running.Load()) }, o.Workers, o.OffPolicy)
				}
				running.Add(1)
				if !yield(p, err) || err != nil {
					return
				}
			}
		}
	}
	posted, refused := 0, map[atropos.Refusal]int{}
	for group, err := range rollout.Groups(ctx, problems, g, v, rollout.Options{Samples: o.Group, Seed: o.Seed}) {
		var lost *rollout.GroupError
		if errors.As(err, &lost) { // the machinery's fault: never a reward
			running.Add(-1)
			fmt.Fprintln(out, err)
			continue
		} else if err != nil {
			return err
		}
		d, err := atropos.FromGroup(group)
		if err != nil {
			return err
		}
		if why := env.Refuse(d); why != atropos.RefusalNone {
			running.Add(-1)
			refused[why]++
			continue
		}
		_, err = env.Post(ctx, d)
		running.Add(-1)
		if err != nil {
			return err
		}
		posted++
		fmt.Fprintf(out, "%-16s scores %v\n", group.Problem.ID, d.Scores)
		if posted == o.Groups {
			cancel() // also what waits for room
			break
		}
	}
	fmt.Fprintf(out, "%d groups posted, refused: %v\n", posted, refused)
	return nil
}

// standIn stands where a language model would: it answers with the problem's
// solution, or with one that lacks a line, at even odds. Its tokens are bytes; the
// whole choice is the first token's log-probability. Put a generator over an
// inference server in its place.
type standIn struct{}

func (standIn) Generate(_ context.Context, r *rollout.Request) (*rollout.Completion, error) {
	lines := strings.Split(strings.TrimSpace(r.Problem.Reference), "\n")
	rng := r.Rand()
	chance := 0.5
	if rng.IntN(2) == 0 {
		drop := rng.IntN(len(lines))
		lines = append(lines[:drop:drop], lines[drop+1:]...)
		chance /= float64(len(lines) + 1)
	}
	c := &rollout.Completion{Text: "```python\n" + strings.Join(lines, "\n") + "\n```", Prompt: bytesOf(r.Problem.Statement), Versions: []int64{0}}
	c.Tokens = bytesOf(c.Text)
	c.LogProbs = make([]float32, len(c.Tokens))
	c.LogProbs[0] = float32(math.Log(chance))
	return c, nil
}

func bytesOf(s string) []int32 {
	t := make([]int32, len(s))
	for i := range len(s) {
		t[i] = int32(s[i])
	}
	return t
}
