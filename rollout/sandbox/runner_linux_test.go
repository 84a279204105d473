//go:build amd64 || arm64

package sandbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/rollout/sandbox"
)

// run loads and runs a program in a session of its own.
func run(t *testing.T, l sandbox.Runner, p sandbox.Program, input string) sandbox.Result {
	t.Helper()
	s, err := l.Start(t.Context())
	require.NoError(t, err)
	defer s.Close()
	r, err := s.Load(t.Context(), p)
	require.NoError(t, err)
	if r.Outcome == sandbox.OK {
		r, err = s.Run(t.Context(), []byte(input))
		require.NoError(t, err)
	}
	return r
}

func source(text string) sandbox.Program {
	return sandbox.Program{Source: []byte(text), Limits: sandbox.Limits{Wall: time.Minute}} // on a busy machine too
}

func TestResults(t *testing.T) {
	l := local(t, sandbox.Config{})
	for _, c := range []struct {
		name, source string
		want         sandbox.Outcome
		stderr       string
	}{
		{"fine", "print(1)", sandbox.OK, ""},
		{"empty", "", sandbox.OK, ""},
		{"exception", "def f():\n    return 1 // 0\nf()", sandbox.RuntimeError, "line 2, in f\nZeroDivisionError"},
		{"exit status", "raise SystemExit(3)", sandbox.RuntimeError, ""},
		{"exit message", "raise SystemExit('oh')", sandbox.RuntimeError, "oh"},
		{"syntax", "x = (\n", sandbox.CompileError, "SyntaxError"},
		{"indentation", " x = 1\n", sandbox.CompileError, "IndentationError"},
		{"NUL in the source", "x = 1\x00", sandbox.CompileError, "null bytes"},
		{"not UTF-8", "x = '\xff'", sandbox.CompileError, "utf-8"},
		{"prose", "The answer is as follows.", sandbox.CompileError, "SyntaxError"},
		{"memory", "x = bytearray(8 << 30)", sandbox.MemoryLimit, "MemoryError"},
		{"output", "print('x' * (20 << 20))", sandbox.OutputLimit, ""},
		{"at the output limit", "import sys; sys.stdout.write('x' * (16 << 20))", sandbox.OK, ""},
		{"one byte over it", "import sys; sys.stdout.write('x' * (16 << 20) + 'y')", sandbox.OutputLimit, ""},
		{"warnings", "import warnings; warnings.warn('careful')", sandbox.OK, "careful"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := run(t, l, source(c.source), "")
			require.Equal(t, c.want, r.Outcome, "%+v", r.Outcome)
			require.Contains(t, strings.ReplaceAll(string(r.Stderr), "source code string cannot contain null bytes", "null bytes"), c.stderr)
			require.NotContains(t, string(r.Stderr), "run_program", "the supervisor's frames are no business of the program's")
			require.Positive(t, r.CPU)
			require.Positive(t, r.Wall)
			require.Greater(t, r.Memory, int64(1<<20))
		})
	}
}

func TestExitAndSignal(t *testing.T) {
	l := local(t, sandbox.Config{})
	r := run(t, l, source("import os; os._exit(7)"), "")
	require.Equal(t, []int{7, 0}, []int{r.Exit, r.Signal})
	r = run(t, l, source("import os; os.kill(os.getpid(), 15)"), "")
	require.Equal(t, []int{0, 15}, []int{r.Exit, r.Signal})
	require.Equal(t, sandbox.RuntimeError, r.Outcome)
}

