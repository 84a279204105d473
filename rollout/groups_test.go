package rollout_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	. "github.com/grouprl/grouprl/rollout"
)

// problems yields p0, p1, ...
func problems(n int) iter.Seq2[*Problem, error] {
	return func(yield func(*Problem, error) bool) {
		for i := range count(n, nil) {
			if !yield(&Problem{ID: fmt.Sprint("p", i)}, nil) {
				return
			}
		}
	}
}

// sampler draws a completion of 1 to 5 tokens, and the time it takes, from the
// request's own source.
var sampler = GeneratorFunc(func(ctx context.Context, r *Request) (*Completion, error) {
	random := r.Rand()
	c := &Completion{Text: fmt.Sprintf("%s.%d.%d", r.Problem.ID, r.Round, r.Sample), Versions: []int64{3}}
	for range 1 + random.IntN(5) {
		c.Tokens = append(c.Tokens, random.Int32N(1000))
		c.LogProbs = append(c.LogProbs, -random.Float32())
	}
	return c, pause(ctx, time.Duration(1+random.IntN(100))*time.Millisecond)
})

// judge accepts completions whose first token is even, after a while.
var judge = VerifierFunc(func(ctx context.Context, p *Problem, c *Completion) (Verdict, error) {
	v := Verdict{Status: WrongAnswer, Reward: -1}
	if c.Tokens[0]%2 == 0 {
		v = Verdict{Status: Accepted, Reward: 1}
	}
	return v, pause(ctx, time.Duration(1+c.Tokens[0]%300)*time.Millisecond)
})

// takes is a Generator and a Verifier whose calls take a fixed time and count.
type takes struct {
	generate, verify     time.Duration
	generated, verified  atomic.Int64 // begun
	generating, judging  atomic.Int64 // running
	mostGenerate, mostV  atomic.Int64
	failGenerate, failed func(problem string, sample int) error
}

func (f *takes) Generate(ctx context.Context, r *Request) (*Completion, error) {
	f.generated.Add(1)
	f.mostGenerate.Store(max(f.mostGenerate.Load(), f.generating.Add(1)))
	defer f.generating.Add(-1)
	if err := pause(ctx, f.generate); err != nil {
		return nil, err
	}
	if f.failGenerate != nil {
		if err := f.failGenerate(r.Problem.ID, r.Sample); err != nil {
			return nil, err
		}
	}
	return &Completion{Tokens: []int32{int32(r.Sample)}}, nil
}

func (f *takes) Verify(ctx context.Context, p *Problem, c *Completion) (Verdict, error) {
	f.verified.Add(1)
	f.mostV.Store(max(f.mostV.Load(), f.judging.Add(1)))
	defer f.judging.Add(-1)
	if err := pause(ctx, f.verify); err != nil {
		return Verdict{}, err
	}
	if f.failed != nil {
		if err := f.failed(p.ID, c.Sample); err != nil {
			return Verdict{}, err
		}
	}
	return Verdict{Status: Accepted, Reward: 1}, nil
}

func (f *takes) running() int64 { return f.generating.Load() + f.judging.Load() }

func collect(t *testing.T, seq iter.Seq2[*Group, error]) (groups []*Group, errs []error) {
	t.Helper()
	for g, err := range seq {
		if err != nil {
			require.Nil(t, g)
			errs = append(errs, err)
			continue
		}
		require.Len(t, g.Verdicts, len(g.Completions))
		groups = append(groups, g)
	}
	return groups, errs
}

// One worker of each kind does everything in order; any other number of them, and
// any depth of the pipeline, yields the same groups.
func TestGroupsAreAFunctionOfTheirInput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := func(yield func(*Problem, error) bool) {
			problems(20)(func(p *Problem, err error) bool { return yield(p, err) })
			problems(5)(func(p *Problem, err error) bool { return yield(p, err) }) // a second round of these
		}
		want, errs := collect(t, Groups(t.Context(), in, sampler, judge, Options{Samples: 4, Seed: 9, Generators: 1, Verifiers: 1, InFlight: 1}))
		require.Empty(t, errs)
		require.Len(t, want, 25)
		for i, g := range want {
			require.Equal(t, fmt.Sprint("p", i%20), g.Problem.ID)
			require.Equal(t, i/20, g.Round)
			for j, c := range g.Completions {
				require.Equal(t, j, c.Sample)
				require.Equal(t, fmt.Sprintf("p%d.%d.%d", i%20, i/20, j), c.Text)
			}
		}
		require.NotEqual(t, want[0].Completions[0].LogProbs, want[20].Completions[0].LogProbs, "a redraw differs")

		for _, o := range []Options{{}, {Generators: 7, Verifiers: 3}, {Generators: 2, Verifiers: 50, InFlight: 2}, {InFlight: 100, Observe: func(Event) {}}} {
			o.Samples, o.Seed = 4, 9
			got, errs := collect(t, Groups(t.Context(), in, sampler, judge, o))
			require.Empty(t, errs)
			require.Equal(t, want, got)
		}
		other, _ := collect(t, Groups(t.Context(), in, sampler, judge, Options{Samples: 4, Seed: 10}))
		require.NotEqual(t, want[0].Completions[0].LogProbs, other[0].Completions[0].LogProbs, "the seed counts")
	})
}

func TestGroupsInArrivalOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := GeneratorFunc(func(ctx context.Context, r *Request) (*Completion, error) {
			if r.Problem.ID == "p0" {
				return &Completion{}, pause(ctx, time.Hour)
			}
			return &Completion{}, pause(ctx, time.Second)
		})
		v := &takes{verify: time.Second}
		groups, errs := collect(t, Groups(t.Context(), problems(3), g, v, Options{Samples: 2, Generators: 10, Verifiers: 10, Order: ArrivalOrder}))
		require.Empty(t, errs)
		require.Equal(t, "p0", groups[2].Problem.ID, "the slow one comes last")
		require.Len(t, groups, 3)
	})
}

// The verifier hangs; all the same every completion of the groups in flight is
// generated, and not one more.
func TestGenerationNeverWaitsForVerification(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &takes{generate: time.Second, verify: 24 * time.Hour}
		var drawn atomic.Int64
		in := func(yield func(*Problem, error) bool) {
			problems(-1)(func(p *Problem, err error) bool { drawn.Add(1); return yield(p, err) })
		}
		ctx, cancel := context.WithTimeout(t.Context(), 12*time.Hour)
		defer cancel()
		_, errs := collect(t, Groups(ctx, in, f, f, Options{Samples: 8, Generators: 4, Verifiers: 9, InFlight: 100}))
		require.Equal(t, []error{context.DeadlineExceeded}, errs)
		require.Equal(t, int64(100), drawn.Load())
		require.Equal(t, int64(800), f.generated.Load())
		require.Equal(t, int64(9), f.verified.Load(), "and none was begun after the end")
		require.Equal(t, int64(4), f.mostGenerate.Load())
		require.Equal(t, int64(9), f.mostV.Load())
		require.Zero(t, f.running())
	})
}

// A verification takes three times as long as a generation, and there are four
// times as many verifiers: the generators are never without work.
func TestGeneratorIdleShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &takes{generate: time.Second, verify: 3 * time.Second}
		var last Event
		groups, errs := collect(t, Groups(t.Context(), problems(200), f, f, Options{Generators: 16, Verifiers: 64, Observe: func(e Event) { last = e }}))
		require.Empty(t, errs)
		require.Len(t, groups, 200)
		require.Equal(t, 200*8*1.0, last.GeneratorUse.Busy)
		require.Less(t, last.GeneratorUse.IdleShare(), 0.01)
		require.Equal(t, 200*8*3.0, last.VerifierUse.Busy)
		// 1,600 samples, 16 at a time, are 100 s of generation; the last are verified 3 s later.
		require.Equal(t, 103*time.Second, last.Elapsed)
		require.Equal(t, 64*103-200*8*3.0, last.VerifierUse.Idle)
	})
}

// 10,000 groups of 8 are drawn, generated and verified, and wait behind a loop
// that has not come back. 15,000 more pass through in not twice the memory, which
// groups that are still being made take.
func TestTenThousandGroupsInFlight(t *testing.T) {
	const inFlight = 10_000
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	start := heap()
	var drawn atomic.Int64
	full := make(chan struct{})
	var once sync.Once
	over := false
	in := func(yield func(*Problem, error) bool) {
		p := &Problem{ID: "p"}
		for drawn.Add(1); yield(p, nil); drawn.Add(1) {
		}
	}
	g := GeneratorFunc(func(context.Context, *Request) (*Completion, error) {
		return &Completion{Tokens: make([]int32, 4), LogProbs: make([]float32, 4)}, nil
	})
	v := VerifierFunc(func(context.Context, *Problem, *Completion) (Verdict, error) {
		return Verdict{Status: Accepted, Reward: 1}, nil
	})
	o := Options{Generators: 64, Verifiers: 64, InFlight: inFlight, Observe: func(e Event) {
		over = over || e.Groups > inFlight
		if e.Ready == inFlight {
			once.Do(func() { close(full) })
		}
	}}
	n := 0
	var waiting int64
	for _, err := range Groups(t.Context(), in, g, v, o) {
		require.NoError(t, err)
		switch n++; n {
		case 1:
			<-full
			require.Equal(t, int64(inFlight+1), drawn.Load())
			waiting = heap() - start
			require.Less(t, waiting, int64(80_000*1024), "80,000 completions, less than 1 KiB each")
		case 15_000:
			require.Less(t, heap()-start, waiting*2)
		}
		if n == 15_000 {
			break
		}
	}
	require.False(t, over, "never more in flight than there may be")
	require.LessOrEqual(t, drawn.Load(), int64(25_000))
}

