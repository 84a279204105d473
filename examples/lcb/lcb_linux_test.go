package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grouprl/grouprl/rollout/eval"
	"github.com/grouprl/grouprl/rollout/journal"
	"github.com/grouprl/grouprl/rollout/openai/openaitest"
)

// The set: double and triple read a number from stdin, add is a function; old is
// outside the window.
func data(t *testing.T) string {
	t.Helper()
	return write1(t,
		problemRow("double", "2024-09-01T00:00:00", "", "2\n", "4\n", "21\n", "42\n"),
		problemRow("triple", "2025-05-01T00:00:00", "", "2\n", "6\n"),
		problemRow("add", "2024-08-01T00:00:00", "add", "1\n2", "3"),
		problemRow("old", "2024-07-31T00:00:00", "", "2\n", "6\n"),
	)
}

var solutions = map[string]string{
	"double": "print(2 * int(input()))",
	"triple": "print(3 * int(input()))",
	"add":    "class Solution:\n    def add(self, a, b):\n        return a + b",
}

// The policy is right where the seed is even, says nothing where it is divisible by
// 5, and is else wrong.
func policy() *openaitest.Server {
	return &openaitest.Server{Window: 81920, Reply: func(q *openaitest.Question) string {
		if q.Seed == nil {
			return "x" // the question for the prompt's length
		}
		for name, program := range solutions {
			if strings.Contains(q.Prompt, "Question: solve "+name+"\n") {
				switch {
				case *q.Seed%5 == 0:
					return "I give up."
				case *q.Seed%2 == 1:
					program = "print('?')"
				}
				return "<think>easy</think>\n```python\n" + program + "\n```"
			}
		}
		return "?"
	}}
}

func endpoint(t *testing.T, f *openaitest.Server) string {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return s.URL + "/v1"
}

// expected counts what the policy's seeds say.
func expected(f *openaitest.Server) (accepted, wrong, none int) {
	for _, q := range f.Questions() {
		switch {
		case q.Seed == nil || q.MaxTokens == 1:
		case *q.Seed%5 == 0:
			none++
		case *q.Seed%2 == 1:
			wrong++
		default:
			accepted++
		}
	}
	return accepted, wrong, none
}

func TestEvaluation(t *testing.T) {
	f := policy()
	out, results, texts := filepath.Join(t.TempDir(), "run"), filepath.Join(t.TempDir(), "results"), filepath.Join(t.TempDir(), "texts.jsonl")
	args := []string{"-data", data(t), "-endpoint", endpoint(t, f), "-out", out}
	stdout, stderr := lcb(t, context.Background(), 0, append(args, "-results", results, "-completions", texts)...)
	accepted, wrong, none := expected(f)
	if accepted+wrong+none != 48 || accepted == 0 || wrong == 0 || none == 0 {
		t.Fatalf("%d + %d + %d samples, want 48 in all", accepted, wrong, none)
	}
	contains(t, stdout,
		"16 samples, temperature 0.6, top-p 0.95, window 40960\n",
		fmt.Sprintf("%.4f", float64(accepted)/48),
		fmt.Sprintf("%6d Accepted\n", accepted), fmt.Sprintf("%6d NoCode\n", none),
		"cost: ", " tokens of prompts, ",
		"3 problems, where the write-up has 454",
	)
	if strings.Contains(stdout, "missing") || strings.Contains(stdout, "INTERRUPTED") {
		t.Error(stdout)
	}
	contains(t, stderr, "policy: 3 problems, 16 samples", "evaluating 48/48", "results, one a problem", "the completions")
	q := f.Questions()[len(f.Questions())-1]
	if q.Temperature != 0.6 || q.TopP != 0.95 || q.MaxTokens != 40960-32-len(q.Prompt) {
		t.Errorf("asked at temperature %v, top-p %v, for %d tokens after a prompt of %d", q.Temperature, q.TopP, q.MaxTokens, len(q.Prompt))
	}
	contains(t, q.Prompt, "<system>You are an expert Python programmer.", "### Answer: (use the provided format with backticks)\n\n<assistant>")

	// Again: nothing is left to draw, and the report is the same; also without a server.
	asked := len(f.Questions())
	again, _ := lcb(t, context.Background(), 0, args...)
	offline, _ := lcb(t, context.Background(), 0, "-data", args[1], "-out", out, "-report")
	if again != stdout || offline != stdout || len(f.Questions()) != asked {
		t.Errorf("%d questions more, and\n%s\n%s\nafter\n%s", len(f.Questions())-asked, again, offline, stdout)
	}
	_, stderr = lcb(t, context.Background(), 1, append(args, "-samples", "8")...)
	contains(t, stderr, "-out: eval: ", "resume that one, or take another folder")
	file, err := os.ReadFile(texts)
	if err != nil || bytes.Count(file, []byte("\n")) != 48 {
		t.Error(err, string(file))
	}
	file, err = os.ReadFile(results)
	if err != nil || bytes.Count(file, []byte("\n")) != 3 {
		t.Error(err, string(file))
	}
}

