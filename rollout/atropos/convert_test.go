package atropos

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/grouprl/grouprl/grpo"
	"github.com/grouprl/grouprl/rollout"
	"github.com/stretchr/testify/require"
)

// two completions of one prompt, the second cut by the window.
func twoCompletions() *rollout.Group {
	return &rollout.Group{
		Problem: &rollout.Problem{ID: "sum"},
		Round:   3,
		Completions: []*rollout.Completion{
			{Sample: 4, Prompt: []int32{1, 2}, Tokens: []int32{3, 4, 5}, LogProbs: []float32{-0.5, -0.25, math.SmallestNonzeroFloat32}, Versions: []int64{7, 7, 8}},
			{Sample: 6, Prompt: []int32{1, 2}, Tokens: []int32{9}, LogProbs: []float32{-0.1}, Versions: []int64{8}, Finish: rollout.Length},
		},
		Verdicts: []rollout.Verdict{{Status: rollout.Accepted, Reward: 1, Test: -1}, {Status: rollout.Truncated, Reward: -1, Test: -1}},
	}
}

// What goes over the wire, by hand, and back.
func TestFromGroup(t *testing.T) {
	g := twoCompletions()
	d, err := FromGroup(g)
	require.NoError(t, err)
	require.Equal(t, [][]int32{{1, 2, 3, 4, 5}, {1, 2, 9}}, d.Tokens)
	require.Equal(t, [][]int32{{-100, -100, 3, 4, 5}, {-100, -100, 9}}, d.Masks)
	require.Equal(t, []float64{1, -1}, d.Scores)
	require.Equal(t, [][]float32{{1, 1, -0.5, -0.25, math.SmallestNonzeroFloat32}, {1, 1, -0.1}}, d.InferenceLogProbs)
	require.Equal(t, []Override{{}, {"set_advantage_to_zero": true}}, d.Overrides)
	require.Equal(t, []bool{false, true}, d.Truncated(nil))

	b, err := d.AppendJSON([]byte("x"))
	require.NoError(t, err)
	require.JSONEq(t, `{"tokens":[[1,2,3,4,5],[1,2,9]],"masks":[[-100,-100,3,4,5],[-100,-100,9]],"scores":[1,-1],"advantages":null,"ref_logprobs":null,
		"messages":null,"generation_params":null,"inference_logprobs":[[1.0,1.0,-0.5,-0.25,1e-45],[1.0,1.0,-0.1]],"overrides":[{},{"set_advantage_to_zero":true}],
		"group_overrides":{"grouprl":{"Problem":"sum","Round":3,"Samples":[4,6],"Versions":[[[7,2],[8,1]],[[8,1]]],"Statuses":["Accepted","Truncated"]}},
		"images":null,"env_id":null,"distill_token_ids":null,"distill_logprobs":null}`, string(b[1:]))
	for _, wire := range []func() *ScoredData{
		func() *ScoredData { return d },
		func() *ScoredData { var e ScoredData; require.NoError(t, json.Unmarshal(b[1:], &e)); return &e },
	} {
		got, err := wire().Group("other")
		require.NoError(t, err)
		got.Problem.Tests = nil
		require.Equal(t, g, got)
	}

	g.Completions[0].LogProbs, g.Completions[1].LogProbs = nil, nil
	g.Completions[1].Finish = rollout.Stop
	d, err = FromGroup(g)
	require.NoError(t, err)
	require.Nil(t, d.InferenceLogProbs)
	require.Nil(t, d.Overrides)
	g.Verdicts[0].Reward = math.NaN()
	_, err = FromGroup(g)
	require.ErrorAs(t, err, new(*rollout.PackError))
}

