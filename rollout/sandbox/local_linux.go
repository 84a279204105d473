//go:build amd64 || arm64

package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// LocalRunner runs programs on this machine.
type LocalRunner struct {
	cfg     Config
	limits  Limits
	py      *interpreter
	tier    Tier
	refused []TierError // better tiers

	admit chan struct{} // one token a session in use
	warm  chan *session // started, waiting
	want  chan struct{} // asks the filler for one more

	mu       sync.Mutex // guards template and its restart
	template *template
	stop     context.CancelFunc
	stopped  context.Context
	filler   sync.WaitGroup
}

// Local starts a runner on this machine, in the best tier that works here, or in
// Config.Tier. It fails with *InterpreterError, or with *UnsupportedError if no tier
// works and Config.Insecure is false.
func Local(cfg Config) (*LocalRunner, error) {
	l := &LocalRunner{cfg: cfg, limits: cfg.Limits.WithDefaults()}
	if cfg.UID == 0 {
		l.cfg.UID = 65534
	}
	l.stopped, l.stop = context.WithCancel(context.Background())
	var err error
	if l.py, err = findPython(l.stopped, cfg.Python, l.readable); err != nil {
		return nil, err
	}
	tiers := []Tier{Namespaces, Landlock}
	if cfg.Insecure {
		tiers = append(tiers, Insecure)
	}
	if cfg.Tier != AnyTier {
		if cfg.Tier == Insecure && !cfg.Insecure {
			return nil, &UnsupportedError{Tiers: []TierError{{Insecure, "needs Config.Insecure to be set as well", nil}}}
		}
		tiers = []Tier{cfg.Tier}
	}
	for _, tier := range tiers {
		l.tier = tier
		if err = l.open(); err == nil {
			break
		}
		l.refused = append(l.refused, TierError{tier, knob(tier, err), err})
	}
	if err != nil {
		l.stop()
		return nil, &UnsupportedError{Tiers: l.refused}
	}
	parallel := cfg.Parallel
	if parallel <= 0 {
		parallel = admitted(runtime.GOMAXPROCS(0), l.limits.Memory, memoryTotal())
	}
	warm := cfg.Warm
	if warm == 0 {
		warm = parallel
	}
	l.admit = make(chan struct{}, parallel)
	if warm > 0 {
		l.warm = make(chan *session, warm)
		l.want = make(chan struct{}, warm)
		for range warm {
			l.want <- struct{}{}
		}
		l.filler.Add(1)
		go l.fill()
	}
	return l, nil
}

// open starts the template of the present tier and proves that a session of it runs
// a program, and holds it in.
func (l *LocalRunner) open() error {
	t, err := startTemplate(l.cfg, l.tier, l.py)
	if err != nil {
		return err
	}
	l.template = t
	ctx, cancel := context.WithTimeout(l.stopped, 60*time.Second)
	defer cancel()
	err = l.prove(ctx)
	if err != nil {
		t.close()
		l.template = nil
	}
	return err
}

func (l *LocalRunner) prove(ctx context.Context) error {
	if l.tier == Insecure {
		return l.canary(ctx)
	}
	s, err := l.fresh(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	s.canary = true
	found, err := check(ctx, s)
	if err != nil {
		return err
	}
	for _, c := range found {
		if !c.Held {
			return fmt.Errorf("self-check: %s was not refused", c.Name)
		}
	}
	return nil
}

// Tier returns the tier in use.
func (l *LocalRunner) Tier() Tier { return l.tier }

func (l *LocalRunner) report() *Report {
	r := &Report{Tier: l.tier, Refused: l.refused, Python: l.py.Executable, Parallel: l.Parallel()}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.template != nil {
		r.Version, r.Landlock = l.template.about.Version, l.template.about.ABI
	}
	return r
}

// Python returns the interpreter in use.
func (l *LocalRunner) Python() string { return l.py.Executable }

// Parallel returns how many sessions are admitted at once.
func (l *LocalRunner) Parallel() int { return cap(l.admit) }

// admitted is how many runs of the given memory fit beside each other: never more
// than there are cores, since a run that waits for a core spends its wall clock.
func admitted(cores int, each, total int64) int {
	n := cores
	if total > 0 && each > 0 {
		n = int(min(int64(n), total/each))
	}
	return max(n, 1)
}

// Start implements Runner.
func (l *LocalRunner) Start(ctx context.Context) (Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case l.admit <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.stopped.Done():
		return nil, ErrClosed
	}
	s, err := l.take(ctx)
	if err != nil {
		<-l.admit
		return nil, err
	}
	s.release = func() { <-l.admit }
	return s, nil
}

func (l *LocalRunner) take(ctx context.Context) (*session, error) {
	if l.stopped.Err() != nil {
		return nil, ErrClosed
	}
	if l.warm == nil {
		return l.fresh(ctx)
	}
	for {
		select {
		case s := <-l.warm:
			l.ask()
			if s.alive() {
				return s, nil
			}
			s.Close()
		default:
			// The pool is empty: do not wait for the filler, which may be behind.
			return l.fresh(ctx)
		}
	}
}

func (l *LocalRunner) ask() {
	select {
	case l.want <- struct{}{}:
	default:
	}
}

