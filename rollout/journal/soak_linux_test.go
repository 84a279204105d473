//go:build amd64 || arm64

package journal

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/grouprl/grouprl/rollout/sandbox"
)

// The whole of a run under faults, in a process of its own: a generator over an
// inference server that answers with errors, half a body or nothing, programs in the
// sandbox whose processes are killed at random (the supervisor as well), the queue
// full most of the time, a disk that is slow, fills up and fails, pipelines that are
// torn down in the middle and go on from the journal, and the process itself killed
// with SIGKILL.
//
// Every problem that was drawn ends in exactly one step, or is reported as refused or
// lost, with the reason. After a kill no process of the sandbox is left, and at the
// end no goroutine either. Memory does not grow but for the journal's index.
//
// It takes some seconds. The long form takes an hour, or as long as GROUPRL_SOAK
// says, at a few programs a second:
//
//	GROUPRL_LONG=1 GROUPRL_SOAK=1h go test -run TestSoak -timeout 0 -v ./rollout/journal
func TestSoak(t *testing.T) {
	needSandbox(t)
	total := 6 * time.Second
	if testing.Short() {
		total = 2 * time.Second
	}
	if os.Getenv("GROUPRL_LONG") != "" {
		total = time.Hour
		if text := os.Getenv("GROUPRL_SOAK"); text != "" {
			var err error
			total, err = time.ParseDuration(text)
			require.NoError(t, err)
		}
	}
	// What a killed life leaves behind becomes a child of this process.
	require.NoError(t, unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
	defer unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
	before := descendants()

	a := &soakAccount{steps: map[int64]string{}, ends: map[int]string{}, told: map[string]bool{}, counts: map[string]int{}}
	dir := t.TempDir()
	start := time.Now()
	for life := 0; !a.over; life++ {
		draws, kill := max(total-time.Since(start), total/4), time.Duration(0)
		if life < 3 {
			part := min(total/5, 3*time.Minute)
			draws, kill = time.Hour+total, part/2+rand.N(part)
		}
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "GROUPRL_SOAK_CHILD="+dir, "GROUPRL_SOAK="+draws.String(), fmt.Sprintf("GROUPRL_SOAK_DRAWN=%d", a.drawn))
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		if kill > 0 {
			time.AfterFunc(kill, func() { cmd.Process.Kill() })
		}
		a.memory = a.memory[:0]
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			a.line(t, lines.Text())
		}
		cmd.Wait()
		a.counts["lives"]++
		require.Eventually(t, func() bool {
			for { // reap what was handed over
				if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); pid <= 0 || err != nil {
					break
				}
			}
			return len(descendants()) <= len(before)
		}, 10*time.Second, 10*time.Millisecond, "processes of life %d are left: %v", life, descendants())
		a.compare(t, dir)
	}
	a.balance(t)
	a.flat(t)
	words := []string{}
	for word, n := range a.counts {
		words = append(words, fmt.Sprintf("%s %d", word, n))
	}
	slices.Sort(words)
	t.Logf("%v: %s", time.Since(start).Round(time.Second), strings.Join(words, ", "))
}

// soakAccount is what the lives of a run have said.
type soakAccount struct {
	drawn     int              // problems 0..drawn-1 were
	steps     map[int64]string // the problems of each
	committed int64
	ends      map[int]string  // of a problem: "safe", "refused", or "lost" with the reasons; a later one replaces an earlier one
	told      map[string]bool // problems that the journal is said to have
	counts    map[string]int
	memory    [][8]int // of the present life: seconds, heap, resident bytes, goroutines, files, processes, completions, bytes of the journal
	over      bool
}

func (a *soakAccount) line(t *testing.T, line string) {
	word, rest, _ := strings.Cut(line, " ")
	first, more, _ := strings.Cut(rest, " ")
	id, _ := strconv.Atoi(first)
	a.counts[word]++
	switch word {
	case "in":
		require.LessOrEqual(t, id, a.drawn, "problems are drawn in order")
		a.drawn = max(a.drawn, id+1)
	case "safe":
		a.ends[id], a.told[first] = "safe", true
		if more != "0" {
			a.counts["partial"]++
		}
	case "refused":
		require.Less(t, id, a.drawn) // it may have become durable in an append that failed
		a.ends[id] = "refused"
	case "lost":
		require.NotEmpty(t, more, "a reason")
		if a.told[first] {
			break // it is in the journal, and was sampled once more
		}
		a.ends[id] = "lost " + more
	case "step":
		step := int64(id)
		if before, ok := a.steps[step]; ok {
			require.Equal(t, before, more, "step %d replayed", step)
			a.counts["replayed"]++
		}
		a.steps[step] = more
	case "commit":
		a.committed = int64(id)
	case "memory":
		var m [8]int
		for i, f := range strings.Fields(rest) {
			m[i], _ = strconv.Atoi(f)
		}
		a.memory = append(a.memory, m)
		if os.Getenv("GROUPRL_LONG") != "" {
			t.Log(line)
		}
	case "retry":
		a.counts["retry "+first]++
	case "spoiled", "restart", "disk":
		t.Log(line)
	case "left":
		require.Equal(t, "0 0 0", rest, "goroutines, processes and open files that are left")
		a.over = true
	case "kill", "full":
	default:
		t.Fatalf("a life says %q", line)
	}
}

