package journal

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/grouprl/grouprl/rollout"
	"github.com/stretchr/testify/require"
)

// A pipeline over a disk that fills up, fails and loses power: every problem that was
// drawn is accounted for, and every group that the filter kept is in exactly one step.
// TestSoak has the whole of it, with programs in the sandbox and a real disk.
func TestPipelineOverPowerLoss(t *testing.T) {
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(1, 6))
	faults := rand.New(rand.NewPCG(2, 6)) // the loop's own
	chance := func(p float64) bool {
		mu.Lock()
		defer mu.Unlock()
		return rng.Float64() < p
	}

	const problems = 400
	drawn := 0
	in := func(yield func(*rollout.Problem, error) bool) {
		for drawn < problems {
			p := &rollout.Problem{ID: fmt.Sprint(drawn)}
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
		c := &rollout.Completion{Text: "right", Tokens: make([]int32, 50), LogProbs: make([]float32, 50), Versions: []int64{0}}
		if r.Rand().IntN(2) == 0 {
			c.Text = "wrong"
		}
		return c, nil
	})
	verifier := rollout.VerifierFunc(func(_ context.Context, p *rollout.Problem, c *rollout.Completion) (rollout.Verdict, error) {
		switch {
		case chance(0.15):
			return rollout.Verdict{}, errors.New("killed")
		case c.Text == "right":
			return rollout.Verdict{Status: rollout.Accepted, Reward: 1}, nil
		}
		return rollout.Verdict{Status: rollout.WrongAnswer, Reward: -1}, nil
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
	for g, err := range rollout.Refill(groups, informative, rollout.Budget{Observe: func(r rollout.Refilled) { account = r }}) {
		if err != nil {
			var gone *rollout.GroupError
			require.ErrorAs(t, err, &gone)
			lost++
			continue
		}
		kept++
		appended(g)
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
	}
	require.Equal(t, drawn, account.Drawn)
	require.Equal(t, drawn, account.Kept+account.Refused+account.Errors)
	require.Equal(t, account.Errors, lost)
	require.Equal(t, account.Kept, kept)
	require.Equal(t, kept, int(step)*5+j.Waiting(), "none lost, none twice")
	require.Positive(t, lost)
	require.Greater(t, kept, 100)
	t.Logf("%d problems drawn: %d groups kept, %d refused, %d lost; %d steps", drawn, kept, account.Refused, lost, step)
}
