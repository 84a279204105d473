package journal

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/grouprl/grouprl/rollout"
	"github.com/grouprl/grouprl/rollout/dataset"
	"github.com/grouprl/grouprl/rollout/sandbox"
	"github.com/grouprl/grouprl/rollout/verify"
	"github.com/stretchr/testify/require"
)

// A whole pipeline under faults: a generator whose servers fail, verifiers that are
// killed, a queue that is full most of the time, a disk that is slow, full, failing,
// or loses power. Every problem that was drawn is accounted for, every group that the
// filter kept is in exactly one step, and neither goroutines nor memory are left.
//
// It takes a second. GROUPRL_LONG=1 runs an hour, with programs in the sandbox, and
// GROUPRL_LONG=5m five minutes.
func TestSoak(t *testing.T) {
	goroutines := runtime.NumGoroutine()
	long := os.Getenv("GROUPRL_LONG") != ""
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(1, 6))
	faults := rand.New(rand.NewPCG(2, 6)) // the loop's own
	chance := func(p float64) bool {
		mu.Lock()
		defer mu.Unlock()
		return rng.Float64() < p
	}

	deadline, problems := time.Now(), 400
	closeRunner := func() error { return nil }
	var judge rollout.Verifier = rollout.VerifierFunc(func(_ context.Context, p *rollout.Problem, c *rollout.Completion) (rollout.Verdict, error) {
		if strings.HasSuffix(c.Text, "right") {
			return rollout.Verdict{Status: rollout.Accepted, Reward: 1}, nil
		}
		return rollout.Verdict{Status: rollout.WrongAnswer, Reward: -1}, nil
	})
	if long {
		d, err := time.ParseDuration(os.Getenv("GROUPRL_LONG"))
		if err != nil {
			d = time.Hour
		}
		deadline, problems = time.Now().Add(d), 0
		runner, err := sandbox.Local(sandbox.Config{Limits: sandbox.Limits{Wall: 4 * time.Second, Memory: 1 << 30}})
		require.NoError(t, err)
		closeRunner = runner.Close
		judge = &verify.Verifier{Runner: runner, Extract: verify.WholeText{}}
	}
	drawn := 0
	in := func(yield func(*rollout.Problem, error) bool) {
		for drawn < problems || time.Now().Before(deadline) {
			p := &rollout.Problem{ID: fmt.Sprint(drawn), Reference: "right"}
			if long {
				for q := range dataset.Builtin() {
					if mu.Lock(); rng.IntN(20) == 0 {
						own := *q
						own.ID = fmt.Sprint(drawn)
						p = &own
					}
					mu.Unlock()
				}
				if p.Tests == nil {
					continue
				}
			}
			drawn++
			if !yield(p, nil) {
				return
			}
		}
	}
	generator := rollout.GeneratorFunc(func(_ context.Context, r *rollout.Request) (*rollout.Completion, error) {
		if chance(0.2) {
			return nil, errors.New("status 502")
		}
		c := &rollout.Completion{Text: r.Problem.Reference, Tokens: make([]int32, 50), LogProbs: make([]float32, 50), Versions: []int64{0}}
		if r.Rand().IntN(2) == 0 {
			c.Text = "1 +"
		}
		return c, nil
	})
	verifier := rollout.VerifierFunc(func(ctx context.Context, p *rollout.Problem, c *rollout.Completion) (rollout.Verdict, error) {
		if chance(0.1) {
			return rollout.Verdict{}, errors.New("killed")
		}
		v, err := judge.Verify(ctx, p, c)
		if chance(0.05) {
			return rollout.Verdict{}, errors.New("killed late")
		}
		return v, err
	})

	disk := newMemory()
	openIt := func() *Journal {
		clear(disk.fail)
		disk.room = -1
		j, err := open("memory", Options{Run: "run", Compact: 1 << 16}, func(apply func(Position, []byte) error) (*Log, error) {
			return openLog("memory", disk, LogOptions{}, apply)
		})
		require.NoError(t, err)
		return j
	}
	j := openIt()
	// appended tries until g is durable, whatever the disk does.
	appended := func(g *rollout.Group) {
		for {
			switch {
			case chance(0.02):
				disk.room = faults.IntN(2000)
			case chance(0.02):
				disk.fail["sync"] = errDisk
			case chance(0.05):
				time.Sleep(time.Millisecond)
			case chance(0.02):
				disk = disk.loss(faults)
				j = openIt()
			}
			_, err := j.Append(g)
			if err == nil {
				return
			}
			var failed *WriteError
			require.ErrorAs(t, err, &failed)
			disk.room = -1
			if failed.Over {
				disk = disk.loss(faults)
				j = openIt()
			}
		}
	}

	var account rollout.Refilled
	groups := rollout.Groups(t.Context(), in, generator, verifier, rollout.Options{
		Samples: 4, Generators: 4, Verifiers: 3, InFlight: 6, Retries: 1, Backoff: -1, MinGroup: 3, Order: rollout.ArrivalOrder,
	})
	informative := func(g *rollout.Group) bool { return g.Informative(0) }
	steps := map[string]int64{} // of each group
	lost, kept, step := 0, 0, int64(0)
	heap, mark := uint64(0), 0
	for g, err := range rollout.Refill(groups, informative, rollout.Budget{Observe: func(r rollout.Refilled) { account = r }}) {
		if err != nil {
			var gone *rollout.GroupError
			require.ErrorAs(t, err, &gone)
			lost++
			continue
		}
		kept++
		appended(g)
		if long {
			if kept == 1000 || kept%20000 == 0 {
				var m runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&m)
				t.Logf("%d kept, %d lost, heap %d MB", kept, lost, m.HeapAlloc>>20)
				if mark++; mark == 1 {
					heap = m.HeapAlloc
				}
				require.Less(t, m.HeapAlloc, heap+uint64(kept)*1000+64<<20, "the index takes less than 1 kB a group")
			}
		}
		taken, err := j.Take(step, 5, nil)
		if errors.As(err, new(*ShortError)) {
			continue
		}
		if err != nil { // the disk was left to fail
			require.ErrorAs(t, err, new(*WriteError))
			disk = disk.loss(faults)
			j = openIt()
			continue
		}
		for _, g := range taken {
			before, twice := steps[g.Problem.ID]
			require.False(t, twice && before != step, "group %s in steps %d and %d", g.Problem.ID, before, step)
			steps[g.Problem.ID] = step
		}
		require.Len(t, taken, 5)
		disk.room = -1
		clear(disk.fail)
		require.NoError(t, j.Commit(step))
		step++
		if long { // only the last steps are compared
			for id, s := range steps {
				if s < step-1000 {
					delete(steps, id)
				}
			}
		}
	}
	require.Equal(t, drawn, account.Drawn)
	require.Equal(t, drawn, account.Kept+account.Refused+account.Errors)
	require.Equal(t, account.Errors, lost)
	require.Equal(t, account.Kept, kept)
	require.Equal(t, kept, int(step)*5+j.Waiting(), "none lost, none twice")
	require.Positive(t, lost)
	require.Greater(t, kept, 100)
	require.NoError(t, closeRunner())
	for range 1000 {
		if runtime.NumGoroutine() <= goroutines {
			break
		}
		time.Sleep(time.Millisecond)
	}
	require.LessOrEqual(t, runtime.NumGoroutine(), goroutines)
	t.Logf("%d problems drawn: %d groups kept, %d refused, %d lost; %d steps", drawn, kept, account.Refused, lost, step)
}
