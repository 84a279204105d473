//go:build amd64 || arm64

package sandbox_test

import (
	"bytes"
	"context"
	"embed"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/rollout/sandbox"
)

//go:embed testdata/hostile testdata/honest
var programs embed.FS

// need skips a test on a machine without a named thing, and fails it where the
// environment says that the machine has it: GROUPRL_REQUIRE=root,namespaces,landlock.
func need(t testing.TB, name string, have bool, why string) {
	t.Helper()
	if have {
		return
	}
	if slices.Contains(strings.Split(os.Getenv("GROUPRL_REQUIRE"), ","), name) {
		t.Fatalf("needs %s: %s", name, why)
	}
	t.Skipf("needs %s: %s", name, why)
}

// local starts a runner in a tier, or skips where the host has none of it. A missing
// Python is a failure.
func local(t testing.TB, cfg sandbox.Config) *sandbox.LocalRunner {
	t.Helper()
	l, err := sandbox.Local(cfg)
	var unsupported *sandbox.UnsupportedError
	if err != nil && cfg.Tier != sandbox.AnyTier {
		require.ErrorAs(t, err, &unsupported)
		require.NotContains(t, err.Error(), "a test run failed", "the host has this tier, and it does not hold")
		need(t, cfg.Tier.String(), false, err.Error())
	}
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	return l
}

// header reads a program's comment lines "# Key: value".
func header(source []byte) map[string]string {
	h := map[string]string{}
	for line := range strings.SplitSeq(string(source), "\n") {
		key, value, ok := strings.Cut(strings.TrimPrefix(line, "# "), ": ")
		if !strings.HasPrefix(line, "# ") || !ok {
			break
		}
		h[key] = value
	}
	return h
}

func unquote(t *testing.T, s string) []byte {
	u, err := strconv.Unquote(`"` + strings.ReplaceAll(s, `"`, `\"`) + `"`)
	require.NoError(t, err, s)
	return []byte(u)
}

func size(t *testing.T, s string) int64 {
	if s == "" {
		return 0
	}
	n, err := strconv.ParseInt(s[:len(s)-1], 10, 64)
	require.NoError(t, err)
	return n << map[byte]int{'M': 20, 'G': 30}[s[len(s)-1]]
}

// each calls f with every program of a folder, several at once: those that wait for
// their wall clock need no core.
func each(t *testing.T, folder string, cfg sandbox.Config, f func(t *testing.T, l *sandbox.LocalRunner, source []byte, h map[string]string)) {
	l := local(t, cfg)
	files, err := fs.Glob(programs, "testdata/"+folder+"/*.py")
	require.NoError(t, err)
	t.Run("all", func(t *testing.T) {
		for _, file := range files {
			source, err := programs.ReadFile(file)
			require.NoError(t, err)
			h := header(source)
			if h["Tier"] != "" && h["Tier"] != cfg.Tier.String() {
				continue
			}
			t.Run(strings.TrimSuffix(path.Base(file), ".py"), func(t *testing.T) {
				t.Parallel()
				f(t, l, source, h)
			})
		}
	})
	// The runner is none the worse for them.
	s, err := l.Start(t.Context())
	require.NoError(t, err)
	defer s.Close()
	_, err = s.Load(t.Context(), trivial)
	require.NoError(t, err)
	r, err := s.Run(t.Context(), []byte("1"))
	require.NoError(t, err)
	require.Equal(t, "2\n", string(r.Stdout))
}

func program(t *testing.T, source []byte, h map[string]string, wall time.Duration) sandbox.Program {
	p := sandbox.Program{Source: source, Entry: h["Entry"]}
	p.Limits.Wall, p.Limits.Memory = wall, size(t, h["Memory"])
	if h["Wall"] != "" {
		var err error
		p.Limits.Wall, err = time.ParseDuration(h["Wall"])
		require.NoError(t, err)
	}
	return p
}