func TestLongWindow(t *testing.T) {
	f := policy()
	stdout, _ := lcb(t, context.Background(), 0, "-data", data(t), "-endpoint", endpoint(t, f), "-out", t.TempDir(), "-protocol", "nouscoder-long", "-samples", "1", "-problems", "1", "-stream")
	contains(t, stdout, "window 81920, YaRN 2.5 x 32768")
	if q := f.Questions()[1]; q.MaxTokens != 81920-32-len(q.Prompt) || !q.Stream {
		t.Error(q.MaxTokens)
	}
}

// hanging is a policy that answers so many questions and no more, until it is told
// to go on.
func hanging(f *openaitest.Server, questions *atomic.Int64) {
	f.Instead = func(w http.ResponseWriter, r *http.Request, q *openaitest.Question) bool {
		if most := questions.Load(); most == 0 || q.Count <= most {
			return false
		}
		openaitest.Hang(r, time.Minute)
		return true
	}
}

// verdicts waits until a run has so many.
func verdicts(t *testing.T, out string, want int) {
	t.Helper()
	for range 6000 {
		n := 0
		for r, err := range journal.ReadLog(out) {
			if err == nil && bytes.HasPrefix(r.Payload, []byte(`{"judged"`)) {
				n++
			}
		}
		if n >= want {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("no verdict comes")
}

// Ctrl-C in the middle: what there is is saved and reported, and the same command
// goes on.
func TestInterrupted(t *testing.T) {
	f, questions := policy(), new(atomic.Int64)
	hanging(f, questions)
	questions.Store(10)
	out := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		verdicts(t, out, 3)
		cancel()
	}()
	args := []string{"-data", data(t), "-endpoint", endpoint(t, f), "-out", out, "-at-once", "2", "-samples", "6"}
	stdout, stderr := lcb(t, ctx, 130, args...)
	contains(t, stdout, "INTERRUPTED", "samples are missing")
	contains(t, stderr, "of 18 samples are judged and kept in "+out+"; the same command goes on from there")
	questions.Store(0)
	resumed(t, args, out)
}

// kill -9 in the middle, twice, and on.
func TestKilled(t *testing.T) {
	if args := os.Getenv("LCB_CHILD"); args != "" {
		os.Exit(command(context.Background(), strings.Split(args, "\n"), os.Stdout, os.Stderr))
	}
	f, questions := policy(), new(atomic.Int64)
	hanging(f, questions)
	out := t.TempDir()
	args := []string{"-data", data(t), "-endpoint", endpoint(t, f), "-out", out, "-at-once", "2", "-samples", "6"}
	for _, enough := range []int{2, 5} {
		questions.Store(int64(len(f.Questions()) + 7))
		child := exec.Command(os.Args[0], "-test.run=^TestKilled$")
		child.Env = append(os.Environ(), "LCB_CHILD="+strings.Join(args, "\n"))
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		verdicts(t, out, enough)
		child.Process.Kill()
		if child.Wait() == nil {
			t.Fatal("the child was through before it was killed")
		}
	}
	questions.Store(0)
	resumed(t, args, out)
}

// resumed goes on with a run and compares it with one that was never interrupted.
func resumed(t *testing.T, args []string, out string) {
	t.Helper()
	whole, _ := lcb(t, context.Background(), 0, args...)
	fresh, _ := lcb(t, context.Background(), 0, append(args, "-out", t.TempDir())...)
	if whole != fresh {
		t.Errorf("resumed\n%s\nuninterrupted\n%s", whole, fresh)
	}
	unique(t, out)
}

// unique checks that every sample was kept once.
func unique(t *testing.T, out string) {
	t.Helper()
	seen := map[string]bool{}
	for text, err := range eval.Texts(out) {
		key := fmt.Sprint(text.Problem, "/", text.Sample)
		if err != nil || seen[key] {
			t.Fatal(err, key)
		}
		seen[key] = true
	}
	if len(seen) != 18 {
		t.Errorf("%d samples, want 18", len(seen))
	}
}
