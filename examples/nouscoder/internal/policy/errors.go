package policy

import (
	"errors"
	"fmt"
)

// ErrNoForward is returned by Backward where no LogProbs call precedes it, or
// where its activations have been used up by an earlier Backward or Step.
var ErrNoForward = errors.New("policy: Backward needs a LogProbs call before it")

// ErrPendingGradient is returned by Snapshot between Backward and Step: an
// accumulated gradient is not part of a snapshot. Step or ZeroGradient first.
var ErrPendingGradient = errors.New("policy: snapshot between Backward and Step")

// A ConfigError names a field of Config, Rope or Adam that has no meaning.
type ConfigError struct {
	Field  string
	Reason string
}

func (e *ConfigError) Error() string { return fmt.Sprintf("policy: %s %s", e.Field, e.Reason) }

// An InputError names what is wrong with the tokens or the gradient that a
// method was given. Group is the index of the group or request, Response of
// the response in it (-1: the prompt) and Position of the token; -1 means that
// the whole of it is meant.
type InputError struct {
	Group, Response, Position int
	Reason                    string
}

func (e *InputError) Error() string {
	return fmt.Sprintf("policy: group %d, response %d, position %d: %s", e.Group, e.Response, e.Position, e.Reason)
}

// A ValueError says that a gradient is not finite.
type ValueError struct {
	What  string // "gradient of log-probability", "gradient norm"
	Index int    // its index, -1 where it has none
	Value float64
}

func (e *ValueError) Error() string {
	if e.Index < 0 {
		return fmt.Sprintf("policy: %s is %v", e.What, e.Value)
	}
	return fmt.Sprintf("policy: %s %d is %v", e.What, e.Index, e.Value)
}

// A SnapshotError says why a snapshot cannot be restored.
type SnapshotError struct{ Reason string }

func (e *SnapshotError) Error() string { return "policy: snapshot " + e.Reason }