func TestRetries(t *testing.T) {
	down := errors.New("server down")
	for _, stage := range []string{"generate", "verify"} {
		synctest.Test(t, func(t *testing.T) {
			f := &takes{}
			calls := make(map[int]int)
			var mu sync.Mutex
			fail := func(_ string, sample int) error { // sample 1 fails once, 2 twice, 3 three times
				mu.Lock()
				defer mu.Unlock()
				if calls[sample]++; calls[sample] <= sample {
					return down
				}
				return nil
			}
			if stage == "generate" {
				f.failGenerate = fail
			} else {
				f.failed = fail
			}
			var events []string
			o := Options{Samples: 4, Generators: 4, Verifiers: 4, MinGroup: 3, Observe: func(e Event) {
				if e.Kind == Retrying || e.Kind == SampleLost {
					require.Equal(t, down, e.Err)
					events = append(events, fmt.Sprintf("%d.%d %d", e.Sample, e.Attempt, e.Elapsed.Milliseconds()))
				}
			}}
			groups, errs := collect(t, Groups(t.Context(), problems(1), f, f, o))
			require.Empty(t, errs)
			require.Len(t, groups[0].Completions, 3, "3 failed all of its three attempts")
			require.Equal(t, []float64{1, 1, 1}, groups[0].Rewards(nil), "an error is no reward")
			require.Equal(t, []*SampleError{{Sample: 3, Stage: stage, Attempts: 3, Err: down}}, groups[0].Lost)
			require.ElementsMatch(t, []string{"1.1 0", "2.1 0", "3.1 0", "2.2 100", "3.2 100", "3.3 300"}, events, "after 100 ms, then 200 ms")

			// Whole groups only, by default.
			clear(calls)
			o.MinGroup = 0
			groups, errs = collect(t, Groups(t.Context(), problems(1), f, f, o))
			require.Empty(t, groups)
			var lost *GroupError
			require.ErrorAs(t, errs[0], &lost)
			require.ErrorIs(t, errs[0], down)
			require.Equal(t, 3, lost.Left)
			require.Equal(t, 4, lost.Want)
			require.Contains(t, lost.Error(), `problem "p0", round 0: 3 completions left, want 4: sample 3: `+stage+` failed after 3 attempts: server down`)

			clear(calls)
			o.Retries, o.MinGroup, o.Samples = -1, 1, 2
			groups, _ = collect(t, Groups(t.Context(), problems(1), f, f, o))
			require.Len(t, groups[0].Lost, 1, "no retries")

			clear(calls)
			o.Retries, o.Retryable = 9, func(err error) bool { return !errors.Is(err, down) }
			groups, _ = collect(t, Groups(t.Context(), problems(1), f, f, o))
			require.Equal(t, 1, groups[0].Lost[0].Attempts, "not worth another attempt")

			clear(calls)
			o.Retryable, o.Backoff, o.MinGroup = nil, -1, 0
			start := time.Now()
			groups, _ = collect(t, Groups(t.Context(), problems(1), f, f, o))
			require.Empty(t, groups[0].Lost)
			require.Zero(t, time.Since(start), "no wait")
		})
	}
}

