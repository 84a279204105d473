//go:build amd64 || arm64

package sandbox

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// evaluate runs a filter as the kernel would, the slow and obvious way.
func evaluate(t *testing.T, program []byte, arch, nr uint32, args [6]uint64) uint32 {
	data := make([]byte, 64)
	binary.NativeEndian.PutUint32(data, nr)
	binary.NativeEndian.PutUint32(data[4:], arch)
	for i, a := range args {
		binary.NativeEndian.PutUint64(data[16+8*i:], a)
	}
	var acc uint32
	for pc := 0; ; pc++ {
		in := program[8*pc:]
		code, jt, jf, k := binary.NativeEndian.Uint16(in), in[2], in[3], binary.NativeEndian.Uint32(in[4:])
		branch := func(taken bool) {
			if taken {
				pc += int(jt)
			} else {
				pc += int(jf)
			}
		}
		switch code {
		case loadWord:
			acc = binary.NativeEndian.Uint32(data[k:])
		case and:
			acc &= k
		case jump:
			pc += int(k)
		case jumpEq:
			branch(acc == k)
		case jumpGe:
			branch(acc >= k)
		case ret:
			return k
		default:
			t.Fatalf("instruction %#x", code)
		}
	}
}

const self = 7 // the child's own process id

func filterFor(t *testing.T, tier Tier) []byte {
	program, pidAt := filter(tier)
	require.Less(t, len(program)/8, 4096)
	for _, at := range pidAt {
		require.EqualValues(t, 0xffffffff, binary.NativeEndian.Uint32(program[at:]))
		binary.NativeEndian.PutUint32(program[at:], self)
	}
	return program
}

func TestFilterArguments(t *testing.T) {
	const thread = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_THREAD | unix.CLONE_SYSVSEM |
		unix.CLONE_SETTLS | unix.CLONE_PARENT_SETTID | unix.CLONE_CHILD_CLEARTID
	enotty := uint32(unix.SECCOMP_RET_ERRNO | unix.ENOTTY)
	for _, c := range []struct {
		name string
		nr   uint32
		args [6]uint64
		want uint32
	}{
		{"a thread", unix.SYS_CLONE, [6]uint64{thread}, allow},
		{"fork", unix.SYS_CLONE, [6]uint64{uint64(unix.SIGCHLD)}, refuse},
		{"vfork", unix.SYS_CLONE, [6]uint64{unix.CLONE_VM | unix.CLONE_VFORK | uint64(unix.SIGCHLD)}, refuse},
		{"a thread in a namespace", unix.SYS_CLONE, [6]uint64{thread | unix.CLONE_NEWUSER}, refuse},
		{"clone3", unix.SYS_CLONE3, [6]uint64{}, absent},
		{"own signal", unix.SYS_KILL, [6]uint64{self, 9}, allow},
		{"own group", unix.SYS_KILL, [6]uint64{0, 9}, refuse},
		{"everybody", unix.SYS_KILL, [6]uint64{^uint64(0), 9}, refuse},
		{"supervisor", unix.SYS_KILL, [6]uint64{1, 9}, refuse},
		{"own thread", unix.SYS_TGKILL, [6]uint64{self, 9, 9}, allow},
		{"supervisor's thread", unix.SYS_TGKILL, [6]uint64{1, 1, 9}, refuse},
		{"own limits", unix.SYS_PRLIMIT64, [6]uint64{0}, allow},
		{"others' limits", unix.SYS_PRLIMIT64, [6]uint64{1}, refuse},
		{"pid with dirt above 32 bits", unix.SYS_KILL, [6]uint64{1<<32 | self}, allow}, // the kernel looks at 32
		{"socketpair", unix.SYS_SOCKETPAIR, [6]uint64{unix.AF_UNIX}, allow},
		{"socketpair of another family", unix.SYS_SOCKETPAIR, [6]uint64{unix.AF_TIPC}, refuse},
		{"socket", unix.SYS_SOCKET, [6]uint64{unix.AF_UNIX}, refuse},
		{"thread name", unix.SYS_PRCTL, [6]uint64{unix.PR_SET_NAME}, allow},
		{"death signal", unix.SYS_PRCTL, [6]uint64{unix.PR_SET_PDEATHSIG}, refuse},
		{"F_GETFL", unix.SYS_FCNTL, [6]uint64{0, unix.F_GETFL}, allow},
		{"F_SETOWN", unix.SYS_FCNTL, [6]uint64{0, unix.F_SETOWN}, refuse},
		{"F_SETSIG", unix.SYS_FCNTL, [6]uint64{0, 10}, refuse},
		{"F_SETLK", unix.SYS_FCNTL, [6]uint64{0, unix.F_SETLK}, refuse},
		{"isatty", unix.SYS_IOCTL, [6]uint64{0, unix.TCGETS}, allow},
		{"TIOCSTI", unix.SYS_IOCTL, [6]uint64{0, unix.TIOCSTI}, enotty},
		{"FIOSETOWN", unix.SYS_IOCTL, [6]uint64{0, 0x8901}, enotty},
		{"memory", unix.SYS_MMAP, [6]uint64{0, 0, 0, unix.MAP_PRIVATE | unix.MAP_ANON}, allow},
		{"huge pages", unix.SYS_MMAP, [6]uint64{0, 0, 0, unix.MAP_PRIVATE | unix.MAP_HUGETLB}, refuse},
		{"execve", unix.SYS_EXECVE, [6]uint64{}, refuse},
		{"execveat", unix.SYS_EXECVEAT, [6]uint64{}, refuse},
		{"io_uring", unix.SYS_IO_URING_SETUP, [6]uint64{}, absent},
		{"a call of the future", 9999, [6]uint64{}, absent},
		{"x32", 0x40000000 | unix.SYS_WRITE, [6]uint64{}, absent},
	} {
		for _, tier := range []Tier{Namespaces, Landlock} {
			require.Equal(t, c.want, evaluate(t, filterFor(t, tier), auditArch, c.nr, c.args), "%s in tier %v", c.name, tier)
		}
	}
	// The same number is another call on another architecture.
	require.EqualValues(t, kill, evaluate(t, filterFor(t, Namespaces), unix.AUDIT_ARCH_I386, unix.SYS_WRITE, [6]uint64{}))
}

// Every number up to 1000 against the lists.
func TestFilterNumbers(t *testing.T) {
	for _, tier := range []Tier{Namespaces, Landlock} {
		program := filterFor(t, tier)
		box := slices.Concat(boxCalls, boxCallsArch)
		for nr := uint32(0); nr < 1000; nr++ {
			if nr == unix.SYS_CLONE3 || slices.ContainsFunc(argumentChecks, func(c argumentCheck) bool { return c.nr == nr }) {
				continue
			}
			want := uint32(refuse)
			if nr >= unix.SYS_IO_URING_SETUP {
				want = absent
			}
			if slices.Contains(allowedCalls, nr) || slices.Contains(allowedCallsArch, nr) || tier == Namespaces && slices.Contains(box, nr) {
				want = allow
			}
			require.Equal(t, want, evaluate(t, program, auditArch, nr, [6]uint64{}), "call %d", nr)
		}
	}
}
