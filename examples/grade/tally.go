package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/grouprl/grouprl/rollout"
	"github.com/grouprl/grouprl/rollout/eval"
	"github.com/grouprl/grouprl/rollout/sandbox"
)

// tally counts what came of each problem's completions.
type tally struct {
	tasks    int
	judged   int
	results  map[string]*eval.Result
	order    []*rollout.Problem
	verdicts map[rollout.Status]int
	infra    []error // completions that the sandbox lost
	faulty   []error // completions whose problem's tests cannot be used
}

func newTally(w *work) *tally {
	t := &tally{tasks: len(w.tasks), order: w.problems, results: map[string]*eval.Result{}, verdicts: map[rollout.Status]int{}}
	for _, p := range w.problems {
		t.results[p.ID] = &eval.Result{Problem: p.ID, Difficulty: p.Difficulty}
	}
	return t
}

// add counts a graded completion. One without a verdict is lost, beside the samples:
// neither right nor wrong.
func (t *tally) add(j judged) {
	t.judged++
	r := t.results[j.of.ID]
	if j.err != nil {
		r.Lost++
		lost := fmt.Errorf("sample %d of %s: %w", j.sample, j.of.ID, j.err)
		var infra *sandbox.InfraError
		if errors.As(j.err, &infra) {
			t.infra = append(t.infra, lost)
		} else {
			t.faulty = append(t.faulty, lost)
		}
		return
	}
	r.Samples++
	r.Tokens += j.tokens
	if j.verdict.Status == rollout.Accepted {
		r.Correct++
	}
	if j.truncated {
		r.Overlong++
	}
	t.verdicts[j.verdict.Status]++
}

// atLeast are the results of problems with k samples or more, in the order of the
// data set, and how many problems have some, but fewer.
func (t *tally) atLeast(k int) (results []eval.Result, fewer int) {
	for _, p := range t.order {
		switch r := t.results[p.ID]; {
		case r.Samples >= k:
			results = append(results, *r)
		case r.Samples > 0:
			fewer++
		}
	}
	return results, fewer
}

// lost are the problems of which every judged completion was lost.
func (t *tally) lost() []string {
	var names []string
	for _, p := range t.order {
		if r := t.results[p.ID]; r.Samples == 0 && r.Lost > 0 {
			names = append(names, p.ID)
		}
	}
	return names
}

// write writes the per-problem file. That of an interrupted run has another name, so
// that nobody takes it for the whole.
func (t *tally) write(path string, log io.Writer) (err error) {
	if path == "" {
		return nil
	}
	if t.judged < t.tasks {
		path += ".partial"
	}
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("-out: %w", err)
	}
	defer func() {
		if closing := file.Close(); err == nil {
			err = closing
		}
	}()
	results, _ := t.atLeast(1)
	out := bufio.NewWriter(file)
	if err := eval.Write(out, results...); err != nil {
		return err
	}
	fmt.Fprintf(log, "%s: %d problems\n", path, len(results))
	return out.Flush()
}
