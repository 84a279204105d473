//go:build amd64 || arm64

package sandbox

import (
	"context"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

//go:embed zygote.py
var zygote string

// template is the supervisor that sessions are forked from.
type template struct {
	cmd     *exec.Cmd
	control *os.File // sequenced packets
	mu      sync.Mutex
	gone    atomic.Bool
	once    sync.Once
	log     tail
	about   started
	wait    chan struct{} // closed when the process has been reaped
}

// setup is the configuration as the supervisor reads it.
type setup struct {
	Namespaces bool        `json:"namespaces"`
	Landlock   bool        `json:"landlock"`
	RO         []string    `json:"ro"`
	Links      [][2]string `json:"links"`
	Path       []string    `json:"path"`
	Preload    []string    `json:"preload"`
	Filter     string      `json:"filter"`
	FilterPID  []int       `json:"filter_pid"`
	Processes  int         `json:"processes"` // of the user in all, where sessions share one count
	First      string      `json:"first"`     // the request that a new session gets ready for
	PivotRoot  int         `json:"sys_pivot_root"`
	Clone      int         `json:"sys_clone"`
}

// started is the supervisor's answer.
type started struct {
	Error   string `json:"error"`
	Errno   int    `json:"errno"`
	ABI     int    `json:"abi"`
	Proc    bool   `json:"proc"`
	Version string `json:"version"`
}

func startTemplate(cfg Config, tier Tier, py *interpreter) (*template, error) {
	ours, theirs, err := socketpair()
	if err != nil {
		return nil, err
	}
	t := &template{control: ours, wait: make(chan struct{})}
	t.log.max = 8 << 10
	// Not -I: it would ignore PYTHONHASHSEED, and with it the order of sets would differ
	// from run to run.
	t.cmd = exec.Command(py.Executable, "-S", "-s", "-B", "-c", zygote)
	t.cmd.Dir = "/"
	t.cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=/tmp", "LANG=C.UTF-8", "PYTHONUTF8=1", "PYTHONHASHSEED=0",
		"PYTHONNOUSERSITE=1", "OPENBLAS_NUM_THREADS=1", "OMP_NUM_THREADS=1", "MKL_NUM_THREADS=1",
		"LD_BIND_NOW=1"} // or every child would look up the C library's functions anew
	t.cmd.Stderr = &t.log
	t.cmd.ExtraFiles = []*os.File{theirs}
	t.cmd.WaitDelay = time.Second
	t.cmd.SysProcAttr = attributes(tier, cfg.UID)
	err = t.cmd.Start()
	theirs.Close() // or its end would never be seen
	if err != nil {
		ours.Close()
		return nil, err
	}
	go func() {
		t.cmd.Wait()
		t.gone.Store(true)
		close(t.wait)
	}()
	if err := t.configure(cfg, tier, py); err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

// attributes of the supervisor's process: as root it becomes an unprivileged user,
// always; without Credential it would keep real root's file rights in its namespace.
func attributes(tier Tier, uid int) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setsid: true}
	root := os.Geteuid() == 0
	if tier == Namespaces {
		hostUID, hostGID := uid, uid
		if !root {
			hostUID, hostGID = os.Geteuid(), os.Getegid()
		}
		a.Cloneflags = unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: hostUID, Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: hostGID, Size: 1}}
		a.GidMappingsEnableSetgroups = root
		a.Credential = &syscall.Credential{Uid: 0, Gid: 0, NoSetGroups: !root}
	} else if root {
		a.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}
	}
	return a
}

func (t *template) configure(cfg Config, tier Tier, py *interpreter) error {
	paths, links := py.readOnly(cfg.Path)
	s := setup{
		Namespaces: tier == Namespaces, Landlock: tier == Landlock,
		RO: paths, Links: links, Path: append([]string{}, cfg.Path...), Preload: append([]string{}, cfg.Preload...),
		FilterPID: []int{}, PivotRoot: unix.SYS_PIVOT_ROOT, Clone: unix.SYS_CLONE,
		First: hex.EncodeToString(appendRequest(nil, 'L', &Program{}, cfg.Limits.WithDefaults())),
	}
	if tier != Namespaces {
		s.Processes = processes(programUID(cfg))
	}
	if tier != Insecure {
		program, pidAt := filter(tier)
		s.Filter, s.FilterPID = hex.EncodeToString(program), pidAt
	}
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	t.control.SetDeadline(time.Now().Add(30 * time.Second))
	defer t.control.SetDeadline(time.Time{})
	if _, err := t.control.Write(data); err != nil {
		return fmt.Errorf("%w: %s", err, t.log.String())
	}
	answer := make([]byte, 4096)
	n, err := t.control.Read(answer)
	if err != nil || n == 0 {
		<-time.After(50 * time.Millisecond) // for its last words
		return fmt.Errorf("supervisor died at its start: %s", t.log.String())
	}
	var a started
	if err := json.Unmarshal(answer[:n], &a); err != nil {
		return err
	}
	if a.Error != "" {
		if a.Errno != 0 {
			return fmt.Errorf("supervisor: %s: %w", a.Error, syscall.Errno(a.Errno))
		}
		return errors.New("supervisor: " + a.Error)
	}
	t.about = a
	if tier == Landlock && a.ABI == 0 {
		return errNoLandlock
	}
	return nil
}

func (t *template) dead() bool { return t.gone.Load() }

// start forks a session.
func (t *template) start(ctx context.Context) (*session, error) {
	ours, theirs, err := socketpair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	raw, err := ours.SyscallConn()
	if err == nil {
		raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PASSCRED, 1) })
	}
	if err == nil {
		t.mu.Lock()
		err = send(t.control, []byte("S"), int(theirs.Fd()))
		t.mu.Unlock()
	}
	if err != nil {
		ours.Close()
		return nil, fmt.Errorf("%w: %s", err, t.log.String())
	}
	theirs.Close()
	s := &session{template: t, socket: ours, pidfd: -1}
	deadline := time.Now().Add(20 * time.Second)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	ours.SetReadDeadline(deadline)
	stop := context.AfterFunc(ctx, func() { ours.SetReadDeadline(time.Unix(1, 0)) })
	message, pid, err := receive(ours)
	stop()
	switch {
	case err != nil:
	case len(message) == 0:
		err = fmt.Errorf("supervisor ended: %s", t.log.String())
	case message[0] != 'r':
		err = fmt.Errorf("supervisor: %s", message[1:])
	default:
		if s.pidfd, err = unix.PidfdOpen(pid, 0); err != nil {
			err = fmt.Errorf("pidfd_open(%d): %w", pid, err)
		}
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	ours.SetReadDeadline(time.Time{})
	return s, nil
}

// close ends the supervisor; with namespaces, the kernel ends all that lives in them.
func (t *template) close() {
	t.once.Do(func() {
		t.control.Close()
		select {
		case <-t.wait:
			return
		case <-time.After(2 * time.Second):
		}
		t.cmd.Process.Kill()
		<-t.wait
	})
}

// tail keeps the last max bytes written to it.
type tail struct {
	mu  sync.Mutex
	max int
	b   []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	if over := len(t.b) - t.max; over > 0 {
		t.b = append(t.b[:0], t.b[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.b))
}
