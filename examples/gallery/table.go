package main

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/grouprl/grouprl/grpo/grpotest"
)

const preamble = `# Objectives

Written by ` + "`go generate ./examples/gallery`" + ` from ` + "`grpotest.Catalogue()`" + `.

* *formula*: what the objective's ` + "`String`" + ` prints. r is the ratio, lp the policy's log-probability, A the advantage, T the tokens of the
  step, S its responses.
* *matches*: the packages whose own loss and gradient it was compared with, the number of cases, and a bound of the largest difference,
  relative to the largest gradient.
* *gradcheck*: the gradient agrees with central finite differences within 1e-6.
* *split*: however a step is cut into micro-batches and ranks, gradients and statistics have the same bits.

Pictures of the surrogates: [1](gallery-1.svg), [2](gallery-2.svg), [3](gallery-3.svg).

`

// table returns docs/objectives.md.
func table() ([]byte, error) {
	cases, err := grpotest.Golden()
	if err != nil {
		return nil, err
	}
	differences, err := measure(cases)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString(preamble)
	kind := grpotest.Kind("")
	for _, row := range grpotest.Catalogue() {
		if row.Kind != kind {
			kind = row.Kind
			fmt.Fprintf(&b, "\n## %s\n\n", strings.ToUpper(string(kind[:1]))+string(kind[1:]))
			b.WriteString("| objective | source | formula | matches | gradcheck | split |\n|---|---|---|---|---|---|\n")
		}
		o := row.New()
		failed := ""
		if err := grpotest.Check(o); err != nil {
			failed = "\n" + err.Error()
		}
		verdict := func(check string) string {
			if strings.Contains(failed, "\n"+check+": ") {
				return "**fails**"
			}
			return "yes"
		}
		fmt.Fprintf(&b, "| %s | %s | `%s` | %s | %s | %s |\n", cellText(row.Name), source(row.Paper), cellText(o.String()),
			matches(row, cases, differences), verdict("gradient"), verdict("split"))
	}
	b.WriteString("\n## Not one value of the library\n\n| objective | reason |\n|---|---|\n")
	for _, a := range grpotest.NotBuilt() {
		fmt.Fprintf(&b, "| %s | %s |\n", a.Name, a.Reason)
	}
	return b.Bytes(), nil
}

// measure evaluates every golden case.
func measure(cases []grpotest.Case) ([]float64, error) {
	d := make([]float64, len(cases))
	for i := range cases {
		stats, g, err := cases[i].Eval()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", cases[i].Name, err)
		}
		d[i] = cases[i].Difference(stats.Loss(), g.LogProbs, g.Entropies)
	}
	return d, nil
}

// matches lists the packages that a row was compared with. Differences are given as
// the next power of ten, so that the table is the same on every machine.
func matches(row grpotest.Row, cases []grpotest.Case, differences []float64) string {
	type sum struct {
		n    int
		most float64
	}
	packages := map[string]sum{}
	for i := range cases {
		if !row.Matches(&cases[i]) {
			continue
		}
		name := cases[i].Source.Package + "@" + cases[i].Source.Version
		if cases[i].Source.DType == "float32" {
			name += " (float32)"
		}
		s := packages[name]
		packages[name] = sum{s.n + 1, max(s.most, differences[i])}
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		s := packages[name]
		out = append(out, fmt.Sprintf("%s: %d, < 1e%d", name, s.n, int(math.Ceil(math.Log10(max(s.most, 2e-15))))))
	}
	return strings.Join(out, "<br>")
}

// source links an arXiv number.
func source(paper string) string {
	parts := strings.Split(paper, ", ")
	for i, p := range parts {
		if len(p) == 10 && p[4] == '.' {
			parts[i] = fmt.Sprintf("[%s](https://arxiv.org/abs/%s)", p, p)
		}
	}
	return strings.Join(parts, ", ")
}

// cellText keeps a text from ending its cell.
func cellText(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
