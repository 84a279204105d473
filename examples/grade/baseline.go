package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/grouprl/grouprl/rollout/eval"
)

// readBaseline reads the per-problem file of another run; nil for no file.
func readBaseline(path string) (map[string]eval.Result, error) {
	if path == "" {
		return nil, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("-baseline: %w", err)
	}
	defer file.Close()
	results := map[string]eval.Result{}
	for r, err := range eval.Read(file) {
		var bad *eval.LineError
		switch {
		case errors.As(err, &bad):
			return nil, &lineError{path, bad.Line, bad.Err}
		case err != nil:
			return nil, fmt.Errorf("-baseline: %w", err)
		}
		if _, twice := results[r.Problem]; twice {
			return nil, fmt.Errorf("-baseline %s: problem %q is in it twice", path, r.Problem)
		}
		results[r.Problem] = r
	}
	if len(results) == 0 {
		return nil, fmt.Errorf("-baseline %s: no result in it; -out writes such files", path)
	}
	return results, nil
}

// printComparison compares the problems that both runs have k samples of.
func printComparison(w io.Writer, path string, baseline map[string]eval.Result, t *tally, k int) error {
	var old, now []eval.Result
	results, _ := t.atLeast(k)
	alone := 0
	for _, r := range results {
		if b, ok := baseline[r.Problem]; ok && b.Samples >= k {
			old, now = append(old, b), append(now, r)
		} else {
			alone++
		}
	}
	fmt.Fprintf(w, "\npass@%d against %s, on %d problems that both have", k, path, len(now))
	if left := len(baseline) - len(now); alone > 0 || left > 0 {
		fmt.Fprintf(w, " (%d only here and %d only there are left out)", alone, left)
	}
	fmt.Fprintln(w)
	if len(now) < 2 {
		fmt.Fprintln(w, "too few to compare")
		return nil
	}
	comparison, err := eval.Compare(old, now, eval.Options{K: k})
	if err != nil {
		return err
	}
	fmt.Fprintln(w, comparison)
	return nil
}
