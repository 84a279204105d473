package verify

import (
	"bytes"
	"context"
	"errors"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/rollout"
	"github.com/grouprl/grouprl/rollout/sandbox"
)

// scripted is a runner whose sessions answer with the next of its results. It keeps
// every byte that went in.
type scripted struct {
	mu       sync.Mutex
	results  []sandbox.Result // of Run, in order; the last repeats
	errs     []error          // of Start, in order
	load     sandbox.Result
	loadErrs []error // of Load, in order
	runErrs  []error // of Run, in order; nil: the next result
	runs     int
	last     []int          // which of them were said to be the last
	sessions int            // open ones
	limits   sandbox.Limits // of the last program
	seen     bytes.Buffer
}

// next takes the first of a list of errors.
func next(errs *[]error) (err error) {
	if len(*errs) > 0 {
		err, *errs = (*errs)[0], (*errs)[1:]
	}
	return err
}

func (s *scripted) Start(context.Context) (sandbox.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := next(&s.errs); err != nil {
		return nil, err
	}
	s.sessions++
	return scriptedSession{s}, nil
}

func (s *scripted) Close() error { return nil }

type scriptedSession struct{ *scripted }

func (s scriptedSession) Load(_ context.Context, p sandbox.Program) (sandbox.Result, error) {
	s.seen.Write(p.Source)
	s.seen.WriteString(p.Entry)
	s.scripted.limits = p.Limits
	return s.load, next(&s.loadErrs)
}

func (s scriptedSession) Run(_ context.Context, input []byte) (sandbox.Result, error) {
	s.seen.Write(input)
	if err := next(&s.runErrs); err != nil {
		return sandbox.Result{}, err
	}
	r := s.results[min(s.runs, len(s.results)-1)]
	s.runs++
	return r, nil
}

func (s scriptedSession) RunLast(ctx context.Context, input []byte) (sandbox.Result, error) {
	s.last = append(s.last, s.runs+1)
	return s.Run(ctx, input)
}

func (s scriptedSession) Close() error { s.sessions--; return nil }

func prints(text string) sandbox.Result {
	return sandbox.Result{Stdout: []byte(text), CPU: 2 * time.Millisecond, Wall: 3 * time.Millisecond, Memory: 10 << 20}
}

func problem(tests ...rollout.Test) *rollout.Problem {
	return &rollout.Problem{ID: "p", Tests: rollout.Tests(tests...)}
}

func test(input, expected string) rollout.Test {
	return rollout.Test{Input: input, Expected: expected}
}

func answer(program string) *rollout.Completion {
	return &rollout.Completion{Text: "Here:\n```python\n" + program + "\n```\n"}
}

