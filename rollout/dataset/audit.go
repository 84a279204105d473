package dataset

import (
	"context"
	"fmt"
	"iter"

	"github.com/grouprl/grouprl/rollout"
)

// Finding is what Audit found out about a problem.
type Finding struct {
	Problem   *rollout.Problem
	Reference rollout.Verdict // Unjudged where the problem has no reference
	Empty     rollout.Verdict // of a program that does nothing
	Err       error           // why there is no verdict: tests that cannot be read, or the verifier's machinery
}

// Fault says what is wrong with the problem, "" if nothing is: its reference is not
// accepted, a program that does nothing is, or it cannot be judged.
func (f *Finding) Fault() string {
	switch {
	case f.Err != nil:
		return f.Err.Error()
	case f.Reference.Status != rollout.Accepted && f.Reference.Status != rollout.Unjudged:
		return fmt.Sprintf("the reference gets %v at test %d", f.Reference.Status, f.Reference.Test)
	case f.Empty.Status == rollout.Accepted:
		return "an empty program is accepted"
	}
	return ""
}

// Audit judges each problem's reference, and a program that does nothing, and
// yields what it found in the order of in. A problem that trains must reward the
// one and not the other. workers verify at a time; 0: GOMAXPROCS. Errors of in
// pass; an error of the verifier is the finding's.
func Audit(ctx context.Context, in iter.Seq2[*rollout.Problem, error], v rollout.Verifier, workers int) iter.Seq2[*Finding, error] {
	return rollout.Map(ctx, in, func(ctx context.Context, p *rollout.Problem) (*Finding, error) {
		f := &Finding{Problem: p}
		if p.Reference != "" {
			f.Reference, f.Err = v.Verify(ctx, p, &rollout.Completion{Text: "```python\n" + p.Reference + "\n```\n"})
		}
		if f.Err == nil {
			f.Empty, f.Err = v.Verify(ctx, p, &rollout.Completion{Text: "```python\npass\n```\n"})
		}
		return f, ctx.Err()
	}, rollout.MapOptions{Workers: workers})
}
