package dataset

import (
	"errors"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/rollout"
)

// What testdata/make.py wrote, in every schema: three tests of a program and three
// of a function.
var (
	capitals = []rollout.Test{
		{Input: "é\n", Expected: "É\n"},
		{Input: "a 😀\n2\n", Expected: "A 😀\n2\n"},
		{Input: "'\"\\\n", Expected: "'\"\\\n"},
	}
	pair = []rollout.Test{
		{Input: "[\"a\",\"é\"]\n2", Expected: `["a",2]`},
		{Input: "[]\n1.5", Expected: `null`},
		{Input: "[\"'\"]\n-3", Expected: `[true,{"k":[0]}]`},
	}
	good = "import sys\nprint(sys.stdin.read().upper(), end='')\n"
)

func TestSchemas(t *testing.T) {
	for _, c := range []struct {
		file   string
		schema Schema
		want   string // a letter for each problem: Capitals or Pair
		check  func(t *testing.T, p *rollout.Problem)
	}{
		{"rlvr.jsonl", RLVR, "CPP", nil},
		{"livecodebench.jsonl", LiveCodeBench, "CCCCCP", func(t *testing.T, p *rollout.Problem) {
			require.Equal(t, time.Date(2024, 8, 1, 0, 0, 0, 0, time.UTC), p.Released)
			require.Contains(t, []string{"capitals", "pair"}, p.ID)
			require.Equal(t, "easy", p.Difficulty)
			require.Equal(t, "atcoder", p.Source)
		}},
		{"taco.json", TACO, "CPCP", func(t *testing.T, p *rollout.Problem) {
			require.Equal(t, good, p.Reference)
			require.Equal(t, "EASY", p.Difficulty)
		}},
		{"synthetic1.jsonl", Synthetic1, "CPCP", func(t *testing.T, p *rollout.Problem) {
			require.Equal(t, good, p.Reference)
			require.Contains(t, []string{"vcp_0", "vcp_1"}, p.ID)
		}},
		{"code_contests.jsonl", CodeContests, "CC", func(t *testing.T, p *rollout.Problem) {
			require.Equal(t, good, p.Reference)
			require.Contains(t, []string{"A", "1500"}, p.Difficulty)
			require.Equal(t, "1_A. Capitals", p.ID)
		}},
		{"code_contests.json", CodeContests, "C", func(t *testing.T, p *rollout.Problem) {
			require.Equal(t, good, p.Reference)
			require.Equal(t, "1500", p.Difficulty)
			require.Equal(t, 2500*time.Millisecond, p.TimeLimit)
		}},
		{"deepcoder.jsonl", DeepCoder, "CCCPPP", func(t *testing.T, p *rollout.Problem) {
			require.Equal(t, good, p.Reference)
		}},
		{"verl.jsonl", Verl, "CP", func(t *testing.T, p *rollout.Problem) {
			require.Equal(t, "taco", p.Source)
		}},
	} {
		t.Run(c.file, func(t *testing.T) {
			f, err := Open("testdata/"+c.file, c.schema)
			require.NoError(t, err)
			defer f.Close()
			got := ""
			for p, err := range f.Problems() {
				require.NoError(t, err)
				got += p.Statement[:1]
				switch p.Statement {
				case "Capitals":
					require.Equal(t, "", p.Entry)
					require.Equal(t, capitals, collect(t, p.Tests))
				case "Pair":
					require.Equal(t, "pair", p.Entry)
					require.Equal(t, pair, spaceless(collect(t, p.Tests)))
					if c.file != "verl.jsonl" && c.file != "synthetic1.jsonl" {
						require.Equal(t, "def pair(words, n):", p.Starter)
					}
				}
				require.Equal(t, collect(t, p.Tests), collect(t, p.Tests), "ranges differ")
				if c.check != nil {
					c.check(t, p)
				}
				require.NotEmpty(t, p.ID)
			}
			require.Equal(t, c.want, got)
		})
	}
}

// spaceless takes out what json.dumps puts after commas and colons, and its escapes.
func spaceless(tests []rollout.Test) []rollout.Test {
	for i := range tests {
		for _, text := range []*string{&tests[i].Input, &tests[i].Expected} {
			b := []byte{}
			for j := 0; j < len(*text); j++ {
				if c := (*text)[j]; c != ' ' {
					b = append(b, c)
				}
			}
			*text = string(b)
			if *text == "[\"a\",\"\\u00e9\"]\n2" {
				*text = pair[0].Input
			}
		}
	}
	return tests
}

