package main

import (
	"context"
	"crypto/sha256"
	"sync"

	"github.com/grouprl/grouprl/rollout"
)

// verdictKey identifies a program for a problem.
type verdictKey [16]byte

func keyOf(problem, program string) verdictKey {
	sum := sha256.Sum256([]byte(problem + "\x00" + program))
	return verdictKey(sum[:16])
}

// judge is a rollout.Verifier that runs each distinct program of a problem once:
// as the policy sharpens, most of a group's programs are the same text.
type judge struct {
	verifier rollout.Verifier

	mu       sync.Mutex
	verdicts map[verdictKey]rollout.Verdict
	running  map[verdictKey]chan struct{} // closed when the verdict is known, or the attempt failed
	asked    int                          // programs, truncated ones apart
	ran      int                          // of these, executed
}

func newJudge(v rollout.Verifier) *judge {
	return &judge{verifier: v, verdicts: map[verdictKey]rollout.Verdict{}, running: map[verdictKey]chan struct{}{}}
}

// Verify implements rollout.Verifier.
func (j *judge) Verify(ctx context.Context, p *rollout.Problem, c *rollout.Completion) (rollout.Verdict, error) {
	if c.Truncated() {
		return j.verifier.Verify(ctx, p, c) // Truncated: -1, and nothing is executed
	}
	key := keyOf(p.ID, c.Text)
	for first := true; ; first = false {
		j.mu.Lock()
		if first {
			j.asked++
		}
		if v, ok := j.verdicts[key]; ok {
			j.mu.Unlock()
			return v, nil
		}
		twin, ok := j.running[key]
		if !ok {
			twin = make(chan struct{})
			j.running[key] = twin
			j.mu.Unlock()
			return j.run(ctx, key, twin, p, c)
		}
		j.mu.Unlock()
		select {
		case <-twin: // its verdict is there now, unless it failed
		case <-ctx.Done():
			return rollout.Verdict{}, context.Cause(ctx)
		}
	}
}

// run has the program executed and tells those who wait for the same one.
func (j *judge) run(ctx context.Context, key verdictKey, done chan struct{}, p *rollout.Problem, c *rollout.Completion) (rollout.Verdict, error) {
	v, err := j.verifier.Verify(ctx, p, c)
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.running, key)
	close(done)
	if err != nil {
		return v, err
	}
	j.ran++
	v.CPU, v.Wall, v.Memory, v.Stderr = 0, 0, 0, "" // a verdict out of the cache is the same as a fresh one
	j.verdicts[key] = v
	return v, nil
}

// counts are the programs asked about and executed so far.
func (j *judge) counts() (asked, ran int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.asked, j.ran
}

// known copies the verdicts, for a checkpoint.
func (j *judge) known() map[verdictKey]rollout.Verdict {
	j.mu.Lock()
	defer j.mu.Unlock()
	verdicts := make(map[verdictKey]rollout.Verdict, len(j.verdicts))
	for k, v := range j.verdicts {
		verdicts[k] = v
	}
	return verdicts
}