// Every third group is lost: reported in its place, or left out.
func TestLostGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &takes{generate: time.Second, failed: func(problem string, sample int) error {
			if n := len(problem) * int(problem[1]-'0'); n%6 == 0 && sample == 5 {
				return errors.New("lost")
			}
			return nil
		}}
		var order []string
		for g, err := range Groups(t.Context(), problems(9), f, f, Options{}) {
			var lost *GroupError
			if errors.As(err, &lost) {
				order = append(order, "lost "+lost.Problem.ID)
				continue
			}
			require.NoError(t, err)
			order = append(order, g.Problem.ID)
		}
		require.Equal(t, "lost p0,p1,p2,lost p3,p4,p5,lost p6,p7,p8", strings.Join(order, ","))

		counts := make(map[EventKind]int)
		groups, errs := collect(t, Groups(t.Context(), problems(9), f, f, Options{SkipLost: true, Observe: func(e Event) { counts[e.Kind]++ }}))
		require.Empty(t, errs)
		require.Len(t, groups, 6)
		require.Equal(t, map[EventKind]int{Drawn: 9, Generated: 72, Verified: 69, Retrying: 6, SampleLost: 3, GroupReady: 6, GroupLost: 3}, counts)
	})
}

// What is neither a completion nor a verdict is an error, not a reward.
func TestNoRewardFromNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &takes{}
		nothing := GeneratorFunc(func(context.Context, *Request) (*Completion, error) { return nil, nil })
		_, errs := collect(t, Groups(t.Context(), problems(1), nothing, f, Options{}))
		require.ErrorIs(t, errs[0], ErrNoCompletion)

		for want, verdict := range map[string]Verdict{
			ErrUnjudged.Error(): {},
			"reward is NaN":     {Status: Accepted, Reward: math.NaN()},
			"reward is +Inf":    {Status: Accepted, Reward: math.Inf(1)},
		} {
			v := VerifierFunc(func(context.Context, *Problem, *Completion) (Verdict, error) { return verdict, nil })
			groups, errs := collect(t, Groups(t.Context(), problems(1), f, v, Options{}))
			require.Empty(t, groups)
			require.ErrorContains(t, errs[0], want)
		}
	})
}

// One completion handed out for every sample of every group is not written to.
func TestSharedCompletion(t *testing.T) {
	shared := &Completion{Sample: 99}
	g := GeneratorFunc(func(context.Context, *Request) (*Completion, error) { return shared, nil })
	groups, _ := collect(t, Groups(t.Context(), problems(5), g, &takes{}, Options{}))
	require.Equal(t, 99, shared.Sample)
	require.Equal(t, 7, groups[4].Completions[7].Sample)
}

func TestInputErrorsPassThroughInPlace(t *testing.T) {
	bad := errors.New("row 2 unreadable")
	in := func(yield func(*Problem, error) bool) {
		_ = yield(&Problem{ID: "a"}, nil) && yield(nil, bad) && yield(nil, nil) && yield(&Problem{ID: "b"}, nil)
	}
	var got []string
	for g, err := range Groups(t.Context(), in, &takes{}, &takes{}, Options{InFlight: 2}) {
		if err != nil {
			got = append(got, err.Error())
		} else {
			got = append(got, g.Problem.ID)
		}
	}
	require.Equal(t, []string{"a", bad.Error(), ErrNoProblem.Error(), "b"}, got)
}

func TestRoundOption(t *testing.T) {
	groups, _ := collect(t, Groups(t.Context(), problems(3), sampler, &takes{}, Options{Round: func(p *Problem) int { return 10 + int(p.ID[1]-'0') }}))
	require.Equal(t, 12, groups[2].Round)
	require.Equal(t, "p2.12.0", groups[2].Completions[0].Text)
}

// Queue depths add up at every event, and every sample and group is accounted for.
func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const inFlight, samples = 6, 4
		flaky := VerifierFunc(func(ctx context.Context, p *Problem, c *Completion) (Verdict, error) {
			if c.Tokens[0]%5 == 0 {
				return Verdict{}, errors.New("flaky")
			}
			return judge(ctx, p, c)
		})
		counts := make(map[EventKind]int)
		var last Event
		open := 0 // samples in queues or calls
		o := Options{Samples: samples, Generators: 5, Verifiers: 3, InFlight: inFlight, MinGroup: 3, Observe: func(e Event) {
			counts[e.Kind]++
			last = e
			switch e.Kind {
			case Drawn:
				open += samples
			case Verified, SampleLost:
				open--
			}
			for _, n := range []int{e.ToGenerate, e.Generating, e.ToVerify, e.Verifying, e.Ready} {
				require.GreaterOrEqual(t, n, 0)
			}
			require.LessOrEqual(t, e.Generating, 5)
			require.LessOrEqual(t, e.Verifying, 3)
			require.LessOrEqual(t, e.Groups, inFlight)
			require.LessOrEqual(t, e.Ready, e.Groups)
			inQueues := e.ToGenerate + e.Generating + e.ToVerify + e.Verifying
			require.LessOrEqual(t, inQueues, open)
			require.LessOrEqual(t, open-inQueues, 5+3, "the rest are in a worker's hands: between queue and call, or waiting to be retried")
		}}
		groups, errs := collect(t, Groups(t.Context(), problems(100), sampler, flaky, o))
		require.Equal(t, 100, counts[Drawn])
		require.Equal(t, len(groups), counts[GroupReady])
		require.Equal(t, len(errs), counts[GroupLost])
		require.Equal(t, 100, counts[GroupReady]+counts[GroupLost])
		require.Equal(t, 400, counts[Verified]+counts[SampleLost])
		require.Equal(t, 2*counts[SampleLost], counts[Retrying])
		require.NotZero(t, counts[GroupLost])
		require.NotZero(t, len(groups))
		require.Zero(t, open)
		require.Zero(t, last.ToGenerate+last.Generating+last.ToVerify+last.Verifying)
	})
}

