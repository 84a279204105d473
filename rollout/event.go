package rollout

import (
	"sync"
	"time"
)

// EventKind says what an Event reports.
type EventKind int

// Kinds of events. A group ends as exactly one GroupReady or GroupLost, a
// completion as one Verified or SampleLost.
const (
	Drawn      EventKind = iota // a problem was read from the input
	Generated                   // Generate returned a completion
	Verified                    // Verify returned a verdict
	Retrying                    // Generate or Verify failed and will be tried again
	SampleLost                  // Generate or Verify failed for good: the completion leaves its group
	GroupReady                  // a group is complete and waits to be yielded
	GroupLost                   // fewer than MinGroup completions are left of a group
)

// Event is one thing that happened in Groups, and the state of the pipeline just
// after it. Sums over events count the run: problems drawn = groups ready +
// groups lost, once the range has come to its end.
type Event struct {
	Kind    EventKind
	Problem *Problem
	Round   int
	Sample  int           // of Generated, Verified, Retrying, SampleLost
	Attempt int           // of the same: 1 for the first
	Err     error         // of Retrying, SampleLost and GroupLost
	Took    time.Duration // of Generated and Verified: the last attempt alone

	State
}

// State is a picture of the pipeline.
type State struct {
	Elapsed      time.Duration // since the range began
	ToGenerate   int           // samples waiting for a generator worker
	Generating   int           // calls of Generate now running
	ToVerify     int           // completions waiting for a verifier worker
	Verifying    int           // calls of Verify now running
	Groups       int           // groups drawn (and errors of the input) not yet yielded
	Ready        int           // of these, complete
	GeneratorUse Use
	VerifierUse  Use
}

// Use is how a set of workers spent its time. A generator worker's time ends when
// the input has ended and its queue is empty, so a tail of verification is not
// idleness of the generator; waiting between attempts is. A verifier worker's
// time ends with the range.
type Use struct {
	Busy float64 // seconds of all workers inside their calls
	Idle float64 // seconds of all workers outside
}

// IdleShare is Idle / (Idle + Busy), 0 before any time has passed.
func (u Use) IdleShare() float64 {
	if u.Idle == 0 {
		return 0
	}
	return u.Idle / (u.Idle + u.Busy)
}

// A monitor keeps a State up to date and reports events, one at a time.
type monitor struct {
	mu       sync.Mutex
	observe  func(Event)
	start    time.Time
	last     time.Time
	now      State
	generate int // workers alive
	verify   int
}

// do applies change to the state and reports e, if it is not nil and somebody
// listens.
func (m *monitor) do(e *Event, change func(s *State)) {
	m.mu.Lock()
	defer m.mu.Unlock() // also if observe panics
	t := time.Now()
	dt := t.Sub(m.last).Seconds()
	m.last = t
	s := &m.now
	s.Elapsed = t.Sub(m.start)
	s.GeneratorUse.Busy += dt * float64(s.Generating)
	s.GeneratorUse.Idle += dt * float64(m.generate-s.Generating)
	s.VerifierUse.Busy += dt * float64(s.Verifying)
	s.VerifierUse.Idle += dt * float64(m.verify-s.Verifying)
	if change != nil {
		change(s)
	}
	if e != nil && m.observe != nil {
		e.State = *s
		m.observe(*e)
	}
}