func TestVerdict(t *testing.T) {
	three := problem(test("1", "a"), test("2", "b"), test("3", "c"))
	slow := sandbox.Result{Outcome: sandbox.RuntimeError, CPU: time.Second, Wall: 2 * time.Second, Memory: 50 << 20, Stderr: []byte("oh")}

	s := &scripted{results: []sandbox.Result{prints("a"), prints("b"), prints("c")}}
	v := &Verifier{Runner: s}
	got, err := v.Verify(t.Context(), three, answer("x"))
	require.NoError(t, err)
	require.Equal(t, rollout.Verdict{Status: rollout.Accepted, Reward: 1, Test: -1, Passed: 3, Ran: 3, CPU: 2 * time.Millisecond, Wall: 3 * time.Millisecond, Memory: 10 << 20}, got)
	require.Zero(t, s.sessions, "closed")

	// The first failure ends it.
	s = &scripted{results: []sandbox.Result{prints("a"), slow, prints("c")}}
	v = &Verifier{Runner: s}
	got, err = v.Verify(t.Context(), three, answer("x"))
	require.NoError(t, err)
	require.Equal(t, rollout.Verdict{Status: rollout.RuntimeError, Reward: -1, Test: 1, Passed: 1, Ran: 2, CPU: time.Second, Wall: 2 * time.Second, Memory: 50 << 20, Stderr: "oh"}, got)

	// Unless all are asked for; the verdict is the first failure's.
	s = &scripted{results: []sandbox.Result{prints("a"), slow, prints("c")}}
	v = &Verifier{Runner: s, All: true}
	got, err = v.Verify(t.Context(), three, answer("x"))
	require.NoError(t, err)
	require.Equal(t, []int{1, 2, 3}, []int{got.Test, got.Passed, got.Ran})
	require.Equal(t, rollout.RuntimeError, got.Status)
	require.EqualValues(t, -1, got.Reward)

	// A fraction needs all: -1 + 2 * 2/3.
	s = &scripted{results: []sandbox.Result{prints("a"), slow, prints("c")}}
	v = &Verifier{Runner: s, Reward: Reward{Fraction: true}}
	got, err = v.Verify(t.Context(), three, answer("x"))
	require.NoError(t, err)
	require.InDelta(t, 1.0/3, got.Reward, 1e-12)

	// After a crash nothing can run, and the rest count as failed.
	s = &scripted{results: []sandbox.Result{prints("a"), {Outcome: sandbox.Crash}}}
	v = &Verifier{Runner: s, Reward: Reward{Accepted: 1, Fraction: true}}
	got, err = v.Verify(t.Context(), three, answer("x"))
	require.NoError(t, err)
	require.Equal(t, rollout.Crash, got.Status)
	require.Equal(t, 2, s.runs)
	require.InDelta(t, 1.0/3, got.Reward, 1e-12)
}

func TestStatuses(t *testing.T) {
	one := problem(test("", "x"))
	for outcome, want := range map[sandbox.Outcome]rollout.Status{
		sandbox.TimeLimit: rollout.TimeLimit, sandbox.MemoryLimit: rollout.MemoryLimit, sandbox.OutputLimit: rollout.OutputLimit,
		sandbox.RuntimeError: rollout.RuntimeError, sandbox.CompileError: rollout.CompileError, sandbox.Crash: rollout.Crash,
	} {
		for _, s := range []*scripted{{load: sandbox.Result{Outcome: outcome}}, {results: []sandbox.Result{{Outcome: outcome, CPU: time.Second, Wall: time.Second, Stdout: []byte("x")}}}} {
			v := &Verifier{Runner: s}
			got, err := v.Verify(t.Context(), one, answer("x"))
			require.NoError(t, err)
			require.Equal(t, want, got.Status)
			require.EqualValues(t, -1, got.Reward)
		}
	}
}

// Neither a truncated completion nor one without code comes near the runner.
func TestNotRun(t *testing.T) {
	v := &Verifier{Runner: nil, Reward: Reward{Fraction: true}}
	cut := answer("print(1)")
	cut.Finish = rollout.Length
	for _, c := range []struct {
		completion *rollout.Completion
		want       rollout.Status
	}{{cut, rollout.Truncated}, {&rollout.Completion{Text: "no code"}, rollout.NoCode}, {answer(" \n\x1f"), rollout.NoCode}} {
		got, err := v.Verify(t.Context(), problem(test("", "")), c.completion)
		require.NoError(t, err)
		require.Equal(t, rollout.Verdict{Status: c.want, Reward: -1, Test: -1}, got)
	}
}

// Over its wall clock with little CPU time: the host may have been busy, so it is run
// once more, and that run counts. With its CPU time used, the first run counts.
func TestSecondLook(t *testing.T) {
	held := sandbox.Result{Outcome: sandbox.TimeLimit, CPU: 10 * time.Millisecond, Wall: 15 * time.Second}
	busy := sandbox.Result{Outcome: sandbox.TimeLimit, CPU: 14 * time.Second, Wall: 15 * time.Second}
	for _, c := range []struct {
		results []sandbox.Result
		want    rollout.Status
		runs    int
	}{
		{[]sandbox.Result{held, prints("x")}, rollout.Accepted, 2},
		{[]sandbox.Result{held, held, prints("x")}, rollout.TimeLimit, 2},
		{[]sandbox.Result{busy, prints("x")}, rollout.TimeLimit, 1},
	} {
		s := &scripted{results: c.results}
		got, err := (&Verifier{Runner: s}).Verify(t.Context(), problem(test("", "x")), answer("p"))
		require.NoError(t, err)
		require.Equal(t, c.want, got.Status)
		require.Equal(t, c.runs, s.runs)
	}
}

