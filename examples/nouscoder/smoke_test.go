package main

import (
	"bytes"
	"context"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The whole program on a small scale, programs executed: it asserts its mechanics
// itself (checkMechanics), and writes what it promises.
func TestSmoke(t *testing.T) {
	out := t.TempDir()
	var stdout, stderr bytes.Buffer
	if status := command(context.Background(), []string{"-smoke", "-out", out}, &stdout, &stderr); status != 0 {
		t.Fatalf("exit status %d\n%s\n%s", status, &stdout, &stderr)
	}
	for _, want := range []string{"objective", "192 YaRN", "smoke: every part did what it should"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("no %q in\n%s", want, &stdout)
		}
	}
	steps, err := os.ReadFile(filepath.Join(out, "steps.csv"))
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(strings.TrimSpace(string(steps)), "\n")
	if len(rows) != 7 || strings.Count(rows[0], ",") != strings.Count(rows[6], ",") || !strings.HasPrefix(rows[6], "gspo,6,96,") {
		t.Errorf("steps.csv:\n%s", steps)
	}
	file, err := os.Open(filepath.Join(out, "curves.png"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	picture, err := png.Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	if size := picture.Bounds().Size(); size.X < 800 || size.Y < 300 {
		t.Errorf("curves.png is %v", size)
	}
}

// Without an interpreter the program says what it needs.
func TestMissingPython(t *testing.T) {
	var stderr strings.Builder
	status := command(context.Background(), []string{"-python", "/nowhere/python3", "-out", t.TempDir()}, &stderr, &stderr)
	for _, want := range []string{"python3 is needed", "-python", "apt-get install python3", "/nowhere/python3"} {
		if status != 1 || !strings.Contains(stderr.String(), want) {
			t.Errorf("status %d, no %q in %q", status, want, stderr.String())
		}
	}
}