func TestLimitsOfAProgram(t *testing.T) {
	l := local(t, sandbox.Config{Limits: sandbox.Limits{Wall: 7 * time.Second, Stderr: 100}})
	p := source("import time; time.sleep(100)")
	p.Limits = sandbox.Limits{Wall: 200 * time.Millisecond}
	r := run(t, l, p, "")
	require.Equal(t, sandbox.TimeLimit, r.Outcome)
	require.GreaterOrEqual(t, r.Wall, 200*time.Millisecond)
	require.Less(t, r.Wall, 7*time.Second)
	require.Less(t, r.CPU, 200*time.Millisecond)

	p = source("import sys; sys.stderr.write('x' * 1000 + 'end')")
	r = run(t, l, p, "")
	require.Len(t, r.Stderr, 100)
	require.True(t, bytes.HasSuffix(r.Stderr, []byte("xend")))

	p = source("print('x' * 10)")
	p.Limits = sandbox.Limits{Output: 5}
	r = run(t, l, p, "")
	require.Equal(t, sandbox.OutputLimit, r.Outcome)
	require.Equal(t, "xxxxx", string(r.Stdout))

	p = source("x = 1")
	p.Limits = sandbox.Limits{Source: 4}
	require.Equal(t, sandbox.CompileError, run(t, l, p, "").Outcome)

	p = source("import threading, time\nfor _ in range(9): threading.Thread(target=time.sleep, args=(100,), daemon=True).start()")
	p.Limits.Threads = 5
	if l.Tier() == sandbox.Namespaces {
		require.Equal(t, sandbox.RuntimeError, run(t, l, p, "").Outcome)
	}
	p.Limits.Threads = 10
	require.Equal(t, sandbox.OK, run(t, l, p, "").Outcome)

	p = source("a = [bytearray(1 << 20) for _ in range(300)]\nprint(len(a))")
	p.Limits.Memory = 200 << 20
	require.Equal(t, sandbox.MemoryLimit, run(t, l, p, "").Outcome)
	p.Limits.Memory = 600 << 20
	r = run(t, l, p, "")
	require.Equal(t, sandbox.OK, r.Outcome)
	require.Greater(t, r.Memory, int64(300<<20))
}

// 4 MB of trivial source take a compiler 10 s and 2.4 GB: that is the child's, and the
// session goes on.
func TestLargeSource(t *testing.T) {
	l := local(t, sandbox.Config{Limits: sandbox.Limits{Source: 8 << 20, Memory: 1 << 30, Wall: 2 * time.Second}})
	s, err := l.Start(t.Context())
	require.NoError(t, err)
	defer s.Close()
	r, err := s.Load(t.Context(), sandbox.Program{Source: bytes.Repeat([]byte("x = 1\n"), 4<<20/6)})
	require.NoError(t, err)
	require.Contains(t, []sandbox.Outcome{sandbox.MemoryLimit, sandbox.TimeLimit}, r.Outcome)
	_, err = s.Run(t.Context(), nil)
	require.Error(t, err, "nothing is loaded")
	r, err = s.Load(t.Context(), source("print(1)"))
	require.NoError(t, err)
	require.Equal(t, sandbox.OK, r.Outcome)
	r, err = s.Run(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, "1\n", string(r.Stdout))
}

