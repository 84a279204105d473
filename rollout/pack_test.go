package rollout_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/grpo"
	. "github.com/grouprl/grouprl/rollout"
)

// two groups: a with completions of 2 and 1 tokens, b with completions of 0 and 3.
func two() []*Group {
	return []*Group{
		{
			Problem: &Problem{ID: "a"},
			Completions: []*Completion{
				{Sample: 0, Tokens: []int32{7, 8}, LogProbs: []float32{-0.5, -0.25}, Versions: []int64{4, 5}},
				{Sample: 1, Tokens: []int32{9}, LogProbs: []float32{-1}, Versions: []int64{5}, Finish: Length},
			},
			Verdicts: []Verdict{{Status: Accepted, Reward: 1}, {Status: Truncated, Reward: -1}},
		},
		{
			Problem: &Problem{ID: "b"}, Round: 2,
			Completions: []*Completion{
				{Sample: 0},
				{Sample: 3, Tokens: []int32{1, 2, 3}, LogProbs: []float32{-2, -3, -4}},
			},
			Verdicts: []Verdict{{Status: NoCode, Reward: -1}, {Status: Accepted, Reward: 1}},
		},
	}
}

func TestPackByHand(t *testing.T) {
	groups := two()
	stale := []float32{9, 9}
	b := grpo.Batch[float32]{ // of an earlier step
		LogProbs: stale, OldLogProbs: stale, RefLogProbs: stale, Entropies: stale, Advantages: []float64{9}, TokenAdvantages: []float64{9},
		Episodes: []int{9}, Mask: []bool{true}, Rewards: make([]float64, 1, 10),
	}
	require.NoError(t, Pack(&b, groups...))
	key := func(id string, round, sample int) uint64 {
		return (&Request{Problem: &Problem{ID: id}, Round: round, Sample: sample}).Key()
	}
	require.Equal(t, grpo.Batch[float32]{
		Offsets:         []int{0, 2, 3, 3, 6},
		RolloutLogProbs: []float32{-0.5, -0.25, -1, -2, -3, -4},
		Groups:          []int{b.Groups[0], b.Groups[0], b.Groups[2], b.Groups[2]},
		Keys:            []uint64{key("a", 0, 0), key("a", 0, 1), key("b", 2, 0), key("b", 2, 3)},
		Rewards:         []float64{1, -1, -1, 1},
	}, b, "and nothing of the earlier step is left")
	require.NotEqual(t, b.Groups[0], b.Groups[2])

	var truncated []bool
	var lengths []int
	var versions []int64
	for _, g := range groups {
		truncated, lengths, versions = g.Truncated(truncated), g.Lengths(lengths), g.Versions(versions)
	}
	require.Equal(t, []bool{false, true, false, false}, truncated)
	require.Equal(t, []int{2, 1, 0, 3}, lengths)
	require.Equal(t, []int64{4, 5, 5, Unversioned, Unversioned, Unversioned}, versions)
}

// random groups with log-probabilities of every size, denormals and both zeros
// included.
func randomGroups(random *rand.Rand) []*Group {
	groups := make([]*Group, random.IntN(6))
	for i := range groups {
		g := &Group{Problem: &Problem{ID: fmt.Sprint("p", i)}, Round: random.IntN(3)}
		for j := range 1 + random.IntN(5) {
			c := &Completion{Sample: j, Versions: []int64{int64(random.IntN(9))}}
			for range random.IntN(30) {
				l := math.Float32frombits(random.Uint32() | 1<<31)
				if l := float64(l); math.IsNaN(l) || math.IsInf(l, 0) {
					continue
				}
				c.Tokens = append(c.Tokens, random.Int32())
				c.LogProbs = append(c.LogProbs, l)
			}
			g.Completions = append(g.Completions, c)
			g.Verdicts = append(g.Verdicts, Verdict{Status: WrongAnswer, Reward: random.NormFloat64()})
		}
		groups[i] = g
	}
	return groups
}

func packRoundTrip[F grpo.Float](t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var b grpo.Batch[F] // reused
	for range 300 {
		groups := randomGroups(random)
		require.NoError(t, Pack(&b, groups...))
		i := 0
		for _, g := range groups {
			for j, c := range g.Completions {
				require.Equal(t, g.Verdicts[j].Reward, b.Rewards[i])
				require.Equal(t, len(c.Tokens), b.Offsets[i+1]-b.Offsets[i])
				for k, l := range c.LogProbs {
					require.Equal(t, math.Float32bits(l), math.Float32bits(float32(b.RolloutLogProbs[b.Offsets[i]+k])))
				}
				i++
			}
		}
		require.Equal(t, i, b.Len())
		require.Len(t, b.Offsets, i+1)
		require.Zero(t, b.Offsets[0])
		keys := make(map[uint64]bool)
		for _, k := range b.Keys {
			keys[k] = true
		}
		require.Len(t, keys, i, "keys are distinct")

		// Packed by halves, on two ranks, identities are the same.
		var left, right grpo.Batch[F]
		half := len(groups) / 2
		require.NoError(t, Pack(&left, groups[:half]...))
		require.NoError(t, Pack(&right, groups[half:]...))
		require.Equal(t, b.Keys, append(append([]uint64{}, left.Keys...), right.Keys...))
		require.Equal(t, b.Groups, append(append([]int{}, left.Groups...), right.Groups...))
	}
}

