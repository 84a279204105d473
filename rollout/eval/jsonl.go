package eval

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
)

// Write writes results as JSON lines, one problem a line: the per-problem file. A
// result from which no figure can be made is a *ResultError, and nothing of it is
// written.
func Write(w io.Writer, results ...Result) error {
	for i := range results {
		if err := results[i].check(); err != nil {
			return err
		}
		line, err := json.Marshal(&results[i])
		if err != nil {
			return err
		}
		if _, err := w.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return nil
}

// LineError is a line of a per-problem file that cannot be read.
type LineError struct {
	Line int // from 1
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("eval: line %d: %v", e.Line, e.Err) }

func (e *LineError) Unwrap() error { return e.Err }

// Read yields the results of a per-problem file. A line that is not a result is a
// *LineError in its place, and reading goes on after it: a run that was killed
// leaves half a line at the end. Blank lines are passed over, unknown fields
// ignored. An error of r is the last thing yielded.
func Read(r io.Reader) iter.Seq2[Result, error] {
	return func(yield func(Result, error) bool) {
		lines := bufio.NewReader(r)
		for n := 1; ; n++ {
			line, err := lines.ReadBytes('\n')
			if err != nil && !errors.Is(err, io.EOF) {
				yield(Result{}, &LineError{n, err})
				return
			}
			if line = bytes.TrimSpace(line); len(line) > 0 {
				var result Result
				bad := json.Unmarshal(line, &result)
				if bad == nil {
					bad = result.check()
				}
				if bad != nil {
					result, bad = Result{}, &LineError{n, bad}
				}
				if !yield(result, bad) {
					return
				}
			}
			if err != nil {
				return
			}
		}
	}
}
