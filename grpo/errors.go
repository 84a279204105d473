package grpo

import (
	"errors"
	"fmt"
)

// ErrEmptyStep is returned for a step without a counted token: there is nothing
// to divide by, and an optimiser must not advance on it.
var ErrEmptyStep = errors.New("grpo: the step has no counted token")

// ObjectiveError says that an Objective is not a point of the grid: a part is
// missing or has an impossible parameter, or two parts contradict each other.
type ObjectiveError struct {
	Part   string // "Surrogate", "Weights[1]", ...
	Reason string
}

func (e *ObjectiveError) Error() string {
	return fmt.Sprintf("grpo: objective: %s: %s", e.Part, e.Reason)
}

// FieldError says that an objective reads a field which the batch does not have.
type FieldError struct {
	Field string // of Batch
	By    string // the part that reads it
}

func (e *FieldError) Error() string {
	return fmt.Sprintf("grpo: %s needs Batch.%s, which is not given", e.By, e.Field)
}

// BatchError says that a batch, a destination or totals are inconsistent.
type BatchError struct {
	Field  string
	Reason string
}

func (e *BatchError) Error() string {
	return fmt.Sprintf("grpo: %s: %s", e.Field, e.Reason)
}

// ValueError reports a value that is not finite (or, of a weight, negative) at a
// counted token: the first one in batch order.
type ValueError struct {
	Field    string  // of Batch, or "Ratio", "Weight", "Loss", "Gradient", "KL"
	Response int     // index in the batch; -1: the value belongs to the whole batch
	Token    int     // index into the batch's [T]; -1: the value belongs to the whole response
	Value    float64 // as found
}

func (e *ValueError) Error() string {
	if e.Response < 0 {
		return fmt.Sprintf("grpo: %s of the batch is %v", e.Field, e.Value)
	}
	if e.Token < 0 {
		return fmt.Sprintf("grpo: %s of response %d is %v", e.Field, e.Response, e.Value)
	}
	return fmt.Sprintf("grpo: %s at token %d of response %d is %v", e.Field, e.Token, e.Response, e.Value)
}