// hostile runs every program of testdata/hostile: what it tries must not work (it
// would print BREACH), and it must end as its header accepts. That is soon: a session
// that does not answer some time after its wall limit is a Crash, which none accepts.
func hostile(t *testing.T, tier sandbox.Tier) {
	needle := "expected-needle" // as an expected output would be: on this side only
	each(t, "hostile", sandbox.Config{Tier: tier, Parallel: 4}, func(t *testing.T, l *sandbox.LocalRunner, source []byte, h map[string]string) {
		require.NotEmpty(t, h["Tries"])
		require.NotEmpty(t, h["Must not"])
		accepts := strings.Fields(h["Accepts"])
		require.NotEmpty(t, accepts)
		require.NotContains(t, accepts, "Crash")
		s, err := l.Start(t.Context())
		require.NoError(t, err)
		defer s.Close()
		wall := time.Minute // for those that end by themselves, on a busy machine too
		if slices.Contains(accepts, "TimeLimit") {
			wall = time.Second
		}
		p := program(t, source, h, wall)
		r, err := s.Load(t.Context(), p)
		require.NoError(t, err)
		runs := 1
		if h["Runs"] != "" {
			runs, err = strconv.Atoi(h["Runs"])
			require.NoError(t, err)
		}
		for range runs {
			if r.Outcome != sandbox.OK {
				break
			}
			r, err = s.Run(t.Context(), unquote(t, h["Input"]))
			require.NoError(t, err)
			require.NotContains(t, string(r.Stdout), "BREACH")
		}
		require.Contains(t, accepts, r.Outcome.String(), "exit %d signal %d after %v: %q %q", r.Exit, r.Signal, r.Wall, head(r.Stdout), r.Stderr)
		require.NotContains(t, string(r.Stderr), needle)
		require.LessOrEqual(t, len(r.Stdout), 16<<20)
		require.LessOrEqual(t, len(r.Stderr), 4<<10)
		if r.Outcome == sandbox.TimeLimit {
			require.GreaterOrEqual(t, r.Wall, p.Limits.Wall)
		}
	})
}

func head(b []byte) []byte { return b[:min(len(b), 500)] }

// honest runs every program of testdata/honest, which a careless sandbox fails.
func honest(t *testing.T, tier sandbox.Tier) {
	each(t, "honest", sandbox.Config{Tier: tier}, func(t *testing.T, l *sandbox.LocalRunner, source []byte, h map[string]string) {
		s, err := l.Start(t.Context())
		require.NoError(t, err)
		defer s.Close()
		r, err := s.Load(t.Context(), program(t, source, h, time.Minute))
		require.NoError(t, err)
		require.Equal(t, sandbox.OK, r.Outcome, "%s", r.Stderr)
		for range 2 {
			r, err = s.Run(t.Context(), unquote(t, h["Input"]))
			require.NoError(t, err)
			require.Equal(t, string(unquote(t, h["Prints"])), string(r.Stdout), "%s", r.Stderr)
			require.Equal(t, sandbox.OK, r.Outcome, "exit %d signal %d: %s", r.Exit, r.Signal, r.Stderr)
			require.Empty(t, r.Stderr)
		}
	})
}

func TestHostileNamespaces(t *testing.T) { hostile(t, sandbox.Namespaces) }
func TestHostileLandlock(t *testing.T)   { hostile(t, sandbox.Landlock) }
func TestHonestNamespaces(t *testing.T)  { honest(t, sandbox.Namespaces) }
func TestHonestLandlock(t *testing.T)    { honest(t, sandbox.Landlock) }

// The same batteries as another, ordinary user: this test's binary again, as uid 1234.
func TestAsOrdinaryUser(t *testing.T) {
	need(t, "root", os.Geteuid() == 0, "to become an ordinary user; the other tests run as one already")
	self, err := os.Executable()
	require.NoError(t, err)
	binary, err := os.ReadFile(self)
	require.NoError(t, err)
	folder, err := os.MkdirTemp("", "grouprl-sandbox-test")
	require.NoError(t, err)
	defer os.RemoveAll(folder)
	require.NoError(t, os.Chown(folder, 1234, 1234))
	copied := filepath.Join(folder, "sandbox.test")
	require.NoError(t, os.WriteFile(copied, binary, 0o755))

	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, copied, "-test.run=^Test(Hostile|Honest|Refuse|LeavesNothing)", "-test.v")
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "HOME="+folder, "TMPDIR="+folder)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1234, Gid: 1234}}
	out, err := cmd.CombinedOutput()
	for line := range bytes.SplitSeq(out, []byte("\n")) {
		if bytes.HasPrefix(line, []byte("--- ")) {
			t.Logf("as uid 1234: %s", line)
		}
	}
	require.NoError(t, err, "%s", out)
}
