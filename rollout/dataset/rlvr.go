package dataset

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/grouprl/grouprl/rollout"
)

// RLVR is the schema of NousResearch/RLVR_Coding_Problems and lcb_test, and of the
// built-in set. A row has
//
//	problem       the statement
//	problem_type  "func" or "stdin_stdout"
//	tests         {"input": [...], "output": [...]}, or that as a JSON string
//	fn_name       the function, of type "func"
//	starter_code  optional
//	difficulty    optional
//
// and, where WriteRLVR wrote it, also id, reference, source, released and time_limit,
// in seconds. The
// input of a function's test is a list of arguments, or a string with one JSON
// value a line; its output is a string of JSON, or a list whose first element is
// the value.
func RLVR(r *Row) (*rollout.Problem, error) {
	p := &rollout.Problem{}
	var kind, released string
	err := r.texts(map[string]*string{
		"problem": &p.Statement, "problem_type": &kind, "fn_name": &p.Entry, "starter_code": &p.Starter,
		"difficulty": &p.Difficulty, "reference": &p.Reference, "source": &p.Source, "released": &released,
	})
	if err != nil {
		return nil, err
	}
	if p.Released, err = date(released); err != nil {
		return nil, fmt.Errorf("released: %w", err)
	}
	if p.TimeLimit, err = r.timeLimit("time_limit"); err != nil {
		return nil, err
	}
	p.ID = r.id("id")
	if p.Statement == "" {
		return nil, fmt.Errorf("problem: no statement")
	}
	switch kind {
	case "func":
		if p.Entry == "" {
			return nil, fmt.Errorf("fn_name: a problem of type func needs one")
		}
	case "stdin_stdout":
		p.Entry = ""
	default:
		return nil, fmt.Errorf("problem_type: want func or stdin_stdout, not %.20q", kind)
	}
	tests, err := r.nested("tests")
	if err != nil {
		return nil, err
	}
	p.Tests = testSet{value: tests, entry: p.Entry, encoded: true}.tests()
	return p, nil
}

// WriteRLVR writes problems as JSON lines in the schema RLVR. Tests are ranged over
// twice, once for their inputs and once for their outputs, and are not held in
// memory.
func WriteRLVR(w io.Writer, problems iter.Seq2[*rollout.Problem, error]) error {
	b := bufio.NewWriter(w)
	for p, err := range problems {
		if err != nil {
			return err
		}
		if err := writeRow(b, p); err != nil {
			return fmt.Errorf("%s: %w", p.ID, err)
		}
	}
	return b.Flush()
}

func writeRow(w *bufio.Writer, p *rollout.Problem) error {
	row := struct {
		ID        string    `json:"id,omitempty"`
		Problem   string    `json:"problem"`
		Type      string    `json:"problem_type"`
		Name      string    `json:"fn_name,omitempty"`
		Starter   string    `json:"starter_code,omitempty"`
		Reference string    `json:"reference,omitempty"`
		Difficult string    `json:"difficulty,omitempty"`
		Source    string    `json:"source,omitempty"`
		Released  time.Time `json:"released,omitzero"`
		TimeLimit float64   `json:"time_limit,omitzero"`
	}{p.ID, p.Statement, "stdin_stdout", p.Entry, p.Starter, p.Reference, p.Difficulty, p.Source, p.Released, p.TimeLimit.Seconds()}
	if p.Entry != "" {
		row.Type = "func"
	}
	head, err := json.Marshal(row)
	if err != nil {
		return err
	}
	w.WriteString(strings.TrimSuffix(string(head), "}"))
	w.WriteString(`,"tests":{"input":[`)
	if err := writeColumn(w, p, func(t rollout.Test) string { return t.Input }); err != nil {
		return err
	}
	w.WriteString(`],"output":[`)
	if err := writeColumn(w, p, func(t rollout.Test) string { return t.Expected }); err != nil {
		return err
	}
	_, err = w.WriteString("]}}\n")
	return err
}

func writeColumn(w *bufio.Writer, p *rollout.Problem, column func(rollout.Test) string) error {
	separator := ""
	for t, err := range p.Tests {
		if err != nil {
			return err
		}
		if !utf8.ValidString(column(t)) {
			return errors.New("a test is not valid UTF-8")
		}
		text, err := json.Marshal(column(t))
		if err != nil {
			return err
		}
		w.WriteString(separator)
		w.Write(text)
		separator = ","
	}
	return nil
}
