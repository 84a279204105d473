package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grouprl/grouprl/rollout"
)

// tiny is a run of a second: it goes through every part, and learns nothing.
func tiny() recipe {
	r := newRecipe(options{seed: 1, smoke: true, objectives: []string{"gspo", "dapo"}})
	r.WarmSteps, r.WarmBatch = 24, 8
	r.Steps, r.Groups, r.Samples, r.Rounds, r.Minibatches = 4, 3, 4, 2, 2
	r.EvalEvery, r.EvalProblems, r.Reported = 2, 4, 6
	r.Windows = []int{56, 64}
	return r
}

// coin judges a program by a hash of its text, so that groups of nonsense are mixed. It
// may cancel after so many calls for training or held-out problems. (How many there are
// for training problems depends a little on timing: some are for groups in flight.)
type coin struct {
	train, heldout           atomic.Int64
	afterTrain, afterHeldout int64 // 0: never
	cancel                   context.CancelFunc
}

func (v *coin) Verify(_ context.Context, p *rollout.Problem, c *rollout.Completion) (rollout.Verdict, error) {
	calls, after := &v.train, v.afterTrain
	if strings.HasPrefix(p.ID, "heldout") {
		calls, after = &v.heldout, v.afterHeldout
	}
	if calls.Add(1) == after {
		v.cancel()
	}
	switch {
	case c.Truncated():
		return rollout.Verdict{Status: rollout.Truncated, Reward: -1, Test: -1}, nil
	case keyOf(p.ID, c.Text)[0]%2 == 0:
		return rollout.Verdict{Status: rollout.Accepted, Reward: 1, Test: -1}, nil
	}
	return rollout.Verdict{Status: rollout.WrongAnswer, Reward: -1}, nil
}

// countdown is a context that ends when Err has been asked so often: it interrupts a warm
// start at a step.
type countdown struct {
	context.Context
	left   int
	cancel context.CancelFunc
}

func (c *countdown) Err() error {
	if c.left--; c.left == 0 {
		c.cancel()
	}
	return c.Context.Err()
}

// session runs the recipe until ctx ends or it is done, and saves.
func session(t *testing.T, ctx context.Context, r recipe, out string, v rollout.Verifier, resume bool) (*run, error) {
	t.Helper()
	run := &run{options: options{out: out, resume: resume}, log: io.Discard, session: time.Now(), judge: newJudge(v)}
	if err := run.open(r); err != nil {
		t.Fatal(err)
	}
	err := run.learn(ctx)
	if saved := run.save(); saved != nil {
		t.Fatal(saved)
	}
	return run, err
}

// bits are the results of a run, without what depends on the clock.
func bits(t *testing.T, r *run) any {
	t.Helper()
	var table bytes.Buffer
	if err := r.writeTable(&table); err != nil {
		t.Fatal(err)
	}
	var records []record
	for _, training := range r.state.Trainings {
		drawn := 0
		for _, record := range training.Records {
			drawn += record.Drawn
			record.Ran, record.Rollout, record.Sampling, record.Update = 0, 0, 0, 0
			records = append(records, record)
		}
		if training.Cursor != drawn {
			t.Errorf("%s: at problem %d after %d drawn", training.Objective, training.Cursor, drawn)
		}
	}
	return []any{r.state.Start, r.state.Policies, records, r.state.Trainings[0].Curve, r.state.Trainings[1].Curve, table.String()}
}

// A run that is interrupted, in whatever it is doing, and resumed, ends with the same
// bits as one that was not.
func TestResumeGoesOnToTheSameBits(t *testing.T) {
	whole := new(coin)
	run, err := session(t, context.Background(), tiny(), t.TempDir(), whole, false)
	if err != nil {
		t.Fatal(err)
	}
	want := bits(t, run)
	if updates := run.state.Trainings[0].Records[3].Updates; updates == 0 {
		t.Fatal("the last step had no update: this test sees nothing")
	}

	interrupt := func(name string, warmSteps int, train, heldout int64) {
		t.Run(name, func(t *testing.T) {
			out := t.TempDir()
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			first := context.Context(ctx)
			if warmSteps > 0 {
				first = &countdown{ctx, warmSteps, cancel}
			}
			if _, err := session(t, first, tiny(), out, &coin{afterTrain: train, afterHeldout: heldout, cancel: cancel}, false); !errors.Is(err, context.Canceled) {
				t.Fatalf("it was not interrupted: %v", err)
			}
			run, err := session(t, context.Background(), tiny(), out, new(coin), true)
			if err != nil {
				t.Fatal(err)
			}
			if got := bits(t, run); !reflect.DeepEqual(got, want) {
				t.Error("other bits than without the interruption")
			}
		})
	}
	train, heldout := whole.train.Load(), whole.heldout.Load()
	interrupt("warm start", 10, 0, 0)
	interrupt("first evaluation", 0, 0, 3)
	interrupt("first objective", 0, train/4, 0)
	interrupt("second objective", 0, train*5/8, 0)
	interrupt("last evaluation", 0, 0, heldout-1)
}

func TestCheckpointErrors(t *testing.T) {
	out := t.TempDir()
	recipe := tiny()
	if _, err := load(out, &recipe); err == nil || !strings.Contains(err.Error(), "no checkpoint in "+out) {
		t.Errorf("without one: %v", err)
	}
	s := state{Recipe: recipe, WarmStep: 7}
	if err := s.save(out); err != nil {
		t.Fatal(err)
	}
	if got, err := load(out, &recipe); err != nil || got.WarmStep != 7 {
		t.Errorf("got %d, %v", got.WarmStep, err)
	}
	other := recipe
	other.Seed = 9
	if _, err := load(out, &other); err == nil || !strings.Contains(err.Error(), "Seed is 1 there, 9 here") {
		t.Errorf("with another recipe: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(out, "*")); len(left) != 1 {
		t.Errorf("saving leaves %v", left)
	}
	data, _ := os.ReadFile(checkpointPath(out))
	if err := os.WriteFile(checkpointPath(out), data[:len(data)/2], 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := load(out, &recipe); err == nil || !strings.Contains(err.Error(), "is not a checkpoint") {
		t.Errorf("half a checkpoint: %v", err)
	}
}
