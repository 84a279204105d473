package advantage

import "fmt"

// LengthError says that a slice has the wrong length. Nothing was written.
type LengthError struct {
	Field     string // "dst", or a field of Input
	Got, Want int
}

func (e *LengthError) Error() string {
	return fmt.Sprintf("advantage: %s has length %d, want %d", e.Field, e.Got, e.Want)
}

// MissingError says that an estimator needs a field of Input that is nil.
// Nothing was written.
type MissingError struct {
	Estimator string // name of the estimator's type
	Field     string // field of Input
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("advantage: %s needs Input.%s", e.Estimator, e.Field)
}

// OptionError says that a field of an estimator has a value with no meaning.
// Nothing was written.
type OptionError struct {
	Estimator string // name of the estimator's type
	Field     string // field of the estimator
	Reason    string
}

func (e *OptionError) Error() string {
	return fmt.Sprintf("advantage: %s.%s: %s", e.Estimator, e.Field, e.Reason)
}

// ValueError says that a number cannot be used: not finite, or outside what the
// estimator is defined for. Field "dst" means that finite input overflowed. Every
// element of dst is then zero.
type ValueError struct {
	Field    string  // field of Input, or "dst"
	Response int     // index of the first such response
	Token    int     // index of the token in the packed batch; -1: the value is one a response
	Value    float64 // what was found
	Reason   string
}

func (e *ValueError) Error() string {
	where := fmt.Sprintf("response %d", e.Response)
	if e.Token >= 0 {
		where += fmt.Sprintf(", token %d", e.Token)
	}
	return fmt.Sprintf("advantage: %s of %s is %v: %s", e.Field, where, e.Value, e.Reason)
}
