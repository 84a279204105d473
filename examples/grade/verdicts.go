package main

import (
	"bufio"
	"encoding/json"
	"os"

	"github.com/grouprl/grouprl/rollout"
)

// verdictRow is a line of the file of verdicts: why a completion failed.
type verdictRow struct {
	Problem string         `json:"problem"`
	Sample  int            `json:"sample"`
	Status  rollout.Status `json:"status"` // Unjudged: see Error
	Test    *int           `json:"test,omitempty"`
	Passed  int            `json:"passed"`
	Ran     int            `json:"ran"`
	CPU     float64        `json:"cpu_seconds"`  // largest of any test
	Wall    float64        `json:"wall_seconds"` // the same
	Memory  int64          `json:"memory_bytes"` // the same
	Stderr  string         `json:"stderr,omitempty"`
	Error   string         `json:"error,omitempty"`
}

// verdictFile gets a line for every graded completion. The zero value drops them.
type verdictFile struct {
	file *os.File
	out  *bufio.Writer
}

func createVerdicts(path string) (verdictFile, error) {
	if path == "" {
		return verdictFile{}, nil
	}
	file, err := os.Create(path)
	return verdictFile{file, bufio.NewWriter(file)}, err
}

func (f verdictFile) add(j judged) error {
	if f.file == nil {
		return nil
	}
	v := j.verdict
	r := verdictRow{Problem: j.of.ID, Sample: j.sample, Status: v.Status, Passed: v.Passed, Ran: v.Ran,
		CPU: v.CPU.Seconds(), Wall: v.Wall.Seconds(), Memory: v.Memory, Stderr: v.Stderr}
	if j.err != nil {
		r = verdictRow{Problem: j.of.ID, Sample: j.sample, Error: j.err.Error()}
	} else if v.Test >= 0 {
		r.Test = &v.Test
	}
	return json.NewEncoder(f.out).Encode(r)
}

func (f verdictFile) Close() error {
	if f.file == nil {
		return nil
	}
	flushed := f.out.Flush()
	if err := f.file.Close(); err != nil {
		return err
	}
	return flushed
}
