//go:build amd64 || arm64

package sandbox_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/rollout/sandbox"
)

// The process that compiles a small program goes on as its first run. A program cannot
// tell: what it sees of itself and may do is the same in the first run and in later ones.
func TestFirstRunIsLikeAnyOther(t *testing.T) {
	const warned, look = "if 1 is 1: pass\n", `import os, resource, sys, threading, warnings
def limits(): return [resource.getrlimit(r) for r in range(16)]
print(sorted(sys.modules), sorted(globals()), sys.argv, sys.path, os.getcwd(), os.access(".", os.W_OK) and os.listdir("."))
print(sys.getrecursionlimit(), threading.active_count(), warnings.filters, limits(), sorted(os.environ))
print([s.fileno() for s in (sys.stdin, sys.stdout, sys.stderr)], [n for n in range(300) if is_open(n)])
try:
    resource.setrlimit(resource.RLIMIT_FSIZE, (16 << 20, 16 << 20))
    print("raised")
except (ValueError, OSError):
    print("held")
if os.access(".", os.W_OK): open("left", "w").close()
print(input())
`
	const isOpen = `def is_open(n):
    import os
    try: os.fstat(n)
    except OSError: return False
    return True
`
	for _, c := range []struct {
		tier    sandbox.Tier
		program string
		said    string
	}{
		{sandbox.Namespaces, isOpen + look, ""}, {sandbox.Landlock, isOpen + look, ""},
		{sandbox.Namespaces, warned + isOpen + look, "SyntaxWarning"},
	} {
		l := local(t, sandbox.Config{Tier: c.tier, Limits: sandbox.Limits{Wall: 10 * time.Second, Output: 100 << 10}})
		s, err := l.Start(t.Context())
		require.NoError(t, err)
		r, err := s.Load(t.Context(), source(c.program))
		require.NoError(t, err)
		require.Equal(t, sandbox.OK, r.Outcome)
		require.Contains(t, string(r.Stderr), c.said)
		var seen []string
		for i := range 4 {
			r, err = s.Run(t.Context(), fmt.Appendf(nil, "input %d\n", i))
			require.NoError(t, err)
			require.Equal(t, sandbox.OK, r.Outcome, "%s", r.Stderr)
			require.Empty(t, string(r.Stderr), "the compiler's words are not the run's")
			out := string(r.Stdout)
			require.True(t, strings.HasSuffix(out, fmt.Sprintf("held\ninput %d\n", i)), out)
			seen = append(seen, strings.TrimSuffix(out, fmt.Sprintf("%d\n", i)))
		}
		require.Equal(t, seen[1], seen[2])
		require.Equal(t, seen[1], seen[0], "the first run")
		require.NoError(t, s.Close())
	}
}

// What a compiler used up is not its program's.
func TestCompilerIsNotCharged(t *testing.T) {
	l := local(t, sandbox.Config{})
	s, err := l.Start(t.Context())
	require.NoError(t, err)
	defer s.Close()
	load, err := s.Load(t.Context(), sandbox.Program{Source: bytes.Repeat([]byte("a = [b for b in c if b] if 0 else 1\n"), 1700)})
	require.NoError(t, err)
	require.Equal(t, sandbox.OK, load.Outcome)
	began := time.Now()
	first, err := s.Run(t.Context(), nil)
	require.NoError(t, err)
	require.LessOrEqual(t, first.Wall, time.Since(began))
	require.Equal(t, sandbox.OK, first.Outcome)
	require.Positive(t, first.CPU)
	require.Less(t, first.CPU, load.CPU/2)
}

// One session takes programs one after the other, of any size and limits, with runs
// between or without, and after one that did not compile.
func TestLoadAgain(t *testing.T) {
	l := local(t, sandbox.Config{})
	s, err := l.Start(t.Context())
	require.NoError(t, err)
	defer s.Close()
	filler := strings.Repeat("# filler\n", 10_000) // more than a compiler goes on with
	for i, c := range []struct {
		before string
		limits sandbox.Limits
		runs   int
	}{{}, {runs: 1}, {runs: 3}, {before: filler, runs: 2}, {before: filler}, {before: "x = (\n", runs: 1},
		{runs: 1, limits: sandbox.Limits{Memory: 1 << 30}}, {runs: 2, limits: sandbox.Limits{Files: 20}}, {runs: 2}} {
		text := c.before + fmt.Sprintf("print(%d, input())\n", i)
		r, err := s.Load(t.Context(), sandbox.Program{Source: []byte(text), Limits: c.limits})
		require.NoError(t, err)
		if c.before == "x = (\n" {
			require.Equal(t, sandbox.CompileError, r.Outcome)
			continue
		}
		require.Equal(t, sandbox.OK, r.Outcome)
		for n := range c.runs {
			r, err := s.Run(t.Context(), fmt.Appendf(nil, "%d\n", n))
			require.NoError(t, err)
			require.Equal(t, fmt.Sprintf("%d %d\n", i, n), string(r.Stdout), "%s", r.Stderr)
		}
	}
}
