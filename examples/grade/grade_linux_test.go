//go:build amd64 || arm64

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/grouprl/grouprl/rollout"
	"github.com/grouprl/grouprl/rollout/dataset"
	"github.com/grouprl/grouprl/rollout/eval"
	"github.com/grouprl/grouprl/rollout/sandbox"
)

// line is a completion of a problem of the built-in set.
func line(problem string, sample int, text, finish string) string {
	data, err := json.Marshal(row{Problem: "builtin/" + problem, Sample: &sample, Text: &text, Finish: finish, Tokens: 10})
	if err != nil {
		panic(err)
	}
	return string(data)
}

// ownSolutions are those of the built-in set, by name.
var ownSolutions = sync.OnceValue(func() map[string]string {
	solutions := map[string]string{}
	for p, err := range dataset.Builtin() {
		if err == nil {
			solutions[p.ID] = p.Reference
		}
	}
	return solutions
})

// right is a right answer to a problem of the built-in set.
func right(problem string) string {
	return "<think>easy</think>\n" + fenced(ownSolutions()["builtin/"+problem])
}

// grade runs the command and returns what it prints.
func grade(t *testing.T, want int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, log strings.Builder
	if status := command(context.Background(), args, &out, &log); status != want {
		t.Fatalf("%q: exit status %d, want %d\n%s\n%s", args, status, want, out.String(), log.String())
	}
	return out.String(), log.String()
}

