package main

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/grouprl/grouprl/rollout/eval"
)

// printReport prints the figures and everything that they do not cover.
func printReport(w io.Writer, o options, work *work, t *tally, j *judge, baseline map[string]eval.Result) error {
	if t.judged < t.tasks {
		fmt.Fprintf(w, "INTERRUPTED: the first %d of %d completions were graded, and the figures are of these alone\n\n", t.judged, t.tasks)
	}
	ks := []int{1}
	if o.k > 1 {
		ks = append(ks, o.k)
	}
	for _, k := range ks {
		results, fewer := t.atLeast(k)
		if len(results) == 0 {
			fmt.Fprintf(w, "pass@%d: no problem has %d judged samples\n", k, k)
			continue
		}
		if err := printFigures(w, o.protocol, results, k); err != nil {
			return err
		}
		if fewer > 0 {
			fmt.Fprintf(w, "%d problems with fewer than %d samples are not in pass@%d\n", fewer, k, k)
		}
		fmt.Fprintln(w)
	}
	for _, status := range slices.Sorted(maps.Keys(t.verdicts)) {
		fmt.Fprintf(w, "%6d %v\n", t.verdicts[status], status)
	}
	printLosses(w, t, j.verifier.InfraErrors())
	for _, note := range work.notes {
		fmt.Fprintln(w, note)
	}
	if baseline != nil {
		for _, k := range ks {
			if err := printComparison(w, o.baseline, baseline, t, k); err != nil {
				return err
			}
		}
	}
	return nil
}

// printFigures prints the report of one k.
func printFigures(w io.Writer, protocol *eval.Protocol, results []eval.Result, k int) error {
	if protocol == nil {
		protocol = &eval.Protocol{Unknown: true}
	}
	report, err := eval.NewReport(*protocol, results, eval.Options{K: k})
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, report.String())
	return err
}

// printLosses prints what was neither right nor wrong. The machinery's failures
// that a second attempt made up for are counted too.
func printLosses(w io.Writer, t *tally, failures map[string]int) {
	for _, lost := range []struct {
		errs []error
		what string
	}{
		{t.infra, "were lost to the sandbox"},
		{t.faulty, "could not be judged, since their problem's tests cannot be used"},
	} {
		if len(lost.errs) > 0 {
			fmt.Fprintf(w, "%d completions %s, the first: %v\n", len(lost.errs), lost.what, lost.errs[0])
		}
	}
	if names := t.lost(); len(names) > 0 {
		fmt.Fprintf(w, "%d problems have no judged sample left and are in no figure: %s\n", len(names), named(names))
	}
	attempts := 0
	for _, n := range failures {
		attempts += n
	}
	fmt.Fprintf(w, "%d infrastructure errors, on %d problems", attempts, len(failures))
	if len(failures) > 0 {
		fmt.Fprintf(w, ": %s", named(slices.Sorted(maps.Keys(failures))))
	}
	fmt.Fprintln(w)
}
