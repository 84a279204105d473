package rollout

import (
	"fmt"
	"slices"
	"strconv"
)

// Status is what became of a submitted program.
type Status int

// Verdict statuses. Everything that the submitted bytes can cause is one of
// these; a failure of the machinery is an error instead, and never a reward.
const (
	Unjudged     Status = iota // the zero value: not a verdict
	Accepted                   // every test passed
	WrongAnswer                // a test's output differs
	TimeLimit                  // wall or CPU time over the limit
	MemoryLimit                // memory over the limit
	OutputLimit                // more output than allowed
	RuntimeError               // an exception, a signal, or a non-zero exit
	CompileError               // not a Python program
	Crash                      // took its interpreter or supervisor with it
	Truncated                  // cut by the window; never run
	NoCode                     // no program in the completion
)

var statusNames = [...]string{"Unjudged", "Accepted", "WrongAnswer", "TimeLimit", "MemoryLimit", "OutputLimit", "RuntimeError", "CompileError", "Crash", "Truncated", "NoCode"}

// String returns the constant's name.
func (s Status) String() string {
	if s < 0 || int(s) >= len(statusNames) {
		return "Status(" + strconv.Itoa(int(s)) + ")"
	}
	return statusNames[s]
}

// MarshalText returns the constant's name; an unknown status is an error.
func (s Status) MarshalText() ([]byte, error) {
	if s < 0 || int(s) >= len(statusNames) {
		return nil, fmt.Errorf("rollout: unknown status %d", int(s))
	}
	return []byte(statusNames[s]), nil
}

// UnmarshalText accepts the constants' names.
func (s *Status) UnmarshalText(text []byte) error {
	i := slices.Index(statusNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("rollout: unknown status %q", text)
	}
	*s = Status(i)
	return nil
}
