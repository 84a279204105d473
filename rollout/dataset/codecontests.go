package dataset

import (
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/grouprl/grouprl/rollout"
)

// CodeContests is the schema of deepmind/code_contests. A row has
//
//	name, description
//	public_tests, private_tests, generated_tests  {"input": [...], "output": [...]}
//	solutions    {"language": [...], "solution": [...]}; the first in Python 3 becomes the Reference
//	difficulty   a number, cf_rating  a Codeforces rating, 0 if there is none
//	time_limit   {"seconds", "nanos"}, or null
//
// Tests and solutions may also be lists of objects, and time_limit a text, as the set's
// own converter to JSON writes them. Difficulty is the rating if there is one. The set's
// own limit of memory is not used.
func CodeContests(r *Row) (*rollout.Problem, error) {
	p := &rollout.Problem{Source: "code_contests"}
	if err := r.texts(map[string]*string{"description": &p.Statement}); err != nil {
		return nil, err
	}
	p.ID = r.id("name")
	if p.Statement == "" {
		return nil, errors.New("description: no statement")
	}
	var difficulty, rating int
	if err := errors.Join(r.Decode("difficulty", &difficulty), r.Decode("cf_rating", &rating)); err != nil {
		return nil, err
	}
	if p.Difficulty = strconv.Itoa(rating); rating == 0 {
		if difficulty < 0 || difficulty >= len(codeContestsDifficulties) {
			return nil, fmt.Errorf("difficulty: unknown number %d", difficulty)
		}
		p.Difficulty = codeContestsDifficulties[difficulty]
	}
	var err error
	if p.TimeLimit, err = r.timeLimit("time_limit"); err != nil {
		return nil, err
	}
	if p.Reference, err = r.pythonSolution("solutions"); err != nil {
		return nil, err
	}
	var sets []iter.Seq2[rollout.Test, error]
	for _, member := range []string{"public_tests", "private_tests", "generated_tests"} {
		if r.Has(member) {
			sets = append(sets, named(member, testSet{value: r.members[member]}.tests()))
		}
	}
	p.Tests = chain(sets...)
	return p, nil
}

// pythonSolution is the first solution in Python 3 of a member in either shape, or "".
func (r *Row) pythonSolution(member string) (string, error) {
	if !r.Has(member) {
		return "", nil
	}
	const python3 = 3
	if c, err := r.members[member].first(); err == nil && c == '[' {
		var list []struct {
			Language int
			Solution string
		}
		if err := r.Decode(member, &list); err != nil {
			return "", err
		}
		for _, s := range list {
			if s.Language == python3 {
				return s.Solution, nil
			}
		}
		return "", nil
	}
	var columns struct {
		Language []int
		Solution []string
	}
	if err := r.Decode(member, &columns); err != nil {
		return "", err
	}
	for i, language := range columns.Language {
		if language == python3 && i < len(columns.Solution) {
			return columns.Solution[i], nil
		}
	}
	return "", nil
}

// codeContestsDifficulties are the names of the difficulties, by number: the first
// is unknown, and those after EXTERNAL are the letters of Codeforces problems.
var codeContestsDifficulties = append(
	[]string{"", "EASY", "MEDIUM", "HARD", "HARDER", "HARDEST", "EXTERNAL"},
	strings.Split("ABCDEFGHIJKLMNOPQRSTUV", "")...)
