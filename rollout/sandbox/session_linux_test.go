//go:build amd64 || arm64

package sandbox

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// endless starts a session with a program that runs until it is killed.
func endless(t *testing.T, l *LocalRunner) *session {
	s, err := l.Start(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	r, err := s.Load(t.Context(), Program{Source: []byte("while True: pass"), Limits: Limits{Wall: 30 * time.Second}})
	require.NoError(t, err)
	require.Equal(t, OK, r.Outcome)
	return s.(*session)
}

// A session that dies with a program loaded, where a canary runs well in another, is
// the program's: Crash, and Crash it stays.
func TestCrash(t *testing.T) {
	l, err := Local(Config{})
	require.NoError(t, err)
	defer l.Close()
	s := endless(t, l)
	time.AfterFunc(50*time.Millisecond, s.kill)
	r, err := s.Run(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, Crash, r.Outcome)
	r, err = s.Run(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, Crash, r.Outcome)
}

// A compiler that is killed from outside did not refuse its program: no submitted
// byte runs in it yet.
func TestCompilerKilled(t *testing.T) {
	l, err := Local(Config{Warm: -1, Limits: Limits{Source: 2 << 20, Wall: time.Minute}})
	require.NoError(t, err)
	defer l.Close()
	s, err := l.Start(t.Context())
	require.NoError(t, err)
	defer s.Close()
	type loaded struct {
		Result
		error
	}
	done := make(chan loaded, 1)
	go func() {
		r, err := s.Load(t.Context(), Program{Source: bytes.Repeat([]byte("x = 1\n"), 300_000)}) // some seconds of work
		done <- loaded{r, err}
	}()
	compiler := 0
	require.Eventually(t, func() bool { // it has worked for a while
		for _, pid := range descendants(t) {
			stat, _ := os.ReadFile("/proc/" + pid + "/stat")
			fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
			if len(fields) < 13 || fields[1] == fmt.Sprint(os.Getpid()) || fields[1] == fmt.Sprint(l.template.cmd.Process.Pid) {
				continue // the template, or the session
			}
			if ticks, _ := strconv.Atoi(fields[11]); ticks >= 10 {
				compiler, _ = strconv.Atoi(pid)
			}
		}
		return compiler > 0
	}, time.Minute, time.Millisecond)
	require.NoError(t, unix.Kill(compiler, unix.SIGKILL))
	r := <-done
	require.NoError(t, r.error)
	require.Equal(t, Crash, r.Outcome)
	require.Contains(t, string(r.Stderr), "compiler was killed")
}

// A reply that makes no sense is the end of a session too.
func TestForgedReply(t *testing.T) {
	l, err := Local(Config{})
	require.NoError(t, err)
	defer l.Close()
	s := endless(t, l)
	ours, theirs, err := socketpair()
	require.NoError(t, err)
	defer theirs.Close()
	s.socket.Close()
	s.socket = ours
	_, err = theirs.WriteString("d\x01\x00\x00 and so on")
	require.NoError(t, err)
	r, err := s.Run(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, Crash, r.Outcome)
}

// A supervisor that says of itself that it failed is the machinery's failure.
func TestConfessedFailure(t *testing.T) {
	l, err := Local(Config{})
	require.NoError(t, err)
	defer l.Close()
	s := endless(t, l)
	ours, theirs, err := socketpair()
	require.NoError(t, err)
	defer theirs.Close()
	s.socket.Close()
	s.socket = ours
	_, err = theirs.WriteString("eOSError: [Errno 12] Cannot allocate memory")
	require.NoError(t, err)
	_, err = s.Run(t.Context(), nil)
	var infra *InfraError
	require.ErrorAs(t, err, &infra)
	require.ErrorContains(t, err, "Cannot allocate memory")
}

// If the supervisor of all sessions dies, no program is to blame; the next session has
// a new one.
func TestTemplateDeath(t *testing.T) {
	l, err := Local(Config{Parallel: 2})
	require.NoError(t, err)
	defer l.Close()
	s := endless(t, l)
	time.AfterFunc(50*time.Millisecond, func() { s.template.cmd.Process.Kill() })
	_, err = s.Run(t.Context(), nil)
	var infra *InfraError
	require.ErrorAs(t, err, &infra)
	require.NoError(t, l.canary(t.Context()))
}

// And if the canary cannot run, it is the machinery's as well.
func TestCanaryDeath(t *testing.T) {
	l, err := Local(Config{Warm: -1})
	require.NoError(t, err)
	defer l.Close()
	s := endless(t, l)
	l.py = &interpreter{Executable: "/bin/false"}
	time.AfterFunc(50*time.Millisecond, func() { s.template.cmd.Process.Kill() })
	_, err = s.Run(t.Context(), nil)
	var infra *InfraError
	require.ErrorAs(t, err, &infra)
	require.ErrorContains(t, err, "canary")
	_, err = l.fresh(t.Context())
	require.ErrorAs(t, err, &infra)
	require.Equal(t, "start", infra.Op)
}

// A set-up that fails is reported out of band, and is never the program's.
func TestSetUpFailure(t *testing.T) {
	l, err := Local(Config{})
	require.NoError(t, err)
	defer l.Close()
	s := endless(t, l)
	s.limits.Files = -7 // no limit that the kernel knows
	_, err = s.Run(t.Context(), nil)
	var infra *InfraError
	require.ErrorAs(t, err, &infra)
	require.ErrorContains(t, err, "set-up: ValueError")
}

// As root, programs are another user on the host, whatever they see inside, and the
// supervisor too.
func TestUser(t *testing.T) {
	for _, tier := range []Tier{Namespaces, Landlock} {
		l, err := Local(Config{Tier: tier})
		if err != nil {
			t.Logf("%v: %v", tier, err)
			continue
		}
		defer l.Close()
		want := os.Geteuid()
		if want == 0 {
			want = 65534
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", l.template.cmd.Process.Pid))
		require.NoError(t, err)
		require.Contains(t, string(status), fmt.Sprintf("Uid:\t%d\t%d\t%d\t%d", want, want, want, want))
		require.Contains(t, string(status), "NoNewPrivs:\t1")
	}
}

// Each layer is there, whether or not another one hides it.
func TestLayers(t *testing.T) {
	l, err := Local(Config{Tier: Namespaces})
	if err != nil {
		t.Skip(err) // reported by the batteries
	}
	defer l.Close()
	s, err := l.Start(t.Context())
	require.NoError(t, err)
	defer s.Close()
	_, err = s.Load(t.Context(), Program{Source: []byte("print(open('/proc/self/status').read())")})
	require.NoError(t, err)
	r, err := s.Run(t.Context(), nil)
	require.NoError(t, err)
	status := string(r.Stdout)
	for _, set := range []string{"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"} {
		require.Contains(t, status, set+":\t0000000000000000")
	}
	require.Contains(t, status, "NoNewPrivs:\t1")
	require.Contains(t, status, "Seccomp:\t2")
	require.Contains(t, status, "PPid:\t1\n") // in a process namespace of its own
}

// A session that is cut off in the middle of a run takes its child with it.
func TestCutOff(t *testing.T) {
	processes := func(n int) {
		t.Helper()
		require.Eventually(t, func() bool { return len(descendants(t)) == n }, 10*time.Second, 10*time.Millisecond)
	}
	none := len(descendants(t))
	for _, tier := range []Tier{Namespaces, Landlock} {
		l, err := Local(Config{Tier: tier, Warm: -1})
		if err != nil {
			t.Logf("%v: %v", tier, err)
			continue
		}
		processes(none + 1) // the template
		s := endless(t, l)
		done := make(chan error)
		go func() {
			_, err := s.Run(t.Context(), nil)
			done <- err
		}()
		processes(none + 3) // a session, and its child
		s.Close()
		<-done
		processes(none + 1)

		// So does one whose next child waits ready.
		idle, err := l.Start(t.Context())
		require.NoError(t, err)
		_, err = idle.Load(t.Context(), Program{Source: []byte("print(ceil(0.5))")}) // with the prelude
		require.NoError(t, err)
		for range 3 {
			r, err := idle.Run(t.Context(), nil)
			require.NoError(t, err)
			require.Equal(t, "1\n", string(r.Stdout))
		}
		processes(none + 3)

		// After a run that was said to be the last none waits, and another may follow.
		for range 2 {
			r, err := idle.(LastRunner).RunLast(t.Context(), nil)
			require.NoError(t, err)
			require.Equal(t, "1\n", string(r.Stdout))
			processes(none + 2)
		}
		r, err := idle.Run(t.Context(), nil)
		require.NoError(t, err)
		require.Equal(t, "1\n", string(r.Stdout))
		processes(none + 3)
		idle.Close()
		processes(none + 1)
		require.NoError(t, l.Close())
		processes(none)
	}
}
