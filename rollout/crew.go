package rollout

import (
	"context"
	"fmt"
	"iter"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// Order says in which order a concurrent sequence is yielded.
type Order int

// Orders of a concurrent sequence.
const (
	InputOrder   Order = iota // as the input came: the same run twice yields the same sequence
	ArrivalOrder              // as each is finished: nothing waits for a slow one, but a run cannot be repeated
)

// PanicError is the value with which Map and Groups panic, in the goroutine that
// ranges over them, after a callback (the input, a Generator, a Verifier, ...)
// panicked in one of theirs. Every goroutine has ended by then.
type PanicError struct {
	Value any    // what the callback panicked with; nil: it called runtime.Goexit
	Stack []byte // of the goroutine that panicked
}

func (e *PanicError) Error() string {
	if e.Value == nil {
		return "rollout: a callback called runtime.Goexit"
	}
	return fmt.Sprintf("rollout: a callback panicked: %v\n\n%s", e.Value, e.Stack)
}

// Unwrap returns the panic's value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// A crew is a set of goroutines that end together: when its context does, which
// is also when one of them panics.
type crew struct {
	ctx    context.Context
	cancel context.CancelFunc
	wait   sync.WaitGroup
	panic  atomic.Pointer[PanicError] // the first one
}

func newCrew(ctx context.Context) *crew {
	c := new(crew)
	c.ctx, c.cancel = context.WithCancel(ctx)
	return c
}

func (c *crew) Go(f func()) {
	c.wait.Add(1)
	go func() {
		defer c.wait.Done()
		returned := false
		defer func() {
			if !returned {
				c.panic.CompareAndSwap(nil, &PanicError{Value: recover(), Stack: debug.Stack()})
				c.cancel()
			}
		}()
		f()
		returned = true
	}()
}

// end stops every goroutine of the crew, waits for the last one, and hands on a
// panic.
func (c *crew) end() {
	c.cancel()
	c.wait.Wait()
	if p := c.panic.Swap(nil); p != nil {
		panic(p)
	}
}

// A line hands finished values to one consumer, in the order in which their
// places were taken or in the order in which they were finished. At most limit
// places are taken and not yet handed over, so no send in it ever blocks.
type line[T any] struct {
	order Order
	slots chan struct{}
	queue chan *place[T]
	open  atomic.Int64 // places not finished, + 1 until the input has ended
}

type place[T any] struct {
	value T
	err   error
	done  chan struct{} // closed when value and err are set
}

func newLine[T any](limit int, order Order) *line[T] {
	l := &line[T]{order: order, slots: make(chan struct{}, limit), queue: make(chan *place[T], limit)}
	l.open.Store(1)
	return l
}

// reserve waits for room for one more place; false: ctx has ended. It comes
// before the value is read from the input, so that limit bounds what is read.
func (l *line[T]) reserve(ctx context.Context) bool {
	select {
	case l.slots <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// take returns the place that was reserved.
func (l *line[T]) take() *place[T] {
	p := &place[T]{done: make(chan struct{})}
	l.open.Add(1)
	if l.order == InputOrder {
		l.queue <- p
	}
	return p
}

// finish gives a place its result. It is called once for each place.
func (l *line[T]) finish(p *place[T], value T, err error) {
	p.value, p.err = value, err
	close(p.done)
	if l.order == ArrivalOrder {
		l.queue <- p
	}
	l.close()
}

// close marks the end of the input; the queue is closed after the last finish.
func (l *line[T]) close() {
	if l.open.Add(-1) == 0 {
		close(l.queue)
	}
}

// yield hands over results, each after a call of handed, until the line ends, the
// consumer has had enough, or the crew's context ends, which is then the last
// error, yielded when all the crew has gone.
func (l *line[T]) yield(c *crew, handed func(), yield func(T, error) bool) {
	for c.ctx.Err() == nil {
		var p *place[T]
		var more bool
		select {
		case p, more = <-l.queue:
		case <-c.ctx.Done():
			continue
		}
		if !more {
			return
		}
		select {
		case <-p.done:
		case <-c.ctx.Done():
			continue
		}
		if handed != nil {
			handed()
		}
		<-l.slots
		if !yield(p.value, p.err) {
			return
		}
	}
	c.end()
	var none T
	yield(none, context.Cause(c.ctx))
}

// Resumable returns a sequence that goes on where the last range over it stopped,
// so that a pipeline keeps its work in flight from one optimiser step to the
// next; stop ends the pipeline and must be called. It is for one goroutine.
//
//	groups, stop := rollout.Resumable(rollout.Groups(ctx, problems, g, v, o))
//	defer stop()
//	for step := range steps {
//		for group, err := range rollout.Refill(groups, keep, budget) {
func Resumable[T any](in iter.Seq2[T, error]) (seq iter.Seq2[T, error], stop func()) {
	next, stop := iter.Pull2(in)
	return func(yield func(T, error) bool) {
		for {
			v, err, ok := next()
			if !ok || !yield(v, err) {
				return
			}
		}
	}, stop
}
