package journal

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// needRoot skips where nothing can be mounted; where the tests are to run as root,
// it fails instead.
func needRoot(t *testing.T) {
	if os.Getuid() == 0 {
		return
	}
	if strings.Contains(os.Getenv("GROUPRL_REQUIRE"), "root") {
		t.Fatal("GROUPRL_REQUIRE names root, but this user cannot mount")
	}
	t.Skip("only root can mount a small file system; the faulty disks of the other tests stand in for it")
}

// A real file system that is full, and then one that has become read-only.
func TestFullAndReadOnlyFileSystem(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k,mode=700"); err != nil {
		if strings.Contains(os.Getenv("GROUPRL_REQUIRE"), "root") {
			t.Fatal(err)
		}
		t.Skipf("root may not mount here (%v); the faulty disks of the other tests stand in for it", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	j := openJournal(t, dir)
	n := 0
	var err error
	for ; n < 10000; n++ {
		if _, err = j.Append(group(n, 0)); err != nil {
			break
		}
	}
	require.ErrorIs(t, err, syscall.ENOSPC)
	var failed *WriteError
	require.ErrorAs(t, err, &failed)
	require.False(t, failed.Over)
	require.Contains(t, err.Error(), "no space left on device")
	require.Contains(t, err.Error(), filepath.Join(dir, logName))
	require.Greater(t, n, 50)
	require.Equal(t, n, j.Waiting())
	require.ErrorIs(t, j.Compact(), syscall.ENOSPC)

	// Room again: it goes on.
	require.NoError(t, syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=1m"))
	require.Equal(t, 1, add(t, j, group(n, 0)))
	require.NoError(t, j.Close())

	// Read-only: what is there can be read, and opening says why it cannot.
	require.NoError(t, syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	_, err = Open(dir, Options{Run: "run"})
	require.ErrorAs(t, err, &failed)
	require.ErrorIs(t, err, syscall.EROFS)
	require.Contains(t, err.Error(), "read-only file system")
	groups := 0
	for e, err := range Read(dir) {
		require.NoError(t, err)
		if e.Kind == "group" {
			groups++
		}
	}
	require.Equal(t, n+1, groups)

	require.NoError(t, syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, ""))
	j = openJournal(t, dir)
	require.Equal(t, n+1, j.Waiting())
	require.NoError(t, j.Close())
}

// A folder that its user may not write to, seen by a process without privileges.
func TestReadOnlyFolder(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
	require.NoError(t, os.Chmod(dir, 0o555))
	child := exec.Command(os.Args[0])
	child.Env = []string{"GROUPRL_JOURNAL_CHILD=" + dir}
	if os.Getuid() == 0 {
		program := filepath.Join(t.TempDir(), "child")
		b, err := os.ReadFile(os.Args[0])
		require.NoError(t, err)
		require.NoError(t, os.Chmod(filepath.Dir(program), 0o755))
		require.NoError(t, os.WriteFile(program, b, 0o755))
		child.Path = program
		child.Dir = "/"
		child.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	out, err := child.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "permission denied")
	require.Contains(t, string(out), dir)
}