func collect(t *testing.T, tests iter.Seq2[rollout.Test, error]) (all []rollout.Test) {
	t.Helper()
	for test, err := range tests {
		require.NoError(t, err)
		all = append(all, test)
	}
	return all
}

// firstError makes a problem of a row and ranges over its tests.
func firstError(schema Schema, row string) error {
	r, err := ParseRow("row", row)
	if err != nil {
		return err
	}
	p, err := schema(r)
	if err != nil {
		return err
	}
	for _, err := range p.Tests {
		if err != nil {
			return err
		}
	}
	return nil
}

// APPS names its problems by another member than its descendants.
func TestNameOfAPPS(t *testing.T) {
	for row, want := range map[string]string{`"problem_id": 7`: "7", `"problem_id": 7, "id": 8`: "8", `"x": 1`: "row"} {
		r, err := ParseRow("row", `{"question": "q", "input_output": {"inputs": [], "outputs": []}, `+row+`}`)
		require.NoError(t, err)
		p, err := TACO(r)
		require.NoError(t, err)
		require.Equal(t, want, p.ID)
	}
}

func TestSchemasRefuse(t *testing.T) {
	for _, c := range []struct {
		schema      Schema
		row, reason string
	}{
		{RLVR, `{}`, "problem: no statement"},
		{RLVR, `[]`, "want '{'"},
		{RLVR, `{"problem": 1}`, "problem: want a string"},
		{RLVR, `{"problem": "p"}`, "problem_type"},
		{RLVR, `{"problem": "p", "problem_type": "func"}`, "fn_name"},
		{RLVR, `{"problem": "p", "problem_type": "stdin_stdout"}`, "tests: missing"},
		{RLVR, `{"problem": "p", "problem_type": "stdin_stdout", "tests": "{"}`, "neither JSON"},
		{RLVR, `{"problem": "p", "problem_type": "stdin_stdout", "tests": {"input": []}}`, "no input and output"},
		{RLVR, `{"problem": "p", "problem_type": "stdin_stdout", "tests": {"input": ["", ""], "output": [""]}}`, "test 1: more inputs"},
		{RLVR, `{"problem": "p", "problem_type": "stdin_stdout", "tests": {"input": [], "output": [""]}}`, "more outputs"},
		{RLVR, `{"problem": "p", "problem_type": "stdin_stdout", "tests": {"input": [1], "output": [""]}}`, "test 0: input: want a string"},
		{RLVR, `{"problem": "p", "problem_type": "stdin_stdout", "tests": {"input": ["\ud800"], "output": [""]}}`, "surrogate"},
		{RLVR, `{"problem": "p", "problem_type": "func", "fn_name": "f", "tests": {"input": ["1"], "output": ["nope"]}}`, "not JSON"},
		{RLVR, `{"problem": "p", "problem_type": "func", "fn_name": "f", "tests": {"input": ["1"], "output": [[]]}}`, "empty list"},
		{RLVR, `{"problem": "p", "problem_type": "func", "fn_name": "f", "tests": {"input": [1], "output": ["1"]}}`, "list of arguments"},
		{RLVR, `{"problem": "p", "released": "soon"}`, "not a date"},
		{LiveCodeBench, `{"question_content": "q", "contest_date": "2024"}`, "contest_date"},
		{LiveCodeBench, `{"question_content": "q"}`, "public_test_cases: missing"},
		{LiveCodeBench, `{"question_content": "q", "public_test_cases": "[]", "private_test_cases": 1}`, "private_test_cases"},
		{LiveCodeBench, `{"question_content": "q", "public_test_cases": "[]", "private_test_cases": "!!!!"}`, "private_test_cases: illegal base64"},
		{LiveCodeBench, `{"question_content": "q", "public_test_cases": "[]", "private_test_cases": "AAAA"}`, "private_test_cases: zlib"},
		{LiveCodeBench, `{"question_content": "q", "public_test_cases": "[{\"input\": \"\", \"output\": \"\", \"testtype\": \"functional\"}]"}`, "type of test"},
		{LiveCodeBench, `{"question_content": "q", "public_test_cases": "[{\"input\": \"\", \"output\": \"\", \"testtype\": \"other\"}]"}`, "unknown type"},
		{LiveCodeBench, `{"question_content": "q", "public_test_cases": "[{\"input\": \"\"}]"}`, "no input and output"},
		{TACO, `{"question": "q"}`, "input_output: missing"},
		{TACO, `{"question": "q", "input_output": "{'inputs': [}"}`, "Python literal"},
		{TACO, `{"question": "q", "input_output": "{'inputs': ['1'], 'outputs': []}"}`, "input_output: test 0"},
		{TACO, `{"question": "q", "input_output": "{'inputs': [], 'outputs': [b'']}"}`, "prefix"},
		{TACO, `{"question": "q", "input_output": "{}", "solutions": "x"}`, "solutions"},
		{Synthetic1, `{"prompt": "p"}`, "verification_info: missing"},
		{Synthetic1, `{"prompt": "p", "task_type": "verifiable_math"}`, "no programming problem"},
		{Synthetic1, `{"prompt": "p", "verification_info": "{'language': 'python', 'test_cases': [{'type': 'function_call', 'fn_name': 'f', 'input': [], 'output': 1}, {'type': 'function_call', 'fn_name': 'g', 'input': [], 'output': 1}]}"}`, `function "g"`},
		{CodeContests, `{"name": "n"}`, "description"},
		{CodeContests, `{"description": "d", "difficulty": 99}`, "unknown number"},
		{CodeContests, `{"description": "d", "solutions": [{"language": "C"}]}`, "solutions: json"},
		{CodeContests, `{"description": "d", "time_limit": {"seconds": "x"}}`, "time_limit: seconds"},
		{CodeContests, `{"description": "d", "public_tests": {"input": ["1"], "output": [1]}}`, "public_tests: test 0: output"},
		{DeepCoder, `{"problem": "p"}`, "tests: missing"},
		{Verl, `{"prompt": [{"role": "system", "content": "s"}]}`, "message of the user"},
		{Verl, `{"prompt": [{"role": "user", "content": "u"}], "reward_model": {"ground_truth": "{\"assert_case\": [\"assert f() == 1\"]}"}}`, "assertions"},
	} {
		require.ErrorContains(t, firstError(c.schema, c.row), c.reason, c.row)
	}
}

