package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/grouprl/grouprl/examples/internal/progress"
	"github.com/grouprl/grouprl/rollout"
	"github.com/grouprl/grouprl/rollout/sandbox"
	"github.com/grouprl/grouprl/rollout/verify"
)

// judge runs programs in the sandbox. What policies write are a stranger's programs:
// each has a session of its own, without network, files or other processes.
type judge struct {
	runner   *sandbox.LocalRunner
	verifier *verify.Verifier
}

func startJudge(o options, log io.Writer) (*judge, error) {
	runner, err := sandbox.Local(sandbox.Config{Python: o.python, Limits: o.limits})
	var missing *sandbox.InterpreterError
	switch {
	case errors.As(err, &missing):
		return nil, fmt.Errorf("python3 is needed to run the completions' programs: install it, or name an interpreter with -python\n%w", err)
	case err != nil:
		return nil, err
	}
	fmt.Fprintf(log, "programs run in the sandbox (%s), %d at a time, with at most %s of wall clock a test\n", runner.Tier(), runner.Parallel(), o.limits.Wall)
	return &judge{runner, &verify.Verifier{Runner: runner, Extract: o.extract, Compare: o.compare, All: o.all, Limits: o.limits, TimeScale: o.scale}}, nil
}

func (j *judge) Close() { j.runner.Close() }

// judged is a graded completion. With an error there is no verdict: the machinery
// failed, or the problem's tests cannot be used.
type judged struct {
	task
	verdict rollout.Verdict
	err     error
}

// all grades the tasks, several at a time, and has add see them in their order: so
// an interrupted run has graded the beginning of the file, and not what was quick
// to run.
func (j *judge) all(ctx context.Context, tasks []task, add func(judged) error, log io.Writer) error {
	bar := progress.New(log, "grading", len(tasks), 0)
	defer bar.End()
	in := func(yield func(task, error) bool) {
		for _, t := range tasks {
			if !yield(t, nil) {
				return
			}
		}
	}
	workers := j.runner.Parallel()
	done := 0
	for graded, err := range rollout.Map(ctx, in, j.one, rollout.MapOptions{Workers: workers, InFlight: 16 * workers}) {
		if err != nil {
			return err
		}
		if err := add(graded); err != nil {
			return err
		}
		done++
		bar.Set(done, "")
	}
	return nil
}

// one grades a completion. Its error is the end of ctx, or a file that is gone.
func (j *judge) one(ctx context.Context, t task) (judged, error) {
	text, err := t.text()
	if err != nil {
		return judged{}, err
	}
	c := rollout.Completion{Sample: t.sample, Text: text}
	if t.truncated {
		c.Finish = rollout.Length
	}
	verdict, err := j.verifier.Verify(ctx, t.of, &c)
	if ctx.Err() != nil {
		return judged{}, context.Cause(ctx)
	}
	return judged{t, verdict, err}, nil
}
