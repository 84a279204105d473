package dataset

import (
	"io"
	"strings"
	"testing"
)

// Text of tests as it mostly is, short lines: 1 MB as a JSON string.
var megabyte = `"` + strings.Repeat(`123 456\n`, 1<<20/9) + `"`

func BenchmarkScan(b *testing.B) {
	b.SetBytes(int64(len(megabyte)))
	for b.Loop() {
		if err := held(megabyte).check(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUnquote(b *testing.B) {
	b.SetBytes(int64(len(megabyte)))
	for b.Loop() {
		if _, err := io.Copy(io.Discard, newUnquoter(strings.NewReader(megabyte))); err != nil {
			b.Fatal(err)
		}
	}
}
