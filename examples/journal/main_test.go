package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/grouprl/grouprl/rollout"
	"github.com/grouprl/grouprl/rollout/journal"
)

func TestShow(t *testing.T) {
	dir := t.TempDir()
	j, err := journal.Open(dir, journal.Options{Run: "demo"})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"ferry", "lakes"} {
		if _, err := j.Append(&rollout.Group{
			Problem:     &rollout.Problem{ID: id},
			Completions: []*rollout.Completion{{Tokens: []int32{1, 2, 3}}},
			Verdicts:    []rollout.Verdict{{Status: rollout.Accepted, Reward: 1}},
		}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := j.Take(5, 1, nil); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(j.Commit(5), j.Close()); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := show(&out, dir, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`run    "demo"`, "ferry round 0  rewards [1]  tokens [3]", "step 5: 1 groups, 0 dropped", "2 groups, 1 steps taken, 1 commits"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
	out.Reset()
	if err := show(&out, dir, true); err != nil || strings.Count(out.String(), "\n") != 5 || !strings.Contains(out.String(), `"step":5`) {
		t.Error(err, out.String())
	}

	path := filepath.Join(dir, "journal.log")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[60] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	var corrupt *journal.CorruptError
	if err := show(&out, dir, false); !errors.As(err, &corrupt) {
		t.Error(err)
	}
	if err := show(&out, t.TempDir(), false); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
