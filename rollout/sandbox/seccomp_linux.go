//go:build amd64 || arm64

package sandbox

import (
	"encoding/binary"
	"math"
	"slices"

	"golang.org/x/sys/unix"
)

// The system-call filter of a child. What is not named is refused: EPERM below
// io_uring_setup, ENOSYS from there on (and for clone3), so that a C library falls
// back to the older call. Nothing on the list can make a process, a socket with an
// address, or a change to another process.

// ioctl requests that golang.org/x/sys does not name.
const fionread, fionbio, fioclex, fionclex = 0x541b, 0x5421, 0x5451, 0x5450

// verdict of one call number: a seccomp return value, or byArgument+i for the i-th argument check.
const (
	allow  = unix.SECCOMP_RET_ALLOW
	refuse = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	absent = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
	kill   = unix.SECCOMP_RET_KILL_PROCESS
	// byArgument is no kernel's value.
	byArgument = uint32(0x0bad0000)
)

// argumentCheck allows a call by its arguments' low words (no kernel looks further at
// these), and else returns otherwise.
type argumentCheck struct {
	nr        uint32
	arg       int
	self      bool     // own process id is allowed
	values    []uint32 // allowed values
	must      uint32   // or: these bits must be set ...
	mustNot   uint32   // ... and these clear
	otherwise uint32
}

const newNamespaces = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC |
	unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET

var argumentChecks = []argumentCheck{
	{nr: unix.SYS_CLONE, arg: 0, must: unix.CLONE_THREAD | unix.CLONE_VM, mustNot: newNamespaces | unix.CLONE_VFORK | unix.CLONE_PTRACE, otherwise: refuse},
	{nr: unix.SYS_MMAP, arg: 3, mustNot: unix.MAP_HUGETLB, otherwise: refuse},
	{nr: unix.SYS_KILL, arg: 0, self: true, otherwise: refuse},
	{nr: unix.SYS_TGKILL, arg: 0, self: true, otherwise: refuse},
	{nr: unix.SYS_PRLIMIT64, arg: 0, self: true, values: []uint32{0}, otherwise: refuse},
	{nr: unix.SYS_SCHED_GETAFFINITY, arg: 0, self: true, values: []uint32{0}, otherwise: refuse},
	{nr: unix.SYS_SOCKETPAIR, arg: 0, values: []uint32{unix.AF_UNIX}, otherwise: refuse},
	{nr: unix.SYS_PRCTL, arg: 0, values: []uint32{unix.PR_SET_NAME, unix.PR_GET_NAME, unix.PR_GET_DUMPABLE, unix.PR_CAPBSET_READ}, otherwise: refuse},
	{nr: unix.SYS_FCNTL, arg: 1, values: []uint32{unix.F_DUPFD, unix.F_GETFD, unix.F_SETFD, unix.F_GETFL, unix.F_SETFL, unix.F_DUPFD_CLOEXEC}, otherwise: refuse},
	{nr: unix.SYS_IOCTL, arg: 1, values: []uint32{unix.TCGETS, unix.TIOCGWINSZ, fionread, fionbio, fioclex, fionclex}, otherwise: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOTTY)},
}

