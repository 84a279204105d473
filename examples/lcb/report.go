package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/grouprl/grouprl/rollout"
	"github.com/grouprl/grouprl/rollout/eval"
)

// finish prints the report and writes the files that were asked for.
func finish(stdout, log io.Writer, o options, outcome *eval.Outcome, interrupted bool) error {
	if interrupted {
		fmt.Fprintln(stdout, "INTERRUPTED: the figures are of what has been judged until now")
	}
	if len(outcome.Results) == 0 {
		fmt.Fprintln(stdout, "no sample has been judged, so there are no figures")
		return nil
	}
	report, err := outcome.Report(eval.Options{})
	if err != nil {
		return err
	}
	fmt.Fprint(stdout, report)
	counts := map[rollout.Status]int{}
	for _, s := range outcome.Samples {
		counts[s.Status]++
	}
	for _, status := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(stdout, "%6d %v\n", counts[status], status)
	}
	if n := outcome.Total - outcome.Done; n > 0 {
		fmt.Fprintf(stdout, "%d of %d samples are missing\n", n, outcome.Total)
	}
	if n := outcome.Total / max(outcome.Protocol.Samples, 1); n != published {
		fmt.Fprintf(stdout, "%d problems, where the write-up has %d: not to be compared with its figures\n", n, published)
	}
	return errors.Join(writeResults(o.results, log, outcome), writeTexts(o.texts, log, o.out))
}

// writeResults writes the per-problem file.
func writeResults(path string, log io.Writer, outcome *eval.Outcome) error {
	return write(path, log, "results, one a problem", func(w io.Writer) error { return eval.Write(w, outcome.Results...) })
}

// writeTexts writes the completions.
func writeTexts(path string, log io.Writer, dir string) error {
	return write(path, log, "completions", func(w io.Writer) error {
		lines := json.NewEncoder(w)
		for text, err := range eval.Texts(dir) {
			if err == nil {
				err = lines.Encode(text)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func write(path string, log io.Writer, what string, fill func(io.Writer) error) error {
	if path == "" {
		return nil
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(file)
	if err := errors.Join(fill(out), out.Flush(), file.Close()); err != nil {
		return err
	}
	fmt.Fprintf(log, "%s: the %s\n", path, what)
	return nil
}
