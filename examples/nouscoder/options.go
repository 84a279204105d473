package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"
)

// options is the command line.
type options struct {
	objectives []string
	steps      int
	seed       uint64
	budget     time.Duration
	smoke      bool
	control    bool
	resume     bool
	out        string
	python     string
}

// errUsage is a command line that cannot be; its message has been printed.
var errUsage = errors.New("usage")

const usage = `Train a small policy to write Python, from random weights: a supervised warm
start on a corpus full of mistakes, then reinforcement learning on programs
that are really run.

usage: go run ./examples/nouscoder [flags]

`

// parseOptions reads the command line. What is wrong with it goes to stderr,
// followed by the usage, and the error is then errUsage; flag.ErrHelp if it asks
// for help.
func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("nouscoder", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() {
		fmt.Fprint(stderr, usage)
		f.PrintDefaults()
	}
	objective := f.String("objective", "all", "what to train with: "+strings.Join(objectiveNames(), ", ")+", or all of them from one warm start")
	f.IntVar(&o.steps, "steps", 0, "reinforcement steps of each objective; 0: what the recipe says")
	f.Uint64Var(&o.seed, "seed", 1, "of the weights, the problems and the sampling")
	f.DurationVar(&o.budget, "budget", 0, "time for the whole run, such as 4m: the first steps are measured, and what does not fit is cut and said; 0: no limit")
	f.BoolVar(&o.smoke, "smoke", false, "half a minute of everything on a smaller scale, and a check that the parts did what they should")
	f.BoolVar(&o.control, "control", false, "warm start on the control corpus: as many mistakes, but none of them systematic")
	f.BoolVar(&o.resume, "resume", false, "go on from the checkpoint in -out")
	f.StringVar(&o.out, "out", "nouscoder-out", "folder for the table, the curves, the CSV and the checkpoint")
	f.StringVar(&o.python, "python", "", "Python interpreter that runs the programs; empty: python3 on the PATH")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return o, err
		}
		return o, errUsage // the flag package has said why
	}

	wrong := func(format string, a ...any) (options, error) {
		fmt.Fprintf(stderr, "nouscoder: "+format+"\n\n", a...)
		f.Usage()
		return o, errUsage
	}
	switch {
	case f.NArg() > 0:
		return wrong("unexpected argument %q: every setting is a flag", f.Arg(0))
	case o.steps < 0:
		return wrong("-steps %d: want 0 or more", o.steps)
	case o.budget < 0:
		return wrong("-budget %s: want a time such as 4m", o.budget)
	case o.out == "":
		return wrong("-out is empty: want a folder")
	}
	for _, name := range objectiveNames() {
		if *objective == name || *objective == "all" {
			o.objectives = append(o.objectives, name)
		}
	}
	if o.smoke && *objective == "all" {
		o.objectives = []string{"gspo"}
	}
	if len(o.objectives) == 0 {
		return wrong("-objective %q: want %s, or all", *objective, strings.Join(objectiveNames(), ", "))
	}
	return o, nil
}
