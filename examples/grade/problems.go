package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/grouprl/grouprl/rollout"
	"github.com/grouprl/grouprl/rollout/dataset"
	"github.com/grouprl/grouprl/rollout/dataset/parquet"
)

// source is an open data set. Its problems' tests stay in the file until they are
// run, so it is closed last; of a Parquet file, a kept problem holds its row.
type source struct {
	problems iter.Seq2[*rollout.Problem, error]
	file     *dataset.File // nil: nothing to close
}

func openProblems(path string, schema dataset.Schema) (*source, error) {
	if path == "builtin" {
		return &source{problems: dataset.Builtin()}, nil
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("-dataset %s: there is no such file; builtin is the set that comes with the library", path)
	}
	if filepath.Ext(path) == ".parquet" {
		return &source{problems: parquet.Problems(schema, path)}, nil
	}
	file, err := dataset.Open(path, schema)
	if err != nil {
		return nil, err
	}
	return &source{problems: file.Problems(), file: file}, nil
}

func (s *source) Close() {
	if s.file != nil {
		s.file.Close()
	}
}

// inWindow reports whether a problem is asked for. The zero window takes all,
// those without a date too.
func inWindow(w dataset.Window, p *rollout.Problem) bool {
	return w == dataset.Window{} || w.Contains(p.Released)
}

// listProblems prints the problems that completions can name.
func listProblems(w io.Writer, problems iter.Seq2[*rollout.Problem, error], window dataset.Window) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for p, err := range problems {
		if err != nil {
			return err
		}
		if !inWindow(window, p) {
			continue
		}
		released := "-"
		if !p.Released.IsZero() {
			released = p.Released.Format(time.DateOnly)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", p.ID, p.Difficulty, released)
	}
	return table.Flush()
}
