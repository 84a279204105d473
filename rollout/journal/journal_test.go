package journal

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/grouprl/grouprl/rollout"
	"github.com/stretchr/testify/require"
)

// group i: two completions by policy version v, 3 tokens each.
func group(i int, v int64) *rollout.Group {
	g := &rollout.Group{Problem: &rollout.Problem{ID: fmt.Sprint(i)}}
	for s := range 2 {
		g.Completions = append(g.Completions, &rollout.Completion{
			Sample: s, Tokens: []int32{int32(i), int32(s), 5}, LogProbs: []float32{-1, -2, float32(-i)}, Versions: []int64{v},
		})
		g.Verdicts = append(g.Verdicts, rollout.Verdict{Status: rollout.Accepted, Reward: float64(s)})
	}
	return g
}

func ids(groups []*rollout.Group) (s []string) {
	for _, g := range groups {
		s = append(s, g.Problem.ID)
	}
	return s
}

func openJournal(t *testing.T, dir string) *Journal {
	t.Helper()
	j, err := Open(dir, Options{Run: "run"})
	require.NoError(t, err)
	t.Cleanup(func() { j.Close() })
	return j
}

func add(t *testing.T, j *Journal, groups ...*rollout.Group) int {
	t.Helper()
	n, err := j.Append(groups...)
	require.NoError(t, err)
	return n
}

// A whole life: append, take, crash, replay, commit, compaction, duplicates.
func TestJournalSteps(t *testing.T) {
	dir := t.TempDir()
	j := openJournal(t, dir)
	require.Equal(t, 3, add(t, j, group(0, 1), group(1, 1), group(2, 1)))
	require.Equal(t, 2, add(t, j, group(3, 1), group(1, 1), group(4, 1), group(4, 1)), "1 is there and 4 comes twice")
	require.Equal(t, 1, add(t, j, group(1, 2)), "sampled again by a newer policy")
	require.True(t, j.Has(KeyOf("run", "3", 0, 1, 1)))
	require.False(t, j.Has(KeyOf("run", "3", 0, 1, 2)))

	step, err := j.Take(7, 2, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"0", "1"}, ids(step))
	_, err = j.Take(8, 5, nil)
	var short *ShortError
	require.ErrorAs(t, err, &short)
	require.Equal(t, ShortError{8, 4, 5}, *short)
	require.Equal(t, 4, j.Waiting())

	reopen := func() {
		t.Helper()
		require.NoError(t, j.Close())
		j = openJournal(t, dir)
	}
	for range 2 {
		reopen()
		require.Equal(t, []int64{7}, j.Steps())
		again, err := j.Take(7, 100, func(*rollout.Group) bool { return false })
		require.NoError(t, err)
		require.Len(t, again, 2)
		for i := range step {
			require.Equal(t, plain(group(i, 1)), plain(again[i]))
		}
		require.Zero(t, add(t, j, group(0, 1), group(3, 1)))
		require.NoError(t, j.Compact())
	}

	// Step 8 refuses group 3, which is gone then.
	step, err = j.Take(8, 2, func(g *rollout.Group) bool { return g.Problem.ID != "3" })
	require.NoError(t, err)
	require.Equal(t, []string{"2", "4"}, ids(step))
	require.Equal(t, 1, j.Waiting())
	require.NoError(t, j.Commit(7))
	require.NoError(t, j.Commit(7))
	_, err = j.Take(7, 1, nil)
	require.ErrorAs(t, err, new(*StepError))

	for range 2 {
		reopen()
		committed, ok := j.Committed()
		require.True(t, ok)
		require.EqualValues(t, 7, committed)
		require.Equal(t, []int64{8}, j.Steps())
		again, err := j.Take(8, 0, nil)
		require.NoError(t, err)
		require.Equal(t, []string{"2", "4"}, ids(again))
		require.Zero(t, add(t, j, group(0, 1), group(3, 1), group(4, 1), group(1, 2)), "committed, dropped, taken, waiting")
		require.NoError(t, j.Compact())
	}
	step, err = j.Take(9, 0, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"1"}, ids(step))
	_, err = j.Take(10, 0, nil)
	require.ErrorAs(t, err, &short)
	require.NoError(t, j.Commit(9))
	require.Empty(t, j.Steps())
	before := j.log.Size()
	require.NoError(t, j.Compact())
	require.Less(t, j.log.Size(), before)
	reopen()
	require.Zero(t, add(t, j, group(0, 1), group(2, 1), group(4, 1)))
}