// A function that returns one-element lists in some tests and others elsewhere is
// taken at its word; one whose results are all in such lists is not.
func TestBoxedResults(t *testing.T) {
	for outputs, want := range map[string][]string{
		`[[1], [[2]]]`:  {`1`, `[2]`},
		`[[1], [2, 3]]`: {`[1]`, `[2,3]`},
		`[1, [2]]`:      {`1`, `[2]`},
	} {
		r, err := ParseRow("row", `{"question": "q", "input_output": {"fn_name": "f", "inputs": [[0], [0]], "outputs": `+outputs+`}}`)
		require.NoError(t, err)
		p, err := TACO(r)
		require.NoError(t, err)
		var got []string
		for _, test := range collect(t, p.Tests) {
			got = append(got, test.Expected)
		}
		require.Equal(t, want, got)
	}
}

func TestPrivateTestsInflateToALimit(t *testing.T) {
	f, err := Open("testdata/livecodebench.jsonl", func(r *Row) (*rollout.Problem, error) {
		v, err := r.privateTests("private_test_cases", 100)
		if err != nil {
			return nil, err
		}
		return &rollout.Problem{Tests: testSet{value: v}.tests()}, nil
	})
	require.NoError(t, err)
	defer f.Close()
	p, err := f.Problem(4)
	require.NoError(t, err)
	for _, err := range p.Tests {
		require.ErrorContains(t, err, "more than is allowed")
		var row *RowError
		require.True(t, errors.As(err, &row))
		require.Equal(t, 5, row.Row)
	}
}