// calls that are allowed whatever their arguments, on every architecture.
var allowedCalls = []uint32{
	// descriptors and files
	unix.SYS_READ, unix.SYS_WRITE, unix.SYS_READV, unix.SYS_WRITEV, unix.SYS_PREAD64, unix.SYS_PWRITE64,
	unix.SYS_PREADV, unix.SYS_PWRITEV, unix.SYS_PREADV2, unix.SYS_PWRITEV2, unix.SYS_CLOSE, unix.SYS_CLOSE_RANGE,
	unix.SYS_LSEEK, unix.SYS_FSTAT, unix.SYS_STATX, unix.SYS_DUP, unix.SYS_DUP3, unix.SYS_PIPE2, unix.SYS_EVENTFD2,
	unix.SYS_OPENAT, unix.SYS_FACCESSAT, unix.SYS_FACCESSAT2, unix.SYS_READLINKAT, unix.SYS_GETDENTS64,
	unix.SYS_GETCWD, unix.SYS_CHDIR, unix.SYS_FCHDIR, unix.SYS_MKDIRAT, unix.SYS_UNLINKAT, unix.SYS_RENAMEAT2,
	unix.SYS_LINKAT, unix.SYS_SYMLINKAT, unix.SYS_UMASK,
	unix.SYS_FTRUNCATE, unix.SYS_FSYNC, unix.SYS_FDATASYNC, unix.SYS_FADVISE64,
	unix.SYS_COPY_FILE_RANGE, unix.SYS_SENDFILE, unix.SYS_STATFS, unix.SYS_FSTATFS, unix.SYS_GETXATTR,
	unix.SYS_LGETXATTR, unix.SYS_FGETXATTR, unix.SYS_LISTXATTR, unix.SYS_LLISTXATTR, unix.SYS_FLISTXATTR,
	// waiting
	unix.SYS_EPOLL_CREATE1, unix.SYS_EPOLL_CTL, unix.SYS_EPOLL_PWAIT, unix.SYS_PPOLL, unix.SYS_PSELECT6,
	unix.SYS_SENDTO, unix.SYS_RECVFROM, unix.SYS_RECVMSG, unix.SYS_SHUTDOWN, unix.SYS_GETSOCKOPT, unix.SYS_GETSOCKNAME, unix.SYS_GETPEERNAME,
	// memory
	unix.SYS_BRK, unix.SYS_MUNMAP, unix.SYS_MPROTECT, unix.SYS_MREMAP, unix.SYS_MADVISE,
	unix.SYS_MSYNC, unix.SYS_MINCORE,
	// threads and own signals
	unix.SYS_FUTEX, unix.SYS_SET_ROBUST_LIST, unix.SYS_SET_TID_ADDRESS, unix.SYS_RSEQ, unix.SYS_GETTID,
	unix.SYS_SCHED_YIELD, unix.SYS_SCHED_GETPARAM, unix.SYS_SCHED_GETSCHEDULER, unix.SYS_SCHED_GET_PRIORITY_MAX,
	unix.SYS_SCHED_GET_PRIORITY_MIN, unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGRETURN,
	unix.SYS_RT_SIGPENDING, unix.SYS_RT_SIGSUSPEND, unix.SYS_RT_SIGTIMEDWAIT, unix.SYS_SIGALTSTACK,
	unix.SYS_SETITIMER, unix.SYS_GETITIMER, unix.SYS_RESTART_SYSCALL, unix.SYS_EXIT, unix.SYS_EXIT_GROUP,
	unix.SYS_WAIT4, unix.SYS_WAITID,
	// clocks and looking at oneself
	unix.SYS_CLOCK_GETTIME, unix.SYS_CLOCK_GETRES, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_NANOSLEEP,
	unix.SYS_GETTIMEOFDAY, unix.SYS_TIMES, unix.SYS_GETRUSAGE, unix.SYS_GETRANDOM, unix.SYS_GETCPU, unix.SYS_UNAME,
	unix.SYS_SYSINFO, unix.SYS_GETPID, unix.SYS_GETPPID, unix.SYS_GETPGID, unix.SYS_GETSID, unix.SYS_GETUID,
	unix.SYS_GETEUID, unix.SYS_GETGID, unix.SYS_GETEGID, unix.SYS_GETRESUID, unix.SYS_GETRESGID, unix.SYS_GETGROUPS,
	unix.SYS_GETPRIORITY,
}

// boxCalls change files by name in ways that Landlock does not look at. They are
// allowed only where nothing but the work folder can be written anyhow.
var boxCalls = []uint32{
	unix.SYS_FCHMOD, unix.SYS_FCHMODAT, unix.SYS_UTIMENSAT, unix.SYS_TRUNCATE, unix.SYS_FLOCK,
}

