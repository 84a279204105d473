package main

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/grouprl/grouprl/rollout/dataset"
)

func TestWrongFlagsSayWhatIsWanted(t *testing.T) {
	const file = "-completions x.jsonl "
	for _, test := range []struct{ args, want string }{
		{"", "-completions: want a file, or reference"},
		{file + "ferry", `unexpected argument "ferry": every setting is a flag`},
		{file + "-dataset a.jsonl", `-schema "": say what the rows of a.jsonl look like: codecontests, deepcoder, livecodebench, rlvr, synthetic1, taco, verl`},
		{file + "-dataset a.jsonl -schema lcb", `-schema "lcb": say what`},
		{file + "-schema rlvr", `-schema "rlvr": the built-in set needs none`},
		{file + "-rule last", `-rule "last": want livecodebench, nouscoder, whole`},
		{file + "-compare fuzzy", `-compare "fuzzy": want exact, livecodebench, nouscoder, tokens`},
		{file + "-protocol 16", `-protocol "16": want greedy, nouscoder, nouscoder-long`},
		{file + "-k 0", "-k 0: want 1 or more"},
		{file + "-wall 0s", "-wall 0s: want a time such as 15s"},
		{file + "-memory 4096", `-memory "4096": want a size such as 512MiB or 4GiB`},
		{file + "-memory 0GiB", `-memory "0GiB": want`},
		{file + "-from 2024", `-from "2024": want a day such as 2024-08-01`},
		{file + "-to 1.5.2025", `-to "1.5.2025": want a day`},
		{file + "-from 2025-05-01 -to 2024-08-01", "no day is in between"},
		{file + "-v6 -from 2024-08-01", "want the one or the others"},
		{file + "-out x.jsonl", "-out x.jsonl would overwrite what is to be read"},
		{file + "-out a -verdicts a", "-out and -verdicts are both a"},
		{file + "-threads 4", "flag provided but not defined: -threads"},
	} {
		var stderr strings.Builder
		if status := command(context.Background(), strings.Fields(test.args), io.Discard, &stderr); status != 2 {
			t.Errorf("%q: exit status %d, want 2", test.args, status)
		}
		for _, want := range []string{test.want, "usage: go run ./examples/grade", "-baseline"} {
			if !strings.Contains(stderr.String(), want) {
				t.Errorf("%q: no %q in\n%s", test.args, want, stderr.String())
			}
		}
	}
}

func TestFlagsBecomeOptions(t *testing.T) {
	o, err := parseOptions(strings.Fields("-completions x -dataset a -schema livecodebench -v6 -memory 512MiB -rule whole -protocol nouscoder"), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if o.window != dataset.LiveCodeBenchV6 || o.limits.Memory != 512<<20 || o.extract != rules["whole"] || o.protocol.Samples != 16 || o.compare != comparers["nouscoder"] {
		t.Errorf("%+v", o)
	}
	if o, _ := parseOptions([]string{"-completions", "x"}, io.Discard); o.protocol != nil || (o.window != dataset.Window{}) || o.limits.Memory != 4<<30 {
		t.Errorf("%+v", o)
	}
}

func TestMissingFilesAreNamed(t *testing.T) {
	for args, want := range map[string]string{
		"-completions nowhere.jsonl":                                   "-completions: open nowhere.jsonl",
		"-completions reference -dataset nowhere.jsonl -schema rlvr":   "-dataset nowhere.jsonl: there is no such file",
		"-completions reference -baseline nowhere.results":             "-baseline: open nowhere.results",
		"-completions reference -out nowhere/run.results":              "-out: stat nowhere",
		"-completions reference -from 2024-08-01":                      "no problem of this set (and window) has a solution",
		"-completions reference -dataset options_test.go -schema taco": "options_test.go",
	} {
		var stderr strings.Builder
		if status := command(context.Background(), strings.Fields(args), io.Discard, &stderr); status != 1 {
			t.Errorf("%q: exit status %d, want 1", args, status)
		}
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("%q: no %q in\n%s", args, want, stderr.String())
		}
	}
}
