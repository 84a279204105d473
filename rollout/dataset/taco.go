package dataset

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/grouprl/grouprl/rollout"
)

// TACO is the schema of likaixin/TACO-verified, and of APPS, from which it
// descends. A row has
//
//	question      the statement
//	input_output  a string with JSON or a Python literal:
//	              {"inputs": [...], "outputs": [...]}, and "fn_name" for a function
//	solutions     a list, or a string with one; the first becomes the Reference
//	id, or in APPS problem_id
//	starter_code, difficulty, source
//	time_limit    a text such as "2.0 seconds"
//
// Expected results of functions are lists of one element in most problems, and bare
// in some: the element is taken where all results of a problem are such lists. Rows
// have no date that could be relied on, see Overlap.
func TACO(r *Row) (*rollout.Problem, error) {
	p := &rollout.Problem{}
	err := r.texts(map[string]*string{
		"question": &p.Statement, "starter_code": &p.Starter, "difficulty": &p.Difficulty, "source": &p.Source,
	})
	if err != nil {
		return nil, err
	}
	if p.ID = r.id("id"); !r.Has("id") {
		p.ID = r.id("problem_id")
	}
	if p.Statement == "" {
		return nil, errors.New("question: no statement")
	}
	if p.Reference, err = r.firstText("solutions"); err != nil {
		return nil, err
	}
	if p.TimeLimit, err = r.timeLimit("time_limit"); err != nil {
		return nil, err
	}
	if err := r.columns(p, "input_output"); err != nil {
		return nil, err
	}
	return p, nil
}

// columns fills in the entry and the tests from a member that has both.
func (r *Row) columns(p *rollout.Problem, member string) error {
	v, err := r.nested(member)
	if err != nil {
		return err
	}
	name, err := entryOf(v)
	if err != nil {
		return fmt.Errorf("%s: %w", member, err)
	}
	if name != "" {
		p.Entry = name
	}
	p.Tests = named(member, testSet{value: v, entry: p.Entry}.tests())
	return nil
}

// firstText is the first element of a member that is a list of strings, or a
// string that holds one; "" if there is none.
func (r *Row) firstText(member string) (string, error) {
	if !r.Has(member) {
		return "", nil
	}
	v, err := r.nested(member)
	if err != nil {
		return "", err
	}
	for raw, err := range v.elements() {
		var text string
		if err == nil {
			err = json.Unmarshal(raw, &text)
		}
		if err != nil {
			return "", fmt.Errorf("%s: %w", member, err)
		}
		return text, nil
	}
	return "", nil
}
