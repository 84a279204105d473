package main

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grouprl/grouprl/rollout"
	"github.com/grouprl/grouprl/rollout/dataset"
	"github.com/grouprl/grouprl/rollout/eval"
)

// problems are a to d, the a of a second row, and a row that cannot be read; d is
// older than the others.
func problems() *source {
	return &source{problems: func(yield func(*rollout.Problem, error) bool) {
		for i, name := range []string{"a", "b", "a", "c", "", "d"} {
			p, err := &rollout.Problem{ID: name, Statement: "row " + string(rune('1'+i)), Released: time.Date(2024, 9, 1, 0, 0, 0, 0, time.UTC)}, error(nil)
			if name == "" {
				p, err = nil, errors.New("row 5: torn")
			}
			if name == "d" {
				p.Released = p.Released.AddDate(-1, 0, 0)
			}
			if !yield(p, err) {
				return
			}
		}
	}}
}

func completions(samples ...string) (list []completion) {
	for i, s := range samples { // "a0" is sample 0 of a
		list = append(list, completion{line: i + 1, problem: s[:1], sample: int(s[1] - '0')})
	}
	return list
}

func TestEveryCompletionIsATaskOrInTheNotes(t *testing.T) {
	w := &work{}
	list := completions("c0", "a0", "a1", "a0", "x0", "d0", "x1", "a1")
	if err := w.pair(list, options{window: dataset.LiveCodeBenchV6}, problems()); err != nil {
		t.Fatal(err)
	}
	var lines []int
	for _, task := range w.tasks {
		lines = append(lines, task.line)
	}
	if want := []int{1, 2, 3}; !slices.Equal(lines, want) {
		t.Errorf("tasks of lines %v, want %v", lines, want)
	}
	if len(w.problems) != 2 || w.problems[0].ID != "a" || w.problems[1].ID != "c" {
		t.Errorf("problems %v, want a and c: the order of the data set", w.problems)
	}
	if got := w.tasks[1].of.Statement; got != "row 1" {
		t.Errorf("of two problems named a the one of %q counts, want the first", got)
	}
	want := []string{
		"1 rows of the data set cannot be read; their problems are unknown, the first: row 5: torn",
		"1 problems of the data set have the name of an earlier one and were left out: a",
		`2 completions are of 1 problems that the data set does not have and were left out: "x" (line 5)`,
		"1 completions are of problems outside the window and were left out",
		"2 completions are of a sample that an earlier line has and were left out: line 4 (sample 0 of a, as line 2), line 8 (sample 1 of a, as line 3)",
		"1 problems have no completion and are in no figure: b",
		"1 samples are missing, of 1 problems with fewer than 2: c (1)",
	}
	if got := strings.Join(w.notes, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("notes\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

func TestAProtocolKnowsWhatIsMissing(t *testing.T) {
	w, protocol := &work{}, eval.NousCoder()
	if err := w.pair(completions("a0", "b0", "b1", "c0", "d0"), options{protocol: &protocol}, problems()); err != nil {
		t.Fatal(err)
	}
	const want = "59 samples are missing, of 4 problems with fewer than 16: a (1), b (2), c (1), d (1)"
	if !slices.Contains(w.notes, want) {
		t.Errorf("no %q in %q", want, w.notes)
	}
}

func TestNothingToGradeSaysWhatNamesLookLike(t *testing.T) {
	err := (&work{}).pair(completions("x0"), options{}, problems())
	if err == nil || !strings.Contains(err.Error(), `"x" (line 1)`) || !strings.Contains(err.Error(), `look like "a", -list prints all`) {
		t.Error(err)
	}
}
