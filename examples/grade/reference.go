package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	"github.com/grouprl/grouprl/rollout"
	"github.com/grouprl/grouprl/rollout/dataset"
)

// fenced is a program as a policy would answer with it.
func fenced(program string) string { return "```python\n" + program + "\n```" }

// referenceCompletions are the data set's own solutions, one a problem, as
// completions; raw ones where the rule takes the whole text for the program.
func referenceCompletions(problems iter.Seq2[*rollout.Problem, error], o options) ([]completion, error) {
	write := fenced
	if o.extract == rules["whole"] {
		write = func(program string) string { return program }
	}
	var list []completion
	var unread []error // counted where problems are looked up; here it may be the reason for an empty list
	seen := map[string]bool{}
	for p, err := range problems {
		if err != nil {
			unread = append(unread, err)
			continue
		}
		if p.Reference == "" || seen[p.ID] || !inWindow(o.window, p) {
			continue
		}
		seen[p.ID] = true
		text := write(p.Reference)
		list = append(list, completion{problem: p.ID, text: func() (string, error) { return text, nil }})
	}
	switch {
	case len(list) == 0 && len(unread) > 0:
		return nil, fmt.Errorf("-completions reference: there is none to be had; %d rows cannot be read, the first: %w", len(unread), unread[0])
	case len(list) == 0:
		return nil, errors.New("-completions reference: no problem of this set (and window) has a solution of its own")
	}
	return list, nil
}

// writeReference writes the data set's own solutions as a file of completions.
func writeReference(path string, log io.Writer, problems iter.Seq2[*rollout.Problem, error], window dataset.Window) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() {
		if closing := file.Close(); err == nil {
			err = closing
		}
	}()
	out := bufio.NewWriter(file)
	lines := json.NewEncoder(out)
	var written, without int
	for p, err := range problems {
		switch {
		case err != nil:
			return err
		case !inWindow(window, p):
		case p.Reference == "":
			without++
		default:
			text, sample := fenced(p.Reference), 0
			if err := lines.Encode(row{Problem: p.ID, Sample: &sample, Text: &text, Finish: "stop"}); err != nil {
				return err
			}
			written++
		}
	}
	fmt.Fprintf(log, "%s: %d completions; %d problems have no solution of their own\n", path, written, without)
	return out.Flush()
}
