package eval_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/rollout"
	"github.com/grouprl/grouprl/rollout/eval"
	"github.com/grouprl/grouprl/rollout/journal"
)

// A policy says "problem/sample", with as many tokens as the sample's number + 1;
// sample 3 of each problem is cut.
type policy struct {
	mu    sync.Mutex
	drawn map[string]int
	wait  time.Duration
	fail  func(key string) error
}

func key(p *rollout.Problem, sample int) string { return fmt.Sprint(p.ID, "/", sample) }

func (p *policy) Generate(ctx context.Context, r *rollout.Request) (*rollout.Completion, error) {
	select {
	case <-time.After(p.wait):
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	k := key(r.Problem, r.Sample)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail != nil {
		if err := p.fail(k); err != nil {
			return nil, err
		}
	}
	if p.drawn == nil {
		p.drawn = map[string]int{}
	}
	p.drawn[k]++
	c := &rollout.Completion{Text: k, Prompt: make([]int32, 10), Tokens: make([]int32, r.Sample+1)}
	if r.Sample == 3 {
		c.Finish = rollout.Length
	}
	return c, nil
}

// A verifier accepts even samples, and refuses a text of another sample.
func judge(ctx context.Context, p *rollout.Problem, c *rollout.Completion) (rollout.Verdict, error) {
	if c.Text != key(p, c.Sample) {
		return rollout.Verdict{}, fmt.Errorf("text %q for %s", c.Text, key(p, c.Sample))
	}
	v := rollout.Verdict{Status: rollout.WrongAnswer, Reward: -1}
	switch {
	case c.Truncated():
		v.Status = rollout.Truncated
	case c.Sample%2 == 0:
		v.Status, v.Reward = rollout.Accepted, 1
	}
	return v, nil
}

func set(n int) iter.Seq2[*rollout.Problem, error] {
	return func(yield func(*rollout.Problem, error) bool) {
		for i := range n {
			if !yield(&rollout.Problem{ID: fmt.Sprint("p", i), Difficulty: []string{"easy", "hard"}[i%2]}, nil) {
				return
			}
		}
	}
}

func evaluation(p *policy, dir string) *eval.Evaluation {
	return &eval.Evaluation{
		Protocol:  eval.Protocol{Samples: 4, Temperature: 1},
		Generator: p,
		Verifier:  rollout.VerifierFunc(judge),
		Dir:       dir,
		Name:      "test",
	}
}

// 10 problems of 4 samples: 0 and 2 right, 1 wrong, 3 cut. A problem's completions
// have 1 + 2 + 3 + 4 = 10 tokens, its prompts 4 * 10.
func TestRun(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		p := &policy{}
		e := evaluation(p, dir)
		var seen []eval.Progress
		e.Progress = func(p eval.Progress) { seen = append(seen, p) }
		e.Cluster = func(p *rollout.Problem) string { return "c" + p.ID[1:] }
		o, err := e.Run(t.Context(), set(10))
		require.NoError(t, err)
		require.True(t, o.Complete())
		want := eval.Progress{Total: 40, Done: 40, Correct: 20, Cost: eval.Cost{Prompt: 400, Completion: 100}}
		require.Equal(t, want, o.Progress)
		require.Len(t, seen, 41)
		for i, p := range seen {
			require.Equal(t, i, p.Done)
		}
		require.Len(t, o.Results, 10)
		require.Equal(t, eval.Result{Problem: "p3", Difficulty: "hard", Cluster: "c3", Samples: 4, Correct: 2, Overlong: 1, Tokens: 10, Prompt: 40}, o.Results[3])
		require.Equal(t, eval.Sample{Problem: "p2", Sample: 3, Status: rollout.Truncated, Truncated: true, Prompt: 10, Completion: 4}, o.Samples[11])

		report, err := o.Report(eval.Options{})
		require.NoError(t, err)
		require.Equal(t, 0.5, report.All.Pass)
		require.Contains(t, report.String(), "4 samples, temperature 1, top-p 1, window 32768\n")
		require.Contains(t, report.String(), "cost: 400 tokens of prompts, 100 of completions\n")
		require.Len(t, report.Difficulties, 2)
	}
}

