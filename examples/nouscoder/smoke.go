package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/grouprl/grouprl/rollout"
)

// checkMechanics is what -smoke asserts: not that pass@1 rises, for which half a
// minute is too short, but that every part did what it should.
func (r *run) checkMechanics(out io.Writer) error {
	var wrong []error
	check := func(ok bool, format string, a ...any) {
		if !ok {
			wrong = append(wrong, fmt.Errorf(format, a...))
		}
	}
	s := &r.state
	check(s.WarmLoss > 0 && s.WarmLoss < 0.6, "warm start: a token of the corpus costs %.3f nats, want below 0.6", s.WarmLoss)

	var verdicts [len(record{}.Verdicts)]int
	for _, t := range s.Trainings {
		clipped, updates := 0.0, 0
		for i := range t.Records {
			record := &t.Records[i]
			check(record.FirstRatio == 0, "%s, step %d: a ratio of the first minibatch is off by %g: sampler and trainer disagree", t.Objective, record.Step, record.FirstRatio)
			check(!math.IsNaN(record.Loss+record.Gradient), "%s, step %d: loss %g, gradient %g", t.Objective, record.Step, record.Loss, record.Gradient)
			check(record.Kept == 0 || record.RatioMax > record.RatioMin, "%s, step %d: no ratio moved", t.Objective, record.Step)
			clipped += record.ClipLow + record.ClipHigh
			updates += record.Updates
			for status, n := range record.Verdicts {
				verdicts[status] += n
			}
		}
		check(updates > len(t.Records), "%s: %d updates in %d steps", t.Objective, updates, len(t.Records))
		if strings.HasPrefix(t.Objective, "gspo") {
			check(clipped > 0, "%s: nothing was clipped", t.Objective)
		}
		check(len(t.Curve) >= 2, "%s: %d points on the curve", t.Objective, len(t.Curve))
	}
	for _, status := range []rollout.Status{rollout.Accepted, rollout.WrongAnswer, rollout.RuntimeError, rollout.CompileError, rollout.Truncated} {
		check(verdicts[status] > 0, "no program was judged %v", status)
	}
	if err := errors.Join(wrong...); err != nil {
		return fmt.Errorf("smoke: %w", err)
	}
	fmt.Fprintln(out, "smoke: every part did what it should")
	return nil
}
