package rollout

import (
	"context"
	"sync"
	"sync/atomic"
)

// Throttle holds Groups back so that no group is too old when it is trained on: at
// most
//
//	(Max + 1) batch
//
// groups are begun and not yet done with. A group is begun when its problem is drawn.
// It is done with when it has been trained on and the inference engine has the new
// weights, and when it has been refused or dropped; Done says so. One that the
// machinery lost, or that the end of the range cut short, Groups takes back itself.
//
//	throttle := rollout.Staleness{Max: 2}.Throttle(24)
//	groups, stop := rollout.Resumable(rollout.Groups(ctx, problems, g, v, rollout.Options{Throttle: throttle}))
//	defer stop()
//	keep := func(g *rollout.Group) bool {
//		if !g.Informative(0) {
//			throttle.Done(1)
//			return false
//		}
//		return true
//	}
//	for range steps {
//		for group, err := range rollout.Refill(groups, keep, rollout.Budget{Groups: 24}) { ... }
//		... // train on 24 groups, hand the weights to the engine
//		throttle.Done(24)
//	}
//
// It is Staleness.Capacity where the trainer's version is the number of groups that
// were trained on, by the batch: steps that turn out smaller or larger neither pile
// up groups nor starve the next one. Where steps are never smaller than batch and
// train on groups in InputOrder, no first token is older than Max. A step that wants
// more than (Max + 1) batch groups at once never gets them: choose the batch for the
// largest one.
//
// Several pipelines may share a Throttle.
type Throttle struct {
	limit int64

	mu   sync.Mutex
	out  int64
	fell chan struct{} // closed when out falls; nil: nobody waits
}

// Throttle returns a throttle for steps of batch groups. A negative Max or a batch
// below 1 leaves no group that may be begun: the range then waits for its context.
func (s Staleness) Throttle(batch int) *Throttle {
	return &Throttle{limit: s.Capacity(0, int64(batch), 0, 0)}
}

// Out counts the groups that are begun and not done with.
func (t *Throttle) Out() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return int(t.out)
}

// Done says that so many of the groups that were handed over are done with: trained
// on, and the engine has the new weights, or refused, or dropped. More than are out
// are as many as are out.
func (t *Throttle) Done(groups int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.out = max(0, t.out-int64(max(0, groups)))
	if t.fell != nil {
		close(t.fell)
		t.fell = nil
	}
}

// take waits for room for one more group; false: ctx has ended.
func (t *Throttle) take(ctx context.Context) bool {
	for {
		t.mu.Lock()
		if t.out < t.limit {
			t.out++
			t.mu.Unlock()
			return true
		}
		if t.fell == nil {
			t.fell = make(chan struct{})
		}
		fell := t.fell
		t.mu.Unlock()
		select {
		case <-fell:
		case <-ctx.Done():
			return false
		}
	}
}

// turns are what one pipeline has taken from its Throttle and not handed over.
type turns struct {
	throttle *Throttle // nil: there is always room
	n        atomic.Int64
}

func (t *turns) take(ctx context.Context) bool {
	if t.throttle == nil {
		return true
	}
	if !t.throttle.take(ctx) {
		return false
	}
	t.n.Add(1)
	return true
}

// hand leaves a turn to the loop.
func (t *turns) hand() { t.n.Add(-1) }

func (t *turns) giveBack() {
	if t.throttle != nil {
		t.n.Add(-1)
		t.throttle.Done(1)
	}
}

// end gives back all that is left, once no goroutine of the pipeline is.
func (t *turns) end() {
	if t.throttle != nil {
		t.throttle.Done(int(t.n.Load()))
	}
}