// Beside the journal stands a model of two maps; any sequence of operations, crashes
// and compactions leaves both the same.
func TestJournalAgainstModel(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 2))
		m := newMemory()
		openIt := func() *Journal {
			j, err := open("memory", Options{Run: "run", Compact: 1 << 10}, func(apply func(Position, []byte) error) (*Log, error) {
				return openLog("memory", m, LogOptions{}, apply)
			})
			require.NoError(t, err)
			return j
		}
		j := openIt()
		seen := map[int]bool{}
		var waiting []string
		taken := map[int64][]string{}
		step, committed := int64(0), int64(-1)
		for range 200 {
			switch r.IntN(8) {
			case 0, 1, 2:
				i := r.IntN(60)
				n := add(t, j, group(i, 0))
				require.Equal(t, seen[i], n == 0)
				if n == 1 {
					waiting = append(waiting, fmt.Sprint(i))
				}
				seen[i] = true
			case 3, 4:
				n := 1 + r.IntN(3)
				got, err := j.Take(step, n, nil)
				if len(waiting) < n {
					require.ErrorAs(t, err, new(*ShortError))
					continue
				}
				require.NoError(t, err)
				require.Equal(t, waiting[:n], ids(got))
				taken[step] = waiting[:n:n]
				waiting = waiting[n:]
				step++
			case 5:
				if committed < step-1 {
					committed++
					delete(taken, committed)
					require.NoError(t, j.Commit(committed))
				}
			case 6:
				require.NoError(t, j.Compact())
			case 7:
				m = m.loss(r)
				j = openIt()
			}
			require.Equal(t, len(waiting), j.Waiting())
			require.Len(t, j.Steps(), len(taken))
			for s, want := range taken {
				got, err := j.Take(s, 0, nil)
				require.NoError(t, err)
				require.Equal(t, want, ids(got))
			}
		}
	}
}

