// Command nouscoder is the recipe of NousCoder-14B in miniature: a small policy
// learns to write Python, and reinforcement learning on programs that are really
// executed makes it right more often.
//
//	go run ./examples/nouscoder                      all four objectives, from one warm start
//	go run ./examples/nouscoder -objective dapo      one
//	go run ./examples/nouscoder -help                the other flags
//
// It needs python3 and nothing else. What happens, and where to read it:
//
//	problems    a generated family, in words, with tests     internal/problems
//	policy      a transformer of 120,000 weights, in Go       internal/policy
//	warm start  supervised, on a corpus full of mistakes      warmstart.go
//	rollouts    sample groups of 8, run every program         train.go, sampler.go, judge.go
//	update      advantages, objective, gradient, Adam         train.go
//	evaluation  unseen compositions, sampled and greedy       evaluate.go
//	results     table, curves, a row for every step           report.go, curves.go, record.go
//
// The corpus imitates found code. Half of its programs are wrong, and for ten
// wordings even most of them are, always in the same way: only running a program
// tells. So reinforcement learning has something to find out, and not only
// something to sharpen. With -control the mistakes are as many, but none of them is
// systematic.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	os.Exit(command(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// command is main with its surroundings as arguments; it returns the exit status.
func command(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parseOptions(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	}
	if err := train(ctx, o, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "nouscoder:", err)
		return 1
	}
	return 0
}

// train is the program: the results go to stdout, what happens meanwhile to log.
func train(ctx context.Context, o options, stdout, log io.Writer) error {
	verifier, sandbox, err := startVerifier(o.python, log)
	if err != nil {
		return err
	}
	defer sandbox.Close()

	r := &run{options: o, log: log, session: time.Now(), judge: newJudge(verifier)}
	if err := r.open(newRecipe(o)); err != nil {
		return err
	}
	if err := r.learn(ctx); err != nil {
		if ctx.Err() == nil {
			return err
		}
		if err := r.save(); err != nil {
			return err
		}
		return fmt.Errorf("interrupted; everything is in %s, go on with the same flags and -resume", o.out)
	}
	if err := r.report(ctx, stdout); err != nil {
		return err
	}
	if o.smoke {
		return r.checkMechanics(stdout)
	}
	return nil
}
