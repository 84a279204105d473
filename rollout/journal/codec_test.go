package journal

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/grouprl/grouprl/rollout"
	"github.com/stretchr/testify/require"
)

// randomGroup is a group with n completions, all of it a function of the seed.
func randomGroup(seed uint64, n int) *rollout.Group {
	r := rand.New(rand.NewPCG(seed, 1))
	tokens := func() []int32 {
		s := make([]int32, r.IntN(20))
		for i := range s {
			s[i] = int32(r.Uint32())
		}
		return s
	}
	g := &rollout.Group{
		Problem: &rollout.Problem{ID: "p" + string(rune('a'+seed%26)), Statement: "Add.\n", Source: "test", Released: time.Unix(int64(seed), 5).UTC()},
		Round:   int(seed),
	}
	for i := range n {
		c := &rollout.Completion{Sample: i, Text: "```\nprint()\n```\xff\x00", Prompt: tokens(), Tokens: append(tokens(), 7), Finish: rollout.FinishReason(i % 2)}
		for range c.Tokens {
			c.LogProbs = append(c.LogProbs, -r.Float32())
			c.Versions = append(c.Versions, int64(r.IntN(2)))
		}
		if i%3 == 1 {
			c.Versions = c.Versions[:1]
		}
		g.Completions = append(g.Completions, c)
		g.Verdicts = append(g.Verdicts, rollout.Verdict{Status: rollout.WrongAnswer, Reward: r.NormFloat64(), Test: -1, Passed: 3, Ran: 4, CPU: 5, Wall: 6, Memory: 1 << 40, Stderr: "é"})
	}
	return g
}

// comparable drops what reflect cannot compare: Tests is a function.
func plain(g *rollout.Group) *rollout.Group {
	p := *g.Problem
	p.Tests = nil
	c := *g
	c.Problem = &p
	return &c
}

func TestGroupRoundTrip(t *testing.T) {
	g := randomGroup(3, 4)
	g.Completions[0].LogProbs = []float32{0, float32(math.Copysign(0, -1)), math.SmallestNonzeroFloat32, float32(math.Inf(-1)), math.Float32frombits(0x7fc12345)}
	g.Completions[1] = &rollout.Completion{Sample: 1} // nil slices
	g.Completions[2] = &rollout.Completion{Sample: -2, Prompt: []int32{}, Tokens: []int32{}, LogProbs: []float32{}, Versions: []int64{}}
	g.Completions[3].Tokens = []int32{math.MinInt32, -1, 0, math.MaxInt32}
	g.Completions[3].Versions = []int64{math.MinInt64, math.MaxInt64, math.MaxInt64, 0}
	g.Verdicts[0].Reward = math.Float64frombits(0x7ff8000000000abc)
	g.Lost = []*rollout.SampleError{{Sample: 9, Stage: "verify", Attempts: 3, Err: errors.New("no sandbox")}, {Sample: 10}}

	b, err := AppendGroup([]byte("before"), g)
	require.NoError(t, err)
	require.Equal(t, "before", string(b[:6]))
	got, err := ParseGroup(b[6:])
	require.NoError(t, err)
	for _, err := range got.Problem.Tests {
		require.ErrorIs(t, err, ErrTests)
	}
	again, err := AppendGroup([]byte("before"), got)
	require.NoError(t, err)
	require.Equal(t, b, again, "every bit, NaNs too")
	// reflect tells nil from empty, but no NaN from another.
	require.Equal(t, uint32(0x7fc12345), math.Float32bits(got.Completions[0].LogProbs[4]))
	g.Completions[0].LogProbs, got.Completions[0].LogProbs = nil, nil
	require.Equal(t, uint64(0x7ff8000000000abc), math.Float64bits(got.Verdicts[0].Reward))
	g.Verdicts[0].Reward, got.Verdicts[0].Reward = 0, 0
	require.Equal(t, plain(g), plain(got))

	for n := range b[6:] {
		_, err := ParseGroup(b[6 : 6+n])
		require.Error(t, err, n)
	}
	_, err = ParseGroup(append(b[6:], 0))
	require.Error(t, err)
}

// 40,000 versions in runs, as an engine whose weights are exchanged twice reports
// them, take a few bytes.
func TestVersionsAreRuns(t *testing.T) {
	g := randomGroup(1, 1)
	c := g.Completions[0]
	c.Tokens, c.LogProbs, c.Versions = make([]int32, 40000), nil, make([]int64, 40000)
	for i := range c.Versions {
		c.Versions[i] = 100 + int64(i/15000)
	}
	b, err := AppendGroup(nil, g)
	require.NoError(t, err)
	require.Less(t, len(b), 4*40000+500)
	got, err := ParseGroup(b)
	require.NoError(t, err)
	require.Equal(t, c.Versions, got.Completions[0].Versions)
}

// FuzzParseGroup: no bytes panic, none make it allocate much more than they are, and
// what parses is what would be written.
func FuzzParseGroup(f *testing.F) {
	for seed := range uint64(4) {
		b, err := AppendGroup(nil, randomGroup(seed, int(seed)))
		require.NoError(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := ParseGroup(b)
		if err != nil {
			return
		}
		once, err := AppendGroup(nil, g)
		if err != nil {
			return // a time that cannot be written
		}
		g, err = ParseGroup(once)
		if err != nil {
			t.Fatal(err)
		}
		twice, err := AppendGroup(nil, g)
		if err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("%x\n%x\n%v", once, twice, err)
		}
	})
}
