package dataset

import (
	"errors"
	"fmt"
	"strings"

	"github.com/grouprl/grouprl/rollout"
)

// ErrOtherTask is the error of a schema for a row that is right but no programming
// problem in Python. File.Problems passes over such rows.
var ErrOtherTask = errors.New("dataset: row is no programming problem in Python")

// Synthetic1 is the schema of PrimeIntellect/SYNTHETIC-1 and
// verifiable-coding-problems. A row has
//
//	prompt                  the statement
//	gold_standard_solution  a program in a fence
//	verification_info       a string with JSON or a Python literal: {"language": "python",
//	                        "test_cases": [{"type", "fn_name", "input", "output"}, ...]}
//	problem_id, source, task_type
//	metadata                a structure, or a string with one: {"time_limit"}
//
// where type is stdin_stdout or function_call. Rows of another task type than
// verifiable_code and in another language are ErrOtherTask.
func Synthetic1(r *Row) (*rollout.Problem, error) {
	p := &rollout.Problem{}
	var gold, task string
	err := r.texts(map[string]*string{
		"prompt": &p.Statement, "gold_standard_solution": &gold, "source": &p.Source, "task_type": &task,
	})
	if err != nil {
		return nil, err
	}
	if task != "" && task != "verifiable_code" {
		return nil, ErrOtherTask
	}
	p.ID = r.id("problem_id")
	p.Reference = unfence(gold)
	if p.TimeLimit, err = r.timeLimitIn("metadata"); err != nil {
		return nil, err
	}
	if p.Statement == "" {
		return nil, errors.New("prompt: no statement")
	}
	v, err := r.nested("verification_info")
	if err != nil {
		return nil, err
	}
	members, err := v.members()
	if err != nil {
		return nil, fmt.Errorf("verification_info: %w", err)
	}
	info := &Row{members: members}
	language, err := info.Text("language")
	if err != nil {
		return nil, fmt.Errorf("verification_info: %w", err)
	}
	if language != "" && !strings.HasPrefix(strings.ToLower(language), "python") {
		return nil, ErrOtherTask
	}
	if err := info.columns(p, "test_cases"); err != nil {
		return nil, fmt.Errorf("verification_info: %w", err)
	}
	return p, nil
}

// unfence is the program in a text that is one fence, or the text as it is.
func unfence(text string) string {
	fence, rest, ok := strings.Cut(strings.TrimSpace(text), "\n")
	if !ok || !strings.HasPrefix(fence, "```") {
		return text
	}
	return strings.TrimSuffix(rest, "```")
}
