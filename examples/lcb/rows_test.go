package main

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// write1 writes a file of rows and returns its path.
func write1(t *testing.T, rows ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test6.jsonl")
	if err := os.WriteFile(path, []byte(strings.Join(rows, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// problemRow is a row in the schema of code_generation_lite; inputs and outputs take
// turns. The first test is public, the others private: pickled, deflated, in base 64.
func problemRow(id, day, entry string, tests ...string) string {
	type test struct {
		Input    string `json:"input"`
		Output   string `json:"output"`
		TestType string `json:"testtype"`
	}
	kind, metadata, starter := "stdin", "{}", ""
	if entry != "" {
		kind, metadata, starter = "functional", fmt.Sprintf(`{"func_name": %q}`, entry), "class Solution:\n    def "+entry+"(self, a, b):\n"
	}
	var all []test
	for i := 0; i+1 < len(tests); i += 2 {
		all = append(all, test{tests[i], tests[i+1], kind})
	}
	text := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return string(b)
	}
	return text(map[string]any{
		"question_id": id, "question_title": id, "question_content": "solve " + id, "platform": "atcoder", "contest_id": "c", "contest_date": day,
		"starter_code": starter, "difficulty": "easy", "public_test_cases": text(all[:1]), "private_test_cases": pickled(text(all[1:])), "metadata": metadata,
	})
}

func pickled(s string) string {
	p := []byte{0x80, 4, 'X'} // protocol 4, BINUNICODE
	p = binary.LittleEndian.AppendUint32(p, uint32(len(s)))
	p = append(append(p, s...), '.')
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	z.Write(p)
	z.Close()
	return base64.StdEncoding.EncodeToString(b.Bytes())
}
