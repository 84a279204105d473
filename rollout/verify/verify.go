// Package verify judges completions: it takes the program out of the text, has
// package sandbox run it on each test's input, and compares on this side, where alone
// the expected outputs live.
//
// The zero Verifier is the NousCoder recipe, but for its holes: the last complete
// fence of the answer, the star-import prelude, exact decimals or 1e-4 absolute for
// lines of numbers, the first failing test ends it, +1 or -1. Published LiveCodeBench
// numbers come from a grader that runs every test in one process and shares it with
// the expected outputs; here each test has a real stdin and fresh state, so a program
// that reads stdin twice or counts in a module-level global passes here and not
// there, and one that looks for the answers fails here.
package verify

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"time"

	"github.com/grouprl/grouprl/rollout"
	"github.com/grouprl/grouprl/rollout/sandbox"
)

// Verifier implements rollout.Verifier. Set its fields before its first use and do
// not copy it after; it may be used by several goroutines.
type Verifier struct {
	Runner  sandbox.Runner // required
	Extract Extractor      // program out of the text; nil: LastFence{}
	Compare Comparer       // of stdout with what is expected; nil: NousCoder
	Reward  Reward         // zero: +1 if Accepted, else -1
	Limits  sandbox.Limits // zero fields: the runner's, and with these the recipe's 15 s and 4 GiB

	// TimeScale is for problems with a TimeLimit of their own: a test of theirs may take
	// TimeScale times as long, but never longer than Limits.Wall (0: 15 s) allows. Judges
	// had compiled programs in mind, so 5 is a usual choice. 0 is the recipe: such limits
	// are ignored and all tests have Limits.Wall.
	TimeScale float64

	Strict  bool // without the prelude: a program that uses a module must import it
	All     bool // run every test though one has failed (Reward.Fraction implies it)
	Retries int  // further attempts after an *sandbox.InfraError; 0: 2; negative: none

	mu    sync.Mutex
	infra map[string]int
}

var _ rollout.Verifier = (*Verifier)(nil)

// ErrNoTests is returned for a problem without a test: nothing can be said of any
// program, and least of all that it is right.
var ErrNoTests = errors.New("verify: problem has no tests")

// TestError says that a test of the problem cannot be used: it is the data set's
// fault, never the program's.
type TestError struct {
	Problem string
	Test    int
	Err     error
}

func (e *TestError) Error() string {
	return fmt.Sprintf("verify: problem %q, test %d: %v", e.Problem, e.Test, e.Err)
}

// Unwrap returns the cause.
func (e *TestError) Unwrap() error { return e.Err }

// Verify implements rollout.Verifier. A truncated completion is Truncated and not
// run; one without a program is NoCode. Errors: *sandbox.InfraError after all
// retries, *TestError, ErrNoTests, and ctx's.
func (v *Verifier) Verify(ctx context.Context, p *rollout.Problem, c *rollout.Completion) (rollout.Verdict, error) {
	if c.Truncated() {
		return v.close(rollout.Verdict{Status: rollout.Truncated, Test: -1}, 0), nil
	}
	extract := v.Extract
	if extract == nil {
		extract = LastFence{}
	}
	program, ok := extract.Extract(c.Text)
	if !ok || strings.TrimFunc(program, isSpace) == "" {
		return v.close(rollout.Verdict{Status: rollout.NoCode, Test: -1}, 0), nil
	}
	return v.Judge(ctx, p, program)
}

// Judge runs a program text on the problem's tests.
func (v *Verifier) Judge(ctx context.Context, p *rollout.Problem, program string) (rollout.Verdict, error) {
	tries := 1 + v.Retries
	if v.Retries == 0 {
		tries = 3
	}
	for {
		tries--
		verdict, err := v.judge(ctx, p, program)
		var infra *sandbox.InfraError
		if !errors.As(err, &infra) {
			return verdict, err
		}
		v.mu.Lock()
		if v.infra == nil {
			v.infra = make(map[string]int)
		}
		v.infra[p.ID]++
		v.mu.Unlock()
		if tries <= 0 {
			return verdict, err
		}
	}
}

// InfraErrors returns how often the machinery failed, by problem. A problem that
// stands out is one whose programs break the machinery.
func (v *Verifier) InfraErrors() map[string]int {
	v.mu.Lock()
	defer v.mu.Unlock()
	counts := make(map[string]int, len(v.infra))
	for id, n := range v.infra {
		counts[id] = n
	}
	return counts
}