// filter assembles the program of a tier and the byte offsets at which the child's own
// process id belongs.
func filter(tier Tier) (program []byte, pidAt []int) {
	verdicts := map[uint32]uint32{unix.SYS_CLONE3: absent}
	for _, nr := range allowedCalls {
		verdicts[nr] = allow
	}
	for _, nr := range allowedCallsArch {
		verdicts[nr] = allow
	}
	if tier == Namespaces {
		for _, nr := range slices.Concat(boxCalls, boxCallsArch) {
			verdicts[nr] = allow
		}
	}
	for i, c := range argumentChecks {
		verdicts[c.nr] = byArgument + uint32(i)
	}
	return assemble(verdicts, argumentChecks)
}

// instruction is one of classic BPF: struct sock_filter.
type instruction struct {
	code   uint16
	jt, jf uint8
	k      uint32
}

const (
	loadWord = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	jumpEq   = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	jumpGe   = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
	jump     = unix.BPF_JMP | unix.BPF_JA
	and      = unix.BPF_ALU | unix.BPF_AND | unix.BPF_K
	ret      = unix.BPF_RET | unix.BPF_K
)

// assemble turns call numbers' verdicts into a program: a binary search over ranges
// of equal verdict, so that both the filter and the kernel's look over it at
// installation are short.
func assemble(verdicts map[uint32]uint32, checks []argumentCheck) (program []byte, pidAt []int) {
	type span struct{ from, verdict uint32 }
	last := uint32(unix.SYS_IO_URING_SETUP)
	for nr := range verdicts {
		last = max(last, nr)
	}
	var spans []span
	for nr := uint32(0); nr <= last+1; nr++ {
		v, named := verdicts[nr]
		switch {
		case named:
		case nr < unix.SYS_IO_URING_SETUP:
			v = refuse
		default:
			v = absent
		}
		if len(spans) == 0 || spans[len(spans)-1].verdict != v {
			spans = append(spans, span{nr, v})
		}
	}

	var code []instruction
	var pids []int
	emit := func(in instruction) int { code = append(code, in); return len(code) - 1 }
	emit(instruction{loadWord, 0, 0, 4}) // architecture
	emit(instruction{jumpEq, 1, 0, auditArch})
	emit(instruction{ret, 0, 0, kill})
	emit(instruction{loadWord, 0, 0, 0}) // call number

	var search func(s []span)
	search = func(s []span) {
		if len(s) == 1 {
			v := s[0].verdict
			if v&0xffff0000 != byArgument {
				emit(instruction{ret, 0, 0, v})
				return
			}
			c := checks[v-byArgument]
			emit(instruction{loadWord, 0, 0, uint32(16 + 8*c.arg)})
			if c.must|c.mustNot != 0 {
				emit(instruction{and, 0, 0, c.must | c.mustNot})
				emit(instruction{jumpEq, 0, 1, c.must})
				emit(instruction{ret, 0, 0, allow})
			}
			if c.self {
				pids = append(pids, emit(instruction{jumpEq, 0, 1, math.MaxUint32}))
				emit(instruction{ret, 0, 0, allow})
			}
			for _, value := range c.values {
				emit(instruction{jumpEq, 0, 1, value})
				emit(instruction{ret, 0, 0, allow})
			}
			emit(instruction{ret, 0, 0, c.otherwise})
			return
		}
		half := len(s) / 2
		emit(instruction{jumpGe, 0, 1, s[half].from})
		to := emit(instruction{jump, 0, 0, 0})
		search(s[:half])
		code[to].k = uint32(len(code) - to - 1)
		search(s[half:])
	}
	search(spans)

	for _, in := range code {
		program = binary.NativeEndian.AppendUint16(program, in.code)
		program = append(program, in.jt, in.jf)
		program = binary.NativeEndian.AppendUint32(program, in.k)
	}
	for _, i := range pids {
		pidAt = append(pidAt, 8*i+4)
	}
	slices.Sort(pidAt)
	return program, pidAt
}
