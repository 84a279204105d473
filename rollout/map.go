package rollout

import (
	"context"
	"fmt"
	"iter"
	"runtime"
)

// MapOptions bound a Map. The zero value runs one call a CPU and yields in input
// order.
type MapOptions struct {
	Workers  int   // calls at a time; 0: GOMAXPROCS
	InFlight int   // values read from the input and not yet yielded, at most; 0: 2 * Workers
	Order    Order // InputOrder (0) or ArrivalOrder
}

// OptionsError says which option cannot be, and why.
type OptionsError struct {
	Field string
	Value any
	Why   string
}

func (e *OptionsError) Error() string {
	return fmt.Sprintf("rollout: option %s = %v: %s", e.Field, e.Value, e.Why)
}

// A count is an option that sizes queues or sets of workers.
type count struct {
	field string
	value int
}

const most = 1 << 24 // of anything at a time: a bound on mistakes, not on use

func checkCounts(counts ...count) error {
	for _, c := range counts {
		switch {
		case c.value < 0:
			return &OptionsError{c.field, c.value, "negative"}
		case c.value > most:
			return &OptionsError{c.field, c.value, fmt.Sprintf("more than %d", most)}
		}
	}
	return nil
}

// Map calls f on every value of in, Workers at a time, and yields one result (or
// error) for each. The first slow call holds back the results behind it, not the
// calls, until InFlight of them are waiting.
//
// An error of the input or of f takes the place of its value and ends nothing:
// the loop decides. When ctx ends, its cause is the last error yielded. Breaking
// out of the range cancels the context that f sees; in either case every
// goroutine has ended when the range does. It therefore waits for an f that does
// not watch its context, and for an input that does not yield: in is ranged in a
// goroutine of its own. A panic of in or f becomes a panic of the range, a
// *PanicError. Options that cannot be are one *OptionsError.
func Map[A, B any](ctx context.Context, in iter.Seq2[A, error], f func(context.Context, A) (B, error), o MapOptions) iter.Seq2[B, error] {
	return func(yield func(B, error) bool) {
		if o.Workers == 0 {
			o.Workers = runtime.GOMAXPROCS(0)
		}
		if o.InFlight == 0 {
			o.InFlight = 2 * o.Workers
		}
		var none B
		if o.Order != InputOrder && o.Order != ArrivalOrder {
			yield(none, &OptionsError{"Order", o.Order, "unknown"})
			return
		}
		if err := checkCounts(count{"Workers", o.Workers}, count{"InFlight", o.InFlight}); err != nil {
			yield(none, err)
			return
		}

		type job struct {
			value A
			place *place[B]
		}
		c := newCrew(ctx)
		defer c.end()
		results := newLine[B](o.InFlight, o.Order)
		jobs := make(chan job, o.InFlight) // every job has a place: no send blocks

		c.Go(func() {
			defer close(jobs)
			if !results.reserve(c.ctx) {
				return
			}
			for a, err := range in {
				p := results.take()
				if err != nil {
					results.finish(p, none, err)
				} else {
					jobs <- job{a, p}
				}
				if !results.reserve(c.ctx) {
					return
				}
			}
			results.close()
		})
		for range o.Workers {
			c.Go(func() {
				for j := range jobs {
					if c.ctx.Err() != nil {
						return
					}
					b, err := f(c.ctx, j.value)
					results.finish(j.place, b, err)
				}
			})
		}
		results.yield(c, nil, yield)
	}
}
