//go:build amd64 || arm64

package sandbox

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// again runs one test of this binary in another process without some kernel feature.
func again(t *testing.T, test, deny string) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+test+"$", "-test.v")
	cmd.Env = append(os.Environ(), "GROUPRL_TEST_DENY="+deny)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: "+test, "%s", out)
}

// As in a container with the default profile: the second tier is chosen, and the
// report says why.
func TestRefuseNamespaces(t *testing.T) {
	if os.Getenv("GROUPRL_TEST_DENY") == "" {
		again(t, t.Name(), "namespaces")
		return
	}
	report, err := Probe(t.Context(), Config{})
	if report == nil {
		var unsupported *UnsupportedError
		require.ErrorAs(t, err, &unsupported) // a kernel without Landlock
		t.Skip(err)
	}
	require.NoError(t, err)
	require.Equal(t, Landlock, report.Tier)
	require.True(t, report.Held(), report.String())
	require.Len(t, report.Refused, 1)
	require.Contains(t, report.Refused[0].Reason, "seccomp=unconfined")
	require.ErrorIs(t, report.Refused[0].Err, unix.EPERM)
}

// Without either, nothing runs, and each tier's knob is named.
func TestRefuseBoth(t *testing.T) {
	if os.Getenv("GROUPRL_TEST_DENY") == "" {
		again(t, t.Name(), "namespaces,landlock")
		return
	}
	_, err := Local(Config{})
	var unsupported *UnsupportedError
	require.ErrorAs(t, err, &unsupported)
	require.Len(t, unsupported.Tiers, 2)
	require.ErrorContains(t, err, "namespaces: namespaces are refused")
	require.ErrorContains(t, err, "landlock: the kernel has no Landlock")

	// One must say so to run without isolation, and twice if it is the only tier asked for.
	_, err = Local(Config{Tier: Insecure})
	require.ErrorAs(t, err, &unsupported)
	require.ErrorContains(t, err, "Config.Insecure")
	l, err := Local(Config{Insecure: true})
	require.NoError(t, err)
	require.Equal(t, Insecure, l.Tier())
	require.NoError(t, l.Close())
}

// A probe without isolation says that nothing holds.
func TestRefuseProbeInsecure(t *testing.T) {
	report, err := Probe(t.Context(), Config{Tier: Insecure, Insecure: true})
	require.NoError(t, err)
	require.False(t, report.Held())
	require.Contains(t, report.String(), "BROKEN")
}

func TestRefuseInterpreter(t *testing.T) {
	everything := func(string) bool { return true }
	folder := t.TempDir()
	shim := filepath.Join(folder, "python3")
	for _, c := range []struct{ script, says string }{
		{"", "not found"},
		{"#!/bin/sh\necho hello\n", "is not a Python interpreter"},
		{"#!/bin/sh\necho no such thing >&2\nexit 3\n", "no such thing"},
		{`#!/bin/sh
echo '{"executable": "/x", "version": [3, 8, 1], "path": [], "libraries": []}'
`, "older than Python 3.9"},
	} {
		if c.script != "" {
			require.NoError(t, os.WriteFile(shim, []byte(c.script), 0o755))
		}
		_, err := findPython(t.Context(), shim, everything)
		var missing *InterpreterError
		require.ErrorAs(t, err, &missing)
		require.ErrorContains(t, err, "apt-get install python3")
		require.Len(t, missing.Tried, 1)
		require.Contains(t, missing.Tried[0], c.says)
	}

	// python3 on PATH is such a shim in a private home: the next candidate is taken.
	t.Setenv("PATH", folder)
	py, err := findPython(t.Context(), "", everything)
	require.NoError(t, err)
	require.NotContains(t, py.Executable, folder)

	_, err = findPython(t.Context(), "", func(string) bool { return false })
	require.ErrorContains(t, err, "not readable")
}

func TestRefuseKnobs(t *testing.T) {
	for err, says := range map[error]string{
		unix.ENOSPC: "user.max_user_namespaces", unix.EPERM: "seccomp=unconfined", unix.EACCES: "apparmor_restrict_unprivileged_userns",
		unix.ENOSYS: "5.12", unix.EINVAL: "CONFIG_USER_NS",
	} {
		require.Contains(t, knob(Namespaces, fmt.Errorf("fork/exec: %w", err)), says)
	}
	require.Contains(t, knob(Landlock, errNoLandlock), "5.13")
	require.Equal(t, "a test run failed", knob(Landlock, errors.New("x")))
}

// As root, an interpreter that only root may read is of no use: programs run as
// another user.
func TestRefuseUnreadable(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.Chmod(folder, 0o700))
	file := filepath.Join(folder, "python3")
	require.NoError(t, os.WriteFile(file, nil, 0o755))
	l := &LocalRunner{cfg: Config{UID: 65534}}
	require.True(t, l.readable("/usr/lib"))
	require.Equal(t, os.Geteuid() != 0, l.readable(file))
	require.False(t, l.readable(filepath.Join(folder, "absent")))
}

func TestAdmitted(t *testing.T) {
	require.Equal(t, 8, admitted(8, 4<<30, 64<<30))
	require.Equal(t, 3, admitted(8, 4<<30, 15<<30)) // 3 * 4 GiB fit into 15
	require.Equal(t, 1, admitted(8, 4<<30, 2<<30))  // one always
	require.Equal(t, 8, admitted(8, 4<<30, 0))      // unknown
}