// complete checks that a folder holds the outcome of TestRun's kind, each sample
// drawn once.
func complete(t *testing.T, dir string, problems int) {
	t.Helper()
	drawn := map[string]int{}
	for text, err := range eval.Texts(dir) {
		require.NoError(t, err)
		require.Equal(t, text.Text, fmt.Sprint(text.Problem, "/", text.Sample))
		drawn[text.Text]++
	}
	require.Len(t, drawn, 4*problems)
	for k, n := range drawn {
		require.Equal(t, 1, n, k)
	}
	again := &policy{}
	whole, err := evaluation(again, dir).Run(context.Background(), set(problems))
	require.NoError(t, err)
	require.Empty(t, again.drawn)
	require.Equal(t, 4*problems, whole.Resumed)
	fresh, err := evaluation(&policy{}, "").Run(context.Background(), set(problems))
	require.NoError(t, err)
	require.Equal(t, fresh.Samples, whole.Samples)
	require.Equal(t, fresh.Results, whole.Results)
	require.Equal(t, fresh.Cost, whole.Cost)
}

// A run that is called off, over and over, is in the end the run that was not; no
// completion that was drawn is drawn again, judged or not.
func TestResume(t *testing.T) {
	dir := t.TempDir()
	p := &policy{}
	stop := errors.New("enough for today")
	for before := -1; ; {
		e := evaluation(p, dir)
		e.Generators, e.Verifiers = 5, 1
		ctx, cancel := context.WithCancelCause(t.Context())
		e.Progress = func(p eval.Progress) {
			if p.Done >= p.Resumed+3 {
				cancel(stop)
			}
		}
		o, err := e.Run(ctx, set(8))
		cancel(nil)
		require.Greater(t, o.Done, before)
		before = o.Done
		if o.Complete() {
			break
		}
		require.ErrorIs(t, err, stop)
		require.Len(t, o.Samples, o.Done)
	}
	require.Len(t, p.drawn, 32)
	for k, n := range p.drawn {
		require.Equal(t, 1, n, k)
	}
	complete(t, dir, 8)
}

// The verifier is down: what was drawn stays, and is judged when it is back.
func TestDrawnIsNotDrawnAgain(t *testing.T) {
	dir := t.TempDir()
	p := &policy{}
	e := evaluation(p, dir)
	e.Verifier = rollout.VerifierFunc(func(context.Context, *rollout.Problem, *rollout.Completion) (rollout.Verdict, error) {
		return rollout.Verdict{}, nil // Unjudged
	})
	e.Retries, e.MaxLost = -1, 1000
	o, err := e.Run(t.Context(), set(5))
	require.NoError(t, err)
	require.Equal(t, 0, o.Done)
	require.Equal(t, 20, o.Lost)
	require.ErrorIs(t, o.Losses[0], rollout.ErrUnjudged)
	require.Contains(t, o.Losses[0].Error(), "verify failed after 1 attempts")
	require.Empty(t, o.Results)
	require.Len(t, p.drawn, 20)
	again := &policy{}
	o, err = evaluation(again, dir).Run(t.Context(), set(5))
	require.NoError(t, err)
	require.True(t, o.Complete())
	require.Empty(t, again.drawn)
	complete(t, dir, 5)
}

// What is lost is neither right nor wrong, is said, and is tried again.
func TestLost(t *testing.T) {
	dir := t.TempDir()
	p := &policy{fail: func(k string) error {
		if k == "p1/2" || k == "p1/1" {
			return errors.New("engine died")
		}
		return nil
	}}
	e := evaluation(p, dir)
	e.Backoff = time.Microsecond
	o, err := e.Run(t.Context(), set(3))
	require.NoError(t, err)
	require.False(t, o.Complete())
	require.Equal(t, 2, o.Lost)
	require.Equal(t, 10, o.Done)
	require.Equal(t, 3, o.Losses[0].Attempts)
	require.Equal(t, eval.Result{Problem: "p1", Difficulty: "hard", Samples: 2, Correct: 1, Overlong: 1, Lost: 2, Tokens: 5, Prompt: 20}, o.Results[1])
	report, err := o.Report(eval.Options{})
	require.NoError(t, err)
	require.Contains(t, report.String(), "2 samples were lost")
	p.fail = nil
	o, err = evaluation(p, dir).Run(t.Context(), set(3))
	require.NoError(t, err)
	require.Equal(t, 10, o.Resumed)
	require.Zero(t, o.Lost)
	complete(t, dir, 3)

	tries := 0
	down := errors.New("nobody there")
	e = evaluation(&policy{fail: func(string) error { tries++; return down }}, t.TempDir())
	e.MaxLost, e.Generators = 4, 1
	e.Retryable = func(err error) bool { return !errors.Is(err, down) }
	o, err = e.Run(t.Context(), set(1000))
	var stopped *eval.StoppedError
	require.ErrorAs(t, err, &stopped)
	require.ErrorIs(t, err, down)
	require.Equal(t, 4, o.Lost)
	require.Less(t, tries, 4000)
}