// The machinery's failures are tried again, counted by problem, and never a reward.
func TestInfraErrors(t *testing.T) {
	down := &sandbox.InfraError{Op: "start", Err: errors.New("down")}
	v := &Verifier{Runner: &scripted{errs: []error{down, down}, results: []sandbox.Result{prints("x")}}}
	got, err := v.Verify(t.Context(), problem(test("", "x")), answer("p"))
	require.NoError(t, err)
	require.Equal(t, rollout.Accepted, got.Status)
	require.Equal(t, map[string]int{"p": 2}, v.InfraErrors())

	v.Runner = &scripted{errs: []error{down, down, down}}
	got, err = v.Verify(t.Context(), problem(test("", "x")), answer("p"))
	require.ErrorIs(t, err, down)
	require.Zero(t, got)
	require.Equal(t, map[string]int{"p": 5}, v.InfraErrors())

	v = &Verifier{Runner: &scripted{errs: []error{down}}, Retries: -1}
	_, err = v.Verify(t.Context(), problem(test("", "x")), answer("p"))
	require.ErrorIs(t, err, down)
}

// So are those of a session that dies with a program in it, at any point: what it ran
// before counts for nothing, and every session is closed.
func TestInfraErrorsInSession(t *testing.T) {
	down := &sandbox.InfraError{Op: "run", Err: errors.New("supervisor ended")}
	two := problem(test("1", "x"), test("2", "y"))
	for name, s := range map[string]*scripted{
		"load":       {loadErrs: []error{down}},
		"first run":  {runErrs: []error{down}},
		"second run": {runErrs: []error{nil, down}, results: []sandbox.Result{prints("x"), prints("x"), prints("y")}},
		"each":       {loadErrs: []error{down, nil}, runErrs: []error{down}},
	} {
		if s.results == nil {
			s.results = []sandbox.Result{prints("x"), prints("y")}
		}
		v := &Verifier{Runner: s}
		got, err := v.Verify(t.Context(), two, answer("p"))
		require.NoError(t, err, name)
		require.Equal(t, rollout.Accepted, got.Status, name)
		require.Equal(t, 2, got.Passed, name)
		require.EqualValues(t, 1, got.Reward, name)
		require.Equal(t, map[string]int{"p": map[bool]int{true: 2, false: 1}[name == "each"]}, v.InfraErrors(), name)
		require.Zero(t, s.sessions, name)
	}
	// It goes on: an error with the count, and no verdict that could be taken for a reward.
	for name, s := range map[string]*scripted{
		"load": {loadErrs: []error{down, down, down}}, "run": {runErrs: []error{down, down, down}, results: []sandbox.Result{prints("x")}},
	} {
		v := &Verifier{Runner: s}
		got, err := v.Verify(t.Context(), two, answer("p"))
		require.ErrorIs(t, err, down, name)
		require.Zero(t, got, name)
		require.Equal(t, map[string]int{"p": 3}, v.InfraErrors(), name)
		require.Zero(t, s.sessions, name)
	}
	// The second look at a slow run may fail the same way.
	held := sandbox.Result{Outcome: sandbox.TimeLimit, CPU: time.Millisecond, Wall: time.Second}
	s := &scripted{results: []sandbox.Result{held, prints("x")}, runErrs: []error{nil, down}}
	v := &Verifier{Runner: s}
	got, err := v.Verify(t.Context(), problem(test("1", "x")), answer("p"))
	require.NoError(t, err)
	require.Equal(t, rollout.Accepted, got.Status)
	require.Equal(t, map[string]int{"p": 1}, v.InfraErrors())

	// Other errors are the caller's or the host's: they end it at once, and are not counted.
	for _, other := range []error{context.Canceled, sandbox.ErrClosed, &sandbox.ProgramError{Field: "Entry"}} {
		v := &Verifier{Runner: &scripted{loadErrs: []error{other}}}
		_, err := v.Verify(t.Context(), two, answer("p"))
		require.ErrorIs(t, err, other)
		require.Empty(t, v.InfraErrors())
	}
}

