package window_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/rollout/window"
)

func TestScheduleOfTheRecipe(t *testing.T) {
	s := window.NousCoder(400)
	require.NoError(t, s.Validate())
	for step, want := range map[int]int{-1: 32768, 0: 32768, 399: 32768, 400: 40960, 401: 40960, 1 << 30: 40960} {
		require.Equal(t, want, s.At(step), "step %d", step)
	}
	require.Equal(t, "32768, 40960 from step 400", s.String())

	text, err := json.Marshal(s)
	require.NoError(t, err)
	require.JSONEq(t, `[{"from":0,"tokens":32768},{"from":400,"tokens":40960}]`, string(text))
	var back window.Schedule
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, s, back)
}

func TestScheduleZeroValue(t *testing.T) {
	var s window.Schedule
	require.NoError(t, s.Validate())
	require.Equal(t, 32768, s.At(0))
	require.Equal(t, 32768, s.At(1000))
	require.Equal(t, "32768", s.String())
}

func TestScheduleRefuses(t *testing.T) {
	for _, c := range []struct {
		s     window.Schedule
		stage int
	}{
		{window.Schedule{{1, 100}}, 0},
		{window.Schedule{{0, 100}, {0, 200}}, 1},
		{window.Schedule{{0, 100}, {5, 200}, {4, 300}}, 2},
		{window.Schedule{{0, 100}, {5, 0}}, 1},
		{window.Schedule{{0, -1}}, 0},
	} {
		var e *window.ScheduleError
		require.ErrorAs(t, c.s.Validate(), &e, "%v", c.s)
		require.Equal(t, c.stage, e.Stage)
	}
}

// 32,768 - 1,000 of prompt - 32 in reserve = 31,736 to sample.
func TestBudget(t *testing.T) {
	b := window.NousCoder(400).Budget(399, 32)
	n, err := b.Tokens(1000)
	require.NoError(t, err)
	require.Equal(t, 31736, n)

	n, err = b.Tokens(32768 - 32 - 1)
	require.NoError(t, err)
	require.Equal(t, 1, n)

	for _, prompt := range []int{32768 - 32, 40000, -1} {
		_, err = b.Tokens(prompt)
		var e *window.PromptError
		require.ErrorAs(t, err, &e)
		require.Equal(t, prompt, e.Prompt)
	}
	_, err = window.Budget{Window: 100, Reserve: -1}.Tokens(10)
	require.Error(t, err, "a negative reserve would lend tokens that are not there")
	_, err = window.Budget{}.Tokens(0)
	require.Error(t, err)
}

// A completion is judged by the window of the step that generated it: cut at
// step 399 it stays overlong at step 400, whose window it would not have filled.
func TestOverlongByTheGeneratingStep(t *testing.T) {
	s := window.NousCoder(400)
	const prompt, reserve = 768, 0
	require.False(t, s.Budget(399, reserve).Overlong(prompt, 31999))
	require.True(t, s.Budget(399, reserve).Overlong(prompt, 32000))
	require.False(t, s.Budget(400, reserve).Overlong(prompt, 32000))
	require.True(t, s.Budget(400, reserve).Overlong(prompt, 40960-768))
	require.True(t, s.Budget(399, reserve).Overlong(40000, 0), "a prompt without room")
}

func ExampleSchedule() {
	schedule := window.Schedule{{From: 0, Tokens: 32768}, {From: 400, Tokens: 40960}}
	budget := schedule.Budget(400, 32)
	tokens, err := budget.Tokens(928)
	fmt.Println(schedule)
	fmt.Println(tokens, err)
	// Output:
	// 32768, 40960 from step 400
	// 40000 <nil>
}