// compare looks into the journal after a life: what it was told to have is there.
func (a *soakAccount) compare(t *testing.T, dir string) {
	j, err := Open(dir, Options{Run: "soak", Compact: -1})
	require.NoError(t, err)
	defer j.Close()
	for id := range a.told {
		has := false
		for sample := range 4 {
			has = has || j.Has(KeyOf("soak", id, 0, sample, 0))
		}
		require.True(t, has, "group %s is lost", id)
	}
	last, ok := j.Committed()
	require.True(t, ok || a.committed == 0)
	require.GreaterOrEqual(t, max(last, 0), a.committed)
}

// balance: groups in = groups out + groups reported dropped.
func (a *soakAccount) balance(t *testing.T) {
	where := map[int]int64{}
	for step, ids := range a.steps {
		require.LessOrEqual(t, step, a.committed)
		for _, text := range strings.Fields(ids) {
			id, err := strconv.Atoi(text)
			require.NoError(t, err)
			other, twice := where[id]
			require.False(t, twice, "group %d is in steps %d and %d", id, other, step)
			where[id] = step
			require.NotEqual(t, "refused", a.ends[id], "group %d", id)
		}
	}
	out, refused, lost := 0, 0, 0
	for id := range a.drawn {
		_, in := where[id]
		switch end := a.ends[id]; {
		case in:
			out++
		case end == "refused":
			refused++
		case strings.HasPrefix(end, "lost "):
			lost++
		default:
			t.Errorf("problem %d was drawn and has no end (%q)", id, end)
		}
	}
	require.Equal(t, a.drawn, out+refused+lost)
	require.Positive(t, out)
	require.Positive(t, refused)
	require.Equal(t, 4, a.counts["lives"])
	require.Positive(t, a.counts["full"], "the queue is never full")
	require.Positive(t, a.counts["kill"])
	require.LessOrEqual(t, a.counts["spoiled"], a.counts["kill"], "a kill spoils no verdict but that of the program it hits")
	t.Logf("%d problems drawn (%d times) = %d in %d steps + %d refused + %d lost", a.drawn, a.counts["in"], out, len(a.steps), refused, lost)
}

// flat: in the last life, heap and resident memory stay where they were after its
// first fifth, but for the index: some 200 bytes a completion. A look may fall on a
// moment in which a program's output is at hand, so of the short form's few looks
// only a bound is asked.
func (a *soakAccount) flat(t *testing.T) {
	n := len(a.memory)
	require.Positive(t, n)
	middle := func(part [][8]int, column int) int {
		v := []int{}
		for _, m := range part {
			v = append(v, m[column])
		}
		slices.Sort(v)
		return v[len(v)/2]
	}
	first, last := a.memory[n/5:n/5+n/5+1], a.memory[n-n/5-1:]
	for i, name := range []string{"seconds", "heap", "resident", "goroutines", "files", "processes", "completions", "journal"} {
		t.Logf("%s: %d, then %d", name, middle(first, i), middle(last, i))
	}
	grown := func(column int) int { return middle(last, column) - middle(first, column) }
	index, more := 200*grown(6), 30
	if n < 50 {
		index, more = index+64<<20, 100
	}
	require.Less(t, grown(1), index+2<<20, "heap")
	require.Less(t, grown(2), index+16<<20, "resident")
	require.Less(t, grown(3), more, "goroutines")
	require.Less(t, grown(4), more, "files")
	require.Less(t, grown(5), more, "processes")
}

// needSandbox skips where no program can be run; where namespaces are required, it
// fails instead.
func needSandbox(t *testing.T) {
	runner, err := sandbox.Local(sandbox.Config{})
	if err == nil {
		err = runner.Close()
	}
	if err != nil {
		if strings.Contains(os.Getenv("GROUPRL_REQUIRE"), "namespaces") {
			t.Fatal(err)
		}
		t.Skipf("no program can be run here: %v", err)
	}
}
