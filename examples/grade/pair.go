package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/grouprl/grouprl/rollout"
)

// task is one completion to be graded.
type task struct {
	completion
	of *rollout.Problem
}

// work is all there is to grade, and what was left out of it.
type work struct {
	tasks    []task             // in the order of the completions
	problems []*rollout.Problem // that have completions, in the order of the data set
	notes    []string           // what the figures do not cover, a sentence each
}

// shown is how many of many are named in a message.
const shown = 5

// named lists the first few.
func named(all []string) string {
	if len(all) > shown {
		return fmt.Sprintf("%s and %d more", strings.Join(all[:shown], ", "), len(all)-shown)
	}
	return strings.Join(all, ", ")
}

// readWork reads the completions and finds each one's problem.
func readWork(o options, s *source) (*work, error) {
	w := &work{}
	var list []completion
	if o.complete == "reference" {
		var err error
		if list, err = referenceCompletions(s.problems, o); err != nil {
			return nil, err
		}
	} else {
		file, err := os.Open(o.complete)
		if err != nil {
			return nil, fmt.Errorf("-completions: %w", err)
		}
		var bad []error
		if list, bad, err = readCompletions(file); err != nil {
			return nil, fmt.Errorf("-completions: %w", err)
		}
		if len(bad) > 0 && !o.skip {
			count := len(bad)
			bad = bad[:min(count, 2*shown)]
			return nil, fmt.Errorf("%d lines are no completions (-skip passes over them):\n%w", count, errors.Join(bad...))
		}
		if len(bad) > 0 {
			w.notef("%d lines are no completions and were passed over, the first: %v", len(bad), bad[0])
		}
		if len(list) == 0 {
			return nil, fmt.Errorf("-completions %s: no completion in it", o.complete)
		}
	}
	return w, w.pair(list, o, s)
}

func (w *work) notef(format string, a ...any) { w.notes = append(w.notes, fmt.Sprintf(format, a...)) }

// sampleKey identifies a completion.
type sampleKey struct {
	problem string
	sample  int
}

// pair makes tasks of the completions. Of two completions of one sample, and of two
// problems of one name, the first counts. Completions of problems outside the
// window, or of none, are left out. Nothing is made up for completions that are
// missing: pass@k is over the samples that there are, and the notes say of what.
func (w *work) pair(list []completion, o options, s *source) error {
	wanted := map[string]int{} // completions by problem
	for _, c := range list {
		wanted[c.problem] = 0
	}
	byName := map[string]*rollout.Problem{}
	outside := map[string]bool{}
	var unread []error
	var twins, unanswered []string
	var first string
	for p, err := range s.problems {
		if err != nil {
			unread = append(unread, err)
			continue
		}
		if first == "" {
			first = p.ID
		}
		_, want := wanted[p.ID]
		switch {
		case byName[p.ID] != nil:
			twins = append(twins, p.ID)
		case !inWindow(o.window, p):
			outside[p.ID] = true
		case want:
			byName[p.ID] = p
			w.problems = append(w.problems, p)
		default:
			unanswered = append(unanswered, p.ID)
		}
	}

	var unknown, doubled []string
	var unknownLines, outsideLines int
	seen := map[sampleKey]int{} // line of the first
	for _, c := range list {
		key := sampleKey{c.problem, c.sample}
		p := byName[c.problem]
		switch {
		case p == nil && outside[c.problem]:
			outsideLines++
		case p == nil:
			if wanted[c.problem]++; wanted[c.problem] == 1 {
				unknown = append(unknown, fmt.Sprintf("%q (line %d)", c.problem, c.line))
			}
			unknownLines++
		case seen[key] > 0:
			doubled = append(doubled, fmt.Sprintf("line %d (sample %d of %s, as line %d)", c.line, c.sample, c.problem, seen[key]))
		default:
			seen[key] = max(c.line, 1) // the set's own solutions have no line
			wanted[c.problem]++
			w.tasks = append(w.tasks, task{c, p})
		}
	}

	samples := 0 // that a problem should have
	for _, p := range w.problems {
		samples = max(samples, wanted[p.ID])
	}
	if o.protocol != nil && o.protocol.Samples > 0 {
		samples = o.protocol.Samples
	}
	var short []string
	missing := 0
	for _, p := range w.problems {
		if n := wanted[p.ID]; n < samples {
			short = append(short, fmt.Sprintf("%s (%d)", p.ID, n))
			missing += samples - n
		}
	}

	for _, part := range []struct {
		count  int
		format string
		args   []any
	}{
		{len(unread), "%d rows of the data set cannot be read; their problems are unknown, the first: %v", []any{firstOf(unread)}},
		{len(twins), "%d problems of the data set have the name of an earlier one and were left out: %s", []any{named(twins)}},
		{unknownLines, "%d completions are of %d problems that the data set does not have and were left out: %s", []any{len(unknown), named(unknown)}},
		{outsideLines, "%d completions are of problems outside the window and were left out", nil},
		{len(doubled), "%d completions are of a sample that an earlier line has and were left out: %s", []any{named(doubled)}},
		{len(unanswered), "%d problems have no completion and are in no figure: %s", []any{named(unanswered)}},
		{missing, "%d samples are missing, of %d problems with fewer than %d: %s", []any{len(short), samples, named(short)}},
	} {
		if part.count > 0 {
			w.notef(part.format, append([]any{part.count}, part.args...)...)
		}
	}
	if len(w.tasks) == 0 {
		return fmt.Errorf("nothing to grade:\n%s\nnames of this data set look like %q, -list prints all", strings.Join(w.notes, "\n"), first)
	}
	return nil
}

func firstOf(errs []error) error {
	if len(errs) == 0 {
		return nil
	}
	return errs[0]
}
