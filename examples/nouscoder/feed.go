package main

import (
	"context"
	"iter"

	"github.com/grouprl/grouprl/examples/nouscoder/internal/problems"
	"github.com/grouprl/grouprl/rollout"
)

// feed hands a step's problems to rollout.Groups, only so far ahead of what the
// refill still needs that the generator stays busy: a group that is in flight when
// the step is full has been sampled for nothing.
type feed struct {
	set    problems.Set
	cursor int // the step's first problem
	most   int // problems
	want   int // groups
	open   chan struct{}
	opened int
	closed bool
}

func newFeed(set problems.Set, cursor, want, rounds int) *feed {
	f := &feed{set: set, cursor: cursor, most: want * rounds, want: want, open: make(chan struct{}, want*rounds)}
	f.observe(rollout.Refilled{})
	return f
}

// observe opens the feed as far as the refill's account asks for: once and a half of
// the groups that are missing. It is for one goroutine, that of the refill.
func (f *feed) observe(r rollout.Refilled) {
	missing := f.want - r.Kept
	for !f.closed && missing > 0 && f.opened < min(f.most, r.Drawn+missing+(missing+1)/2) {
		f.open <- struct{}{}
		f.opened++
	}
	if missing <= 0 || r.Drawn == f.most {
		f.close()
	}
}

// close ends the sequence.
func (f *feed) close() {
	if !f.closed {
		f.closed = true
		close(f.open)
	}
}

// problems is the sequence. What it yields depends on the cursor alone, how far
// ahead it runs on nothing that matters.
func (f *feed) problems(ctx context.Context) iter.Seq2[*rollout.Problem, error] {
	return func(yield func(*rollout.Problem, error) bool) {
		for i := f.cursor; ; i++ {
			select {
			case _, ok := <-f.open:
				if !ok || !yield(&f.set.Problem(i).Problem, nil) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}
