package dataset

import (
	"compress/zlib"
	"encoding/base64"
	"errors"
	"fmt"
	"io"

	"github.com/grouprl/grouprl/rollout"
)

// LiveCodeBench is the schema of livecodebench/code_generation_lite, files
// test*.jsonl. A row has
//
//	question_id, question_title, question_content, platform, contest_id
//	contest_date        ISO date and time
//	starter_code, difficulty
//	public_test_cases   a JSON string: [{"input", "output", "testtype"}, ...]
//	private_test_cases  the same, or that pickled, deflated and in base 64
//	metadata            a JSON string: {"func_name"} if tests are functional
//
// The tests are the public ones and then the private ones. Unpickling knows
// nothing but strings, and private tests may inflate to 1 GiB.
func LiveCodeBench(r *Row) (*rollout.Problem, error) {
	p := &rollout.Problem{}
	var day string
	err := r.texts(map[string]*string{
		"question_content": &p.Statement, "contest_date": &day, "starter_code": &p.Starter,
		"difficulty": &p.Difficulty, "platform": &p.Source,
	})
	if err != nil {
		return nil, err
	}
	p.ID = r.id("question_id")
	if p.Statement == "" {
		return nil, errors.New("question_content: no statement")
	}
	if p.Released, err = date(day); err != nil {
		return nil, fmt.Errorf("contest_date: %w", err)
	}
	if p.Entry, err = r.functionName("metadata"); err != nil {
		return nil, err
	}
	public, err := r.nested("public_test_cases")
	if err != nil {
		return nil, err
	}
	private, err := r.privateTests("private_test_cases", maxInflated)
	if err != nil {
		return nil, err
	}
	p.Tests = chain(
		named("public_test_cases", testSet{value: public, entry: p.Entry, encoded: true}.tests()),
		named("private_test_cases", testSet{value: private, entry: p.Entry, encoded: true}.tests()))
	return p, nil
}

// maxInflated is the size to which private tests may inflate.
const maxInflated = 1 << 30

// privateTests is a member with tests in any of the ways of LiveCodeBench. None at
// all is an empty list.
func (r *Row) privateTests(member string, limit int64) (value, error) {
	if !r.Has(member) {
		return held("[]"), nil
	}
	v := r.members[member]
	c, err := v.first()
	if err != nil || c == '[' {
		return v, err
	}
	if c != '"' {
		return value{}, fmt.Errorf("%s: want a string or a list", member)
	}
	switch c, err := v.inside().first(); {
	case err != nil:
		return value{}, fmt.Errorf("%s: %w", member, err)
	case c == 0:
		return held("[]"), nil
	case c == '[':
		return v.inside(), nil
	}
	return whole(func() (io.Reader, error) {
		text, err := v.text()
		if err != nil {
			return nil, err
		}
		inflated, err := zlib.NewReader(base64.NewDecoder(base64.StdEncoding, text))
		if err != nil {
			return nil, err
		}
		return newPickleReader(&atMost{r: inflated, left: limit}), nil
	}), nil
}

// atMost is a reader that gives an error once it has read too much.
type atMost struct {
	r    io.Reader
	left int64
}

// Read implements io.Reader.
func (a *atMost) Read(p []byte) (int, error) {
	n, err := a.r.Read(p)
	if a.left -= int64(n); a.left < 0 {
		return 0, errors.New("inflates to more than is allowed")
	}
	return n, err
}
