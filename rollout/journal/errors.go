package journal

import (
	"errors"
	"fmt"
)

// ErrClosed is returned for whatever is asked of a closed Log or Journal.
var ErrClosed = errors.New("journal: closed")

// ErrTests takes the place of the tests of a problem that comes out of a journal:
// only the problem's text is kept there. Options.Problem brings the whole one.
var ErrTests = errors.New("journal: a problem's tests are not journalled")

var errLocked = errors.New("locked")

// LockedError is a folder that another Log, mostly another process, has open.
type LockedError struct{ Path string }

func (e *LockedError) Error() string {
	return fmt.Sprintf("journal: %s: another process has it open", e.Path)
}

// WriteError is a failed write: a full disk, a read-only folder, a device that
// fails. Nothing that was appended before is lost, and nothing of this append has
// become visible.
type WriteError struct {
	Path string
	Op   string // "open", "write", "sync", "truncate", "rename", ...
	Safe int64  // bytes of the file that are durable
	Over bool   // no further append is possible: open the log again
	Err  error
}

func (e *WriteError) Error() string {
	s := fmt.Sprintf("journal: %s: %s: %v", e.Path, e.Op, e.Err)
	if e.Safe > 0 {
		s += fmt.Sprintf(" (the %d bytes before are safe)", e.Safe)
	}
	if e.Over {
		s += "; what is on the disk is uncertain, open the log again to go on"
	}
	return s
}

func (e *WriteError) Unwrap() error { return e.Err }

// CorruptError is damage that no crash leaves behind: a durable record that has
// changed since, or a file that is no journal. The file is left as it is.
type CorruptError struct {
	Path   string
	Offset int64 // of the damage
	Next   int64 // of the next whole record behind it; -1: none
	Why    string
}

func (e *CorruptError) Error() string {
	s := fmt.Sprintf("journal: %s: damaged at byte %d: %s", e.Path, e.Offset, e.Why)
	if e.Next >= 0 {
		s += fmt.Sprintf("; whole records go on at byte %d, and Options.Salvage opens the file without what is damaged", e.Next)
	}
	return s
}

// TornError is the tail that a crash leaves behind: a write that was cut short, of
// which nobody has been told that it is safe. Opening the log cuts it off.
type TornError struct {
	Path   string
	Offset int64
	Bytes  int64
}

func (e *TornError) Error() string {
	return fmt.Sprintf("journal: %s: torn tail of %d bytes at byte %d", e.Path, e.Bytes, e.Offset)
}

// SizeError is a record larger than MaxRecord.
type SizeError struct{ Bytes int }

func (e *SizeError) Error() string {
	return fmt.Sprintf("journal: a record of %d bytes, at most %d", e.Bytes, MaxRecord)
}

// RunError is a journal of another run.
type RunError struct{ Path, Run, Want string }

func (e *RunError) Error() string {
	return fmt.Sprintf("journal: %s belongs to run %q, not %q", e.Path, e.Run, e.Want)
}

// StepError is a step that cannot be taken or committed.
type StepError struct {
	Step int64
	Why  string
}

func (e *StepError) Error() string { return fmt.Sprintf("journal: step %d: %s", e.Step, e.Why) }

// ShortError is a step for which too few groups are waiting. Append more and take
// it again.
type ShortError struct {
	Step       int64
	Have, Want int
}

func (e *ShortError) Error() string {
	return fmt.Sprintf("journal: step %d: %d of %d groups are waiting", e.Step, e.Have, e.Want)
}