func TestPackRoundTrip(t *testing.T) {
	t.Run("float32", packRoundTrip[float32])
	t.Run("float64", packRoundTrip[float64])
}

func TestPackRefuses(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	for _, c := range []struct {
		field                string
		group, sample, token int
		damage               func(g []*Group)
	}{
		{"Group", 1, -1, -1, func(g []*Group) { g[1] = nil }},
		{"Problem", 0, -1, -1, func(g []*Group) { g[0].Problem = nil }},
		{"Completions", 1, -1, -1, func(g []*Group) { g[1].Completions, g[1].Verdicts = nil, nil }},
		{"Completions", 1, 1, -1, func(g []*Group) { g[1].Completions[1] = nil }},
		{"Verdicts", 0, -1, -1, func(g []*Group) { g[0].Verdicts = g[0].Verdicts[:1] }},
		{"Verdict", 0, 1, -1, func(g []*Group) { g[0].Verdicts[1].Status = Unjudged }},
		{"Reward", 1, 0, -1, func(g []*Group) { g[1].Verdicts[0].Reward = math.NaN() }},
		{"Reward", 1, 0, -1, func(g []*Group) { g[1].Verdicts[0].Reward = math.Inf(1) }},
		{"LogProbs", 0, 0, 1, func(g []*Group) { g[0].Completions[0].LogProbs[1] = nan }},
		{"LogProbs", 1, 1, 2, func(g []*Group) { g[1].Completions[1].LogProbs[2] = inf }},
		{"LogProbs", 0, 0, -1, func(g []*Group) { g[0].Completions[0].LogProbs = []float32{-1} }},
		{"LogProbs", 0, 1, -1, func(g []*Group) { g[0].Completions[1].LogProbs = nil }},
		{"LogProbs", 1, 1, -1, func(g []*Group) { g[1].Completions[1].LogProbs = nil }},
		{"Versions", 1, 1, -1, func(g []*Group) { g[1].Completions[1].Versions = []int64{1, 2} }},
		{"Sample", 0, 1, -1, func(g []*Group) { g[0].Completions[1].Sample = 0 }},
		{"Sample", 1, 0, -1, func(g []*Group) { g[1].Problem, g[1].Round = g[0].Problem, 0 }},
	} {
		groups := two()
		c.damage(groups)
		b := grpo.Batch[float64]{Offsets: []int{5}, Advantages: []float64{3}}
		var e *PackError
		require.ErrorAs(t, Pack(&b, groups...), &e, c.field)
		require.Equal(t, []any{c.field, c.group, c.sample, c.token}, []any{e.Field, e.Group, e.Sample, e.Token}, "%v", e)
		require.Equal(t, grpo.Batch[float64]{Offsets: []int{5}, Advantages: []float64{3}}, b, "untouched")
	}
	groups := two()
	groups[0].Completions[0].LogProbs[1] = nan
	require.EqualError(t, Pack(&grpo.Batch[float32]{}, groups...), `rollout: pack: group 0 (problem "a"), completion 0, token 1: LogProbs: NaN: a sampled token has a finite log-probability`)
}

func TestPackWithoutLogProbs(t *testing.T) {
	groups := two()
	for _, g := range groups {
		for _, c := range g.Completions {
			c.LogProbs = nil
		}
	}
	b := grpo.Batch[float32]{RolloutLogProbs: []float32{1}}
	require.NoError(t, Pack(&b, groups...))
	require.Nil(t, b.RolloutLogProbs)
	require.Equal(t, []int{0, 2, 3, 3, 6}, b.Offsets)

	require.NoError(t, Pack(&b), "no groups are an empty batch")
	require.Equal(t, []int{0}, b.Offsets)
}

// Keys outlive a release: a resumed run must draw as it did. The key is FNV-1a of
// "two-sum" and the mixing that key.go describes, computed apart.
func TestKeysAreStable(t *testing.T) {
	r := Request{Problem: &Problem{ID: "two-sum"}, Round: 1, Sample: 2, Seed: 3}
	require.Equal(t, uint64(0xf9f3dcc8d82ebaf8), r.Key())
	require.Equal(t, uint64(0x0d499af724686895), r.Rand().Uint64())
}

func TestRandIsAFunctionOfTheRequest(t *testing.T) {
	seen := make(map[uint64]bool)
	for _, id := range []string{"", "a", "b", "ab"} {
		for round := range 5 {
			for sample := range 5 {
				for seed := range int64(3) {
					r := Request{Problem: &Problem{ID: id}, Round: round, Sample: sample, Seed: seed}
					v := r.Rand().Uint64()
					require.Equal(t, v, r.Rand().Uint64())
					seen[v] = true
				}
			}
		}
	}
	require.Len(t, seen, 4*5*5*3)
}