// Many goroutines append the same groups: each enters once.
func TestJournalConcurrentDuplicates(t *testing.T) {
	j := openJournal(t, t.TempDir())
	var wait sync.WaitGroup
	var mu sync.Mutex
	total := 0
	for range 8 {
		wait.Go(func() {
			for i := range 10 {
				n, err := j.Append(group(i, 0), group(i+1, 0))
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				total += n
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	require.Equal(t, 11, total)
	groups, err := j.Take(0, 0, nil)
	require.NoError(t, err)
	got := ids(groups)
	slices.Sort(got)
	require.Len(t, slices.Compact(got), 11)
	require.Empty(t, j.arriving)
}

// What could never be trained on does not get in.
func TestJournalRefuses(t *testing.T) {
	j := openJournal(t, t.TempDir())
	for name, hurt := range map[string]func(g *rollout.Group){
		"unjudged":     func(g *rollout.Group) { g.Verdicts[1].Status = rollout.Unjudged },
		"NaN reward":   func(g *rollout.Group) { g.Verdicts[0].Reward = math.NaN() },
		"NaN log-prob": func(g *rollout.Group) { g.Completions[1].LogProbs[2] = float32(math.NaN()) },
		"verdicts":     func(g *rollout.Group) { g.Verdicts = g.Verdicts[:1] },
		"nil":          func(g *rollout.Group) { g.Completions[0] = nil },
		"empty":        func(g *rollout.Group) { g.Completions, g.Verdicts = nil, nil },
		"no problem":   func(g *rollout.Group) { g.Problem = nil },
	} {
		g := group(1, 0)
		hurt(g)
		_, err := j.Append(group(0, 0), g)
		require.ErrorAs(t, err, new(*rollout.PackError), name)
	}
	require.Zero(t, j.Waiting(), "none of an append is in")
	require.Equal(t, 0, add(t, j))
	_, err := j.Take(1, -1, nil)
	require.ErrorAs(t, err, new(*StepError))

	require.NoError(t, j.Close())
	_, err = Open(filepath.Dir(j.log.path), Options{Run: "other"})
	require.ErrorAs(t, err, new(*RunError))
	_, err = j.Append(group(0, 0))
	require.ErrorIs(t, err, ErrClosed)
}

func TestJournalThrough(t *testing.T) {
	j := openJournal(t, t.TempDir())
	add(t, j, group(1, 0))
	lost := errors.New("lost")
	in := func(yield func(*rollout.Group, error) bool) {
		_ = yield(group(0, 0), nil) && yield(nil, lost) && yield(group(1, 0), nil) && yield(group(2, 0), nil) && yield(group(3, 0), nil)
	}
	var got []string
	var errs []error
	for g, err := range j.Through(in) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		require.True(t, j.Has(KeyOf("run", g.Problem.ID, 0, 1, 0)), "it is durable before it is seen")
		got = append(got, g.Problem.ID)
		if g.Problem.ID == "2" {
			require.NoError(t, j.Close())
		}
	}
	require.Equal(t, []string{"0", "2"}, got)
	require.Equal(t, []error{lost, ErrClosed}, errs, "the input's goes by, the journal's ends it")
}

func TestJournalProblem(t *testing.T) {
	dir := t.TempDir()
	whole := &rollout.Problem{ID: "1", Tests: rollout.Tests(rollout.Test{Input: "1"})}
	j, err := Open(dir, Options{Problem: func(id string) *rollout.Problem {
		if id == "1" {
			return whole
		}
		return nil
	}})
	require.NoError(t, err)
	defer j.Close()
	add(t, j, group(0, 0), group(1, 0))
	groups, err := j.Take(0, 0, nil)
	require.NoError(t, err)
	require.Same(t, whole, groups[1].Problem)
	for _, err := range groups[0].Problem.Tests {
		require.ErrorIs(t, err, ErrTests)
	}
}

// The reader sees every record, of a journal in use too, and says what it is.
func TestRead(t *testing.T) {
	dir := t.TempDir()
	j := openJournal(t, dir)
	add(t, j, group(0, 0), group(1, 0), group(2, 0))
	_, err := j.Take(4, 1, func(g *rollout.Group) bool { return g.Problem.ID != "0" })
	require.NoError(t, err)
	require.NoError(t, j.Commit(4))
	read := func() (kinds []string) {
		for e, err := range Read(dir) {
			if err != nil {
				var torn *TornError
				require.ErrorAs(t, err, &torn)
				kinds = append(kinds, fmt.Sprint("torn ", torn.Bytes))
				continue
			}
			kinds = append(kinds, e.Kind)
			switch e.Kind {
			case "run":
				require.Equal(t, "run", e.Run)
			case "group":
				require.Equal(t, Keys("run", e.Group), e.Keys)
			case "take":
				require.EqualValues(t, 4, e.Step)
				require.Equal(t, Keys("run", group(1, 0))[:1], e.Keys)
				require.Equal(t, Keys("run", group(0, 0))[:1], e.Dropped)
			case "commit":
				require.EqualValues(t, 4, e.Step)
			case "keys":
				require.Len(t, e.Keys, 4)
			}
		}
		return kinds
	}
	require.Equal(t, []string{"run", "group", "group", "group", "take", "commit"}, read())
	require.NoError(t, j.Compact())
	require.Equal(t, []string{"run", "keys", "commit", "group"}, read())
	f, err := os.OpenFile(filepath.Join(dir, logName), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString("half a rec")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.Equal(t, []string{"run", "keys", "commit", "group", "torn 10"}, read())
	for _, err := range Read(t.TempDir()) {
		require.ErrorIs(t, err, os.ErrNotExist)
	}
}

// A group whose record is damaged after it was opened is an error, not a wrong
// group.
func TestJournalDamageWhileOpen(t *testing.T) {
	dir := t.TempDir()
	j := openJournal(t, dir)
	add(t, j, group(0, 0))
	path := filepath.Join(dir, logName)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte{b[len(b)-1] ^ 1}, int64(len(b)-1))
	require.NoError(t, err)
	require.NoError(t, f.Close())
	_, err = j.Take(0, 1, nil)
	require.ErrorAs(t, err, new(*CorruptError))
	require.ErrorAs(t, j.Compact(), new(*CorruptError))
}

// The keys of a long run outgrow everything else in the file. Commit still rewrites
// it only when half of it has become useless, in this process and the next.
func TestCompactionIsRareInALongRun(t *testing.T) {
	disk := newMemory()
	openIt := func() *Journal {
		j, err := open("memory", Options{Run: "run", Compact: 1 << 10}, func(apply func(Position, []byte) error) (*Log, error) {
			return openLog("memory", disk, LogOptions{}, apply)
		})
		require.NoError(t, err)
		return j
	}
	j := openIt()
	rewrites := 0
	for i := range 400 {
		if i == 300 {
			require.NoError(t, j.Close())
			j, rewrites = openIt(), 0
			require.Positive(t, j.retired, "known from the file")
		}
		require.Equal(t, 1, add(t, j, group(i, 0)))
		_, err := j.Take(int64(i), 1, nil)
		require.NoError(t, err)
		salt := j.log.header.salt
		require.NoError(t, j.Commit(int64(i)))
		if j.log.header.salt != salt {
			rewrites++
		}
	}
	require.Greater(t, j.retired, int64(10<<10))
	require.Positive(t, rewrites)
	require.LessOrEqual(t, rewrites, 10, "of the last hundred commits")
	require.NoError(t, j.Close())
}
