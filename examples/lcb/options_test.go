package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/grouprl/grouprl/rollout/openai/openaitest"
)

// lcb runs the command and returns what it prints.
func lcb(t *testing.T, ctx context.Context, want int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, log strings.Builder
	if status := command(ctx, args, &out, &log); status != want {
		t.Fatalf("%q: exit status %d, want %d\n%s\n%s", args, status, want, out.String(), log.String())
	}
	return out.String(), log.String()
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, want := range parts {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func TestWrongCommandLines(t *testing.T) {
	for args, says := range map[string]string{
		"":                                 "-data: want LiveCodeBench's files",
		"-data a":                          "-endpoint: want the URL of a server",
		"-data a -endpoint localhost:8000": `-endpoint "localhost:8000": want a URL`,
		"-data a b.jsonl":                  `unexpected argument "b.jsonl"`,
		"-nonsense":                        "flag provided but not defined: -nonsense",
		"-protocol greedy":                 `-protocol "greedy": want nouscoder, nouscoder-long`,
		"-schema x":                        `-schema "x": want livecodebench, rlvr`,
		"-samples -1":                      "-samples -1",
		"-samples x":                       `invalid value "x" for flag -samples`,
		"-problems -1":                     "-problems -1",
		"-at-once 0":                       "-at-once 0",
		"-in-flight -1":                    "-in-flight -1",
		"-wall 0s":                         "-wall 0s",
		"-data ":                           "empty",
		"-data a -report -results ./a":     "-results ./a would overwrite the problems",
		"-data a -report -results b -completions b": "-results and -completions are both b",
	} {
		_, stderr := lcb(t, context.Background(), 2, strings.Split(args, " ")[:len(strings.Split(args, " "))-btoi(args == "")]...)
		contains(t, stderr, says)
	}
	_, stderr := lcb(t, context.Background(), 0, "-help")
	contains(t, stderr, "It needs:", "-data", "-endpoint", "python3")
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestHowToServe(t *testing.T) {
	stdout, _ := lcb(t, context.Background(), 0, "-serve", "-protocol", "nouscoder-long")
	contains(t, stdout, "16 samples, temperature 0.6, top-p 0.95, window 81920, YaRN 2.5 x 32768", "--max-model-len 81920", `"factor":2.5`, "--context-length 81920", "SGLANG_ALLOW")
	stdout, _ = lcb(t, context.Background(), 0, "-serve")
	contains(t, stdout, "vllm serve NousResearch/NousCoder-14B --max-model-len 40960\n")
}

// What is absent is said, and what to do about it.
func TestWhatItNeeds(t *testing.T) {
	data := write1(t, problemRow("a", "2024-09-01T00:00:00", "", "1", "2"))
	old := write1(t, problemRow("a", "2023-09-01T00:00:00", "", "1", "2"))
	torn := write1(t, problemRow("a", "2024-09-01T00:00:00", "", "1", "2")+"\n"+`{"question_id": "b"`)
	serve := func(f http.Handler) string {
		s := httptest.NewServer(f)
		t.Cleanup(s.Close)
		return s.URL
	}
	here := serve(&openaitest.Server{Window: 40960}) + "/v1"
	out := filepath.Join(t.TempDir(), "run")
	for says, args := range map[string][]string{
		"there is no such file":              {"-data", "nowhere.jsonl", "-endpoint", here},
		"no problem in these files":          {"-data", old, "-endpoint", here},
		"missing from the figures":           {"-data", torn, "-endpoint", here},
		"no server answers there; -serve":    {"-data", data, "-endpoint", "http://127.0.0.1:1/v1"},
		"is it the base URL":                 {"-data", data, "-endpoint", here + "/nowhere"},
		`does not serve "other", but policy`: {"-data", data, "-endpoint", here, "-model", "other"},
		"a window of 40960 tokens, and -protocol nouscoder-long needs 81920": {"-data", data, "-endpoint", here, "-protocol", "nouscoder-long"},
		"the environment has no LCB_NO_KEY":                                  {"-data", data, "-endpoint", here, "-key-env", "LCB_NO_KEY"},
		"-key-env names":                                                     {"-data", data, "-endpoint", serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(401) }))},
		"no list of models":                                                  {"-data", data, "-endpoint", serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("<html>")) }))},
		"serves 0 models":                                                    {"-data", data, "-endpoint", serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("{}")) }))},
		"there is no run to report":                                          {"-data", data, "-report"},
	} {
		_, stderr := lcb(t, context.Background(), 1, append(args, "-out", out)...)
		contains(t, stderr, says)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a run that could not begin has made its folder")
	}
}
