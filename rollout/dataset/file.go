package dataset

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	"github.com/grouprl/grouprl/rollout"
)

// A File is a file of rows, each of them a JSON object: one a line, or all of them
// in one JSON array. Opening it goes through it once to see where rows begin.
// After that a row costs nothing until it is asked for, and its tests cost nothing
// until they are ranged over; lines may be as long as they like.
//
// A File may be used by several goroutines.
type File struct {
	path   string
	file   *os.File
	schema Schema
	rows   []span
}

// span is the place of a row in the file.
type span struct {
	at, end int64
	number  int // line, or element, counted from 1
}

// A RowError says which row of which file cannot be read.
type RowError struct {
	File string
	Row  int // line, or element of the array, counted from 1
	Err  error
}

// Error implements error.
func (e *RowError) Error() string { return fmt.Sprintf("%s: row %d: %v", e.File, e.Row, e.Err) }

// Unwrap gives the reason.
func (e *RowError) Unwrap() error { return e.Err }

// Open opens a file of the schema: RLVR, LiveCodeBench, TACO, Synthetic1,
// CodeContests, or one of your own.
func Open(path string, schema Schema) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	rows, err := index(f)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &File{path: path, file: f, schema: schema, rows: rows}, nil
}

// Close closes the file. Tests of its problems cannot be read after that.
func (f *File) Close() error { return f.file.Close() }

// Len is the number of rows.
func (f *File) Len() int { return len(f.rows) }

// Problem reads row i, 0 <= i < Len. An error is a *RowError, also one that comes
// out of the problem's Tests.
func (f *File) Problem(i int) (*rollout.Problem, error) {
	if i < 0 || i >= len(f.rows) {
		return nil, fmt.Errorf("%s: no row with index %d among %d", f.path, i, len(f.rows))
	}
	row := f.rows[i]
	wrap := func(err error) error { return &RowError{File: f.path, Row: row.number, Err: err} }
	object := value{
		open: func() (io.Reader, error) { return io.NewSectionReader(f.file, row.at, row.end-row.at), nil },
		end:  row.end - row.at,
	}
	members, err := object.members()
	if err != nil {
		return nil, wrap(err)
	}
	p, err := f.schema(&Row{Name: fmt.Sprintf("%s:%d", f.path, row.number), members: members})
	if err != nil {
		return nil, wrap(err)
	}
	if tests := p.Tests; tests != nil {
		p.Tests = func(yield func(rollout.Test, error) bool) {
			for t, err := range tests {
				if err != nil {
					err = wrap(err)
				}
				if !yield(t, err) {
					return
				}
			}
		}
	}
	return p, nil
}

// Problems yields the rows in order, but for those that are ErrOtherTask. A row that
// cannot be read is yielded as an error; whoever goes on ranging gets the rows after
// it.
func (f *File) Problems() iter.Seq2[*rollout.Problem, error] {
	return func(yield func(*rollout.Problem, error) bool) {
		for i := range f.rows {
			p, err := f.Problem(i)
			if errors.Is(err, ErrOtherTask) {
				continue
			}
			if !yield(p, err) {
				return
			}
		}
	}
}

// index finds the rows: elements if the file begins as an array, else lines.
func index(r io.Reader) ([]span, error) {
	b := bufio.NewReaderSize(r, 1<<20)
	var at int64
	if mark, err := b.Peek(3); err == nil && string(mark) == "\ufeff" {
		at = 3
		if _, err := b.Discard(3); err != nil {
			return nil, err
		}
	}
	beginning, err := b.Peek(b.Size())
	if err != nil && err != io.EOF {
		return nil, err
	}
	if bytes.HasPrefix(bytes.TrimLeft(beginning, " \t\r\n"), []byte("[")) {
		return elements(b, at)
	}
	return lines(b, at)
}

// elements are the elements of the array that is the whole input.
func elements(r io.Reader, at int64) (rows []span, err error) {
	s := newScanner(r)
	err = s.array(func() error {
		if _, err := s.next(); err != nil {
			return err
		}
		from := s.at
		if err := s.skip(maxDepth); err != nil {
			return fmt.Errorf("row %d: %w", len(rows)+1, err)
		}
		rows = append(rows, span{at + from, at + s.at, len(rows) + 1})
		return nil
	})
	if err == nil {
		err = s.end()
	}
	return rows, err
}

// lines are the lines of the input that are not blank.
func lines(r *bufio.Reader, at int64) (rows []span, err error) {
	for number := 1; ; number++ {
		from, blank := at, true
		for {
			part, err := r.ReadSlice('\n')
			at += int64(len(part))
			blank = blank && len(bytes.TrimSpace(part)) == 0
			if err == nil {
				break
			}
			if err != bufio.ErrBufferFull {
				if err != io.EOF {
					return nil, err
				}
				if !blank {
					rows = append(rows, span{from, at, number})
				}
				return rows, nil
			}
		}
		if !blank {
			rows = append(rows, span{from, at, number})
		}
	}
}