func TestGroupsEndWithTheirRange(t *testing.T) {
	why := errors.New("why")
	for _, order := range []Order{InputOrder, ArrivalOrder} {
		for _, how := range []string{"break", "cancel", "panic", "return"} {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				f := &takes{generate: time.Second, verify: 3 * time.Second}
				reading := false
				in := func(yield func(*Problem, error) bool) {
					reading = true
					defer func() { reading = false }()
					problems(-1)(yield)
				}
				run := func() (last error) {
					n := 0
					for _, err := range Groups(ctx, in, f, f, Options{Order: order, Verifiers: 20}) {
						if err != nil {
							require.Zero(t, f.running(), "the last error comes when all have gone")
							last = err
							continue
						}
						if n++; n < 10 {
							continue
						}
						require.NotZero(t, f.running())
						switch how {
						case "break":
							return nil
						case "cancel":
							cancel(why)
						case "panic":
							panic("loop")
						}
						if how == "return" {
							return why
						}
					}
					return last
				}
				switch how {
				case "panic":
					require.PanicsWithValue(t, "loop", func() { _ = run() })
				case "break":
					require.NoError(t, run())
				default:
					require.Equal(t, why, run())
				}
				require.Zero(t, f.running())
				require.False(t, reading)
				requireGone(t)
			})
		}
	}
}

func TestGroupsPanics(t *testing.T) {
	for _, where := range []string{"generate", "verify", "observe", "round", "retryable", "input"} {
		synctest.Test(t, func(t *testing.T) {
			at := func(name string, sample int) error {
				if name == where && sample == 3 {
					panic(where)
				}
				return nil
			}
			f := &takes{generate: time.Second, verify: time.Second}
			f.failGenerate = func(_ string, sample int) error { return at("generate", sample) }
			f.failed = func(_ string, sample int) error {
				_ = at("verify", sample)
				if where == "retryable" && sample == 3 {
					return errors.New("fails")
				}
				return nil
			}
			in := func(yield func(*Problem, error) bool) {
				problems(5)(yield)
				_ = at("input", 3)
				problems(-1)(yield)
			}
			o := Options{Verifiers: 20, Observe: func(e Event) { _ = at("observe", e.Sample) }, Retryable: func(error) bool { return at("retryable", 3) == nil }}
			if where == "round" {
				o.Round = func(*Problem) int { _ = at("round", 3); return 0 }
			}
			p := panics(t, Groups(t.Context(), in, f, f, o))
			require.Equal(t, where, p.Value)
			require.Zero(t, f.running())
		})
	}
}

func TestGroupsRefusesOptions(t *testing.T) {
	for field, o := range map[string]Options{
		"Samples": {Samples: -1}, "Generators": {Generators: -1}, "Verifiers": {Verifiers: -1}, "InFlight": {InFlight: -1},
		"MinGroup": {Samples: 4, MinGroup: 5}, "Order": {Order: -1},
		"InFlight ": {Samples: 5000, InFlight: 5000}, "Generators ": {Generators: 1 << 30},
	} {
		_, errs := collect(t, Groups(t.Context(), problems(3), &takes{}, &takes{}, o))
		var e *OptionsError
		require.Len(t, errs, 1)
		require.ErrorAs(t, errs[0], &e)
		require.Equal(t, strings.TrimSpace(field), e.Field)
	}
}

// Each range starts over.
func TestGroupsTwice(t *testing.T) {
	seq := Groups(t.Context(), problems(5), sampler, &takes{}, Options{})
	a, _ := collect(t, seq)
	b, _ := collect(t, seq)
	require.Equal(t, a, b)
	require.Len(t, a, 5)
}