func TestFunction(t *testing.T) {
	l := local(t, sandbox.Config{})
	value := func(text, entry, input string) sandbox.Value {
		t.Helper()
		p := source(text)
		p.Entry = entry
		r := run(t, l, p, input)
		require.Equal(t, sandbox.OK, r.Outcome, "%s", r.Stderr)
		v, err := sandbox.DecodeValue(r.Value, 100)
		require.NoError(t, err)
		return v
	}
	i := func(n int64) sandbox.Value { return sandbox.Value{Kind: sandbox.Int, Int: big.NewInt(n)} }
	s := func(s string) sandbox.Value { return sandbox.Value{Kind: sandbox.String, Str: s} }
	list := func(items ...sandbox.Value) sandbox.Value { return sandbox.Value{Kind: sandbox.List, Items: items} }

	require.Equal(t, i(3), value("def f(a, b): return a + b", "f", "1\n2"))
	require.Equal(t, i(3), value("class Solution:\n    def f(self, a, b): return a + b", "f", "1\n2\n"))
	require.Equal(t, i(5), value("class Solution: pass\ndef f(a): return a", "f", "5"))
	require.Equal(t, list(i(1), sandbox.Value{Kind: sandbox.Tuple, Items: []sandbox.Value{s("x"), {Kind: sandbox.None}}}), value("def f(): return [1, ('x', None)]", "f", ""))
	require.Equal(t, sandbox.True, value("def f(): return 1 == 1", "f", "").Kind)
	require.Equal(t, sandbox.Value{Kind: sandbox.Float, Float: -0.5}, value("def f(): return -0.5", "f", ""))
	require.True(t, math.IsNaN(value("def f(): return float('nan')", "f", "").Float))
	require.Equal(t, sandbox.Value{Kind: sandbox.Dict, Items: []sandbox.Value{i(1), s("a"), s("b"), list()}}, value("def f(): return {1: 'a', 'b': []}", "f", ""))
	require.Equal(t, sandbox.Value{Kind: sandbox.Other, Str: "set"}, value("def f(): return {1}", "f", ""))
	require.Equal(t, s("\xed\xa0\x80"), value(`def f(): return "\ud800"`, "f", ""))
	require.Equal(t, 401, len(value("def f(): return -10 ** 400", "f", "").Int.Text(10))-1)
	require.Equal(t, list(i(1)), value("def f(a):\n    print('chatter')\n    return a['k']", "f", `{"k": [1]}`))
	require.Equal(t, s(""), value("import sys\ndef f(a): return sys.stdin.read()", "f", "1")) // the arguments are not on stdin

	p := source("def f(): pass")
	p.Entry = "g"
	r := run(t, l, p, "")
	require.Equal(t, sandbox.RuntimeError, r.Outcome)
	require.Contains(t, string(r.Stderr), "KeyError: 'g'")

	session, err := l.Start(t.Context())
	require.NoError(t, err)
	defer session.Close()
	_, err = session.Load(t.Context(), sandbox.Program{Entry: "os.system"})
	var wrong *sandbox.ProgramError
	require.ErrorAs(t, err, &wrong)
}

func TestStrict(t *testing.T) {
	l := local(t, sandbox.Config{})
	p := source("print(sqrt(4), deque([1])[0])")
	require.Equal(t, "2.0 1\n", string(run(t, l, p, "").Stdout))
	p.Strict = true
	r := run(t, l, p, "")
	require.Equal(t, sandbox.RuntimeError, r.Outcome)
	require.Contains(t, string(r.Stderr), "NameError: name 'sqrt'")
}

func TestLargeInput(t *testing.T) {
	l := local(t, sandbox.Config{})
	r := run(t, l, source("import sys; print(len(sys.stdin.read()))"), strings.Repeat("123456789\n", 1<<20))
	require.Equal(t, "10485760\n", string(r.Stdout))
}

// As many sessions as are admitted; another waits for its turn.
func TestAdmission(t *testing.T) {
	l := local(t, sandbox.Config{Parallel: 2})
	require.Equal(t, 2, l.Parallel())
	a, err := l.Start(t.Context())
	require.NoError(t, err)
	b, err := l.Start(t.Context())
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = l.Start(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	started := make(chan error)
	go func() {
		c, err := l.Start(t.Context())
		if err == nil {
			c.Close()
		}
		started <- err
	}()
	require.NoError(t, a.Close())
	require.NoError(t, a.Close()) // twice gives back one place only
	require.NoError(t, <-started)
	c, err := l.Start(t.Context())
	require.NoError(t, err)
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = l.Start(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, b.Close())
	require.NoError(t, c.Close())
}

func TestCancel(t *testing.T) {
	l := local(t, sandbox.Config{Parallel: 1})
	s, err := l.Start(t.Context())
	require.NoError(t, err)
	_, err = s.Load(t.Context(), source("while True: pass"))
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err = s.Run(ctx, nil)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, time.Since(began), 30*time.Second)
	require.NoError(t, s.Close())
	require.Equal(t, "2\n", string(run(t, l, trivial, "1").Stdout))
}

