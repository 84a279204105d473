// Command grade grades completions against a set of programming problems and
// prints what they come to: pass@1, pass@k, intervals, per difficulty.
//
//	go run ./examples/grade -completions reference     the built-in set and its own solutions: try it
//	go run ./examples/grade -write-reference ref.jsonl the same completions as a file, to see the format
//	go run ./examples/grade -completions run.jsonl -dataset test6.jsonl -schema livecodebench -v6 -k 8 -out run.results
//	go run ./examples/grade -completions new.jsonl ... -baseline run.results
//	go run ./examples/grade -help                      all flags
//
// It needs python3. What happens, and where to read it:
//
//	problems      one of the public sets, or the built-in one    problems.go
//	completions   a file with one JSON object a line             completions.go
//	tasks         which completion is for which problem          pair.go
//	verdicts      every program in a sandbox of its own          judge.go
//	tally         counts a problem, which become the results     tally.go, verdicts.go
//	report        figures, losses, the comparison with a run     report.go, baseline.go
//
// Every line of the completions is checked before the first program runs, and
// whatever does not enter the figures is counted and named. Nothing that the
// machinery or the data set did counts as a wrong answer.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	os.Exit(command(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// errInterrupted ends a run whose partial report has been printed.
var errInterrupted = errors.New("interrupted")

// command is main with its surroundings as arguments; it returns the exit status:
// 0, 1 for an error, 2 for a wrong command line, 130 after Ctrl-C.
func command(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parseOptions(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	}
	switch err := run(ctx, o, stdout, stderr); {
	case errors.Is(err, errInterrupted):
		return 130
	case err != nil:
		fmt.Fprintln(stderr, "grade:", err)
		return 1
	}
	return 0
}

// run is the program: the report goes to stdout, what happens meanwhile to log.
func run(ctx context.Context, o options, stdout, log io.Writer) error {
	source, err := openProblems(o.dataset, o.schema)
	if err != nil {
		return err
	}
	defer source.Close()
	switch {
	case o.list:
		return listProblems(stdout, source.problems, o.window)
	case o.writeReference != "":
		return writeReference(o.writeReference, log, source.problems, o.window)
	}

	if _, err := os.Stat(filepath.Dir(o.out)); err != nil {
		return fmt.Errorf("-out: %w", err) // now, and not after hours of grading
	}
	baseline, err := readBaseline(o.baseline)
	if err != nil {
		return err
	}
	work, err := readWork(o, source)
	if err != nil {
		return err
	}
	for _, note := range work.notes {
		fmt.Fprintln(log, note)
	}

	judge, err := startJudge(o, log)
	if err != nil {
		return err
	}
	defer judge.Close()
	verdicts, err := createVerdicts(o.verdicts)
	if err != nil {
		return fmt.Errorf("-verdicts: %w", err)
	}
	tally := newTally(work)
	err = judge.all(ctx, work.tasks, func(j judged) error {
		tally.add(j)
		return verdicts.add(j)
	}, log)
	if ctx.Err() != nil {
		err = nil // the report says how far it came
	}
	if err = errors.Join(err, verdicts.Close()); err != nil {
		return err
	}
	saved := tally.write(o.out, log)
	if err := errors.Join(printReport(stdout, o, work, tally, judge, baseline), saved); err != nil {
		return err
	}
	if tally.judged < len(work.tasks) {
		return errInterrupted
	}
	return nil
}
