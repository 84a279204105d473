package sandbox

import (
	"errors"
	"fmt"
	"strings"
)

// ErrClosed is returned by a closed Runner or Session.
var ErrClosed = errors.New("sandbox: closed")

// InfraError says that the machinery failed, not the program: a canary program could
// not be run either, or the supervisor could not be reached. It is never a reward;
// the run may be tried again.
type InfraError struct {
	Op  string // what was being done: "start", "load", "run", ...
	Err error
}

func (e *InfraError) Error() string { return "sandbox: " + e.Op + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *InfraError) Unwrap() error { return e.Err }

// UnsupportedError says that this host cannot isolate a program, and which knob is
// missing, tier by tier.
type UnsupportedError struct {
	Tiers []TierError
}

// TierError is why one tier is not available.
type TierError struct {
	Tier   Tier
	Reason string // a sentence with the knob to turn
	Err    error  // as the system said it; may be nil
}

func (e *UnsupportedError) Error() string {
	var b strings.Builder
	b.WriteString("sandbox: this host cannot isolate a program")
	for _, t := range e.Tiers {
		fmt.Fprintf(&b, "; %s: %s", t.Tier, t.Reason)
		if t.Err != nil {
			fmt.Fprintf(&b, " (%v)", t.Err)
		}
	}
	return b.String()
}

// InterpreterError says that no usable Python interpreter was found, what was tried,
// and how to get one.
type InterpreterError struct {
	Tried []string // path: what is wrong with it
}

func (e *InterpreterError) Error() string {
	s := "sandbox: no Python 3.9 or newer that the sandbox may read; install one (apt-get install python3, dnf install python3, apk add python3) or set Config.Python"
	if len(e.Tried) > 0 {
		s += "; tried " + strings.Join(e.Tried, "; ")
	}
	return s
}

// ProgramError says that a Program cannot be run by anyone: it is the caller's
// mistake, such as an Entry that is no identifier.
type ProgramError struct {
	Field, Reason string
}

func (e *ProgramError) Error() string { return "sandbox: Program." + e.Field + ": " + e.Reason }
