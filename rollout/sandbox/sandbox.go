// Package sandbox runs a stranger's Python program under limits.
//
// A Runner starts sessions; a Session holds one program and runs it once for each
// input. The local runner keeps one supervisor, a Python interpreter that is already
// up inside namespaces; every session is forked from it into namespaces of its own,
// and every test is forked from its session, so a test costs a fork and not an
// interpreter's start. The process that compiled a program goes on as its first test.
// No cgo, no helper binary, and the embedding program is never executed again.
//
// What the submitted bytes can cause is a Result, never an error: an error is the
// machinery's (*InfraError), the caller's (a cancelled context) or the host's
// (*UnsupportedError). The supervisor never parses or compiles a submitted byte:
// that happens in the forked and limited child. Expected outputs have no way into
// the sandbox: nothing in this package takes one.
//
// Tiers of the local runner, best first:
//
//	namespaces   user, pid, mount, network, ipc and uts namespaces for every session,
//	             tmpfs root with a read-only interpreter, no capabilities, seccomp,
//	             Landlock (where the kernel has it), rlimits
//	landlock     Landlock, seccomp and rlimits, where namespaces are refused (the
//	             default profile of a container); no scratch folder
//	insecure     rlimits only; chosen only by Config.Insecure
//
// Local takes the best one that works and refuses otherwise, saying what is missing.
package sandbox

import (
	"context"
	"time"
)

// Runner starts sessions. It is safe for concurrent use.
type Runner interface {
	// Start returns an isolated session. It waits while all admitted sessions are in
	// use. The caller closes the session.
	Start(ctx context.Context) (Session, error)
	// Close ends every session and frees what the runner holds.
	Close() error
}

// Session is one isolated place for one program: a rollout. It is used by one
// goroutine at a time.
type Session interface {
	// Load hands over the program and compiles it inside the limits. An Outcome other
	// than OK says why it cannot run (CompileError, mostly). The error is the
	// machinery's. A runner without a compile step returns OK.
	Load(ctx context.Context, p Program) (Result, error)
	// Run runs the loaded program on one input, from a fresh state: nothing that an
	// earlier run did can be seen. Input is standard input; or, with Program.Entry,
	// one JSON value a line, the arguments.
	Run(ctx context.Context, input []byte) (Result, error)
	// Close ends the session and everything that runs in it.
	Close() error
}

// LastRunner is a Session that prepares its next run while one is under way, and can
// be told that none will follow.
type LastRunner interface {
	Session
	// RunLast is Run for what is most likely the program's last input. The session then
	// prepares nothing; another run may follow all the same.
	RunLast(ctx context.Context, input []byte) (Result, error)
}

// Program is a submitted program and how it is to be run.
type Program struct {
	Source []byte
	Entry  string // function to call (of class Solution, if there is one with that method); "": a program with stdin and stdout
	Strict bool   // no prelude: a program that uses a module must import it
	Limits Limits // zero fields: the runner's
}

// Outcome is how a run ended.
type Outcome int

// Outcomes.
const (
	OK           Outcome = iota // ran to its end and exited with 0
	TimeLimit                   // wall clock over the limit
	MemoryLimit                 // no more memory within the limit
	OutputLimit                 // more output (or returned value, or file) than allowed
	RuntimeError                // an exception, a signal, or a non-zero exit
	CompileError                // not a Python program, or too large to be one
	Crash                       // took the session with it
)

var outcomes = [...]string{"OK", "TimeLimit", "MemoryLimit", "OutputLimit", "RuntimeError", "CompileError", "Crash"}

// String returns the name of the constant.
func (o Outcome) String() string {
	if o < 0 || int(o) >= len(outcomes) {
		return "Outcome(?)"
	}
	return outcomes[o]
}

// Result is what came of one run.
type Result struct {
	Outcome Outcome
	Exit    int           // exit status, if it exited
	Signal  int           // number of the signal that ended it; 0: it exited
	CPU     time.Duration // user and system time of all its threads
	Wall    time.Duration
	Memory  int64  // peak resident bytes (a bare interpreter has about 10 MB); 0 of a Load that ended well
	Stdout  []byte // at most Limits.Output bytes
	Value   []byte // with Entry, what the function returned, for DecodeValue
	Stderr  []byte // its last Limits.Stderr bytes
}