// judge is one attempt.
func (v *Verifier) judge(ctx context.Context, p *rollout.Problem, program string) (rollout.Verdict, error) {
	var none rollout.Verdict
	if p.Tests == nil {
		return none, ErrNoTests
	}
	s, err := v.Runner.Start(ctx)
	if err != nil {
		return none, err
	}
	defer s.Close()
	loaded, err := s.Load(ctx, sandbox.Program{Source: []byte(program), Entry: p.Entry, Strict: v.Strict, Limits: v.limits(p)})
	if err != nil {
		return none, err
	}
	verdict := rollout.Verdict{Status: rollout.Accepted, Test: -1}
	all := v.All || v.Reward.Fraction
	dead := loaded.Outcome != sandbox.OK // no further test can be run
	if dead {
		observe(&verdict, &loaded)
		verdict.Status, verdict.Stderr = status(loaded.Outcome), string(loaded.Stderr)
	}
	draw, stop := iter.Pull2(p.Tests)
	defer stop()
	tests := 0
	test, err, more := draw()
	for more {
		if err != nil {
			return none, &TestError{p.ID, tests, err}
		}
		now := test
		test, err, more = draw() // one ahead, to tell the session which run is the last
		tests++
		if dead {
			if !all {
				break
			}
			continue // counted
		}
		run := s.Run
		if l, ok := s.(sandbox.LastRunner); ok && !more {
			run = l.RunLast
		}
		st, r, err := v.test(ctx, run, p, tests-1, &now)
		if err != nil {
			return none, err
		}
		observe(&verdict, &r)
		verdict.Ran++
		if st == rollout.Accepted {
			verdict.Passed++
			continue
		}
		if verdict.Status == rollout.Accepted {
			verdict.Status, verdict.Test, verdict.Stderr = st, tests-1, string(r.Stderr)
		}
		if !all {
			break
		}
		dead = st == rollout.Crash
	}
	if tests == 0 {
		return none, ErrNoTests
	}
	return v.close(verdict, tests), nil
}

// limits are those of a problem's tests.
func (v *Verifier) limits(p *rollout.Problem) sandbox.Limits {
	l := v.Limits
	if own := v.TimeScale * float64(p.TimeLimit); own > 0 {
		l.Wall = time.Duration(min(own, float64(l.WithDefaults().Wall)))
	}
	return l
}

// test runs one test and compares. A run that was over its wall clock with little CPU
// time spent may have been held up by the host: it is run once more, and that counts.
func (v *Verifier) test(ctx context.Context, run func(context.Context, []byte) (sandbox.Result, error), p *rollout.Problem, i int, t *rollout.Test) (rollout.Status, sandbox.Result, error) {
	r, err := run(ctx, []byte(t.Input))
	if err == nil && r.Outcome == sandbox.TimeLimit && r.CPU < r.Wall/2 {
		r, err = run(ctx, []byte(t.Input))
	}
	if err != nil {
		return 0, r, err
	}
	if r.Outcome != sandbox.OK {
		return status(r.Outcome), r, nil
	}
	equal := false
	if p.Entry != "" {
		want, err := parseJSON(t.Expected)
		if err != nil {
			return 0, r, &TestError{p.ID, i, err}
		}
		equal = equalReturn(r.Value, &want)
	} else {
		compare := v.Compare
		if compare == nil {
			compare = NousCoder
		}
		equal = compare.Equal(t.Expected, string(r.Stdout))
	}
	if !equal {
		return rollout.WrongAnswer, r, nil
	}
	return rollout.Accepted, r, nil
}

// observe keeps the largest of each figure.
func observe(v *rollout.Verdict, r *sandbox.Result) {
	v.CPU, v.Wall, v.Memory = max(v.CPU, r.CPU), max(v.Wall, r.Wall), max(v.Memory, r.Memory)
}

// close fills in the reward.
func (v *Verifier) close(verdict rollout.Verdict, tests int) rollout.Verdict {
	verdict.Reward = v.Reward.Of(&verdict, tests)
	return verdict
}

// status of a run that did not end well.
func status(o sandbox.Outcome) rollout.Status {
	switch o {
	case sandbox.TimeLimit:
		return rollout.TimeLimit
	case sandbox.MemoryLimit:
		return rollout.MemoryLimit
	case sandbox.OutputLimit:
		return rollout.OutputLimit
	case sandbox.CompileError:
		return rollout.CompileError
	case sandbox.Crash:
		return rollout.Crash
	}
	return rollout.RuntimeError
}
