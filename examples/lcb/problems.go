package main

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"slices"

	"github.com/grouprl/grouprl/rollout"
	"github.com/grouprl/grouprl/rollout/dataset"
)

// published is how many problems the write-up's evaluation has.
const published = 454

// set is the problems to evaluate on. Their tests stay in the files until they are
// run, so these are closed last.
type set struct {
	problems []*rollout.Problem
	files    []*dataset.File
}

func openSet(o options) (*set, error) {
	s := &set{}
	for _, path := range o.data {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			s.Close()
			return nil, fmt.Errorf("-data %s: there is no such file; LiveCodeBench's are test.jsonl to test6.jsonl of livecodebench/code_generation_lite", path)
		}
		file, err := dataset.Open(path, o.schema)
		if err != nil {
			s.Close()
			return nil, fmt.Errorf("-data: %w", err)
		}
		s.files = append(s.files, file)
		problems := file.Problems()
		if o.dated {
			problems = dataset.LiveCodeBenchV6.Keep(problems)
		}
		for p, err := range problems {
			if err != nil {
				s.Close()
				return nil, fmt.Errorf("-data: a problem that cannot be read would be missing from the figures: %w", err)
			}
			s.problems = append(s.problems, p)
		}
	}
	if len(s.problems) == 0 {
		s.Close()
		return nil, fmt.Errorf("-data: no problem in these files was released from 2024-08-01 to 2025-05-01; test4.jsonl to test6.jsonl have those that were")
	}
	if o.problems > 0 && o.problems < len(s.problems) {
		s.problems = s.problems[:o.problems]
	}
	return s, nil
}

func (s *set) all() iter.Seq2[*rollout.Problem, error] {
	return func(yield func(*rollout.Problem, error) bool) {
		for p := range slices.Values(s.problems) {
			if !yield(p, nil) {
				return
			}
		}
	}
}

// Close closes the files.
func (s *set) Close() {
	for _, f := range s.files {
		f.Close()
	}
}
