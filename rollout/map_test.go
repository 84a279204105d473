package rollout_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	. "github.com/grouprl/grouprl/rollout"
)

// count yields 0..n-1 (n < 0: without end) and an error in place of each value
// for which bad returns one.
func count(n int, bad func(int) error) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		for i := 0; i != n; i++ {
			var err error
			if bad != nil {
				err = bad(i)
			}
			if !yield(i, err) {
				return
			}
		}
	}
}

// pause waits d or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// jitter is a duration that depends on i alone.
func jitter(i int) time.Duration {
	return time.Duration(rand.New(rand.NewPCG(7, uint64(i))).IntN(100)+1) * time.Millisecond
}

func TestMapYieldsInInputOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, o := range []MapOptions{{}, {Workers: 1}, {Workers: 1, InFlight: 1}, {Workers: 8}, {Workers: 3, InFlight: 50}, {Workers: 50, InFlight: 3}} {
			var got []int
			for v, err := range Map(t.Context(), count(200, nil), func(ctx context.Context, i int) (int, error) {
				return i * i, pause(ctx, jitter(i))
			}, o) {
				require.NoError(t, err)
				got = append(got, v)
			}
			require.Len(t, got, 200)
			for i, v := range got {
				require.Equal(t, i*i, v)
			}
		}
	})
}

// Three workers; 0 takes 10 s, 1 takes 4 s, 2 takes 1 s, 3 takes 1 s.
func TestMapArrivalOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seconds := []int{10, 4, 1, 1}
		var got []int
		for v, err := range Map(t.Context(), count(4, nil), func(ctx context.Context, i int) (int, error) {
			return i, pause(ctx, time.Duration(seconds[i])*time.Second)
		}, MapOptions{Workers: 3, Order: ArrivalOrder}) {
			require.NoError(t, err)
			got = append(got, v)
		}
		require.Equal(t, []int{2, 3, 1, 0}, got)
	})
}

// Nobody takes the first result: InFlight values are read and no more, and never
// more than Workers calls run.
func TestMapBounds(t *testing.T) {
	for _, order := range []Order{InputOrder, ArrivalOrder} {
		synctest.Test(t, func(t *testing.T) {
			var read, now, most atomic.Int64
			in := count(-1, func(int) error { read.Add(1); return nil })
			n := int64(0)
			for range Map(t.Context(), in, func(ctx context.Context, i int) (int, error) {
				most.Store(max(most.Load(), now.Add(1)))
				defer now.Add(-1)
				return i, pause(ctx, jitter(i))
			}, MapOptions{Workers: 4, InFlight: 10, Order: order}) {
				n++
				time.Sleep(time.Hour) // until nothing moves
				require.Equal(t, n+10, read.Load(), "this one and the 10 behind it")
				if n == 20 {
					break
				}
			}
			require.Equal(t, int64(4), most.Load())
			require.Zero(t, now.Load())
		})
	}
}

func TestMapPassesErrorsThroughInPlace(t *testing.T) {
	bad, worse := errors.New("bad input"), errors.New("bad call")
	for _, order := range []Order{InputOrder, ArrivalOrder} {
		var values []int
		var errs []error
		for v, err := range Map(t.Context(), count(6, func(i int) error {
			if i == 1 {
				return bad
			}
			return nil
		}), func(_ context.Context, i int) (int, error) {
			if i == 4 {
				return 0, worse
			}
			return i, nil
		}, MapOptions{Workers: 1, Order: order}) {
			if err != nil {
				errs = append(errs, err)
				v = -1
			}
			values = append(values, v)
		}
		if order == InputOrder {
			require.Equal(t, []int{0, -1, 2, 3, -1, 5}, values)
			require.Equal(t, []error{bad, worse}, errs)
		}
		slices.Sort(values)
		require.Equal(t, []int{-1, -1, 0, 2, 3, 5}, values)
	}
}

// ends ranges over a Map of an endless input and stops it in its own way; every
// goroutine must be gone when the range is.
func ends(t *testing.T, order Order, stop func(cancel context.CancelCauseFunc) (more bool)) (last error) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	var calls atomic.Int64
	var reading atomic.Bool
	in := func(yield func(int, error) bool) {
		reading.Store(true)
		defer reading.Store(false)
		count(-1, nil)(yield)
	}
	n := 0
	for _, err := range Map(ctx, in, func(ctx context.Context, i int) (int, error) {
		calls.Add(1)
		defer calls.Add(-1)
		return i, pause(ctx, jitter(i))
	}, MapOptions{Workers: 8, Order: order}) {
		if last = err; err != nil {
			require.Zero(t, calls.Load(), "the last error comes when all have gone")
			require.False(t, reading.Load())
			continue
		}
		if n++; n == 10 && !stop(cancel) {
			break
		}
	}
	require.Zero(t, calls.Load())
	require.False(t, reading.Load())
	requireGone(t)
	return last
}

