package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// file writes a file and returns its path.
func file(t *testing.T, name string, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCompletionsAreReadTwiceAndWeighNothingBetween(t *testing.T) {
	f, err := os.Open(file(t, "run.jsonl",
		`{"problem": "a", "text": "first", "tokens": 3}`,
		``,
		`{"problem": "b", "text": "zwei \u00e4\n", "finish_reason": "length"}`,
		`{"problem": "a", "text": "", "truncated": true, "finish_reason": null, "logprobs": [1]}`, // no newline at the end
	))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	list, bad, err := readCompletions(f)
	if err != nil || len(bad) > 0 || len(list) != 3 {
		t.Fatal(list, bad, err)
	}
	for i, want := range []struct {
		completion
		text string
	}{
		{completion{line: 1, problem: "a", tokens: 3}, "first"},
		{completion{line: 3, problem: "b", truncated: true}, "zwei ä\n"},
		{completion{line: 4, problem: "a", sample: 1, truncated: true}, ""}, // no sample in any line: counted
	} {
		text, err := list[i].text()
		if err != nil || text != want.text {
			t.Errorf("%d: text %q, %v", i, text, err)
		}
		got := list[i]
		got.text = nil
		if got.line != want.line || got.problem != want.problem || got.sample != want.sample || got.truncated != want.truncated || got.tokens != want.tokens {
			t.Errorf("%d: %+v, want %+v", i, got, want.completion)
		}
	}
}

func TestBadLinesSayWhereAndWhy(t *testing.T) {
	path := file(t, "run.jsonl",
		`{"problem": "a", "sample": 0, "text": "x"}`,
		`{"problem": "a", "text": "x"}`,
		`{"problem": "a", "sample": -1, "text": "x"}`,
		`{"problem": "a", "sample": "1", "text": "x"}`,
		`{"sample": 1, "text": "x"}`,
		`{"problem": "a", "sample": 1}`,
		`{"problem": "a", "sample": 1, "text": "x", "finish_reason": "abort"}`,
		`{"problem": "a", "sample": 1, "text": "x", "tokens": 1.5}`,
		`[1]`,
		`{"problem": "a", "sam`,
	)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	list, bad, err := readCompletions(f)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	want := []string{
		":2: sample: some lines have one and some have none",
		":3: sample: -1, want 0 or more",
		":4: sample: want int, got string",
		":5: problem: missing",
		":6: text: missing",
		`:7: finish_reason: "abort", want stop or length`,
		":8: tokens: want int64, got number 1.5",
		":9: want a JSON object, got array",
		":10: no JSON object: unexpected end of JSON input",
	}
	if len(bad) != len(want) {
		t.Fatal(bad)
	}
	for i := range want {
		if got := bad[i].Error(); !strings.HasPrefix(got, path+want[i]) {
			t.Errorf("%s\nwant %s", got, path+want[i])
		}
	}
}
