//go:build amd64 || arm64

package verify

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/rollout"
	"github.com/grouprl/grouprl/rollout/sandbox"
)

// Real programs, run.
func TestPrograms(t *testing.T) {
	l, err := sandbox.Local(sandbox.Config{Limits: sandbox.Limits{Wall: 3 * time.Second}})
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	sum := problem(test("1 2\n", "3\n"), test("-5 5\n", "0\n"), test("100000000000 1\n", "100000000001\n"))
	pair := problem(test("[1, 2]\n3", `[[1, 2, 3], null, true, 1.5, {"a": [2]}]`))
	pair.Entry = "f"
	for _, c := range []struct {
		name    string
		problem *rollout.Problem
		program string
		want    rollout.Status
		test    int
	}{
		{"right", sum, "a, b = map(int, input().split())\nprint(a + b)", rollout.Accepted, -1},
		{"right but for the form of numbers", sum, "a, b = map(int, input().split())\nprint(float(a + b))", rollout.Accepted, -1},
		{"right under the tolerance", sum, "a, b = map(int, input().split())\nprint(a + b + 0.00005)", rollout.Accepted, -1},
		{"wrong on the second", sum, "a, b = map(int, input().split())\nprint(abs(a) + b)", rollout.WrongAnswer, 1},
		{"nothing", sum, "pass", rollout.WrongAnswer, 0},
		{"exception on the third", sum, "a, b = map(int, input().split())\nprint([a + b][a > 99999])", rollout.RuntimeError, 2},
		{"no program", sum, "a +", rollout.CompileError, -1},
		{"no end", sum, "while True: pass", rollout.TimeLimit, 0},
		{"all of the memory", sum, "x = bytearray(8 << 30)", rollout.MemoryLimit, 0},
		{"output without end", sum, "while True: print('x' * 1000)", rollout.OutputLimit, 0},
		{"right, then a failure", sum, "a, b = map(int, input().split())\nprint(a + b, flush=True)\n1 / 0", rollout.RuntimeError, 0},
		{"right, by os._exit", sum, "import os\na, b = map(int, input().split())\nprint(a + b, flush=True)\nos._exit(0)", rollout.Accepted, -1},
		{"counting tests in a global", sum, "n = globals().get('n', 0) + 1\na, b = map(int, input().split())\nprint(a + b if n == 1 else 'x')", rollout.Accepted, -1},
		{"function", pair, "def f(a, b): return [a + [b], None, True, 3 / 2, {'a': [2]}]", rollout.Accepted, -1},
		{"method", pair, "class Solution:\n    def f(self, a, b): return [a + [b], None, 1, 1.5, dict(a=[2])]", rollout.Accepted, -1},
		{"tuple at the top", pair, "def f(a, b): return (a + [b], None, True, 1.5, {'a': [2]})", rollout.Accepted, -1},
		{"tuple inside", pair, "def f(a, b): return [tuple(a + [b]), None, True, 1.5, {'a': [2]}]", rollout.WrongAnswer, 0},
		{"subclasses of plain types", pair, "def f(a, b):\n    d = defaultdict(list)\n    d['a'].append(2)\n    return [a + [b], None, True, 1.5, d]", rollout.Accepted, -1},
		{"equal to everything", pair, "class E(list):\n    __eq__ = lambda s, o: True\ndef f(a, b): return E()", rollout.WrongAnswer, 0},
		{"the liar", pair, "class E:\n    __class__ = list\n    __eq__ = lambda s, o: True\ndef f(a, b): return E()", rollout.WrongAnswer, 0},
		{"printing and not returning", pair, "def f(a, b): print([a + [b], None, True, 1.5, {'a': [2]}])", rollout.WrongAnswer, 0},
		{"no such function", pair, "def g(a, b): pass", rollout.RuntimeError, 0},
		{"a forged exit", pair, "import os\ndef f(a, b): os._exit(0)", rollout.WrongAnswer, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v := &Verifier{Runner: l}
			got, err := v.Verify(t.Context(), c.problem, answer(c.program))
			require.NoError(t, err)
			require.Equal(t, c.want, got.Status, "%+v", got)
			require.Equal(t, c.test, got.Test, "%+v", got)
			require.Equal(t, map[bool]float64{true: 1, false: -1}[c.want == rollout.Accepted], got.Reward)
			require.Positive(t, got.CPU)
			require.Positive(t, got.Memory)
			require.Empty(t, v.InfraErrors())
		})
	}
}

// A problem's own time limit ends a program that the verifier's would let go on.
func TestOwnTimeLimit(t *testing.T) {
	l, err := sandbox.Local(sandbox.Config{})
	require.NoError(t, err)
	defer l.Close()
	p := problem(test("", "x"))
	p.TimeLimit = 100 * time.Millisecond
	v := &Verifier{Runner: l, TimeScale: 2}
	got, err := v.Judge(t.Context(), p, "while True: pass")
	require.NoError(t, err)
	require.Equal(t, rollout.TimeLimit, got.Status)
	require.GreaterOrEqual(t, got.Wall, 200*time.Millisecond)
	require.Less(t, got.Wall, 10*time.Second, "not 15 s")
}

// recording keeps what programs print.
type recording struct {
	sandbox.Runner
	stdout []string
}

type recordingSession struct {
	sandbox.Session
	to *recording
}

func (r *recording) Start(ctx context.Context) (sandbox.Session, error) {
	s, err := r.Runner.Start(ctx)
	return recordingSession{s, r}, err
}

func (s recordingSession) Run(ctx context.Context, input []byte) (sandbox.Result, error) {
	r, err := s.Session.Run(ctx, input)
	s.to.stdout = append(s.to.stdout, string(r.Stdout))
	return r, err
}

// Programs that search their frames, all objects and all of their memory for the
// expected output, on a problem that expects just what they search for.
func TestSearchForExpected(t *testing.T) {
	l, err := sandbox.Local(sandbox.Config{Limits: sandbox.Limits{Wall: 20 * time.Second}})
	require.NoError(t, err)
	defer l.Close()
	p := problem(test("", "expected-needle"), test("", "expected-needle\nexpected-needle"))
	for _, name := range []string{"frames", "gc_objects", "memory_scan"} {
		source, err := os.ReadFile("../sandbox/testdata/hostile/" + name + ".py")
		require.NoError(t, err)
		r := &recording{Runner: l}
		got, err := (&Verifier{Runner: r, All: true}).Judge(t.Context(), p, string(source))
		require.NoError(t, err)
		require.Equal(t, rollout.WrongAnswer, got.Status, "%+v", got)
		require.Equal(t, []string{"held\n", "held\n"}, r.stdout)
	}
}