// contains checks for lines, of which white space does not count.
func contains(t *testing.T, text string, lines ...string) {
	t.Helper()
	squeeze := func(s string) string { return regexp.MustCompile(`[ \t]+`).ReplaceAllString(s, " ") }
	for _, want := range lines {
		if !strings.Contains(squeeze(text), squeeze(want)) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// ferry is right 2 times of 2, zigzag (a function) 1 of 2, courier 0 of 2 with one
// cut by the window: pass@1 = (1 + 1/2 + 0) / 3, pass@2 = (1 + 1 + 0) / 3. Before,
// they were at 0, 1/2 and 1/2, so pass@1 was 1/3.
func TestReportOfARun(t *testing.T) {
	path := file(t, "run.jsonl",
		line("ferry", 0, right("ferry"), "stop"),
		line("courier", 0, right("courier"), "length"), // right, but cut: not run
		line("zigzag", 0, right("zigzag"), ""),
		line("zigzag", 1, "I give up.", "stop"),
		line("ferry", 1, right("ferry"), "stop"),
		line("courier", 1, "```python\nprint('?')\n```", "stop"),
	)
	baseline := file(t, "old.results",
		`{"problem":"builtin/ferry","samples":1,"correct":0}`,
		`{"problem":"builtin/zigzag","samples":4,"correct":2}`,
		`{"problem":"builtin/courier","samples":2,"correct":1}`,
		`{"problem":"builtin/chant","samples":2,"correct":1}`,
	)
	out, verdicts := filepath.Join(t.TempDir(), "run.results"), filepath.Join(t.TempDir(), "verdicts.jsonl")
	stdout, stderr := grade(t, 0, "-completions", path, "-k", "2", "-out", out, "-verdicts", verdicts, "-baseline", baseline)
	contains(t, stdout,
		" all 3 6 0.5000 ", " easy 2 4 0.7500 ", " hard 1 2 0.0000 ",
		" all 3 6 0.6667 ", " 0.1667 10\n", // pass@2; overlong, tokens
		"3 Accepted\n 1 WrongAnswer\n 1 Truncated\n 1 NoCode\n",
		"0 infrastructure errors, on 0 problems",
		"49 problems have no completion and are in no figure",
		"pass@1 against "+baseline+", on 3 problems that both have (0 only here and 1 only there are left out)\n0.3333", "0.5000", "0.1667",
		"pass@2 against "+baseline+", on 2 problems that both have (1 only here and 2 only there are left out)\n",
	)
	contains(t, stderr, "grading 6/6")
	if strings.Contains(stdout, "INTERRUPTED") || strings.Contains(stdout, "greedy") {
		t.Errorf("a whole run of an unknown protocol says\n%s", stdout)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"problem":"builtin/ferry","difficulty":"easy","samples":2,"correct":2,"overlong":0,"tokens":20}
{"problem":"builtin/courier","difficulty":"hard","samples":2,"correct":0,"overlong":1,"tokens":20}
{"problem":"builtin/zigzag","difficulty":"easy","samples":2,"correct":1,"overlong":0,"tokens":20}
`
	if string(data) != want {
		t.Errorf("per-problem file\n%s\nwant\n%s", data, want)
	}
	data, err = os.ReadFile(verdicts)
	if err != nil {
		t.Fatal(err)
	}
	contains(t, string(data), `{"problem":"builtin/courier","sample":1,"status":"WrongAnswer","test":0,"passed":0,"ran":1,`)
}

func TestBadBaselinesAreRefused(t *testing.T) {
	run := file(t, "run.jsonl", `{"problem": "builtin/ferry", "text": ""}`)
	for lines, want := range map[string]string{
		`{"problem":"a","samples":1,"correct":2}`:                              "bad.results:1: ",
		"{\"problem\":\"a\",\"samples\":1,\"correct\":1}\nx":                   "bad.results:2: ",
		strings.Repeat("{\"problem\":\"a\",\"samples\":1,\"correct\":1}\n", 2): `bad.results: problem "a" is in it twice`,
		"": "bad.results: no result in it; -out writes such files",
	} {
		_, stderr := grade(t, 1, "-completions", run, "-baseline", file(t, "bad.results", lines))
		contains(t, stderr, want)
	}
}

func TestBadLinesEndTheRunUnlessSkipped(t *testing.T) {
	path := file(t, "run.jsonl", line("ferry", 0, right("ferry"), "stop"), `{"problem": "builtin/fer`)
	_, stderr := grade(t, 1, "-completions", path)
	contains(t, stderr, "1 lines are no completions (-skip passes over them):\n"+path+":2: no JSON object")
	stdout, _ := grade(t, 0, "-completions", path, "-skip")
	contains(t, stdout, " all 1 1 1.0000 ", "1 lines are no completions and were passed over, the first: "+path+":2:")
}

func TestOwnSolutionsAsAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "reference.jsonl")
	_, stderr := grade(t, 0, "-write-reference", path)
	contains(t, stderr, "52 completions; 0 problems have no solution")
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	written, bad, err := readCompletions(f)
	if err != nil || len(bad) > 0 || len(written) != 52 {
		t.Fatal(len(written), bad, err)
	}
	direct, err := referenceCompletions(dataset.Builtin(), options{extract: rules["nouscoder"]})
	if err != nil || len(direct) != 52 {
		t.Fatal(len(direct), err)
	}
	for i := range direct {
		a, _ := written[i].text()
		if b, _ := direct[i].text(); a != b || written[i].problem != direct[i].problem {
			t.Errorf("%s is written as\n%s\nand graded as\n%s", direct[i].problem, a, b)
		}
	}
}

func TestASetInAFile(t *testing.T) {
	stdout, _ := grade(t, 0, "-completions", "reference", "-dataset", "../../rollout/dataset/parquet/testdata/deepcoder.parquet", "-schema", "deepcoder")
	contains(t, stdout, " all 6 6 0.5000 ", "3 Accepted\n 3 RuntimeError")
	stdout, _ = grade(t, 0, "-list", "-dataset", "../../rollout/dataset/testdata/livecodebench.jsonl", "-schema", "livecodebench", "-v6")
	contains(t, stdout, "pair easy 2024-08-01\n")
}

// One right and, where there is a second problem, one wrong answer for each of the
// sets that can be read, in each of the forms they come in.
func TestEveryDataSet(t *testing.T) {
	const files = "../../rollout/dataset/testdata/"
	const columns = "../../rollout/dataset/parquet/testdata/"
	for path, schema := range map[string]string{
		files + "rlvr.jsonl": "rlvr", files + "livecodebench.jsonl": "livecodebench", files + "taco.json": "taco",
		files + "synthetic1.jsonl": "synthetic1", columns + "synthetic1.parquet": "synthetic1",
		files + "code_contests.jsonl": "codecontests", files + "code_contests.json": "codecontests", columns + "code_contests.parquet": "codecontests",
		files + "deepcoder.jsonl": "deepcoder", columns + "deepcoder.parquet": "deepcoder",
		files + "verl.jsonl": "verl", columns + "verl.parquet": "verl",
	} {
		listed, _ := grade(t, 0, "-list", "-dataset", path, "-schema", schema)
		var lines []string
		seen := map[string]bool{}
		for problem := range strings.Lines(listed) {
			id, _, _ := strings.Cut(strings.TrimSpace(problem), "  ")
			if seen[id] {
				continue
			}
			seen[id] = true
			sample, text := 0, fenced("import sys\nprint(sys.stdin.read().upper(), end='')")
			data, err := json.Marshal(row{Problem: id, Sample: &sample, Text: &text})
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, string(data))
		}
		stdout, _ := grade(t, 0, "-completions", file(t, "run.jsonl", lines...), "-dataset", path, "-schema", schema)
		contains(t, stdout, " Accepted\n", "0 infrastructure errors")
		contains(t, stdout, fmt.Sprintf(" all %d %d ", len(lines), len(lines)))
		if schema != "codecontests" && schema != "synthetic1" { // whose second problems bear the names of the first
			contains(t, stdout, " RuntimeError\n")
		}
	}
}

func TestMissingPythonIsSaid(t *testing.T) {
	_, stderr := grade(t, 1, "-completions", "reference", "-python", "/nowhere/python3")
	contains(t, stderr, "python3 is needed to run the completions' programs: install it, or name an interpreter with -python", "/nowhere/python3: not found")
}

// cancelOn cancels a run as soon as its log has the text.
type cancelOn struct {
	strings.Builder
	text   string
	cancel func()
}

func (c *cancelOn) Write(p []byte) (int, error) {
	n, err := c.Builder.Write(p)
	if strings.Contains(c.String(), c.text) {
		c.cancel()
	}
	return n, err
}

func TestAnInterruptedRunSaysSo(t *testing.T) {
	lines := []string{line("ferry", 0, right("ferry"), "stop")}
	for i := range 9 {
		lines = append(lines, line("ferry", 1+i, "```python\nimport time; time.sleep(3600)\n```", "stop"))
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	log := &cancelOn{text: "grading 1/10", cancel: cancel}
	out := filepath.Join(t.TempDir(), "run.results")
	var stdout strings.Builder
	if status := command(ctx, []string{"-completions", file(t, "run.jsonl", lines...), "-out", out}, &stdout, log); status != 130 {
		t.Errorf("exit status %d, want 130\n%s", status, log.String())
	}
	contains(t, stdout.String(), "INTERRUPTED: the first 1 of 10 completions were graded", " all 1 1 1.0000 ")
	if _, err := os.Stat(out); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the per-problem file of an interrupted run has the name of a whole one: %v", err)
	}
	if data, err := os.ReadFile(out + ".partial"); err != nil || strings.Count(string(data), "\n") != 1 {
		t.Errorf("%s %v", data, err)
	}
}

func TestWhatTheMachineryDidIsNoAnswer(t *testing.T) {
	a, b := &rollout.Problem{ID: "a"}, &rollout.Problem{ID: "b"}
	tally := newTally(&work{problems: []*rollout.Problem{a, b}, tasks: make([]task, 4)})
	infra := fmt.Errorf("verify: %w", &sandbox.InfraError{Op: "start", Err: errors.New("no more processes")})
	for _, j := range []judged{
		{task{completion{problem: "a"}, a}, rollout.Verdict{Status: rollout.Accepted}, nil},
		{task{completion{problem: "a", sample: 1}, a}, rollout.Verdict{}, infra},
		{task{completion{problem: "b"}, b}, rollout.Verdict{}, infra},
		{task{completion{problem: "b", sample: 1}, b}, rollout.Verdict{}, errors.New("test 3: no JSON")},
	} {
		tally.add(j)
	}
	results, _ := tally.atLeast(1)
	if want := (eval.Result{Problem: "a", Samples: 1, Correct: 1, Lost: 1}); len(results) != 1 || results[0] != want {
		t.Errorf("results %+v, want %+v", results, want)
	}
	if lost := tally.lost(); len(lost) != 1 || lost[0] != "b" {
		t.Errorf("lost problems %v, want b", lost)
	}
	if len(tally.infra) != 2 || len(tally.faulty) != 1 {
		t.Errorf("infrastructure %v, faulty %v", tally.infra, tally.faulty)
	}
	var text strings.Builder
	printLosses(&text, tally, map[string]int{"a": 3, "b": 6})
	contains(t, text.String(), "2 completions were lost to the sandbox, the first: sample 1 of a: ", "1 completions could not be judged", "1 problems have no judged sample left and are in no figure: b", "9 infrastructure errors, on 2 problems: a, b")
}
