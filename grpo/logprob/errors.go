package logprob

import "fmt"

// ShapeError says that arguments do not fit together or that an option is impossible.
type ShapeError struct {
	Field  string // "Logits", "Targets", "Temperature", ...
	Reason string
}

func (e *ShapeError) Error() string { return fmt.Sprintf("logprob: %s %s", e.Field, e.Reason) }

// RowError is about the first row that has no answer. The outputs of such a row are
// NaN and its gradient is 0; all other rows are computed.
type RowError struct {
	Row    int64
	Field  string  // "Logits", "Targets", "Support", "LSE", "Entropies", "Gradient"
	ID     int64   // the id of the vocabulary it is about; -1: the whole row
	Value  float64 // as found
	Reason string
}

func (e *RowError) Error() string {
	if e.ID < 0 {
		return fmt.Sprintf("logprob: row %d: %s: %v: %s", e.Row, e.Field, e.Value, e.Reason)
	}
	return fmt.Sprintf("logprob: row %d: %s at id %d: %v: %s", e.Row, e.Field, e.ID, e.Value, e.Reason)
}
