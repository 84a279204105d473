//go:build amd64 || arm64

package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// session is one fork of the template.
type session struct {
	runner   *LocalRunner
	template *template
	socket   *os.File
	pidfd    int
	release  func() // gives the admission back
	canary   bool   // it runs the canary: its death is the machinery's

	program Program
	limits  Limits
	loaded  bool
	crashed bool // died with this program loaded, and the machinery is well

	once sync.Once
	mu   sync.Mutex // guards pidfd
}

// grace is how long a supervisor may take to answer beyond the wall limit.
const grace = 30 * time.Second

var identifier = regexp.MustCompile(`^[\pL_][\pL\pN_]{0,200}$`)

// Load implements Session.
func (s *session) Load(ctx context.Context, p Program) (Result, error) {
	if p.Entry != "" && !identifier.MatchString(p.Entry) {
		return Result{}, &ProgramError{"Entry", fmt.Sprintf("%q is not a function's name", p.Entry)}
	}
	s.program, s.limits = p, p.Limits.or(s.runner.limits)
	s.loaded, s.crashed = false, false
	if len(p.Source) > s.limits.Source {
		return Result{Outcome: CompileError, Stderr: fmt.Appendf(nil, "program of %d bytes, more than %d\n", len(p.Source), s.limits.Source)}, nil
	}
	r, err := s.child(ctx, appendRequest(nil, 'L', &s.program, s.limits), p.Source)
	if err == nil && r.Outcome == RuntimeError && r.Signal == int(unix.SIGKILL) { // no program runs yet that could send it
		return s.died(ctx, errors.New("its compiler was killed"))
	}
	if err == nil && r.Outcome == RuntimeError {
		r.Outcome = CompileError
	}
	s.loaded = err == nil && r.Outcome == OK
	return r, err
}

// Run implements Session.
func (s *session) Run(ctx context.Context, input []byte) (Result, error) {
	return s.run(ctx, 0, input)
}

// RunLast implements LastRunner.
func (s *session) RunLast(ctx context.Context, input []byte) (Result, error) {
	return s.run(ctx, flagLast, input)
}

func (s *session) run(ctx context.Context, flags byte, input []byte) (Result, error) {
	if s.crashed {
		return Result{Outcome: Crash}, nil
	}
	if !s.loaded {
		return Result{}, errors.New("sandbox: Run before a successful Load")
	}
	request := appendRequest(nil, 'R', &s.program, s.limits)
	request[1] |= flags
	return s.child(ctx, request, input)
}

// child has the supervisor fork one child and waits for what becomes of it.
func (s *session) child(ctx context.Context, request, input []byte) (r Result, err error) {
	op := request[0]
	if err := ctx.Err(); err != nil {
		return r, err
	}
	var files memfiles
	defer files.close()
	fds := []int{files.addSealed("in", input), files.add("out"), files.add("err")}
	if op == 'L' || s.program.Entry != "" {
		fds = append(fds, files.add("value"))
	}
	if files.err != nil {
		return r, &InfraError{"memory file", files.err}
	}

	s.socket.SetReadDeadline(time.Now().Add(s.limits.Wall + grace))
	stop := context.AfterFunc(ctx, func() { s.kill() })
	defer stop()
	limits := s.limits
	if op == 'L' {
		limits.Output = max(limits.Output, recipe.Output) // what the supervisor allows a compiler
	}
	if err = send(s.socket, request, fds...); err != nil {
		return s.died(ctx, err)
	}
	message, _, err := receive(s.socket)
	if err == nil && len(message) == 0 {
		err = errors.New("supervisor ended")
	}
	if err == nil && message[0] == 'e' { // in its own words
		s.kill()
		return r, &InfraError{"run", fmt.Errorf("supervisor: %s", message[1:])}
	}
	var a reply
	if err == nil {
		a, err = parseReply(message)
	}
	if err != nil {
		return s.died(ctx, err)
	}
	if op == 'L' {
		fds = fds[:3] // the compiled program is the supervisor's
	}
	if r, err = result(a, limits, &files, fds); err != nil {
		s.kill()
		return Result{}, &InfraError{"run", fmt.Errorf("%w: %s", err, s.template.log.String())}
	}
	return r, nil
}