// A group of somebody else's environment.
func TestGroupOfAnotherEnvironment(t *testing.T) {
	var d ScoredData
	require.NoError(t, json.Unmarshal([]byte(`{"tokens": [[5, 6, 7], [8]], "masks": [[-100, 6, 7], [8]], "scores": [0.5, 0], "overrides": [{}, {"set_advantage_to_zero": 1}]}`), &d))
	g, err := d.Group("p")
	require.NoError(t, err)
	require.Equal(t, []int32{5}, g.Completions[0].Prompt)
	require.Equal(t, []int32{6, 7}, g.Completions[0].Tokens)
	require.Equal(t, []rollout.Status{rollout.Accepted, rollout.WrongAnswer}, []rollout.Status{g.Verdicts[0].Status, g.Verdicts[1].Status})
	require.Equal(t, rollout.Length, g.Completions[1].Finish)
	require.Empty(t, g.Completions[1].Prompt)
	var b grpo.Batch[float64]
	require.NoError(t, rollout.Pack(&b, g))

	for name, text := range map[string]string{
		"two turns":    `{"tokens": [[5, 6, 7]], "masks": [[5, -100, 7]], "scores": [1]}`,
		"other tokens": `{"tokens": [[5, 6, 7]], "masks": [[5, 6, 8]], "scores": [1]}`,
		"mask rows":    `{"tokens": [[5], [6]], "masks": [[5]], "scores": [1, 2]}`,
		"mask length":  `{"tokens": [[5, 6]], "masks": [[5]], "scores": [1]}`,
		"scores":       `{"tokens": [[5]], "masks": [[5]], "scores": []}`,
		"overrides":    `{"tokens": [[5]], "masks": [[5]], "scores": [1], "overrides": []}`,
		"log-probs":    `{"tokens": [[5]], "masks": [[5]], "scores": [1], "inference_logprobs": [[]]}`,
		"advantages":   `{"tokens": [[5]], "masks": [[5]], "scores": [1], "advantages": [[1, 2]]}`,
		"nothing":      `{"tokens": [], "masks": [], "scores": []}`,
		"extension":    `{"tokens": [[5]], "masks": [[5]], "scores": [1], "group_overrides": {"grouprl": {"Samples": [1, 2]}}}`,
		"versions":     `{"tokens": [[5]], "masks": [[5]], "scores": [1], "group_overrides": {"grouprl": {"Samples": [1], "Statuses": ["Accepted"], "Versions": [[[1, 1000000000000]]]}}}`,
	} {
		var d ScoredData
		require.NoError(t, json.Unmarshal([]byte(text), &d), name)
		_, err := d.Group("p")
		require.ErrorAs(t, err, new(*ShapeError), name)
	}
}

// By hand: scores 1, 0, 0, -1 have mean 0 and population std sqrt(1/2). The truncated
// last one counts in both, and is then set to zero.
func TestNormalized(t *testing.T) {
	d := ScoredData{Tokens: make([][]int32, 4), Masks: make([][]int32, 4), Scores: []float64{1, 0, 0, -1}, Overrides: []Override{nil, {}, {"temperature": 2}, {SetAdvantageToZero: true}}}
	a, err := d.Normalized([]float64{9})
	require.NoError(t, err)
	require.InDeltaSlice(t, []float64{9, math.Sqrt2, 0, 0, 0}, a, 1e-15)
	d.Overrides = nil
	a, err = d.Normalized(nil)
	require.NoError(t, err)
	require.InDeltaSlice(t, []float64{math.Sqrt2, 0, 0, -math.Sqrt2}, a, 1e-15)
	// 1e-9 apart: std 5e-10 is below the floor of 1e-8.
	d = ScoredData{Tokens: make([][]int32, 2), Masks: make([][]int32, 2), Scores: []float64{1e-9, 0}}
	a, err = d.Normalized(nil)
	require.NoError(t, err)
	require.InDeltaSlice(t, []float64{0.05, -0.05}, a, 1e-12)
	// Equal scores: nothing, although 3 * 0.1 / 3 is not 0.1.
	d = ScoredData{Tokens: make([][]int32, 3), Masks: make([][]int32, 3), Scores: []float64{0.1, 0.1, 0.1}}
	a, err = d.Normalized(nil)
	require.NoError(t, err)
	require.Equal(t, []float64{0, 0, 0}, a)
	// One alone keeps its score.
	d = ScoredData{Tokens: make([][]int32, 1), Masks: make([][]int32, 1), Scores: []float64{0.7}}
	a, err = d.Normalized(nil)
	require.NoError(t, err)
	require.Equal(t, []float64{0.7}, a)
}

