//go:build amd64 || arm64

package sandbox

import (
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestMain can take kernel features away from this process first, as a container's
// profile does: GROUPRL_TEST_DENY=namespaces,landlock.
func TestMain(m *testing.M) {
	if deny := os.Getenv("GROUPRL_TEST_DENY"); deny != "" {
		if err := denyCalls(strings.Contains(deny, "namespaces"), strings.Contains(deny, "landlock")); err != nil {
			fmt.Fprintln(os.Stderr, "cannot deny:", err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// denyCalls installs a filter on all threads: new namespaces get EPERM, Landlock is
// not there.
func denyCalls(namespaces, landlock bool) error {
	var p []byte
	emit := func(code uint16, jt, jf uint8, k uint32) {
		p = binary.NativeEndian.AppendUint16(p, code)
		p = append(p, jt, jf)
		p = binary.NativeEndian.AppendUint32(p, k)
	}
	emit(loadWord, 0, 0, 0)
	if namespaces {
		emit(jumpEq, 0, 1, unix.SYS_UNSHARE)
		emit(ret, 0, 0, refuse)
		emit(jumpEq, 0, 1, unix.SYS_CLONE3)
		emit(ret, 0, 0, absent)
	}
	if landlock {
		emit(jumpEq, 0, 1, unix.SYS_LANDLOCK_CREATE_RULESET)
		emit(ret, 0, 0, absent)
	}
	if namespaces {
		emit(jumpEq, 0, 4, unix.SYS_CLONE)
		emit(loadWord, 0, 0, 16)
		emit(and, 0, 0, newNamespaces)
		emit(jumpEq, 1, 0, 0)
		emit(ret, 0, 0, refuse)
	}
	emit(ret, 0, 0, allow)
	head := struct {
		n    uint16
		code unsafe.Pointer
	}{uint16(len(p) / 8), unsafe.Pointer(&p[0])}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, 1, 1, uintptr(unsafe.Pointer(&head))) // all threads
	if errno != 0 {
		return errno
	}
	return nil
}
