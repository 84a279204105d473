package dataset

import (
	"bytes"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/rollout"
)

func TestTimeLimit(t *testing.T) {
	for text, want := range map[string]time.Duration{
		`{}`:          0,
		`{"t": null}`: 0,
		`{"t": 2}`:    2 * time.Second,
		`{"t": 0.1}`:  100 * time.Millisecond,
		`{"t": {"seconds": 2, "nanos": 500000000}}`:      2500 * time.Millisecond,
		`{"t": {"seconds": 1, "nanos": null}}`:           time.Second,
		`{"t": {"seconds": 0, "nanos": 0}}`:              0,
		`{"t": {"seconds": "1", "nanos": 0}}`:            time.Second,
		`{"t": "seconds: 2\nnanos: 500000000\n"}`:        2500 * time.Millisecond,
		`{"t": "seconds: 1\n"}`:                          time.Second,
		`{"t": "nanos: 400000000\n"}`:                    400 * time.Millisecond,
		`{"t": "2.500s"}`:                                2500 * time.Millisecond,
		`{"t": ""}`:                                      0,
		`{"t": "None"}`:                                  0,
		`{"t": "unknown"}`:                               0,
		`{"t": "2.0 seconds"}`:                           2 * time.Second,
		`{"t": "1.5"}`:                                   1500 * time.Millisecond,
		`{"t": "1 sec"}`:                                 time.Second,
		`{"t": "2s"}`:                                    2 * time.Second,
		`{"t": "500 ms"}`:                                500 * time.Millisecond,
		`{"t": "1000 milliseconds"}`:                     time.Second,
		`{"t": "1 - 2 seconds"}`:                         2 * time.Second,
		`{"t": "300-500 ms"}`:                            500 * time.Millisecond,
		`{"t": "0.5 - 1.5 seconds per test, 64 inputs"}`: 64 * time.Second, // what cannot be told apart is generous
		`{"t": "1 minute"}`:                              time.Minute,
	} {
		row, err := ParseRow("row", text)
		require.NoError(t, err)
		got, err := row.timeLimit("t")
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for text, want := range map[string]string{
		`{"t": -1}`:                 "t: -1 seconds",
		`{"t": 1e300}`:              "no time limit",
		`{"t": "3601 seconds"}`:     "no time limit",
		`{"t": [1]}`:                "want a number, a text or",
		`{"t": true}`:               "want a number, a text or",
		`{"t": {"seconds": "two"}}`: "t: seconds: want a number",
		`{"t": {"nanos": {}}}`:      "t: nanos: want a number",
		`{"t": "` + strings.Repeat("9", 400) + `"}`: "no time limit",
	} {
		row, err := ParseRow("row", text)
		require.NoError(t, err)
		_, err = row.timeLimit("t")
		require.ErrorContains(t, err, want, text)
	}
}

// Every schema whose set has time limits passes them on, and a set that is written
// keeps them.
func TestTimeLimits(t *testing.T) {
	const tests = `{"inputs": ["1"], "outputs": ["1"]}`
	for name, c := range map[string]struct {
		schema Schema
		row    string
	}{
		"taco":         {TACO, `{"question": "q", "input_output": ` + tests + `, "time_limit": "2.5 seconds"}`},
		"codecontests": {CodeContests, `{"description": "q", "public_tests": {"input": ["1"], "output": ["1"]}, "time_limit": {"seconds": 2, "nanos": 500000000}}`},
		"as converted": {CodeContests, `{"description": "q", "public_tests": [{"input": "1", "output": "1"}], "time_limit": "seconds: 2\nnanos: 500000000\n"}`},
		"synthetic1":   {Synthetic1, `{"prompt": "q", "metadata": "{'time_limit': {'seconds': 2, 'nanos': 500000000}}", "verification_info": {"language": "python", "test_cases": []}}`},
		"deepcoder":    {DeepCoder, `{"problem": "q", "tests": ` + tests + `, "time_limit": 2.5}`},
		"rlvr":         {RLVR, `{"problem": "q", "problem_type": "stdin_stdout", "tests": ` + tests + `, "time_limit": 2.5}`},
	} {
		row, err := ParseRow("row", c.row)
		require.NoError(t, err)
		p, err := c.schema(row)
		require.NoError(t, err, name)
		require.Equal(t, 2500*time.Millisecond, p.TimeLimit, name)

		var written bytes.Buffer
		require.NoError(t, WriteRLVR(&written, only1(p)))
		row, err = ParseRow("row", strings.TrimSpace(written.String()))
		require.NoError(t, err)
		again, err := RLVR(row)
		require.NoError(t, err)
		require.Equal(t, p.TimeLimit, again.TimeLimit, name)
	}
	// What is no more than a remark does not make a row unreadable.
	row, err := ParseRow("row", `{"prompt": "q", "metadata": "not a structure", "verification_info": {"test_cases": []}}`)
	require.NoError(t, err)
	p, err := Synthetic1(row)
	require.NoError(t, err)
	require.Zero(t, p.TimeLimit)
}

func only1(p *rollout.Problem) iter.Seq2[*rollout.Problem, error] {
	return func(yield func(*rollout.Problem, error) bool) { yield(p, nil) }
}
