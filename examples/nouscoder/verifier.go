package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/grouprl/grouprl/rollout/sandbox"
	"github.com/grouprl/grouprl/rollout/verify"
)

// testLimit is the wall clock of one test. The recipe has 15 s; these programs take
// milliseconds, and an endless loop should not hold up a step.
const testLimit = 2 * time.Second

// startVerifier starts the sandbox. What the policy writes are a stranger's programs:
// each is run in a session of its own, without network, files or other processes.
func startVerifier(python string, log io.Writer) (*verify.Verifier, *sandbox.LocalRunner, error) {
	runner, err := sandbox.Local(sandbox.Config{Python: python, Limits: sandbox.Limits{Wall: testLimit, Memory: 1 << 30}})
	var missing *sandbox.InterpreterError
	switch {
	case errors.As(err, &missing):
		return nil, nil, fmt.Errorf("python3 is needed to run the programs that the policy writes: install it, or name an interpreter with -python\n%w", err)
	case err != nil:
		return nil, nil, err
	}
	fmt.Fprintf(log, "programs run in the sandbox (%s), %s of wall clock a test\n", runner.Tier(), testLimit)
	// The whole completion is the program, and it imports what it needs.
	return &verify.Verifier{Runner: runner, Extract: verify.WholeText{}, Strict: true}, runner, nil
}
