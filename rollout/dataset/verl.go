package dataset

import (
	"errors"
	"fmt"

	"github.com/grouprl/grouprl/rollout"
)

// Verl is the schema of sets prepared for verl's code reward. A row has
//
//	prompt        [{"role", "content"}, ...]: the last user message is the statement
//	data_source
//	reward_model  {"style", "ground_truth"}, where ground_truth is a string of JSON:
//	              {"inputs", "outputs", "fn_name"}, or a list of cases
//
// Tests that are assertions in Python ("assert_case") have no input and output, and
// are an error.
func Verl(r *Row) (*rollout.Problem, error) {
	p := &rollout.Problem{ID: r.Name}
	var err error
	if p.Source, err = r.Text("data_source"); err != nil {
		return nil, err
	}
	var prompt []struct{ Role, Content string }
	if err := r.Decode("prompt", &prompt); err != nil {
		return nil, err
	}
	for _, message := range prompt {
		if message.Role == "user" {
			p.Statement = message.Content
		}
	}
	if p.Statement == "" {
		return nil, errors.New("prompt: no message of the user")
	}
	model, err := r.nested("reward_model")
	if err != nil {
		return nil, err
	}
	members, err := model.members()
	if err != nil {
		return nil, fmt.Errorf("reward_model: %w", err)
	}
	inner := &Row{members: members}
	truth, err := inner.nested("ground_truth")
	if err != nil {
		return nil, fmt.Errorf("reward_model: %w", err)
	}
	if c, err := truth.first(); err == nil && c == '{' {
		parts, err := truth.members()
		if err != nil {
			return nil, fmt.Errorf("reward_model: ground_truth: %w", err)
		}
		if (&Row{members: parts}).Has("assert_case") {
			return nil, errors.New("reward_model: ground_truth: tests are assertions, which are not supported")
		}
	}
	if err := inner.columns(p, "ground_truth"); err != nil {
		return nil, fmt.Errorf("reward_model: %w", err)
	}
	return p, nil
}
