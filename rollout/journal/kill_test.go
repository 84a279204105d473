package journal

import (
	"bufio"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/grouprl/grouprl/rollout"
	"github.com/stretchr/testify/require"
)

// children are what this program is when one of these variables names a folder.
var children = map[string]func(dir string){"GROUPRL_JOURNAL_CHILD": child}

func TestMain(m *testing.M) {
	for variable, run := range children {
		if dir := os.Getenv(variable); dir != "" {
			run(dir)
			return
		}
	}
	os.Exit(m.Run())
}

// child is a run that is killed: it appends groups from four goroutines, makes steps
// of what waits, commits some and compacts often, and tells what it has been told.
// It begins two groups back, as a run does that cannot know what was journalled.
func child(dir string) {
	var mu sync.Mutex
	say := func(format string, a ...any) {
		mu.Lock()
		defer mu.Unlock()
		os.Stdout.WriteString(fmt.Sprintf(format+"\n", a...)) // one write, unbuffered
	}
	die := func(err error) {
		if err != nil {
			say("error %v", err)
			os.Exit(1)
		}
	}
	j, err := Open(dir, Options{Run: "run", Compact: 1 << 14})
	die(err)
	say("open")
	next := 0
	for j.Has(KeyOf("run", fmt.Sprint(next), 0, 0, 0)) {
		next++
	}
	for w := range 4 {
		go func() {
			for i := max(next-2, 0) + w; ; i += 4 {
				g := group(i, 0)
				g.Completions[0].Text = strings.Repeat("x", i%5000)
				n, err := j.Append(g)
				die(err)
				say("group %d %d", i, n)
			}
		}()
	}
	step := int64(0)
	if last, ok := j.Committed(); ok {
		step = last + 1
	}
	for {
		groups, err := j.Take(step, 3, nil)
		if short := (*ShortError)(nil); err != nil && asShort(err, &short) {
			time.Sleep(time.Millisecond)
			continue
		}
		die(err)
		say("take %d %s", step, strings.Join(ids(groups), " "))
		if step%4 == 3 {
			die(j.Commit(step))
			say("commit %d", step)
		}
		step++
	}
}

func asShort(err error, target **ShortError) bool {
	short, ok := err.(*ShortError)
	*target = short
	return ok
}

// A real process is killed with SIGKILL at a random moment, time and again, over one
// journal. Whatever it had been told is true afterwards: no group is lost, none is in
// two steps, and a step replays as it was. GROUPRL_LONG=1 kills a thousand times.
func TestKill(t *testing.T) {
	kills := 30
	if os.Getenv("GROUPRL_LONG") != "" {
		kills = 1000
	}
	if testing.Short() {
		kills = 5
	}
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	dir := t.TempDir()
	told := map[string]bool{}   // groups that the child was told are safe
	steps := map[int64]string{} // what it was told to be in each step
	committed, deepest := int64(-1), 0
	for kill := range kills {
		if kill%200 == 199 { // afresh, so that a run's beginning is hit too
			dir = t.TempDir()
			clear(told)
			clear(steps)
			committed = -1
		}
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "GROUPRL_JOURNAL_CHILD="+dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		// After a while, which may be before it is up, or after so many lines.
		many := 20 + r.IntN(200)
		if kill%2 == 1 {
			many = math.MaxInt
			time.AfterFunc(time.Duration(r.Int64N(int64(60*time.Millisecond))), func() { cmd.Process.Kill() })
		}
		var text []byte
		reader := bufio.NewReader(out)
		for n := 1; ; n++ {
			line, err := reader.ReadBytes('\n')
			text = append(text, line...)
			if err != nil {
				break
			}
			if n == many {
				cmd.Process.Kill()
			}
		}
		cmd.Wait()
		lines := strings.Split(string(text), "\n")
		for _, line := range lines[:len(lines)-1] {
			var step int64
			var id string
			word, rest, _ := strings.Cut(line, " ")
			switch word {
			case "open":
			case "group":
				fmt.Sscan(rest, &id)
				told[id] = true
			case "take":
				fmt.Sscan(rest, &step)
				_, members, _ := strings.Cut(rest, " ")
				if before, ok := steps[step]; ok {
					require.Equal(t, before, members, "step %d replayed", step)
				}
				steps[step] = members
			case "commit":
				fmt.Sscan(rest, &committed)
			default:
				t.Fatalf("kill %d: the child says %q", kill, line)
			}
		}
		deepest = max(deepest, len(told))

		// In the file itself, each group stands in at most one step or waits.
		j, err := Open(dir, Options{Run: "run", Compact: -1})
		require.NoError(t, err, "kill %d", kill)
		last, ok := j.Committed()
		if !ok {
			last = -1
		}
		require.GreaterOrEqual(t, last, committed)
		committed = last
		where := map[string]int64{}
		put := func(step int64, ids []string) {
			for _, id := range ids {
				if other, twice := where[id]; twice {
					t.Fatalf("kill %d: group %s is in %d and %d", kill, id, other, step)
				}
				where[id] = step
			}
		}
		for s, members := range steps {
			if s <= committed {
				put(s, strings.Fields(members))
			}
		}
		for _, s := range j.Steps() {
			groups, err := j.Take(s, 0, nil)
			require.NoError(t, err)
			check(t, groups)
			put(s, ids(groups))
			if members, ok := steps[s]; ok {
				require.Equal(t, members, strings.Join(ids(groups), " "), "kill %d, step %d", kill, s)
			}
			steps[s] = strings.Join(ids(groups), " ") // the kill may have come before it was told
		}
		var waiting []*rollout.Group
		for _, e := range j.waiting {
			g, err := j.read(e)
			require.NoError(t, err)
			waiting = append(waiting, g)
		}
		check(t, waiting)
		put(-1, ids(waiting))
		for id := range told {
			_, ok := where[id]
			require.True(t, ok, "kill %d: group %s is lost", kill, id)
		}
		for s := range steps {
			require.True(t, s <= committed || slices.Contains(j.Steps(), s), "kill %d: step %d is lost", kill, s)
		}
		require.NoError(t, j.Close())
	}
	require.Greater(t, deepest, 5)
	t.Logf("%d kills, at most %d groups", kills, deepest)
}

func check(t *testing.T, groups []*rollout.Group) {
	t.Helper()
	for _, g := range groups {
		var i int
		fmt.Sscan(g.Problem.ID, &i)
		want := group(i, 0)
		want.Completions[0].Text = strings.Repeat("x", i%5000)
		require.Equal(t, plain(want), plain(g))
	}
}
