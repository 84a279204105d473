package rollout_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	. "github.com/grouprl/grouprl/rollout"
)

// (Max + version + 1) * batch - (accepted + running), by hand: on-policy, a batch
// of 24 may be begun at version 0, nothing while it is out, and the next 24 when
// the step is done.
func TestCapacity(t *testing.T) {
	on := Staleness{}
	require.Equal(t, int64(24), on.Capacity(0, 24, 0, 0))
	require.Equal(t, int64(0), on.Capacity(0, 24, 0, 24))
	require.Equal(t, int64(0), on.Capacity(0, 24, 20, 4))
	require.Equal(t, int64(24), on.Capacity(1, 24, 24, 0))

	off := Staleness{Max: 2}
	require.Equal(t, int64(72), off.Capacity(0, 24, 0, 0), "three batches: two may wait while one is trained on")
	require.Equal(t, int64(-8), off.Capacity(0, 24, 40, 40), "too many begun")
	require.Equal(t, int64(312-250), off.Capacity(10, 24, 200, 50))
}

// A run under the capacity rule: groups begin whenever there is room, and each
// step trains on the first batch that is handed over. In input order none is
// older than Max, and some are just as old; in arrival order a slow group may be
// older, which is for Fresh to catch.
func TestCapacityBoundsTheLag(t *testing.T) {
	run := func(limit int64, next func(tick, running int) int) (oldest int64) {
		s := Staleness{Max: limit}
		const batch = 4
		var version, accepted int64
		var running, ready []int64 // the version at which each began
		for tick := range 4000 {
			if s.Capacity(version, batch, accepted, int64(len(running))) > 0 {
				running = append(running, version)
			} else if len(running) > 0 {
				i := next(tick, len(running))
				ready, running = append(ready, running[i]), append(running[:i], running[i+1:]...)
				accepted++
			}
			if len(ready) >= batch {
				for _, began := range ready[:batch] {
					oldest = max(oldest, version-began)
				}
				ready = ready[batch:]
				version++
			}
		}
		require.Greater(t, version, int64(100))
		return oldest
	}
	for _, limit := range []int64{0, 1, 3} {
		require.Equal(t, limit, run(limit, func(int, int) int { return 0 }))
	}
	require.Greater(t, run(3, func(tick, running int) int { return tick * 7919 % running }), int64(3))
}

func TestLag(t *testing.T) {
	c := &Completion{Tokens: []int32{1, 2, 3}, Versions: []int64{5, 4, 7}}
	for rule, want := range map[AgeRule]int64{OldestToken: 6, FirstToken: 5, NewestToken: 3} {
		lag, err := Staleness{Age: rule}.Lag(c, 10)
		require.NoError(t, err)
		require.Equal(t, want, lag)
	}
	lag, err := Staleness{}.Lag(&Completion{Tokens: []int32{1, 2}, Versions: []int64{9}}, 10)
	require.NoError(t, err)
	require.Equal(t, int64(1), lag, "one version for all tokens")
	lag, err = Staleness{}.Lag(&Completion{Versions: []int64{10}}, 10)
	require.NoError(t, err)
	require.Zero(t, lag)

	for _, c := range []*Completion{
		{Tokens: []int32{1}},
		{Tokens: []int32{1, 2, 3}, Versions: []int64{1, 2}},
		{Tokens: []int32{1, 2}, Versions: []int64{9, 11}},
	} {
		_, err := Staleness{Max: 100}.Lag(c, 10)
		var e *VersionError
		require.ErrorAs(t, err, &e)
		require.Equal(t, int64(10), e.Current)
		_, err = Staleness{Max: 100}.Fresh(&Group{Completions: []*Completion{c}}, 10)
		require.ErrorAs(t, err, &e, "an unknown age is not fresh")
		_, err = Staleness{Max: 100}.Trim(&Group{Completions: []*Completion{c}}, 10, 1)
		require.ErrorAs(t, err, &e)
	}
}

// Versions that do not match the tokens are refused by Pack, and no panic here.
func TestVersionOfADamagedCompletion(t *testing.T) {
	g := &Group{Completions: []*Completion{{Tokens: make([]int32, 3), Versions: []int64{7, 8}}}}
	require.Equal(t, []int64{7, 8, Unversioned}, g.Versions(nil))
}

func TestDropRules(t *testing.T) {
	g := &Group{Problem: &Problem{ID: "a"}, Round: 3}
	for i, v := range []int64{10, 8, 5} {
		g.Completions = append(g.Completions, &Completion{Sample: i, Tokens: []int32{1}, Versions: []int64{v}})
		g.Verdicts = append(g.Verdicts, Verdict{Status: Accepted, Reward: float64(i)})
	}
	fresh, err := Staleness{Max: 5}.Fresh(g, 10)
	require.NoError(t, err)
	require.True(t, fresh)
	fresh, err = Staleness{Max: 4}.Fresh(g, 10)
	require.NoError(t, err)
	require.False(t, fresh, "the third lies 5 behind")

	all, err := Staleness{Max: 5}.Trim(g, 10, 1)
	require.NoError(t, err)
	require.Same(t, g, all)
	some, err := Staleness{Max: 4}.Trim(g, 10, 2)
	require.NoError(t, err)
	require.Equal(t, []float64{0, 1}, some.Rewards(nil))
	require.Equal(t, g.Completions[:2], some.Completions)
	require.Equal(t, 3, some.Round)
	require.Len(t, g.Completions, 3, "the group itself is as it was")
	none, err := Staleness{Max: 4}.Trim(g, 10, 3)
	require.NoError(t, err)
	require.Nil(t, none)
	none, err = Staleness{}.Trim(g, 100, 0)
	require.NoError(t, err)
	require.Nil(t, none, "an empty group is none")
}
