package dataset

import (
	"errors"

	"github.com/grouprl/grouprl/rollout"
)

// DeepCoder is the schema of agentica-org/DeepCoder-Preview-Dataset, all four of its
// parts. A row has
//
//	problem       the statement
//	tests         a string of JSON: {"inputs", "outputs", "fn_name"}, or
//	              [{"input", "output", "testtype" or "type", ...}, ...]
//	solutions     a list; the first becomes the Reference
//	starter_code
//	metadata      {"func_name"} for a function
//	time_limit    where a further part has one
//
// DeepCoder itself was trained on rows with more than four tests: Mix.MinTests 5.
func DeepCoder(r *Row) (*rollout.Problem, error) {
	p := &rollout.Problem{Source: "deepcoder"}
	err := r.texts(map[string]*string{"problem": &p.Statement, "starter_code": &p.Starter})
	if err != nil {
		return nil, err
	}
	p.ID = r.Name
	if p.Statement == "" {
		return nil, errors.New("problem: no statement")
	}
	if p.Reference, err = r.firstText("solutions"); err != nil {
		return nil, err
	}
	p.Reference = unfence(p.Reference)
	if p.Entry, err = r.functionName("metadata"); err != nil {
		return nil, err
	}
	if p.TimeLimit, err = r.timeLimit("time_limit"); err != nil {
		return nil, err
	}
	if err := r.columns(p, "tests"); err != nil {
		return nil, err
	}
	return p, nil
}
