package eval_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/rollout"
	"github.com/grouprl/grouprl/rollout/eval"
	"github.com/grouprl/grouprl/rollout/window"
)

func TestByDifficulty(t *testing.T) {
	var results []eval.Result
	for i, d := range []string{"2100", "hard", "", "easy", "odd", "800", "medium", "easy", "1600", "Another"} {
		results = append(results, eval.Result{Problem: fmt.Sprint(i), Difficulty: d, Samples: 1})
	}
	var names []string
	for _, p := range eval.ByDifficulty(results) {
		names = append(names, fmt.Sprintf("%s:%d", p.Difficulty, len(p.Results)))
	}
	require.Equal(t, []string{"easy:2", "medium:1", "hard:1", "800:1", "1600:1", "2100:1", "Another:1", "odd:1", ":1"}, names)
}

func report(t *testing.T) eval.Report {
	t.Helper()
	results := []eval.Result{
		{Problem: "a", Difficulty: "easy", Samples: 4, Correct: 4, Tokens: 400},
		{Problem: "b", Difficulty: "easy", Samples: 4, Correct: 2, Tokens: 800, Lost: 1},
		{Problem: "c", Difficulty: "hard", Samples: 4, Correct: 0, Overlong: 3, Tokens: 6000},
	}
	r, err := eval.NewReport(eval.Protocol{Samples: 4, Temperature: 1}, results, eval.Options{Seed: 1})
	require.NoError(t, err)
	return r
}

func TestReport(t *testing.T) {
	r := report(t)
	require.Equal(t, 0.5, r.All.Pass)
	require.Equal(t, 0.25, r.All.Overlong)
	require.Equal(t, 600.0, r.All.Tokens)
	require.Equal(t, 12, r.All.Samples)
	require.Len(t, r.Difficulties, 2)
	require.Equal(t, 0.75, r.Difficulties[0].Pass)
	hard := r.Difficulties[1]
	require.Equal(t, eval.Interval{Low: 0, High: 1}, hard.Clustered, "one problem says nothing about others")
	require.Equal(t, 1, hard.Clusters)
	require.Equal(t, 0.75, hard.Overlong)

	text, err := json.Marshal(r)
	require.NoError(t, err)
	var back eval.Report
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, r, back)

	r, err = eval.NewReport(eval.Protocol{}, []eval.Result{{Problem: "a", Samples: 1}, {Problem: "b", Samples: 1, Correct: 1}}, eval.Options{})
	require.NoError(t, err)
	require.Empty(t, r.Difficulties, "none is known")

	_, err = eval.NewReport(eval.Protocol{TopP: 2}, []eval.Result{{Problem: "a", Samples: 1}}, eval.Options{})
	require.Error(t, err)
	_, err = eval.NewReport(eval.Protocol{}, nil, eval.Options{})
	require.ErrorIs(t, err, eval.ErrNoResults)
	_, err = eval.NewReport(eval.Protocol{}, []eval.Result{{Problem: "a"}}, eval.Options{})
	require.Error(t, err)
}

func TestReportTable(t *testing.T) {
	lines := strings.Split(report(t).String(), "\n")
	require.Equal(t, "4 samples, temperature 1, top-p 1, window 32768", lines[0])
	require.Regexp(t, `^ +problems  samples  pass@1 +95 % clustered +bootstrap  overlong  tokens$`, lines[1])
	require.Regexp(t, `^ all +3 +12  0.5000  \[0.0000, 1.0000\]  \[0.0000, 1.0000\]    0.2500     600$`, " "+strings.TrimLeft(lines[2], " "))
	require.Contains(t, lines[3], "easy")
	require.Contains(t, lines[4], "hard")
	require.Equal(t, "1 samples were lost to errors of the machinery and count in no figure", lines[5])
}

func TestProtocol(t *testing.T) {
	require.Equal(t, "greedy, window 32768", eval.Protocol{}.String())
	require.Equal(t, "16 samples, temperature 0.6, top-p 0.95, window 40960", eval.NousCoder().String())
	long := eval.NousCoderLong()
	require.Equal(t, "16 samples, temperature 0.6, top-p 0.95, window 81920, YaRN 2.5 x 32768", long.String())

	tokens, err := eval.NousCoder().Budget().Tokens(928)
	require.NoError(t, err)
	require.Equal(t, 40000, tokens)
	require.Equal(t, rollout.Options{Samples: 16, Generators: 3}, long.Rollouts(rollout.Options{Generators: 3}))
	require.Equal(t, 1, eval.Protocol{}.Rollouts(rollout.Options{}).Samples)

	for _, p := range []eval.Protocol{{}, eval.NousCoder(), long} {
		require.NoError(t, p.Validate())
		text, err := json.Marshal(p)
		require.NoError(t, err)
		var back eval.Protocol
		require.NoError(t, json.Unmarshal(text, &back))
		require.Equal(t, p, back)
	}
	text, err := json.Marshal(eval.Protocol{})
	require.NoError(t, err)
	require.Equal(t, "{}", string(text))

	for field, p := range map[string]eval.Protocol{
		"Samples": {Samples: 4}, "Temperature": {Temperature: -1}, "TopP": {TopP: 1.5}, "Window": {Window: -1}, "Reserve": {Reserve: -1},
	} {
		var e *eval.OptionsError
		require.ErrorAs(t, p.Validate(), &e)
		require.Equal(t, field, e.Field)
	}
	var y *window.YaRNError
	require.ErrorAs(t, eval.Protocol{YaRN: window.YaRN{Factor: 2}}.Validate(), &y)
}

func TestPerProblemFile(t *testing.T) {
	results := []eval.Result{
		{Problem: "a", Difficulty: "easy", Cluster: "x", Samples: 16, Correct: 3, Overlong: 2, Lost: 1, Tokens: 12345},
		{Problem: "ü\n\"", Samples: 1},
	}
	var file bytes.Buffer
	require.NoError(t, eval.Write(&file, results...))
	require.Equal(t, `{"problem":"a","difficulty":"easy","cluster":"x","samples":16,"correct":3,"overlong":2,"lost":1,"tokens":12345}
{"problem":"ü\n\"","samples":1,"correct":0,"overlong":0}
`, file.String())

	var back []eval.Result
	for r, err := range eval.Read(&file) {
		require.NoError(t, err)
		back = append(back, r)
	}
	require.Equal(t, results, back)

	var bad *eval.ResultError
	require.ErrorAs(t, eval.Write(io.Discard, eval.Result{Samples: 2, Correct: 3}), &bad)
	require.ErrorIs(t, eval.Write(failing{}, results...), os.ErrClosed)
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestPerProblemFileDamaged(t *testing.T) {
	file := `{"problem":"a","samples":1,"correct":1,"new":"field"}

{"problem":"b","samples":1,"correct":2}
nonsense
{"problem":"c","samples":2,"correct":1}
{"problem":"d","sam`
	var problems []string
	var lines []int
	for r, err := range eval.Read(strings.NewReader(file)) {
		var e *eval.LineError
		if errors.As(err, &e) {
			lines = append(lines, e.Line)
			continue
		}
		require.NoError(t, err)
		problems = append(problems, r.Problem)
	}
	require.Equal(t, []string{"a", "c"}, problems)
	require.Equal(t, []int{3, 4, 6}, lines)

	n := 0
	for _, err := range eval.Read(iotest.ErrReader(os.ErrPermission)) {
		require.ErrorIs(t, err, os.ErrPermission)
		n++
	}
	require.Equal(t, 1, n)
	for range eval.Read(strings.NewReader(file)) {
		break
	}
}
