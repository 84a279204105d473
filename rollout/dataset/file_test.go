package dataset

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/rollout"
)

func write(t testing.TB, text string) string {
	path := filepath.Join(t.TempDir(), "set.jsonl")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// named is a schema for rows like {"n": "a"}.
func rowName(r *Row) (*rollout.Problem, error) {
	id, err := r.Text("n")
	if err == nil && id == "other" {
		err = ErrOtherTask
	}
	if err == nil && id == "" {
		err = errors.New("no n")
	}
	if err != nil {
		return nil, err
	}
	return &rollout.Problem{ID: id, Statement: r.Name}, nil
}

func TestFileFindsRows(t *testing.T) {
	for what, c := range map[string]struct {
		text, want string
		numbers    []int
	}{
		"nothing":             {"", "", nil},
		"blank":               {" \n\n ", "", nil},
		"lines":               {"{\"n\": \"a\"}\n{\"n\": \"b\"}\n", "ab", []int{1, 2}},
		"no newline at end":   {"{\"n\": \"a\"}\n{\"n\": \"b\"}", "ab", []int{1, 2}},
		"blank lines":         {"\n \n{\"n\": \"a\"}\r\n\r\n{\"n\": \"b\"}\n\n", "ab", []int{3, 5}},
		"byte order mark":     {"\ufeff{\"n\": \"a\"}\n", "a", []int{1}},
		"array":               {"[{\"n\": \"a\"}, {\"n\": \"b\"}]", "ab", []int{1, 2}},
		"indented array":      {"\n [\n{\n\"n\":\n\"a\"}\n,{\"n\":\"b\"}\n]\n", "ab", []int{1, 2}},
		"array and mark":      {"\ufeff[{\"n\": \"é\"},{\"n\": \"b\"}]", "éb", []int{1, 2}},
		"empty array":         {"[]", "", nil},
		"rows of other tasks": {"{\"n\": \"a\"}\n{\"n\": \"other\"}\n{\"n\": \"b\"}", "ab", []int{1, 3}},
	} {
		t.Run(what, func(t *testing.T) {
			path := write(t, c.text)
			f, err := Open(path, rowName)
			require.NoError(t, err)
			defer f.Close()
			got := ""
			var names []string
			for p, err := range f.Problems() {
				require.NoError(t, err)
				got += p.ID
				names = append(names, p.Statement)
			}
			require.Equal(t, c.want, got)
			for i, n := range c.numbers {
				require.Equal(t, fmt.Sprintf("%s:%d", path, n), names[i])
			}
		})
	}
}

func TestFileNamesRowsThatAreWrong(t *testing.T) {
	path := write(t, "{\"n\": \"a\"}\n{\"n\": \n{\"m\": \"b\"}\n\n{\"n\": \"c\"} {}\n{\"n\": \"d\"}\n")
	f, err := Open(path, rowName)
	require.NoError(t, err)
	defer f.Close()
	var ids []string
	var wrong []int
	for p, err := range f.Problems() {
		var row *RowError
		if errors.As(err, &row) {
			require.Nil(t, p)
			require.Equal(t, path, row.File)
			wrong = append(wrong, row.Row)
			continue
		}
		require.NoError(t, err)
		ids = append(ids, p.ID)
	}
	require.Equal(t, []string{"a", "d"}, ids)
	require.Equal(t, []int{2, 3, 5}, wrong)
	_, err = f.Problem(1)
	require.ErrorContains(t, err, path+": row 2: unexpected EOF")
	_, err = f.Problem(99)
	require.ErrorContains(t, err, "no row with index 99")

	_, err = Open(write(t, "[{}, {}"), rowName)
	require.ErrorContains(t, err, "EOF")
	_, err = Open(write(t, "[{}, {] ]"), rowName)
	require.ErrorContains(t, err, "row 2")
	_, err = Open(filepath.Join(t.TempDir(), "missing"), rowName)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestFileAfterClose(t *testing.T) {
	f, err := Open("testdata/rlvr.jsonl", RLVR)
	require.NoError(t, err)
	p, err := f.Problem(0)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	_, err = f.Problem(0)
	require.ErrorIs(t, err, os.ErrClosed)
	for _, err := range p.Tests {
		require.ErrorIs(t, err, os.ErrClosed)
	}
}

// A row of 12 MB, once with its tests as JSON and once as JSON in a string: the
// problem takes a small part of that, and ranging over the tests takes one at a
// time.
func TestLongRowsStayInTheFile(t *testing.T) {
	const tests = 12
	block := strings.Repeat("0123456789\n", 1<<20/11)
	columns := map[string][]string{"input": {}, "output": {}}
	for i := range tests {
		columns["input"] = append(columns["input"], fmt.Sprint(i, "\n", block))
		columns["output"] = append(columns["output"], fmt.Sprint(i))
	}
	object, err := json.Marshal(columns)
	require.NoError(t, err)
	quoted, err := json.Marshal(string(object))
	require.NoError(t, err)
	path := write(t, fmt.Sprintf(`{"problem": "p", "problem_type": "stdin_stdout", "tests": %s}`+"\n"+
		`{"tests": %s, "problem": "q", "problem_type": "stdin_stdout"}`+"\n", object, quoted))
	object, quoted = nil, nil

	f, err := Open(path, RLVR)
	require.NoError(t, err)
	defer f.Close()
	var m runtime.MemStats
	heap := func() int64 {
		runtime.GC()
		runtime.GC() // what pools hold lives through one
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap() // most of it is columns, which the test holds
	for i := range f.Len() {
		var p *rollout.Problem
		require.Less(t, allocated(func() { p, err = f.Problem(i) }), 1<<20)
		require.NoError(t, err)
		n := 0
		most := int64(0)
		for test, err := range p.Tests {
			require.NoError(t, err)
			require.Equal(t, fmt.Sprint(n), test.Expected)
			require.True(t, strings.HasPrefix(test.Input, fmt.Sprint(n, "\n0123")))
			require.Len(t, test.Input, len(fmt.Sprint(n, "\n"))+len(block))
			if n++; n%4 == 0 {
				most = max(most, heap())
			}
		}
		require.Equal(t, tests, n)
		require.Less(t, most-before, int64(4<<20), "a row has 12 MB")
	}
	runtime.KeepAlive(columns)
}

// allocated is how many bytes f allocates.
func allocated(f func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc - before.TotalAlloc)
}

func TestBuiltinGoesThroughAFile(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, WriteRLVR(&b, Builtin()))
	f, err := Open(write(t, b.String()), RLVR)
	require.NoError(t, err)
	defer f.Close()
	i := 0
	for want, err := range Builtin() {
		require.NoError(t, err)
		got, err := f.Problem(i)
		require.NoError(t, err)
		require.Equal(t, collect(t, want.Tests), collect(t, got.Tests), want.ID)
		got.Tests, want.Tests = nil, nil
		require.Equal(t, want, got)
		i++
	}
	require.Equal(t, i, f.Len())
	require.GreaterOrEqual(t, i, 40)
}

func TestWriteRLVRRefuses(t *testing.T) {
	bad := errors.New("bad")
	one := func(p *rollout.Problem, err error) func(func(*rollout.Problem, error) bool) {
		return func(yield func(*rollout.Problem, error) bool) { yield(p, err) }
	}
	var b bytes.Buffer
	require.ErrorIs(t, WriteRLVR(&b, one(nil, bad)), bad)
	require.ErrorContains(t, WriteRLVR(&b, one(&rollout.Problem{ID: "x", Tests: rollout.Tests(rollout.Test{Input: "\xff"})}, nil)), "x: a test is not valid UTF-8")
	broken := func(yield func(rollout.Test, error) bool) { yield(rollout.Test{}, bad) }
	require.ErrorIs(t, WriteRLVR(&b, one(&rollout.Problem{Tests: broken}, nil)), bad)
}

func TestFileIsForManyGoroutines(t *testing.T) {
	f, err := Open("testdata/deepcoder.jsonl", DeepCoder)
	require.NoError(t, err)
	defer f.Close()
	p, err := f.Problem(0)
	require.NoError(t, err)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 20 {
				got := []rollout.Test{}
				for test, err := range p.Tests {
					if err != nil {
						t.Error(err)
					}
					got = append(got, test)
				}
				if len(got) != len(capitals) {
					t.Error(got)
				}
			}
		})
	}
	wait.Wait()
}

func FuzzIndex(f *testing.F) {
	for _, seed := range []string{"{}\n{}\n", "[{}, {\"a\": []}]", "\ufeff\n[1]", "\r\n{}\n \n{}", "[", "[1,]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := index(strings.NewReader(text))
		if err != nil {
			return
		}
		body := strings.TrimPrefix(text, "\ufeff")
		var list []json.RawMessage
		if strings.HasPrefix(strings.TrimLeft(body, " \t\r\n"), "[") {
			require.NoError(t, json.Unmarshal([]byte(body), &list))
		} else {
			for line := range strings.SplitSeq(body, "\n") {
				if len(bytes.TrimSpace([]byte(line))) > 0 {
					list = append(list, json.RawMessage(line))
				}
			}
		}
		require.Len(t, rows, len(list))
		for i, row := range rows {
			require.Equal(t, string(list[i]), strings.TrimSuffix(text[row.at:row.end], "\n"))
		}
	})
}
