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
// Difficulty is the rating if there is one. The set's own limit of memory is not used.
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
	var solutions struct {
		Language []int
		Solution []string
	}
	if err := r.Decode("solutions", &solutions); err != nil {
		return nil, err
	}
	const python3 = 3
	for i, language := range solutions.Language {
		if language == python3 && i < len(solutions.Solution) {
			p.Reference = solutions.Solution[i]
			break
		}
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

// codeContestsDifficulties are the names of the difficulties, by number: the first
// is unknown, and those after EXTERNAL are the letters of Codeforces problems.
var codeContestsDifficulties = append(
	[]string{"", "EASY", "MEDIUM", "HARD", "HARDER", "HARDEST", "EXTERNAL"},
	strings.Split("ABCDEFGHIJKLMNOPQRSTUV", "")...)
