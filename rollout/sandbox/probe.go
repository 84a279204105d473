package sandbox

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Report is what Probe found.
type Report struct {
	Tier     Tier
	Refused  []TierError // better tiers, and why they do not work here
	Python   string      // the interpreter
	Version  string      // its version
	Landlock int         // the kernel's Landlock ABI; 0: none
	Parallel int         // sessions admitted at once
	Checks   []Check
}

// Check is one thing that a program must not be able to do.
type Check struct {
	Name   string
	Held   bool
	Detail string // what the program was told
}

// Held reports whether every check held.
func (r *Report) Held() bool {
	for _, c := range r.Checks {
		if !c.Held {
			return false
		}
	}
	return len(r.Checks) == len(checks)
}

// String is one line a fact.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "tier      %s\n", r.Tier)
	for _, t := range r.Refused {
		fmt.Fprintf(&b, "not       %s: %s (%v)\n", t.Tier, t.Reason, t.Err)
	}
	fmt.Fprintf(&b, "python    %s (%s)\nlandlock  ABI %d\nparallel  %d\n", r.Python, r.Version, r.Landlock, r.Parallel)
	for _, c := range r.Checks {
		word := "held"
		if !c.Held {
			word = "BROKEN"
		}
		fmt.Fprintf(&b, "%-9s %s: %s\n", word, c.Name, c.Detail)
	}
	return b.String()
}

// checks are the names that the self-check program prints, in its order.
var checks = []string{"fork", "socket", "write outside", "read outside", "signal", "allocation over the limit", "execute"}

// selfCheck tries each of the checks and prints a line on it: a breach leaves "done".
const selfCheck = `import os, signal, socket
def attempt(f):
    try:
        f()
        print("done", flush=True)
    except BaseException as e:
        print(type(e).__name__, e, flush=True)
def fork():
    if os.fork() == 0:
        os._exit(0)
def outside():
    for path in ("/x", "/usr/x", "/etc/x", "/var/tmp/grouprl-probe", os.path.dirname(os.__file__) + "/x"):
        try:
            open(path, "w").close()
            os.unlink(path)
            return
        except OSError as e:
            last = e
    raise last
attempt(fork)
attempt(lambda: socket.socket())
attempt(outside)
attempt(lambda: open("/etc/passwd").read())
attempt(lambda: os.kill(os.getppid(), 0))
attempt(lambda: bytearray(8 << 30))
attempt(lambda: os.execv("/bin/echo", ["echo", "done"]))
`

// check runs the self-check in a session.
func check(ctx context.Context, s Session) ([]Check, error) {
	r, err := s.Load(ctx, Program{Source: []byte(selfCheck), Limits: Limits{Wall: 15 * time.Second, Memory: 256 << 20}})
	if err == nil && r.Outcome == OK {
		r, err = s.Run(ctx, nil)
	}
	if err != nil {
		return nil, err
	}
	lines := strings.Split(strings.TrimSuffix(string(r.Stdout), "\n"), "\n")
	if r.Outcome != OK || len(lines) != len(checks) {
		return nil, fmt.Errorf("self-check: %s, exit %d, signal %d, stdout %q, stderr %q", r.Outcome, r.Exit, r.Signal, r.Stdout, r.Stderr)
	}
	found := make([]Check, len(checks))
	for i, name := range checks {
		found[i] = Check{name, lines[i] != "done", lines[i]}
	}
	return found, nil
}

// Probe starts a local runner, has it try what no program may do, and reports the
// tier. The error is Local's, or the machinery's; a check that does not hold (without
// isolation, none does) is in the report.
func Probe(ctx context.Context, cfg Config) (*Report, error) {
	cfg.Warm = -1
	l, err := Local(cfg)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	r := l.report()
	s, err := l.Start(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	r.Checks, err = check(ctx, s)
	return r, err
}
