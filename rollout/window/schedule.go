// Package window says how long a completion may be: a context window by training
// step, the token budget that a prompt leaves of it, and YaRN, which stretches
// the window past the one that was trained.
//
// A window counts prompt and completion together. Everything here is a value
// without state.
package window

import (
	"fmt"
	"strconv"
	"strings"
)

// Default is the window of a schedule without stages: that of the first stage of
// NousCoder-14B's recipe.
const Default = 32768

// A Stage is a window from a training step on.
type Stage struct {
	From   int `json:"from"`   // first step, from 0
	Tokens int `json:"tokens"` // prompt and completion together
}

// Schedule is the context window by training step: stages in ascending order of
// From, of which the first starts at step 0. The zero value is Default tokens
// throughout.
//
//	window.Schedule{{0, 32768}, {400, 40960}} // 32,768 until step 399, then 40,960
type Schedule []Stage

// NousCoder is the schedule of NousCoder-14B: 32,768 tokens until step extend,
// then 40,960.
func NousCoder(extend int) Schedule { return Schedule{{0, 32768}, {extend, 40960}} }

// ScheduleError is a stage that cannot be.
type ScheduleError struct {
	Stage int // index
	Why   string
}

func (e *ScheduleError) Error() string { return fmt.Sprintf("window: stage %d: %s", e.Stage, e.Why) }

// Validate returns a *ScheduleError if the first stage does not start at step 0,
// stages do not ascend, or a window is not positive.
func (s Schedule) Validate() error {
	for i, stage := range s {
		switch {
		case i == 0 && stage.From != 0:
			return &ScheduleError{i, fmt.Sprintf("starts at step %d, the first one must start at 0", stage.From)}
		case i > 0 && stage.From <= s[i-1].From:
			return &ScheduleError{i, fmt.Sprintf("starts at step %d, not after the stage before it (%d)", stage.From, s[i-1].From)}
		case stage.Tokens <= 0:
			return &ScheduleError{i, fmt.Sprintf("a window of %d tokens", stage.Tokens)}
		}
	}
	return nil
}

// At returns the window of a step; steps before the first stage have its window.
func (s Schedule) At(step int) int {
	if len(s) == 0 {
		return Default
	}
	tokens := s[0].Tokens
	for _, stage := range s {
		if stage.From <= step {
			tokens = stage.Tokens
		}
	}
	return tokens
}

// Budget returns the token budget of a step, with reserve tokens kept free.
func (s Schedule) Budget(step, reserve int) Budget {
	return Budget{Window: s.At(step), Reserve: reserve}
}

// String returns "32768, 40960 from step 400".
func (s Schedule) String() string {
	if len(s) == 0 {
		return strconv.Itoa(Default)
	}
	parts := make([]string, len(s))
	for i, stage := range s {
		parts[i] = strconv.Itoa(stage.Tokens)
		if i > 0 {
			parts[i] += fmt.Sprintf(" from step %d", stage.From)
		}
	}
	return strings.Join(parts, ", ")
}
