package parquet

import (
	"bytes"
	"errors"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/rollout"
	"github.com/grouprl/grouprl/rollout/dataset"
)

// content is what matters of a problem.
type content struct {
	statement, entry, starter, reference, difficulty, source string
	tests                                                    []rollout.Test
}

func contents(t *testing.T, in iter.Seq2[*rollout.Problem, error]) (all []content) {
	t.Helper()
	for p, err := range in {
		require.NoError(t, err)
		c := content{p.Statement, p.Entry, p.Starter, p.Reference, p.Difficulty, p.Source, nil}
		for test, err := range p.Tests {
			require.NoError(t, err)
			c.tests = append(c.tests, test)
		}
		all = append(all, c)
	}
	return all
}

// The files hold the rows of the JSON files beside package dataset, written by
// Arrow, and say the same.
func TestProblemsAreThoseOfTheJSONFiles(t *testing.T) {
	for name, schema := range map[string]dataset.Schema{
		"code_contests": dataset.CodeContests, "deepcoder": dataset.DeepCoder,
		"synthetic1": dataset.Synthetic1, "verl": dataset.Verl,
	} {
		f, err := dataset.Open("../testdata/"+name+".jsonl", schema)
		require.NoError(t, err)
		defer f.Close()
		want := contents(t, f.Problems())
		require.NotEmpty(t, want)
		path := "testdata/" + name + ".parquet"
		require.Equal(t, want, contents(t, Problems(schema, path)), name)
		require.Equal(t, append(want, want...), contents(t, Problems(schema, path, path)), "files one after the other")

		// And once more through JSON lines.
		var b bytes.Buffer
		require.NoError(t, dataset.WriteRLVR(&b, Problems(schema, path)))
		lines := filepath.Join(t.TempDir(), "set.jsonl")
		require.NoError(t, os.WriteFile(lines, b.Bytes(), 0o600))
		g, err := dataset.Open(lines, dataset.RLVR)
		require.NoError(t, err)
		defer g.Close()
		require.Equal(t, want, contents(t, g.Problems()))
	}
}

func TestErrorsNameFileAndRow(t *testing.T) {
	n := 0
	for p, err := range Problems(dataset.Verl, "testdata/deepcoder.parquet") {
		n++
		var row *dataset.RowError
		require.True(t, errors.As(err, &row))
		require.Equal(t, dataset.RowError{File: "testdata/deepcoder.parquet", Row: n, Err: row.Err}, *row)
		require.ErrorContains(t, err, "prompt")
		require.Nil(t, p)
	}
	require.Equal(t, 6, n, "every row has its error")
	for range Problems(dataset.Verl, "testdata/deepcoder.parquet") {
		break
	}
	for _, err := range Problems(dataset.Verl, "testdata/missing.parquet") {
		require.ErrorIs(t, err, os.ErrNotExist)
	}
}

// Whatever the bytes: errors or problems, never a panic.
func FuzzProblems(f *testing.F) {
	names, err := filepath.Glob("testdata/*.parquet")
	require.NoError(f, err)
	for _, name := range names {
		data, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(data)
	}
	path := filepath.Join(f.TempDir(), "fuzz.parquet")
	f.Fuzz(func(t *testing.T, data []byte) {
		require.NoError(t, os.WriteFile(path, data, 0o600))
		for _, schema := range []dataset.Schema{dataset.CodeContests, dataset.DeepCoder, dataset.Synthetic1, dataset.Verl} {
			rows := 0
			for p, err := range Problems(schema, path) {
				if rows++; rows > 100 {
					break
				}
				if err != nil {
					require.Nil(t, p)
					continue
				}
				for range p.Tests {
				}
			}
		}
	})
}

// A damaged file gives errors or problems, never a panic.
func TestDamagedFiles(t *testing.T) {
	whole, err := os.ReadFile("testdata/code_contests.parquet")
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "damaged.parquet")
	r := rand.New(rand.NewPCG(1, 1))
	wrong := 0
	for i := range 300 {
		damaged := bytes.Clone(whole)
		if i%3 == 0 {
			damaged = damaged[:r.IntN(len(damaged))]
		} else {
			for range 1 + i%4 {
				damaged[r.IntN(len(damaged))] ^= byte(1 + r.IntN(255))
			}
		}
		require.NoError(t, os.WriteFile(path, damaged, 0o600))
		for p, err := range Problems(dataset.CodeContests, path) {
			if err != nil {
				wrong++
				require.Nil(t, p)
				continue
			}
			for range p.Tests {
			}
		}
	}
	require.Greater(t, wrong, 100)

	for data, want := range map[string]string{
		"": "no file of this format", "PAR1PAR1": "no file of this format",
		"PAR1\xff\xff\xff\x7fPAR1": "a footer of 2147483647 bytes in a file of 12",
	} {
		require.NoError(t, os.WriteFile(path, []byte(data), 0o600))
		for p, err := range Problems(dataset.Verl, path) {
			require.Nil(t, p)
			require.ErrorContains(t, err, want)
		}
	}
}