// fill keeps the pool filled. A start that fails is left to the next Start, which
// reports it.
func (l *LocalRunner) fill() {
	defer l.filler.Done()
	for {
		select {
		case <-l.stopped.Done():
			return
		case <-l.want:
		}
		s, err := l.fresh(l.stopped)
		if err != nil {
			continue
		}
		select {
		case l.warm <- s:
		case <-l.stopped.Done():
			s.Close()
			return
		}
	}
}

// fresh starts a session, with a new template if the old one has died.
func (l *LocalRunner) fresh(ctx context.Context) (*session, error) {
	var err error
	for range 2 {
		var t *template
		if t, err = l.living(); err != nil {
			break
		}
		var s *session
		if s, err = t.start(ctx); err == nil {
			s.runner = l
			return s, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		t.close()
	}
	if errors.Is(err, ErrClosed) {
		return nil, err
	}
	return nil, &InfraError{"start", err}
}

func (l *LocalRunner) living() (*template, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped.Err() != nil {
		return nil, ErrClosed
	}
	if l.template != nil && !l.template.dead() {
		return l.template, nil
	}
	t, err := startTemplate(l.cfg, l.tier, l.py)
	if err == nil {
		l.template = t
	}
	return t, err
}

// Close implements Runner: sessions in use die with it.
func (l *LocalRunner) Close() error {
	l.stop()
	l.filler.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.warm != nil {
		select {
		case s := <-l.warm:
			s.Close()
			continue
		default:
		}
		break
	}
	if l.template != nil {
		l.template.close()
		l.template = nil
	}
	return nil
}

// canary runs a program that is known to work, in a session of its own.
func (l *LocalRunner) canary(ctx context.Context) error {
	s, err := l.fresh(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	s.canary = true
	p := Program{Source: []byte("print(6 * 7)\n"), Limits: Limits{Wall: 15 * time.Second}}
	r, err := s.Load(ctx, p)
	if err == nil && r.Outcome == OK {
		r, err = s.Run(ctx, nil)
	}
	if err == nil && (r.Outcome != OK || string(r.Stdout) != "42\n") {
		err = fmt.Errorf("canary program: %s, exit %d, signal %d, stdout %q, stderr %q", r.Outcome, r.Exit, r.Signal, r.Stdout, r.Stderr)
	}
	return err
}

// readable reports whether programs' user may read path.
func (l *LocalRunner) readable(path string) bool {
	if os.Geteuid() != 0 {
		return unix.Access(path, unix.R_OK) == nil
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return false
	}
	for p, want := real, uint32(4); ; p, want = filepath.Dir(p), 1 {
		var st unix.Stat_t
		if unix.Stat(p, &st) != nil {
			return false
		}
		mode := st.Mode
		switch {
		case int(st.Uid) == l.cfg.UID:
			mode >>= 6
		case int(st.Gid) == l.cfg.UID:
			mode >>= 3
		}
		if mode&want == 0 {
			return false
		}
		if p == "/" {
			return true
		}
	}
}

// knob turns the failure of a tier into a sentence that says what to change.
func knob(tier Tier, err error) string {
	root := os.Geteuid() == 0
	switch {
	case tier == Namespaces && errors.Is(err, unix.ENOSPC):
		return "user namespaces are switched off: set the sysctl user.max_user_namespaces above 0"
	case tier == Namespaces && errors.Is(err, unix.EINVAL):
		return "the kernel has no user namespaces (CONFIG_USER_NS), or this process is in a chroot"
	case tier == Namespaces && (errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES)):
		s := "namespaces are refused: in a container, allow them (docker run --security-opt seccomp=unconfined); on Ubuntu, set the sysctl kernel.apparmor_restrict_unprivileged_userns to 0"
		if !root {
			s += "; on older Debian, set kernel.unprivileged_userns_clone to 1"
		}
		return s
	case tier == Namespaces && errors.Is(err, unix.ENOSYS):
		return "the kernel is older than 5.12 (no mount_setattr)"
	case tier == Landlock && errors.Is(err, errNoLandlock):
		return "the kernel has no Landlock: it needs Linux 5.13 or newer with landlock in the lsm= boot parameter"
	}
	return "a test run failed"
}

var errNoLandlock = errors.New("landlock is not available")

// programUID is the user on this machine that programs run as.
func programUID(cfg Config) int {
	if root := os.Geteuid(); root != 0 {
		return root
	}
	return cfg.UID
}

// processes is a bound on the user's processes and threads in all: twice what there
// are now, and 4096. It keeps a program that makes threads without end from using up
// the machine's process numbers, where no namespace counts them apart.
func processes(uid int) int {
	n := 0
	found, _ := filepath.Glob("/proc/[0-9]*/task/[0-9]*")
	for _, p := range found {
		var st unix.Stat_t
		if unix.Stat(p, &st) == nil && int(st.Uid) == uid {
			n++
		}
	}
	return 2*n + 4096
}

func memoryTotal() int64 {
	var si unix.Sysinfo_t
	if unix.Sysinfo(&si) != nil {
		return 0
	}
	return int64(uint64(si.Totalram) * uint64(si.Unit))
}
