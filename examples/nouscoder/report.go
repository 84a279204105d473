package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/grouprl/grouprl/rollout"
	"github.com/grouprl/grouprl/rollout/eval"
)

// report writes the results: programs and table to out, table, curves and steps to
// the output folder.
func (r *run) report(ctx context.Context, out io.Writer) error {
	if err := r.showPrograms(ctx, out); err != nil {
		return err
	}
	var table, steps, picture bytes.Buffer
	if err := r.writeTable(&table); err != nil {
		return err
	}
	var records []record
	var curves []curve
	for _, t := range r.state.Trainings {
		records = append(records, t.Records...)
		curves = append(curves, curve{t.Objective, t.Curve})
	}
	if err := writeRecords(&steps, records); err != nil {
		return err
	}
	if err := writeCurves(&picture, fmt.Sprintf("seed %d", r.state.Recipe.Seed), curves); err != nil {
		return err
	}
	for name, data := range map[string][]byte{"table.txt": table.Bytes(), "steps.csv": steps.Bytes(), "curves.png": picture.Bytes()} {
		if err := writeFile(filepath.Join(r.options.out, name), data); err != nil {
			return err
		}
	}
	out.Write(table.Bytes())
	asked, ran := r.judge.counts()
	fmt.Fprintf(out, "\n%.0f s; %d complete programs since the start, %d of them run, the others known.\n", r.spent(), asked, ran)
	fmt.Fprintf(out, "In %s: table.txt, curves.png, steps.csv and checkpoint.gob.\n", r.options.out)
	return nil
}

// writeTable is the seed's table: objectives and evaluation windows, pass@1 before and
// after, and the paired rise.
func (r *run) writeTable(w io.Writer) error {
	s := &r.state
	distinct := map[string]bool{}
	for _, p := range r.heldOut {
		distinct[p.Reading.Composition()] = true
	}
	fmt.Fprintf(w, "Pass@1 in %% on %d problems of %d unseen compositions, seed %d, %d steps;\n", len(r.heldOut), len(distinct), s.Recipe.Seed, s.Plan.Steps)
	fmt.Fprintf(w, "95 %% intervals clustered by composition, those of a rise paired.\n\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "objective\twindow\tsampled before\tafter\trise\tgreedy before\tafter\trise")
	for _, training := range s.Trainings {
		for i, after := range training.Final {
			before := s.Before[i]
			window := fmt.Sprint(after.Protocol.Window)
			if after.Protocol.YaRN.Factor > 1 {
				window += " YaRN"
			}
			fmt.Fprintf(t, "%s\t%s", training.Objective, window)
			for _, pair := range [][2][]eval.Result{{before.Sampled, after.Sampled}, {before.Greedy, after.Greedy}} {
				start, err := pass1(pair[0])
				end, err2 := pass1(pair[1])
				up, err3 := rise(pair[0], pair[1])
				if err := errors.Join(err, err2, err3); err != nil {
					return err
				}
				fmt.Fprintf(t, "\t%s\t%s\t%s", start, end, up)
			}
			fmt.Fprintln(t)
		}
	}
	return t.Flush()
}

// String is in percent.
func (e estimate) String() string {
	return fmt.Sprintf("%.1f [%.1f, %.1f]", 100*e.Mean, 100*e.Low, 100*e.High)
}

// shown is the number of programs at the end.
const shown = 3

// showPrograms samples programs of the last policy for held-out problems whose wording
// the corpus mostly answers wrong, and prints them with their verdicts.
func (r *run) showPrograms(ctx context.Context, out io.Writer) error {
	s := &r.state
	last := len(s.Policies) - 1
	p, err := restore(s.Policies[last])
	if err != nil {
		return err
	}
	sampler := newSampler(p, s.Recipe.protocols()[0].Window)
	left := shown
	for _, problem := range r.heldOut {
		if !problem.Tricky() || left == 0 {
			continue
		}
		left--
		c, err := sampler.Generate(ctx, &rollout.Request{Problem: &problem.Problem, Sample: 1, Seed: int64(s.Recipe.stream(samplingStream))})
		if err != nil {
			return err
		}
		v, err := r.judge.Verify(ctx, &problem.Problem, c)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s\n\n    %s\n%s after %s: %d of %d tests passed\n\n", problem.Statement,
			strings.ReplaceAll(strings.TrimSuffix(c.Text, "\n"), "\n", "\n    "), v.Status, s.Trainings[last].Objective, v.Passed, s.Recipe.EvalTests)
	}
	return nil
}