func TestTemperature(t *testing.T) {
	var d ScoredData
	require.NoError(t, json.Unmarshal([]byte(`{"tokens": [[1], [2]], "masks": [[1], [2]], "scores": [0, 1], "overrides": [{"temperature": 0.5}, {}], "group_overrides": {"temperature": 3}}`), &d))
	for i, want := range []float64{0.5, 3, 3} {
		got, err := d.Temperature(i)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	d.GenerationParams = map[string]any{"temperature": 2}
	got, err := d.Temperature(1)
	require.NoError(t, err)
	require.Equal(t, 2.0, got, "before the group's")
	got, err = (&ScoredData{}).Temperature(0)
	require.NoError(t, err)
	require.Equal(t, 1.0, got)
	for _, bad := range []any{0, -1, "warm", nil, math.NaN()} {
		_, err = (&ScoredData{GenerationParams: map[string]any{"temperature": bad}}).Temperature(0)
		require.ErrorAs(t, err, new(*ShapeError))
	}
}

// Whether an override is set is Python's truth.
func TestTruncatedIsPythonTruth(t *testing.T) {
	for text, want := range map[string]bool{
		"true": true, "false": false, "null": false, "0": false, "0.0": false, "1": true, `""`: false, `"no"`: true, "[]": false, "[0]": true, "{}": false, `{"a":0}`: true,
	} {
		var d ScoredData
		require.NoError(t, json.Unmarshal([]byte(`{"tokens":[[1]],"masks":[[1]],"scores":[1],"overrides":[{"set_advantage_to_zero":`+text+`}]}`), &d))
		require.Equal(t, []bool{want}, d.Truncated(nil), text)
	}
}

// By hand: two turns of the model with a tool's answer between, and a second group.
func TestPack(t *testing.T) {
	groups := []*ScoredData{
		{
			Tokens: [][]int32{{1, 2, 3, 4, 5}, {1, 6}}, Masks: [][]int32{{-100, 2, -100, -100, 5}, {-100, 6}}, Scores: []float64{1, 0},
			InferenceLogProbs: [][]float32{{1, -0.5, 1, 1, -0.25}, {1, -2}},
		},
		{Tokens: [][]int32{{7, 8}}, Masks: [][]int32{{7, 8}}, Scores: []float64{3}, InferenceLogProbs: [][]float32{{-1, -3}}},
	}
	b := grpo.Batch[float32]{LogProbs: []float32{1}, OldLogProbs: []float32{1}, Episodes: []int{1}}
	first, tokens, err := Pack(&b, groups...)
	require.NoError(t, err)
	require.Equal(t, []int32{1, 1, 7}, first)
	require.Equal(t, []int32{2, 3, 4, 5, 6, 8}, tokens)
	require.Equal(t, grpo.Batch[float32]{
		Offsets: []int{0, 4, 5, 6}, RolloutLogProbs: []float32{-0.5, 1, 1, -0.25, -2, -3}, Mask: []bool{true, false, false, true, true, true},
		Advantages: []float64{1, -1, 3}, Groups: []int{0, 0, 1}, Keys: []uint64{0, 1, 2}, Rewards: []float64{1, 0, 3},
	}, b)

	before := b
	groups[1].InferenceLogProbs = nil
	_, _, err = Pack(&b, groups...)
	require.ErrorAs(t, err, new(*ShapeError))
	groups[1] = &ScoredData{Tokens: [][]int32{{}}, Masks: [][]int32{{}}, Scores: []float64{3}, InferenceLogProbs: [][]float32{{}}}
	_, _, err = Pack(&b, groups...)
	require.ErrorAs(t, err, new(*ShapeError))
	require.Equal(t, before, b)

	// And it is a batch: the loss is finite, and no masked position has a gradient.
	b.LogProbs = append([]float32{}, -0.4, 0, 0, -0.2, -2, -3)
	b.OldLogProbs = b.RolloutLogProbs
	objective := grpo.New()
	dst := grpo.Gradient[float32]{LogProbs: make([]float32, 6)}
	_, err = grpo.Eval(dst, &objective, &b)
	require.NoError(t, err)
	require.Zero(t, dst.LogProbs[1])
	require.Zero(t, dst.LogProbs[2])
	require.NotZero(t, dst.LogProbs[0])
}
