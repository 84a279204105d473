package rollout_test

import (
	"context"
	"errors"
	"iter"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	. "github.com/grouprl/grouprl/rollout"
)

// stamped is a generator of which the engine's weights are exchanged: each completion
// carries the version at which it began. Some take much longer than others.
func stamped(version *atomic.Int64) Generator {
	return GeneratorFunc(func(ctx context.Context, r *Request) (*Completion, error) {
		random := r.Rand()
		c := &Completion{Tokens: []int32{1}, LogProbs: []float32{-1}, Versions: []int64{version.Load()}}
		return c, pause(ctx, time.Duration(1+random.IntN(20)*random.IntN(20))*time.Second)
	})
}

// oldest is the greatest lag in a group.
func oldest(t *testing.T, g *Group, version int64) (most int64) {
	for _, c := range g.Completions {
		lag, err := Staleness{}.Lag(c, version)
		require.NoError(t, err)
		most = max(most, lag)
	}
	return most
}

// Sampling is faster than training, so groups would pile up: with a throttle none is
// older than Max, and some are just as old. Without one they grow older and older.
func TestThrottleBoundsTheAge(t *testing.T) {
	const batch = 6
	run := func(throttle *Throttle, order Order) (age int64) {
		synctest.Test(t, func(t *testing.T) {
			var version atomic.Int64
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			groups, stop := Resumable(Groups(ctx, problems(-1), stamped(&version), &takes{verify: 5 * time.Second}, Options{
				Samples: 2, Generators: 32, Verifiers: 32, InFlight: 64, Order: order, Throttle: throttle,
			}))
			defer stop()
			for range 60 {
				n := 0
				for g, err := range Refill(groups, nil, Budget{Groups: batch}) {
					require.NoError(t, err)
					age = max(age, oldest(t, g, version.Load()))
					n++
				}
				require.Equal(t, batch, n)
				if throttle != nil {
					require.LessOrEqual(t, throttle.Out(), 4*batch)
				}
				time.Sleep(10 * time.Minute) // training
				version.Add(1)
				if throttle != nil {
					throttle.Done(batch)
				}
			}
		})
		return age
	}
	for _, limit := range []int64{0, 1, 3} {
		require.Equal(t, limit, run(Staleness{Max: limit}.Throttle(batch), InputOrder))
	}
	require.Greater(t, run(nil, InputOrder), int64(9), "64 groups in flight are ten steps")
	require.GreaterOrEqual(t, run(Staleness{Max: 3}.Throttle(batch), ArrivalOrder), int64(3))
}

// On-policy with a batch of 4: a fifth problem is drawn when one of them is done with.
func TestThrottleWaitsForTheStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		throttle := Staleness{}.Throttle(4)
		f := &takes{generate: time.Second}
		next, stop := iter.Pull2(Groups(t.Context(), problems(-1), f, f, Options{Samples: 2, Throttle: throttle}))
		defer stop()
		for range 4 {
			_, err, ok := next()
			require.True(t, ok)
			require.NoError(t, err)
		}
		time.Sleep(time.Hour)
		require.Equal(t, int64(8), f.generated.Load())
		require.Equal(t, 4, throttle.Out())
		throttle.Done(1) // refused
		time.Sleep(time.Hour)
		require.Equal(t, int64(10), f.generated.Load())
		throttle.Done(100)
		time.Sleep(time.Hour)
		require.Equal(t, int64(18), f.generated.Load(), "four more, though a hundred were said to be done")
		require.Equal(t, 4, throttle.Out())
	})
}

// Refused groups, groups that the machinery lost, errors of the input and its end
// leave no turn behind, or the run would come to a stop.
func TestThrottleGetsEveryTurnBack(t *testing.T) {
	for _, skip := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			throttle := Staleness{}.Throttle(3)
			in := func(yield func(*Problem, error) bool) {
				i := 0
				problems(300)(func(p *Problem, err error) bool {
					if i++; i%10 == 0 && !yield(nil, errors.New("unreadable")) {
						return false
					}
					return yield(p, err)
				})
			}
			f := &takes{generate: time.Second, failed: func(problem string, _ int) error {
				if problem[len(problem)-1]%4 == 0 {
					return errors.New("lost")
				}
				return nil
			}}
			n, lost, unreadable := 0, 0, 0
			for _, err := range Refill(Groups(t.Context(), in, f, f, Options{Samples: 1, SkipLost: skip, Throttle: throttle}), func(g *Group) bool {
				if g.Problem.ID[len(g.Problem.ID)-1]%4 == 1 {
					throttle.Done(1)
					return false
				}
				return true
			}, Budget{}) {
				switch {
				case errors.As(err, new(*GroupError)):
					lost++
				case err != nil:
					unreadable++
				default:
					if n++; n%3 == 0 {
						throttle.Done(3)
					}
				}
			}
			require.Equal(t, 30, unreadable)
			require.Equal(t, skip, lost == 0)
			require.Equal(t, 300-90-90, n, "those on 0, 4 and 8 are lost, those on 1, 5 and 9 refused")
			require.Zero(t, throttle.Out())
		})
	}
}

// The range ends while the input waits for the trainer: no goroutine is left, and
// what was in flight is out no more.
func TestThrottledGroupsEndWithTheirRange(t *testing.T) {
	for _, how := range []string{"break", "cancel", "panic"} {
		synctest.Test(t, func(t *testing.T) {
			throttle := Staleness{Max: 1}.Throttle(2)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			f := &takes{generate: time.Second, verify: time.Second}
			run := func() {
				for _, err := range Groups(ctx, problems(-1), f, f, Options{Samples: 2, Throttle: throttle}) {
					if err != nil {
						require.ErrorIs(t, err, context.Canceled)
						break
					}
					time.Sleep(time.Minute) // until the input waits
					require.Equal(t, 4, throttle.Out())
					switch how {
					case "break":
						return
					case "cancel":
						cancel()
					case "panic":
						panic("loop")
					}
				}
			}
			if how == "panic" {
				require.PanicsWithValue(t, "loop", run)
			} else {
				run()
			}
			require.Equal(t, 1, throttle.Out(), "the one that was handed over")
			require.Equal(t, int64(8), f.generated.Load())
			requireGone(t)
		})
	}
}

// Two pipelines share the room.
func TestSharedThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		throttle := Staleness{}.Throttle(5)
		f := &takes{generate: time.Second}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		ended := make(chan int)
		for range 2 {
			go func() {
				n := 0
				for _, err := range Groups(ctx, problems(-1), f, f, Options{Samples: 1, Throttle: throttle}) {
					if err == nil {
						n++
					}
				}
				ended <- n
			}()
		}
		require.Equal(t, 5, <-ended+<-ended)
		require.Equal(t, int64(5), f.generated.Load())
		require.Equal(t, 5, throttle.Out())
	})
}

func TestThrottleWithoutRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, throttle := range []*Throttle{{}, Staleness{}.Throttle(0), Staleness{Max: -1}.Throttle(8)} {
			throttle.Done(1)
			throttle.Done(-1)
			require.Zero(t, throttle.Out())
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			f := &takes{}
			groups, errs := collect(t, Groups(ctx, problems(-1), f, f, Options{Throttle: throttle}))
			require.Empty(t, groups)
			require.Equal(t, []error{context.DeadlineExceeded}, errs)
			cancel()
		}
	})
}