// requireGone fails if a goroutine of a Map or a Groups is left in this bubble.
func requireGone(t *testing.T) {
	t.Helper()
	synctest.Wait()
	stacks := make([]byte, 1<<20)
	require.NotContains(t, string(stacks[:runtime.Stack(stacks, true)]), "rollout.(*crew).Go")
}

func TestMapEndsWithItsRange(t *testing.T) {
	why := errors.New("why")
	for _, order := range []Order{InputOrder, ArrivalOrder} {
		synctest.Test(t, func(t *testing.T) {
			require.NoError(t, ends(t, order, func(context.CancelCauseFunc) bool { return false }))
		})
		synctest.Test(t, func(t *testing.T) {
			require.Equal(t, why, ends(t, order, func(cancel context.CancelCauseFunc) bool { cancel(why); return true }))
		})
		synctest.Test(t, func(t *testing.T) {
			require.PanicsWithValue(t, "loop", func() {
				ends(t, order, func(context.CancelCauseFunc) bool { panic("loop") })
			})
		})
	}
}

func TestMapOfACancelledContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	n := 0
	for _, err := range Map(ctx, count(-1, nil), func(context.Context, int) (int, error) { return 0, nil }, MapOptions{}) {
		require.ErrorIs(t, err, context.Canceled)
		n++
	}
	require.Equal(t, 1, n)
}

func TestMapOfNothing(t *testing.T) {
	for range Map(t.Context(), count(0, nil), func(context.Context, int) (int, error) { return 0, nil }, MapOptions{}) {
		t.Fatal("yielded")
	}
}

// panics ranges over seq and returns what the range panicked with.
func panics[T any](t *testing.T, seq iter.Seq2[T, error]) (p *PanicError) {
	t.Helper()
	defer func() {
		t.Helper()
		var ok bool
		p, ok = recover().(*PanicError)
		require.True(t, ok, "the range panicked with a *PanicError")
	}()
	for range seq {
	}
	return nil
}

func TestMapPanics(t *testing.T) {
	for _, order := range []Order{InputOrder, ArrivalOrder} {
		synctest.Test(t, func(t *testing.T) {
			o := MapOptions{Workers: 4, Order: order}
			slow := func(ctx context.Context, i int) (int, error) { return i, pause(ctx, jitter(i)) }

			p := panics(t, Map(t.Context(), count(-1, nil), func(ctx context.Context, i int) (int, error) {
				if i == 20 {
					panic(errors.ErrUnsupported)
				}
				return slow(ctx, i)
			}, o))
			require.Equal(t, errors.ErrUnsupported, p.Value)
			require.ErrorIs(t, p, errors.ErrUnsupported)
			require.Contains(t, string(p.Stack), "TestMapPanics", "the stack of the callback")

			p = panics(t, Map(t.Context(), count(-1, func(i int) error {
				if i == 20 {
					panic("input")
				}
				return nil
			}), slow, o))
			require.Equal(t, "input", p.Value)
			require.Contains(t, p.Error(), "input")

			p = panics(t, Map(t.Context(), count(-1, nil), func(ctx context.Context, i int) (int, error) {
				if i == 20 {
					runtime.Goexit() // what FailNow does in a test's callback
				}
				return slow(ctx, i)
			}, o))
			require.Nil(t, p.Value)
			require.Contains(t, p.Error(), "Goexit")
		})
	}
}

func TestMapRefusesOptions(t *testing.T) {
	for field, o := range map[string]MapOptions{"Workers": {Workers: -1}, "InFlight": {InFlight: -1}, "Order": {Order: 7}} {
		n := 0
		for _, err := range Map(t.Context(), count(3, nil), func(context.Context, int) (int, error) { return 0, nil }, o) {
			var e *OptionsError
			require.ErrorAs(t, err, &e)
			require.Equal(t, field, e.Field)
			n++
		}
		require.Equal(t, 1, n)
	}
}

// A Resumable goes on where the last range stopped, and keeps working between.
func TestResumable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		seq, stop := Resumable(Map(t.Context(), count(-1, nil), func(_ context.Context, i int) (int, error) {
			calls.Add(1)
			return i, nil
		}, MapOptions{Workers: 2, InFlight: 5}))
		next := 0
		for range 3 {
			for v, err := range seq {
				require.NoError(t, err)
				require.Equal(t, next, v)
				if next++; next%4 == 0 {
					break
				}
			}
			synctest.Wait()
			require.Equal(t, int64(next+5), calls.Load(), "five wait for the next range")
		}
		stop()
		for range seq {
			t.Fatal("yielded after stop")
		}
	})
}

func ExampleMap() {
	double := func(_ context.Context, i int) (int, error) { return 2 * i, nil }
	for v, err := range Map(context.Background(), count(3, nil), double, MapOptions{Workers: 2}) {
		fmt.Println(v, err)
	}
	// Output:
	// 0 <nil>
	// 2 <nil>
	// 4 <nil>
}