// The wall clock of a test: the verifier's, or the problem's own limit so many times and
// no more than the verifier's.
func TestTimeScale(t *testing.T) {
	const second = time.Second
	for _, c := range []struct {
		own, wall, want time.Duration
		scale           float64
	}{
		{0, 0, 0, 0}, // the runner's
		{0, 4 * second, 4 * second, 0},
		{2 * second, 0, 0, 0},
		{2 * second, 4 * second, 4 * second, 0},
		{2 * second, 0, 10 * second, 5},
		{4 * second, 0, 15 * second, 5},
		{2 * second, 4 * second, 4 * second, 5},
		{2 * second, 4 * second, 3 * second, 1.5},
		{2 * second, 60 * second, 40 * second, 20},
		{2 * second, 0, 0, -1},
		{2 * second, 4 * second, 4 * second, -1},
		{math.MaxInt64, 4 * second, 4 * second, 1e9},
		{2 * second, 4 * second, 4 * second, math.NaN()},
	} {
		s := &scripted{results: []sandbox.Result{prints("x")}}
		p := problem(test("", "x"))
		p.TimeLimit = c.own
		_, err := (&Verifier{Runner: s, TimeScale: c.scale, Limits: sandbox.Limits{Wall: c.wall, Memory: 7}}).Verify(t.Context(), p, answer("p"))
		require.NoError(t, err)
		require.Equal(t, sandbox.Limits{Wall: c.want, Memory: 7}, s.limits, "%+v", c)
	}
}

// What is wrong with a problem is an error, and no program's fault.
func TestBadProblems(t *testing.T) {
	v := &Verifier{Runner: &scripted{results: []sandbox.Result{{Value: []byte("N")}}}}
	_, err := v.Verify(t.Context(), problem(), answer("p"))
	require.ErrorIs(t, err, ErrNoTests)
	_, err = v.Verify(t.Context(), &rollout.Problem{}, answer("p"))
	require.ErrorIs(t, err, ErrNoTests)

	unreadable := errors.New("row 7")
	p := &rollout.Problem{ID: "q", Tests: func(yield func(rollout.Test, error) bool) { yield(rollout.Test{}, unreadable) }}
	_, err = v.Verify(t.Context(), p, answer("p"))
	require.ErrorIs(t, err, unreadable)
	require.ErrorContains(t, err, `problem "q", test 0`)

	p = problem(test("", "not JSON"))
	p.Entry = "f"
	_, err = v.Verify(t.Context(), p, answer("p"))
	var bad *TestError
	require.ErrorAs(t, err, &bad)
	require.Empty(t, v.InfraErrors())
}

// Tests are drawn one at a time, and no further than one past the first failure.
func TestStreaming(t *testing.T) {
	drawn := 0
	p := &rollout.Problem{Tests: func(yield func(rollout.Test, error) bool) {
		for {
			drawn++
			if !yield(test("", "x"), nil) {
				return
			}
		}
	}}
	s := &scripted{results: []sandbox.Result{prints("x"), prints("x"), prints("y")}}
	got, err := (&Verifier{Runner: s}).Verify(t.Context(), p, answer("p"))
	require.NoError(t, err)
	require.Equal(t, rollout.WrongAnswer, got.Status)
	require.Equal(t, 4, drawn)
}

