// Package parquet reads problems from Parquet files, with the schemas of package
// dataset: DeepCoder, Verl, CodeContests, Synthetic1, or one of your own.
//
// Parquet is made for reading from front to back, and so is this package: rows are
// decoded one at a time, and a problem holds its row in memory for as long as it is
// kept. To mix or to reread a set that is larger than memory, stream it once into
// JSON lines, which dataset.Open reads in any order and without holding tests:
//
//	dataset.WriteRLVR(w, parquet.Problems(dataset.DeepCoder, "train-00000-of-00005.parquet"))
package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	"github.com/parquet-go/parquet-go"

	"github.com/grouprl/grouprl/rollout"
	"github.com/grouprl/grouprl/rollout/dataset"
)

// Problems yields the problems of the files in order, but for rows that are
// dataset.ErrOtherTask. A row that the schema cannot read is yielded as a
// *dataset.RowError, rows counted from 1, and whoever goes on ranging gets the rows
// after it; a file that cannot be read on is an error that ends that file.
func Problems(schema dataset.Schema, paths ...string) iter.Seq2[*rollout.Problem, error] {
	return func(yield func(*rollout.Problem, error) bool) {
		for _, path := range paths {
			row := 0
			for columns, err := range rows(path) {
				if err != nil {
					if !yield(nil, err) {
						return
					}
					break
				}
				row++
				p, err := problem(schema, path, row, columns)
				if errors.Is(err, dataset.ErrOtherTask) {
					continue
				}
				if !yield(p, err) {
					return
				}
			}
		}
	}
}

// problem makes a problem of a row. Errors, also those of its tests, name the row.
func problem(schema dataset.Schema, path string, number int, columns map[string]any) (*rollout.Problem, error) {
	wrap := func(err error) error { return &dataset.RowError{File: path, Row: number, Err: err} }
	row, err := dataset.NewRow(fmt.Sprintf("%s:%d", path, number), columns)
	if err != nil {
		return nil, wrap(err)
	}
	p, err := schema(row)
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

// rows yields the rows of a file. An error is the last thing that it yields.
func rows(path string) iter.Seq2[map[string]any, error] {
	return func(yield func(map[string]any, error) bool) {
		fail := func(row int, err error) {
			yield(nil, &dataset.RowError{File: path, Row: row, Err: err})
		}
		file, err := os.Open(path)
		if err != nil {
			yield(nil, err)
			return
		}
		defer file.Close()
		reader, err := open(file)
		if err != nil {
			yield(nil, fmt.Errorf("%s: %w", path, err))
			return
		}
		defer reader.Close()
		for n := 1; ; n++ {
			columns, err := next(reader)
			if err == io.EOF {
				return
			}
			if err != nil {
				fail(n, err)
				return
			}
			if !yield(columns, nil) {
				return
			}
		}
	}
}

// open reads the file's footer. The decoder panics on some damaged files; that is
// an error here and in next.
func open(file *os.File) (reader *parquet.GenericReader[any], err error) {
	defer caught(&err)
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if err := checkFooter(file, info.Size()); err != nil {
		return nil, err
	}
	f, err := parquet.OpenFile(file, info.Size())
	if err != nil {
		return nil, err
	}
	return parquet.NewGenericReader[any](f), nil
}

// checkFooter refuses a footer that is longer than its file: the decoder would make
// room for it first. A file ends in its footer, four bytes with its length, and "PAR1".
func checkFooter(file io.ReaderAt, size int64) error {
	var end [8]byte
	if size < 12 {
		return errors.New("parquet: no file of this format")
	}
	if _, err := file.ReadAt(end[:], size-8); err != nil {
		return err
	}
	if length := int64(binary.LittleEndian.Uint32(end[:])); length > size-12 {
		return fmt.Errorf("parquet: damaged file: a footer of %d bytes in a file of %d", length, size)
	}
	return nil
}

// next reads the next row.
func next(reader *parquet.GenericReader[any]) (columns map[string]any, err error) {
	defer caught(&err)
	var row [1]any
	if n, err := reader.Read(row[:]); n == 0 {
		if err == nil {
			err = io.ErrNoProgress
		}
		return nil, err
	}
	columns, ok := plain(row[0]).(map[string]any)
	if !ok {
		return nil, fmt.Errorf("a row is a %T", row[0])
	}
	return columns, nil
}

// caught makes an error of a panic.
func caught(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("parquet: damaged file: %v", p)
	}
}

// plain takes the wrapping off lists, {"list": [{"element": x}, ...]}, which other
// writers call by other names, and makes strings of bytes.
func plain(x any) any {
	switch x := x.(type) {
	case []byte:
		return string(x)
	case []any:
		for i := range x {
			x[i] = plain(x[i])
		}
		return x
	case map[string]any:
		if list, ok := wrapped(x); ok {
			return list
		}
		for name := range x {
			x[name] = plain(x[name])
		}
		return x
	}
	return x
}

// wrapped is the list inside of its two wrappings, if x is one.
func wrapped(x map[string]any) ([]any, bool) {
	if len(x) != 1 {
		return nil, false
	}
	for _, outer := range []string{"list", "bag", "array"} {
		inner, ok := x[outer]
		if !ok {
			continue
		}
		if inner == nil {
			return []any{}, true
		}
		items, ok := inner.([]any)
		if !ok {
			return nil, false
		}
		list := make([]any, len(items))
		for i, item := range items {
			element, ok := item.(map[string]any)
			if !ok || len(element) != 1 {
				return nil, false
			}
			for _, e := range element {
				list[i] = plain(e)
			}
		}
		return list, true
	}
	return nil, false
}
