package problems

import (
	"context"
	"runtime"
	"sync"
	"testing"

	"github.com/grouprl/grouprl/rollout"
	"github.com/grouprl/grouprl/rollout/sandbox"
	"github.com/grouprl/grouprl/rollout/verify"
)

// Real Python says of programs what the Go evaluators say: references are right in
// every style, and a program of the corpus is wrong if and only if it is marked so.
func TestPythonAgrees(t *testing.T) {
	runner, err := sandbox.Local(sandbox.Config{Limits: sandbox.Limits{Memory: 1 << 30}})
	if err != nil {
		t.Fatalf("this test runs programs with python3 in the sandbox: %v", err)
	}
	defer runner.Close()
	verifier := &verify.Verifier{Runner: runner, Strict: true}

	type job struct {
		problem *Problem
		program string
		right   bool
	}
	jobs := make(chan job)
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for j := range jobs {
				v, err := verifier.Judge(context.Background(), &j.problem.Problem, j.program)
				if err != nil {
					t.Errorf("%s: %v", j.problem.ID, err)
				} else if (v.Status == rollout.Accepted) != j.right {
					t.Errorf("%s: %s, want right %v\n%s\n%s", j.problem.ID, v.Status, j.right, j.problem.Statement, j.program)
				}
			}
		}()
	}
	for i := range 45 {
		p := heldout.Problem(i)
		jobs <- job{p, Decode(Program(Style(i%styles), p.Reading)), true}
		e := corpus.Example(i)
		jobs <- job{e.Problem, Decode(e.Program), !e.Wrong}
	}
	close(jobs)
	wait.Wait()
}
