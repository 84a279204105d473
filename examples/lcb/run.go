package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/grouprl/grouprl/examples/internal/progress"
	"github.com/grouprl/grouprl/rollout"
	"github.com/grouprl/grouprl/rollout/eval"
	"github.com/grouprl/grouprl/rollout/openai"
	"github.com/grouprl/grouprl/rollout/sandbox"
	"github.com/grouprl/grouprl/rollout/verify"
)

// run is the program: the report goes to stdout, what happens meanwhile to log.
func run(ctx context.Context, o options, stdout, log io.Writer) error {
	if o.serve {
		return howToServe(stdout, o.protocol)
	}
	set, err := openSet(o)
	if err != nil {
		return err
	}
	defer set.Close()
	e := &eval.Evaluation{Protocol: o.protocol, Dir: o.out, Generators: o.atOnce, Retryable: openai.Retryable, Retries: -1}
	if o.report {
		return reportOnly(e, set, o, stdout)
	}

	key := ""
	if o.keyEnv != "" {
		if key = os.Getenv(o.keyEnv); key == "" {
			return fmt.Errorf("-key-env: the environment has no %s", o.keyEnv)
		}
	}
	name, err := model(ctx, o, key)
	if err != nil {
		return err
	}
	runner, err := sandbox.Local(sandbox.Config{Python: o.python, Limits: o.limits})
	var missing *sandbox.InterpreterError
	switch {
	case errors.As(err, &missing):
		return fmt.Errorf("python3 is needed to run the completions' programs: install it, or name an interpreter with -python\n%w", err)
	case err != nil:
		return err
	}
	defer runner.Close()

	g := &openai.Generator{
		Servers:     o.endpoints,
		Model:       name,
		Key:         key,
		API:         openai.Chat,
		Prompt:      prompt,
		Temperature: o.protocol.Temperature,
		TopP:        o.protocol.TopP,
		Budget:      o.protocol.Budget(),
		TextOnly:    true,
		Stream:      o.stream,
		InFlight:    o.inFlight,
	}
	defer g.Close()
	e.Generator, e.Verifier, e.Verifiers = g, &verify.Verifier{Runner: runner}, runner.Parallel()
	e.Name = runName(o, name)
	fmt.Fprintf(log, "%s: %d problems, %v\nprograms run in the sandbox (%s), %d at a time; the run is kept in %s\n", name, len(set.problems), o.protocol, runner.Tier(), runner.Parallel(), o.out)

	bar := progress.New(log, "evaluating", len(set.problems)*o.protocol.Samples, 0)
	e.Progress = func(p eval.Progress) { bar.Set(p.Done+p.Lost, "") }
	outcome, err := e.Run(ctx, set.all())
	bar.End()
	if outcome == nil {
		return explain(err)
	}
	interrupted := ctx.Err() != nil
	if interrupted {
		err = nil // the report says how far it came
	}
	if printing := finish(stdout, log, o, outcome, interrupted); err == nil {
		err = printing
	}
	if !outcome.Complete() {
		fmt.Fprintf(log, "\n%d of %d samples are judged and kept in %s; the same command goes on from there\n", outcome.Done, outcome.Total, o.out)
	}
	switch {
	case err != nil:
		return err
	case interrupted:
		return errInterrupted
	case outcome.Lost > 0:
		return fmt.Errorf("%d samples were lost, the first: %w", outcome.Lost, outcome.Losses[0])
	}
	return nil
}

// runName says what must be the same when a run goes on.
func runName(o options, model string) string {
	return fmt.Sprintf("LiveCodeBench v6, %s", model)
}

// explain says what to do about a run that could not begin.
func explain(err error) error {
	var other *eval.RunError
	var twice *eval.TwiceError
	switch {
	case errors.As(err, &other):
		return fmt.Errorf("-out: %w", err)
	case errors.As(err, &twice):
		return fmt.Errorf("-data: problem %q comes twice; is a file named twice?", twice.Problem)
	}
	return err
}

// reportOnly reports what a folder holds.
func reportOnly(e *eval.Evaluation, set *set, o options, stdout io.Writer) error {
	if _, err := os.Stat(o.out); err != nil {
		return fmt.Errorf("-out: there is no run to report: %w", err)
	}
	head, err := eval.Head(o.out)
	if err != nil {
		return err
	}
	e.Name, e.Protocol = head.Name, head.Protocol
	nothing := errors.New("nothing is drawn for a report")
	e.Generator = rollout.GeneratorFunc(func(context.Context, *rollout.Request) (*rollout.Completion, error) { return nil, nothing })
	e.Verifier = rollout.VerifierFunc(func(context.Context, *rollout.Problem, *rollout.Completion) (rollout.Verdict, error) {
		return rollout.Verdict{}, nothing
	})
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(nothing) // before it begins: what is judged is read, and no more
	outcome, err := e.Run(ctx, set.all())
	if outcome == nil {
		return explain(err)
	}
	return finish(stdout, io.Discard, o, outcome, false)
}
