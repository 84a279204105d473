package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// The committed pictures and table are what this program writes, and the table has
// no row that fails.
func TestGenerated(t *testing.T) {
	files, err := generate("svg")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		have, err := os.ReadFile(filepath.Join("..", "..", "docs", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(have, want) {
			t.Errorf("docs/%s is not what go generate ./examples/gallery writes", name)
		}
	}
	if bytes.Contains(files["objectives.md"], []byte("fails")) {
		t.Error("a row of docs/objectives.md fails a check")
	}
}