// A folder is of one run.
func TestOtherRuns(t *testing.T) {
	dir := t.TempDir()
	_, err := evaluation(&policy{}, dir).Run(t.Context(), set(2))
	require.NoError(t, err)
	for _, change := range []func(e *eval.Evaluation){
		func(e *eval.Evaluation) { e.Name = "another" },
		func(e *eval.Evaluation) { e.Protocol.Samples = 5 },
		func(e *eval.Evaluation) { e.Protocol.Seed = 5 },
		func(e *eval.Evaluation) { e.Protocol.TopK = 5 },
	} {
		e := evaluation(&policy{}, dir)
		change(e)
		_, err = e.Run(t.Context(), set(2))
		var other *eval.RunError
		require.ErrorAs(t, err, &other)
		require.Contains(t, other.Have, `"test" (4 samples`)
	}
	log, err := journal.OpenLog(dir, journal.LogOptions{}, func(journal.Position, []byte) error { return nil })
	require.NoError(t, err)
	_, err = evaluation(&policy{}, dir).Run(t.Context(), set(2))
	require.ErrorAs(t, err, new(*journal.LockedError))
	require.NoError(t, log.Close())

	foreign := t.TempDir()
	log, err = journal.OpenLog(foreign, journal.LogOptions{}, func(journal.Position, []byte) error { return nil })
	require.NoError(t, err)
	require.NoError(t, log.Append([]byte("a trainer's")))
	require.NoError(t, log.Close())
	_, err = evaluation(&policy{}, foreign).Run(t.Context(), set(2))
	require.ErrorAs(t, err, new(*eval.RecordError))
	for _, err := range eval.Texts(foreign) {
		require.ErrorAs(t, err, new(*eval.RecordError))
	}
}

func TestRunRefuses(t *testing.T) {
	torn := errors.New("row 7: torn")
	for name, c := range map[string]struct {
		change   func(e *eval.Evaluation)
		problems iter.Seq2[*rollout.Problem, error]
		want     any
	}{
		"generator":  {change: func(e *eval.Evaluation) { e.Generator = nil }, want: new(*eval.OptionsError)},
		"verifier":   {change: func(e *eval.Evaluation) { e.Verifier = nil }, want: new(*eval.OptionsError)},
		"protocol":   {change: func(e *eval.Evaluation) { e.Protocol.TopP = 2 }, want: new(*eval.OptionsError)},
		"unknown":    {change: func(e *eval.Evaluation) { e.Protocol.Unknown = true }, want: new(*eval.OptionsError)},
		"generators": {change: func(e *eval.Evaluation) { e.Generators = -1 }, want: new(*eval.OptionsError)},
		"twice": {problems: func(yield func(*rollout.Problem, error) bool) {
			for range 2 {
				if !yield(&rollout.Problem{ID: "a"}, nil) {
					return
				}
			}
		}, want: new(*eval.TwiceError)},
	} {
		e := evaluation(&policy{}, "")
		if c.change != nil {
			c.change(e)
		}
		if c.problems == nil {
			c.problems = set(2)
		}
		_, err := e.Run(t.Context(), c.problems)
		require.ErrorAs(t, err, c.want, name)
	}
	_, err := evaluation(&policy{}, "").Run(t.Context(), set(0))
	require.ErrorIs(t, err, eval.ErrNoResults)
	_, err = evaluation(&policy{}, "").Run(t.Context(), func(yield func(*rollout.Problem, error) bool) { yield(nil, torn) })
	require.ErrorIs(t, err, torn)
	_, err = evaluation(&policy{}, "").Run(t.Context(), func(yield func(*rollout.Problem, error) bool) { yield(nil, nil) })
	require.ErrorIs(t, err, rollout.ErrNoProblem)
}

