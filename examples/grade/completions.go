package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// completion is one completion, but for its text, which stays in the file until it
// is graded: a run of long completions weighs gigabytes.
type completion struct {
	line      int // in its file, from 1
	problem   string
	sample    int
	truncated bool
	tokens    int64
	text      func() (string, error)
}

// lineError is a line that is no completion.
type lineError struct {
	path string
	line int
	err  error
}

func (e *lineError) Error() string { return fmt.Sprintf("%s:%d: %v", e.path, e.line, e.err) }

func (e *lineError) Unwrap() error { return e.err }

// row is a line of a file of completions.
type row struct {
	Problem   string  `json:"problem"`
	Sample    *int    `json:"sample,omitempty"`
	Text      *string `json:"text"`
	Finish    string  `json:"finish_reason,omitempty"`
	Truncated bool    `json:"truncated,omitempty"`
	Tokens    int64   `json:"tokens,omitempty"`
}

func parseRow(line []byte) (row, error) {
	var r row
	err := json.Unmarshal(line, &r)
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return r, fmt.Errorf("no JSON object: %v at byte %d", err, syntax.Offset)
	case errors.As(err, &kind) && kind.Field == "":
		return r, fmt.Errorf("want a JSON object, got %s", kind.Value)
	case errors.As(err, &kind):
		return r, fmt.Errorf("%s: want %s, got %s", kind.Field, kind.Type, kind.Value)
	case err != nil:
		return r, err
	case r.Problem == "":
		return r, errors.New("problem: missing, the name of a problem")
	case r.Text == nil:
		return r, errors.New("text: missing, what the policy wrote")
	case r.Sample != nil && *r.Sample < 0:
		return r, fmt.Errorf("sample: %d, want 0 or more", *r.Sample)
	case r.Tokens < 0:
		return r, fmt.Errorf("tokens: %d, want 0 or more", r.Tokens)
	case r.Finish != "" && r.Finish != "stop" && r.Finish != "length":
		return r, fmt.Errorf("finish_reason: %.40q, want stop or length", r.Finish)
	}
	return r, nil
}

// readCompletions goes through the file once. Lines that are no completions are the
// second value; the last is why the file cannot be read.
func readCompletions(file *os.File) ([]completion, []error, error) {
	var list []completion
	var bad []error
	var numbered, counted bool // lines with a sample, lines without
	next := map[string]int{}
	lines, offset := bufio.NewReaderSize(file, 1<<20), int64(0)
	for n := 1; ; n++ {
		line, end := lines.ReadBytes('\n')
		if end != nil && !errors.Is(end, io.EOF) {
			return nil, nil, end
		}
		start, length := offset, len(line)
		offset += int64(length)
		if len(bytes.TrimSpace(line)) > 0 {
			r, err := parseRow(line)
			if err == nil {
				numbered, counted = numbered || r.Sample != nil, counted || r.Sample == nil
				if numbered && counted {
					err = errors.New("sample: some lines have one and some have none")
					numbered, counted = r.Sample == nil, r.Sample != nil // what the lines before have
				}
			}
			if err != nil {
				bad = append(bad, &lineError{file.Name(), n, err})
			} else {
				c := completion{line: n, problem: r.Problem, truncated: r.Truncated || r.Finish == "length", tokens: r.Tokens}
				c.sample = next[c.problem]
				next[c.problem]++
				if r.Sample != nil {
					c.sample = *r.Sample
				}
				c.text = func() (string, error) { return textAt(file, start, length) }
				list = append(list, c)
			}
		}
		if end != nil {
			return list, bad, nil
		}
	}
}

// textAt reads a completion's text again. Several may be read at a time.
func textAt(file *os.File, start int64, length int) (string, error) {
	line := make([]byte, length)
	if _, err := file.ReadAt(line, start); err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	r, err := parseRow(line)
	if err != nil {
		return "", fmt.Errorf("%s has changed: %w", file.Name(), err)
	}
	return *r.Text, nil
}