func TestClose(t *testing.T) {
	l, err := sandbox.Local(sandbox.Config{Parallel: 2})
	require.NoError(t, err)
	s, err := l.Start(t.Context())
	require.NoError(t, err)
	_, err = s.Load(t.Context(), source("while True: pass"))
	require.NoError(t, err)
	time.AfterFunc(50*time.Millisecond, func() { l.Close() })
	_, err = s.Run(t.Context(), nil)
	require.ErrorIs(t, err, sandbox.ErrClosed)
	require.NoError(t, s.Close())
	_, err = l.Start(t.Context())
	require.ErrorIs(t, err, sandbox.ErrClosed)
	require.NoError(t, l.Close())
}

// Many goroutines, more than are admitted.
func TestConcurrent(t *testing.T) {
	l := local(t, sandbox.Config{})
	var wg sync.WaitGroup
	failed := make(chan error, 100)
	for i := range 24 {
		wg.Go(func() {
			s, err := l.Start(t.Context())
			if err != nil {
				failed <- err
				return
			}
			defer s.Close()
			r, err := s.Load(t.Context(), trivial)
			for j := 0; j < 3 && err == nil && r.Outcome == sandbox.OK; j++ {
				n := 100*i + j
				if r, err = s.Run(t.Context(), fmt.Appendln(nil, n)); err == nil && string(r.Stdout) != fmt.Sprintln(n+1) {
					err = fmt.Errorf("%d: %v %q", n, r.Outcome, r.Stdout)
				}
			}
			if err == nil && r.Outcome != sandbox.OK {
				err = errors.New(r.Outcome.String())
			}
			if err != nil {
				failed <- err
			}
		})
	}
	wg.Wait()
	close(failed)
	for err := range failed {
		t.Error(err)
	}
}

// The supervisor's rehearsal leaves nothing that a program sees.
func TestRehearsalLeavesNothing(t *testing.T) {
	const look = `import atexit, sys, __main__
print(atexit._ncallbacks(), "threading" in sys.modules, sorted(n for n in vars(__main__) if n[0] != "_"))
print([s is t for s, t in zip((sys.stdin, sys.stdout, sys.stderr), (sys.__stdin__, sys.__stdout__, sys.__stderr__))])
print(sys.getrecursionlimit(), sys.stdout.tell(), sys.stdin.read())
`
	const seen = "0 False ['atexit', 'sys']\n[True, True, True]\n"
	for _, tier := range tiers {
		l := local(t, sandbox.Config{Tier: tier})
		p := source(look)
		require.Equal(t, seen+fmt.Sprint("50000 ", len(seen), " input\n"), string(run(t, l, p, "input").Stdout))
		p.Strict = true
		require.Equal(t, seen+fmt.Sprint("1000 ", len(seen), " input\n"), string(run(t, l, p, "input").Stdout))
	}
}

// Modules of one's own, as numpy is: from a folder that only the host has, even one
// beneath /tmp, imported by the program or once in the supervisor.
func TestPath(t *testing.T) {
	folder, err := os.MkdirTemp("/tmp", "grouprl-path")
	require.NoError(t, err)
	defer os.RemoveAll(folder)
	require.NoError(t, os.Chmod(folder, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "mine.py"), []byte("import os\npid = os.getpid()\nprint('imported')\n"), 0o644))
	for _, tier := range tiers {
		for _, preload := range [][]string{nil, {"mine"}} {
			t.Run(fmt.Sprint(tier, preload), func(t *testing.T) {
				l := local(t, sandbox.Config{Tier: tier, Path: []string{folder}, Preload: preload, Warm: -1})
				r := run(t, l, source("import mine, os\nprint(mine.pid == os.getpid())"), "")
				require.Equal(t, map[bool]string{true: "imported\nTrue\n", false: "False\n"}[preload == nil], string(r.Stdout), "%s", r.Stderr)
			})
		}
	}
	_, err = sandbox.Local(sandbox.Config{Preload: []string{"no_such_module"}})
	require.ErrorContains(t, err, "no_such_module")
}
