package eval

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// Summary is one line of a report: the figures of a set of problems.
type Summary struct {
	Name      string   `json:"name"`
	Problems  int      `json:"problems"`
	Clusters  int      `json:"clusters"`
	Samples   int      `json:"samples"`          // of all problems
	Lost      int      `json:"lost,omitempty"`   // samples that the machinery lost
	Pass      float64  `json:"pass"`             // mean pass@K
	Clustered Interval `json:"clustered"`        // of Pass; [0, 1] with fewer than two clusters
	Bootstrap Interval `json:"bootstrap"`        // the same
	Overlong  float64  `json:"overlong"`         // share of samples
	Tokens    float64  `json:"tokens,omitempty"` // mean of a sample's completion
	Cost      Cost     `json:"cost,omitzero"`    // of all samples; Prompt 0: not counted
}

// Summarize computes the figures of a set of problems.
func Summarize(name string, results []Result, o Options) (Summary, error) {
	s := Summary{Name: name, Problems: len(results), Clustered: Interval{0, 1}, Bootstrap: Interval{0, 1}}
	data, o, err := newSample(results, o)
	var few *ClustersError
	switch {
	case errors.As(err, &few):
		s.Clusters = few.Clusters
		if s.Pass, err = MeanPassK(results, o.K); err != nil {
			return Summary{}, err
		}
	case err != nil:
		return Summary{}, err
	default:
		s.Clusters, s.Pass = len(data.sum), data.mean
		s.Clustered, s.Bootstrap = data.clustered(o).cut(), data.bootstrap(o)
	}
	if s.Overlong, err = OverlongShare(results); err != nil {
		return Summary{}, err
	}
	for i := range results {
		s.Samples += results[i].Samples
		s.Lost += results[i].Lost
		s.Tokens += float64(results[i].Tokens)
		s.Cost.Completion += results[i].Tokens
		s.Cost.Prompt += results[i].Prompt
	}
	s.Tokens /= float64(s.Samples)
	return s, nil
}

// Report is an evaluation: its protocol, all problems, and each difficulty.
type Report struct {
	Protocol     Protocol  `json:"protocol"`
	K            int       `json:"k"`
	Level        float64   `json:"level"`
	All          Summary   `json:"all"`
	Difficulties []Summary `json:"difficulties,omitempty"` // easy, medium, hard; then numbers; then the rest by name; none if no problem has one
}

// NewReport computes a report. Several samples of a problem cannot have come of the
// zero Protocol, which is greedy: it then stands for nobody having said, and is
// reported as Unknown.
func NewReport(p Protocol, results []Result, o Options) (Report, error) {
	if p == (Protocol{}) && slices.ContainsFunc(results, func(r Result) bool { return r.Samples > 1 }) {
		p.Unknown = true
	}
	if err := p.Validate(); err != nil {
		return Report{}, err
	}
	o, err := o.withDefaults()
	if err != nil {
		return Report{}, err
	}
	r := Report{Protocol: p, K: o.K, Level: o.Level}
	if r.All, err = Summarize("all", results, o); err != nil {
		return Report{}, err
	}
	parts := ByDifficulty(results)
	if len(parts) == 1 && parts[0].Difficulty == "" {
		return r, nil
	}
	for _, part := range parts {
		name := part.Difficulty
		if name == "" {
			name = "unknown"
		}
		s, err := Summarize(name, part.Results, o)
		if err != nil {
			return Report{}, err
		}
		r.Difficulties = append(r.Difficulties, s)
	}
	return r, nil
}

// Part is the problems of one difficulty.
type Part struct {
	Difficulty string
	Results    []Result
}

// ByDifficulty parts results, which keep their order: easy, medium, hard first,
// then numbers in their order, then other names, then problems without one.
func ByDifficulty(results []Result) []Part {
	var parts []Part
	for _, r := range results {
		i := slices.IndexFunc(parts, func(p Part) bool { return p.Difficulty == r.Difficulty })
		if i < 0 {
			i = len(parts)
			parts = append(parts, Part{Difficulty: r.Difficulty})
		}
		parts[i].Results = append(parts[i].Results, r)
	}
	slices.SortStableFunc(parts, func(a, b Part) int {
		ka, na := rank(a.Difficulty)
		kb, nb := rank(b.Difficulty)
		return cmp.Or(cmp.Compare(ka, kb), cmp.Compare(na, nb), strings.Compare(a.Difficulty, b.Difficulty))
	})
	return parts
}

func rank(difficulty string) (kind int, number float64) {
	if i := slices.Index([]string{"easy", "medium", "hard"}, strings.ToLower(difficulty)); i >= 0 {
		return i, 0
	}
	if n, err := strconv.ParseFloat(difficulty, 64); err == nil {
		return 3, n
	}
	if difficulty != "" {
		return 4, 0
	}
	return 5, 0
}

// String is the report as a table.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintln(&b, r.Protocol)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "\tproblems\tsamples\tpass@%d\t%g %% clustered\tbootstrap\toverlong\ttokens\t\n", r.K, 100*r.Level)
	for _, s := range append([]Summary{r.All}, r.Difficulties...) {
		fmt.Fprintf(w, "%s\t%d\t%d\t%.4f\t%v\t%v\t%.4f\t%.0f\t\n", s.Name, s.Problems, s.Samples, s.Pass, s.Clustered, s.Bootstrap, s.Overlong, s.Tokens)
	}
	_ = w.Flush() // a strings.Builder does not fail
	if c := r.All.Cost; c.Prompt > 0 {
		fmt.Fprintf(&b, "cost: %d tokens of prompts, %d of completions\n", c.Prompt, c.Completion)
	}
	if r.All.Lost > 0 {
		fmt.Fprintf(&b, "%d samples were lost to errors of the machinery and count in no figure\n", r.All.Lost)
	}
	return b.String()
}