// Generation goes on while the verifier is slow: 40 samples of 1 s at 10 at a time
// take 4 s, and the verifier alone 40 * 1 s after the first; every goroutine has
// ended with Run.
func TestGenerationDoesNotWaitForVerification(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var generated time.Duration
		p := &policy{wait: time.Second, fail: func(string) error { generated = time.Since(begin); return nil }}
		e := evaluation(p, "")
		e.Generators, e.Verifiers = 10, 1
		e.Verifier = rollout.VerifierFunc(func(ctx context.Context, p *rollout.Problem, c *rollout.Completion) (rollout.Verdict, error) {
			time.Sleep(time.Second)
			return judge(ctx, p, c)
		})
		o, err := e.Run(t.Context(), set(10))
		require.NoError(t, err)
		require.True(t, o.Complete())
		require.Equal(t, 4*time.Second, generated)
		require.Equal(t, 41*time.Second, time.Since(begin))
	})
}

// The child is killed in the middle of its work, after a random number of samples, and
// begun again, until it is through.
func TestKilled(t *testing.T) {
	const problems, most = 25, 30
	if dir := os.Getenv("GROUPRL_EVAL_CHILD"); dir != "" {
		left, err := strconv.Atoi(os.Getenv("GROUPRL_EVAL_SAMPLES"))
		require.NoError(t, err)
		self, err := os.FindProcess(os.Getpid())
		require.NoError(t, err)
		e := evaluation(&policy{wait: time.Millisecond, fail: func(string) error {
			if left--; left == 0 {
				self.Kill()
				select {}
			}
			return nil
		}}, dir)
		e.Generators = 4
		if _, err := e.Run(context.Background(), set(problems)); err != nil {
			t.Fatal(err)
		}
		return
	}
	self, err := os.Executable()
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "run")
	random := rand.New(rand.NewPCG(4, 2))
	killed := 0
	for {
		child := exec.Command(self, "-test.run=^TestKilled$")
		child.Env = append(os.Environ(), "GROUPRL_EVAL_CHILD="+dir, fmt.Sprint("GROUPRL_EVAL_SAMPLES=", 1+random.IntN(most)))
		out, err := child.CombinedOutput()
		if err == nil {
			break
		}
		require.NotContains(t, string(out), "FAIL")
		killed++
	}
	require.GreaterOrEqual(t, killed, 4*problems/most)
	complete(t, dir, problems)
}

func TestUnknownProtocol(t *testing.T) {
	report, err := eval.NewReport(eval.Protocol{}, []eval.Result{{Problem: "a", Samples: 8, Correct: 1}}, eval.Options{})
	require.NoError(t, err)
	require.True(t, report.Protocol.Unknown)
	require.True(t, strings.HasPrefix(report.String(), "protocol unknown\n"))
	report, err = eval.NewReport(eval.Protocol{Unknown: true}, []eval.Result{{Problem: "a", Samples: 1, Correct: 1}}, eval.Options{})
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(report.String(), "protocol unknown\n"))
	report, err = eval.NewReport(eval.Protocol{}, []eval.Result{{Problem: "a", Samples: 1, Correct: 1}}, eval.Options{})
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(report.String(), "greedy, window 32768\n"))

	require.Equal(t, "4 samples, temperature 1, top-p 1, top-k 20, window 32768, at most 99 tokens", eval.Protocol{Samples: 4, Temperature: 1, TopK: 20, MaxTokens: 99}.String())
	for field, p := range map[string]eval.Protocol{"TopK": {TopK: -1}, "MaxTokens": {MaxTokens: -1}} {
		var e *eval.OptionsError
		require.ErrorAs(t, p.Validate(), &e)
		require.Equal(t, field, e.Field)
	}
}