// What cannot be read beyond the first failure does not matter.
func TestUnreadableBeyondFailure(t *testing.T) {
	p := &rollout.Problem{Tests: func(yield func(rollout.Test, error) bool) {
		_ = yield(test("", "x"), nil) && yield(rollout.Test{}, errors.New("row 7"))
	}}
	got, err := (&Verifier{Runner: &scripted{results: []sandbox.Result{prints("y")}}}).Verify(t.Context(), p, answer("p"))
	require.NoError(t, err)
	require.Equal(t, rollout.WrongAnswer, got.Status)
	_, err = (&Verifier{Runner: &scripted{results: []sandbox.Result{prints("x")}}}).Verify(t.Context(), p, answer("p"))
	var e *TestError
	require.ErrorAs(t, err, &e)
	require.Equal(t, 1, e.Test)
}

// The session is told which run is the last, and of no other.
func TestLastRun(t *testing.T) {
	for n := 1; n <= 4; n++ {
		all := make([]rollout.Test, n)
		for i := range all {
			all[i] = test("", "x")
		}
		s := &scripted{results: []sandbox.Result{prints("x")}}
		_, err := (&Verifier{Runner: s}).Verify(t.Context(), problem(all...), answer("p"))
		require.NoError(t, err)
		require.Equal(t, []int{n}, s.last)
	}
	s := &scripted{results: []sandbox.Result{prints("y")}}
	_, err := (&Verifier{Runner: s}).Verify(t.Context(), problem(test("", "x"), test("", "x")), answer("p"))
	require.NoError(t, err)
	require.Empty(t, s.last)
}

// Nothing of an expected output goes into a session, whatever the outcome.
func TestExpectedStaysOutside(t *testing.T) {
	const secret = "expected-needle"
	for _, entry := range []string{"", "f"} {
		s := &scripted{results: []sandbox.Result{prints("1"), prints(secret), {Value: []byte("N")}}}
		p := problem(test("[1]", `"`+secret+`"`), test("[2]", `["`+secret+`"]`))
		p.Entry, p.Reference, p.Statement = entry, secret, secret
		_, err := (&Verifier{Runner: s, All: true}).Verify(t.Context(), p, answer("print(1)"))
		require.NoError(t, err)
		require.Equal(t, 2, s.runs)
		require.NotContains(t, s.seen.String(), secret)
		require.True(t, strings.HasPrefix(s.seen.String(), "print(1)"))
	}
}

func TestReward(t *testing.T) {
	accepted, half := &rollout.Verdict{Status: rollout.Accepted, Passed: 4}, &rollout.Verdict{Status: rollout.WrongAnswer, Passed: 2}
	for _, c := range []struct {
		r              Reward
		accepted, half float64
	}{
		{Reward{}, 1, -1}, {Reward{Accepted: 1}, 1, 0}, {Reward{Rejected: -2}, 0, -2}, {Reward{Fraction: true}, 1, 0}, {Reward{Accepted: 1, Fraction: true}, 1, 0.5},
		{Reward{Accepted: 3, Rejected: 1, Fraction: true}, 3, 2},
	} {
		require.Equal(t, c.accepted, c.r.Of(accepted, 4))
		require.Equal(t, c.half, c.r.Of(half, 4))
		require.Equal(t, c.r.Of(&rollout.Verdict{Status: rollout.NoCode}, 0), c.r.Of(&rollout.Verdict{Status: rollout.CompileError}, 4))
	}
}

// A program can write any bytes as its answer: a dict with a key twice is not one of
// two keys.
func TestForgedDict(t *testing.T) {
	want, err := parseJSON(`{"a": null, "b": null}`)
	require.NoError(t, err)
	a, b := "S\x01\x00\x00\x00aN", "S\x01\x00\x00\x00bN"
	require.True(t, equalReturn([]byte("M\x02\x00\x00\x00"+b+a), &want))
	require.False(t, equalReturn([]byte("M\x02\x00\x00\x00"+a+a), &want))
	require.False(t, equalReturn([]byte("M\x02\x00\x00\x00"+a+b+"N"), &want))
}