func TestNewRow(t *testing.T) {
	r, err := NewRow("part.parquet:7", map[string]any{
		"problem": "Capi\ntals", "tests": `{"inputs": ["1"], "outputs": ["\u0032"]}`,
		"solutions": []string{"pass"}, "metadata": map[string]any{"func_name": nil},
	})
	require.NoError(t, err)
	p, err := DeepCoder(r)
	require.NoError(t, err)
	require.Equal(t, "Capi\ntals", p.Statement)
	require.Equal(t, "pass", p.Reference)
	require.Equal(t, "part.parquet:7", p.ID)
	require.Equal(t, []rollout.Test{{Input: "1", Expected: "2"}}, collect(t, p.Tests))
}

func fuzz(f *testing.F, schema Schema, seeds ...string) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, row string) {
		r, err := ParseRow("row", row)
		if err != nil {
			return
		}
		p, err := schema(r)
		if err != nil {
			require.Nil(t, p)
			return
		}
		require.NotEmpty(t, p.Statement)
		require.NotEmpty(t, p.ID)
		failed := false
		for test, err := range p.Tests {
			require.False(t, failed, "tests go on after an error")
			if failed = err != nil; failed {
				require.Zero(t, test)
			}
		}
	})
}

func FuzzRLVR(f *testing.F) {
	fuzz(f, RLVR,
		`{"problem": "p", "problem_type": "stdin_stdout", "tests": {"input": ["1"], "output": ["2"]}}`,
		`{"problem": "p", "problem_type": "func", "fn_name": "f", "tests": "{\"input\": [[1], \"2\"], \"output\": [[3], \"4\"]}"}`)
}

func FuzzLiveCodeBench(f *testing.F) {
	fuzz(f, LiveCodeBench,
		`{"question_id": "i", "question_content": "q", "contest_date": "2024-08-01T00:00:00", "public_test_cases": "[{\"input\": \"1\", \"output\": \"2\", \"testtype\": \"stdin\"}]", "private_test_cases": "eJxrYJlqwQABPSbR1UqZeQWlJUpWCkqGSjoKSvmlJVCuEYhbklpcUlJZkAoSKC5JycxTqo2dogcAOgkSqg==", "metadata": "{}"}`,
		`{"question_content": "q", "public_test_cases": "[{\"input\": \"1\", \"output\": \"2\", \"testtype\": \"functional\"}]", "metadata": "{\"func_name\": \"f\"}"}`)
}

func FuzzTACO(f *testing.F) {
	fuzz(f, TACO,
		`{"question": "q", "input_output": "{'inputs': [[1]], 'outputs': [[2]], 'fn_name': 'f'}", "solutions": "['pass']"}`,
		`{"question": "q", "input_output": "{\"inputs\": [\"1\"], \"outputs\": [\"2\"]}", "solutions": ["pass"]}`)
}

func FuzzSynthetic1(f *testing.F) {
	fuzz(f, Synthetic1,
		`{"prompt": "p", "problem_id": 7, "verification_info": "{'language': 'python', 'test_cases': [{'type': 'function_call', 'fn_name': 'f', 'input': [1], 'output': 2}]}"}`,
		`{"prompt": "p", "verification_info": {"test_cases": [{"type": "stdin_stdout", "input": "1", "output": "2"}]}}`)
}

func FuzzCodeContests(f *testing.F) {
	fuzz(f, CodeContests,
		`{"name": "n", "description": "d", "difficulty": 7, "public_tests": {"input": ["1"], "output": ["2"]}, "solutions": {"language": [3], "solution": ["pass"]}}`,
		`{"description": "d", "public_tests": [{"input": "1", "output": "2"}], "solutions": [{"language": 3, "solution": "pass"}], "time_limit": "seconds: 2\nnanos: 1\n"}`)
}

func FuzzDeepCoder(f *testing.F) {
	fuzz(f, DeepCoder,
		`{"problem": "p", "tests": "[{\"input\": \"1\", \"output\": \"2\", \"testtype\": \"functional\"}]", "metadata": {"func_name": "f"}}`,
		`{"problem": "p", "tests": "{\"inputs\": [[1]], \"outputs\": [[2]], \"fn_name\": \"f\"}"}`)
}

func FuzzVerl(f *testing.F) {
	fuzz(f, Verl,
		`{"data_source": "s", "prompt": [{"role": "user", "content": "u"}], "reward_model": {"ground_truth": "{\"inputs\": [\"1\"], \"outputs\": [\"2\"]}"}}`)
}
