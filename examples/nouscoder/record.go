package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/grouprl/grouprl/grpo"
	"github.com/grouprl/grouprl/rollout"
)

// record is what happened in one reinforcement step: a row of the CSV.
type record struct {
	Objective string
	Step      int // 1 is the first
	Window    int // tokens of prompt and completion
	Rate      float64

	// Rollouts. Drawn groups are kept, all right or all wrong, but for those that
	// were mixed when the step was full already.
	Drawn, Kept, AllRight, AllWrong, Rounds int
	Programs                                int     // of the drawn groups
	Truncated                               int     // of these, cut by the window and not run
	Distinct                                int     // texts among the others
	Ran                                     int     // programs executed meanwhile: those not known, and some of groups in flight
	Tokens                                  int     // of all programs
	Verdicts                                [12]int // programs by rollout.Status

	// Updates. Every ratio of the first minibatch is 1; clipping is over the others.
	Updates       int
	Loss          float64 // mean over minibatches
	FirstRatio    float64 // largest |ratio - 1| of the first minibatch
	RatioMin      float64
	RatioMax      float64
	ClipLow       float64 // share of tokens held below, and above; a clipped sequence holds all its tokens
	ClipHigh      float64
	ClipResponses float64 // share of responses with a token that is held
	Gradient      float64 // mean norm, before it is clipped

	// Seconds.
	Rollout  float64 // from the first prompt to the last verdict
	Sampling float64 // of these, the generator was at work
	Update   float64
}

// idle is the share of the rollout time in which the generator had nothing to do.
func (r *record) idle() float64 {
	if r.Rollout == 0 {
		return 0
	}
	return max(0, 1-r.Sampling/r.Rollout)
}

// passRate is the share of the drawn programs that pass.
func (r *record) passRate() float64 { return r.share(r.Verdicts[rollout.Accepted]) }

func (r *record) share(n int) float64 {
	if r.Programs == 0 {
		return 0
	}
	return float64(n) / float64(r.Programs)
}

// count enters a drawn group.
func (r *record) count(g *rollout.Group) {
	r.Drawn++
	texts := map[string]bool{}
	for i, c := range g.Completions {
		r.Programs++
		r.Tokens += len(c.Tokens)
		r.Verdicts[g.Verdicts[i].Status]++
		if c.Truncated() {
			r.Truncated++
		} else {
			texts[c.Text] = true
		}
	}
	r.Distinct += len(texts)
	right := 0
	for i := range g.Verdicts {
		if g.Verdicts[i].Status == rollout.Accepted {
			right++
		}
	}
	switch right {
	case 0:
		r.AllWrong++
	case len(g.Verdicts):
		r.AllRight++
	}
}

// updated enters a minibatch.
func (r *record) updated(s *grpo.Stats, norm, deviation float64, first bool) {
	r.Updates++
	r.Loss += s.Loss()
	r.Gradient += norm
	low, _, high := s.RatioRange()
	if first {
		r.FirstRatio, r.RatioMin, r.RatioMax = deviation, low, high
		return
	}
	_, below, above := s.ClipFraction()
	r.ClipLow += below
	r.ClipHigh += above
	r.ClipResponses += s.ClippedResponses()
	r.RatioMin, r.RatioMax = min(r.RatioMin, low), max(r.RatioMax, high)
}

// average turns the sums over minibatches into means.
func (r *record) average() {
	all, others := float64(max(1, r.Updates)), float64(max(1, r.Updates-1))
	r.Loss /= all
	r.Gradient /= all
	r.ClipLow /= others
	r.ClipHigh /= others
	r.ClipResponses /= others
}

// line is what the progress bar says about the step.
func (r *record) line() string {
	return fmt.Sprintf("pass %.0f%%, groups %d/%d (%d all right, %d all wrong), clipped %.1f%% of tokens %.0f%% of programs, cut %.0f%%, generator idle %.0f%%",
		100*r.passRate(), r.Kept, r.Drawn, r.AllRight, r.AllWrong, 100*(r.ClipLow+r.ClipHigh), 100*r.ClipResponses, 100*r.share(r.Truncated), 100*r.idle())
}

// columns are the CSV's, in order.
var columns = []struct {
	name  string
	value func(r *record) any
}{
	{"objective", func(r *record) any { return r.Objective }},
	{"step", func(r *record) any { return r.Step }},
	{"window", func(r *record) any { return r.Window }},
	{"rate", func(r *record) any { return r.Rate }},
	{"groups_drawn", func(r *record) any { return r.Drawn }},
	{"groups_kept", func(r *record) any { return r.Kept }},
	{"groups_all_right", func(r *record) any { return r.AllRight }},
	{"groups_all_wrong", func(r *record) any { return r.AllWrong }},
	{"rounds", func(r *record) any { return r.Rounds }},
	{"programs", func(r *record) any { return r.Programs }},
	{"pass_rate", func(r *record) any { return r.passRate() }},
	{"accepted", func(r *record) any { return r.Verdicts[rollout.Accepted] }},
	{"wrong_answer", func(r *record) any { return r.Verdicts[rollout.WrongAnswer] }},
	{"runtime_error", func(r *record) any { return r.Verdicts[rollout.RuntimeError] }},
	{"compile_error", func(r *record) any { return r.Verdicts[rollout.CompileError] }},
	{"time_limit", func(r *record) any { return r.Verdicts[rollout.TimeLimit] }},
	{"truncated", func(r *record) any { return r.Truncated }},
	{"programs_distinct", func(r *record) any { return r.Distinct }},
	{"programs_executed", func(r *record) any { return r.Ran }},
	{"mean_length", func(r *record) any { return r.share(r.Tokens) }},
	{"loss", func(r *record) any { return r.Loss }},
	{"first_ratio_deviation", func(r *record) any { return r.FirstRatio }},
	{"ratio_min", func(r *record) any { return r.RatioMin }},
	{"ratio_max", func(r *record) any { return r.RatioMax }},
	{"clip_low", func(r *record) any { return r.ClipLow }},
	{"clip_high", func(r *record) any { return r.ClipHigh }},
	{"clip_programs", func(r *record) any { return r.ClipResponses }},
	{"gradient_norm", func(r *record) any { return r.Gradient }},
	{"generator_idle", func(r *record) any { return r.idle() }},
	{"rollout_seconds", func(r *record) any { return r.Rollout }},
	{"sampling_seconds", func(r *record) any { return r.Sampling }},
	{"update_seconds", func(r *record) any { return r.Update }},
}

// writeRecords writes a header and a row for each step.
func writeRecords(w io.Writer, records []record) error {
	c := csv.NewWriter(w)
	row := make([]string, len(columns))
	for i, column := range columns {
		row[i] = column.name
	}
	c.Write(row)
	for i := range records {
		for j, column := range columns {
			switch v := column.value(&records[i]).(type) {
			case float64:
				row[j] = strconv.FormatFloat(v, 'g', 6, 64)
			default:
				row[j] = fmt.Sprint(v)
			}
		}
		c.Write(row)
	}
	c.Flush()
	return c.Error()
}

// seconds is a duration as the records have it.
func seconds(since time.Time) float64 { return time.Since(since).Seconds() }
