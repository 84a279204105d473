// Package eval turns verdicts into figures: pass@k, intervals that know which
// problems belong together, comparisons of two runs, a report.
//
// One Result is one problem's samples. All figures are means over problems, each
// problem counting once however many samples it has, and errors where they would
// mean nothing.
package eval

import (
	"errors"
	"fmt"

	"github.com/grouprl/grouprl/rollout"
)

// Result is what one problem's samples came to.
type Result struct {
	Problem    string `json:"problem"`              // its ID
	Difficulty string `json:"difficulty,omitempty"` // as the source says
	Cluster    string `json:"cluster,omitempty"`    // problems that rise and fall together (one template, one composition, one contest); "": this problem alone
	Samples    int    `json:"samples"`              // n, at least 1
	Correct    int    `json:"correct"`              // c, of these: accepted
	Overlong   int    `json:"overlong"`             // of these: cut by the window
	Lost       int    `json:"lost,omitempty"`       // that the machinery lost: beside the n, neither right nor wrong
	Tokens     int64  `json:"tokens,omitempty"`     // of all samples' completions together
	Prompt     int64  `json:"prompt,omitempty"`     // of all samples' prompts together
}

// FromGroup counts a group: Correct are the completions with status Accepted,
// Overlong those that the window cut. Cluster is for the caller to set.
func FromGroup(g *rollout.Group) Result {
	r := Result{Problem: g.Problem.ID, Difficulty: g.Problem.Difficulty, Samples: len(g.Completions), Lost: len(g.Lost)}
	for i, c := range g.Completions {
		if g.Verdicts[i].Status == rollout.Accepted {
			r.Correct++
		}
		if c.Truncated() {
			r.Overlong++
		}
		r.Tokens += int64(len(c.Tokens))
		r.Prompt += int64(len(c.Prompt))
	}
	return r
}

// ErrNoResults is a figure of no problems.
var ErrNoResults = errors.New("eval: no results")

// ResultError is a result from which a figure cannot be made.
type ResultError struct {
	Problem string
	Why     string
}

func (e *ResultError) Error() string { return fmt.Sprintf("eval: problem %q: %s", e.Problem, e.Why) }

func (r *Result) check() error {
	why := ""
	switch {
	case r.Samples < 1:
		why = fmt.Sprintf("%d samples", r.Samples)
	case r.Correct < 0 || r.Correct > r.Samples:
		why = fmt.Sprintf("%d correct of %d samples", r.Correct, r.Samples)
	case r.Overlong < 0 || r.Overlong > r.Samples:
		why = fmt.Sprintf("%d overlong of %d samples", r.Overlong, r.Samples)
	default:
		return nil
	}
	return &ResultError{r.Problem, why}
}