// result judges how a child ended.
func result(a reply, l Limits, files *memfiles, fds []int) (r Result, err error) {
	status := unix.WaitStatus(a.Status)
	r = Result{CPU: a.CPU, Wall: a.Wall, Memory: a.Memory}
	var over, overErr, overValue bool
	if r.Stderr, overErr, err = files.tail(fds[2], int64(l.Stderr), l.Output); err != nil {
		return r, err
	}
	if !a.Ready { // whatever ended it, the program had not begun
		return r, errors.New("a child could not be set up")
	}
	if r.Stdout, over, err = files.read(fds[1], l.Output); err != nil {
		return r, err
	}
	if len(fds) > 3 {
		if r.Value, overValue, err = files.read(fds[3], l.Output); err != nil {
			return r, err
		}
	}
	if status.Signaled() {
		r.Signal = int(status.Signal())
	} else {
		r.Exit = status.ExitStatus()
	}
	switch {
	case over || overErr || overValue || r.Signal == int(unix.SIGXFSZ):
		r.Outcome = OutputLimit
	case a.Late:
		r.Outcome = TimeLimit
	case r.Signal != 0 && r.Signal == int(unix.SIGKILL) && a.Memory > l.Memory/2:
		r.Outcome = MemoryLimit // the host's own limit came first
	case r.Exit != 0 && outOfMemory(r.Stderr):
		r.Outcome = MemoryLimit
	case r.Signal != 0 || r.Exit != 0:
		r.Outcome = RuntimeError
	}
	return r, nil
}

// outOfMemory reports whether an interpreter's last words are those of a MemoryError.
func outOfMemory(stderr []byte) bool {
	lines := bytes.Split(bytes.TrimSpace(stderr), []byte("\n"))
	last := lines[len(lines)-1]
	return bytes.HasPrefix(last, []byte("MemoryError")) || bytes.Contains(last, []byte("_ArrayMemoryError"))
}

// died decides whose fault a lost session is: if a canary program runs well in
// another session, the program's.
func (s *session) died(ctx context.Context, cause error) (Result, error) {
	s.kill()
	s.loaded = false
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	if s.runner.stopped.Err() != nil {
		return Result{}, ErrClosed
	}
	if s.canary {
		return Result{}, &InfraError{"run", cause}
	}
	if err := s.runner.canary(ctx); err != nil {
		if ctx.Err() != nil {
			return Result{}, ctx.Err()
		}
		return Result{}, &InfraError{"run", fmt.Errorf("%w; and the canary: %w", cause, err)}
	}
	if s.template.dead() { // it took every session with it: no one program's doing
		return Result{}, &InfraError{"run", cause}
	}
	s.crashed = true
	return Result{Outcome: Crash, Stderr: []byte("the session ended: " + cause.Error() + "\n")}, nil
}

func (s *session) alive() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pidfd >= 0 && unix.PidfdSendSignal(s.pidfd, 0, nil, 0) == nil
}

// kill ends all of the session at once: its supervisor is process 1 of its namespace,
// or the parent whose death its child follows.
func (s *session) kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pidfd >= 0 {
		unix.PidfdSendSignal(s.pidfd, unix.SIGKILL, nil, 0)
	}
}

// Close implements Session.
func (s *session) Close() error {
	s.once.Do(func() {
		s.kill()
		s.socket.Close()
		s.mu.Lock()
		if s.pidfd >= 0 {
			unix.Close(s.pidfd)
		}
		s.pidfd = -1
		s.mu.Unlock()
		if s.release != nil {
			s.release()
		}
	})
	return nil
}
