package cuda

import (
	"errors"
	"fmt"

	"github.com/grouprl/grouprl/grpo/cuda/internal/driver"
)

// Errors of this package are told apart by errors.Is and errors.As:
//
//	ErrUnavailable           Open: go on with package logprob and grpo on the CPU
//	ErrOutOfMemory           the device has too little memory; nothing was started
//	ErrLost                  an earlier launch failed for good; every later call says so
//	*PointerError            an address that is no place for what it should hold
//	*logprob.ShapeError      arguments that do not fit together
//	*logprob.RowError        a row without an answer, inside a *CallError
//	*grpo.ValueError, ...    those of package grpo, of an Evaluator
//	*DriverError             any other call that the driver refused
var (
	ErrUnavailable = errors.New("cuda: no usable NVIDIA GPU")
	ErrLost        = errors.New("cuda: the device is lost to this process")

	ErrOutOfMemory error = driver.OutOfMemory
)

// DriverError is a call that the driver refused, with its CUresult.
type DriverError = driver.Error

// An OpenError says what Open did not find. It is an ErrUnavailable.
type OpenError struct {
	Missing string // "driver", "device" or "capability"
	Reason  string
	Err     error // of the driver; may be nil
}

func (e *OpenError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%v: %s: %v", ErrUnavailable, e.Reason, e.Err)
	}
	return fmt.Sprintf("%v: %s", ErrUnavailable, e.Reason)
}

// Unwrap is ErrUnavailable and what the driver said.
func (e *OpenError) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrUnavailable}
	}
	return []error{ErrUnavailable, e.Err}
}

// PointerError is about an address given for a buffer: none, misaligned, freed, or with
// less memory behind it than is needed. Nothing has been started.
type PointerError struct {
	Field  string // "Matrix", "Rows.LSE", "Targets", ...
	Ptr    Ptr
	Bytes  int64 // that are needed from there on
	Reason string
}

func (e *PointerError) Error() string {
	return fmt.Sprintf("cuda: %s at %#x, %d bytes: %s", e.Field, uint64(e.Ptr), e.Bytes, e.Reason)
}

// CallError is what Sync has found: the first call on the stream since the Sync before
// that had an error on the device. All other rows of that call, and all other calls, are done.
type CallError struct {
	Call int    // 0 for the first call after a Sync
	Name string // "Forward", "Backward", ...
	Err  error  // *logprob.RowError
}

func (e *CallError) Error() string {
	return fmt.Sprintf("cuda: call %d, %s: %v", e.Call, e.Name, e.Err)
}

// Unwrap is the error of the row.
func (e *CallError) Unwrap() error { return e.Err }
