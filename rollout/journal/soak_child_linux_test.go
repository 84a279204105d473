//go:build amd64 || arm64

package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/grouprl/grouprl/rollout"
	"github.com/grouprl/grouprl/rollout/dataset/builtin"
	"github.com/grouprl/grouprl/rollout/sandbox"
	"github.com/grouprl/grouprl/rollout/verify"
)

func init() { children["GROUPRL_SOAK_CHILD"] = soakChild }

// A soak is one life of the run: a process that goes on where the journal and the
// checkpoint say. What it says on its standard output is what TestSoak counts.
type soak struct {
	dir      string
	deadline time.Time // no new problem is drawn after it
	drawn    int       // problems that were drawn before, in this life or an earlier one
	long     bool

	disk      *failing
	journal   *Journal
	verifier  rollout.Verifier
	generator rollout.Generator
	rounds    int // pipelines so far
	cursor    int // every problem before it has ended
	completed atomic.Int64
}

// A checkpoint is what a trainer saves beside its weights.
type checkpoint struct {
	Step   int64 // the next one
	Cursor int   // problems before it have ended
}

// say writes a line, in one unbuffered write.
func say(format string, a ...any) { os.Stdout.WriteString(fmt.Sprintf(format+"\n", a...)) }

func must(err error) {
	if err != nil {
		say("error %v", strings.ReplaceAll(err.Error(), "\n", " / "))
		os.Exit(1)
	}
}

func soakChild(dir string) {
	d, err := time.ParseDuration(os.Getenv("GROUPRL_SOAK"))
	must(err)
	s := &soak{dir: dir, long: os.Getenv("GROUPRL_LONG") != ""}
	s.drawn, err = strconv.Atoi(os.Getenv("GROUPRL_SOAK_DRAWN"))
	must(err)
	before, files := runtime.NumGoroutine(), openFiles()
	runner, err := sandbox.Local(sandbox.Config{Parallel: 4, Limits: sandbox.Limits{Wall: 10 * time.Second, Memory: 1 << 30}})
	must(err)
	server := httptest.NewServer(http.HandlerFunc(s.serve))
	transport := &http.Transport{MaxIdleConnsPerHost: 16}
	s.generator = &remote{server.URL, http.Client{Transport: transport}}
	s.verifier = s.judged(&verify.Verifier{Runner: runner, Extract: verify.WholeText{}, Retries: -1})
	s.disk = &failing{disk: folder(dir), slow: 5 * time.Millisecond, fills: 0.02, breaks: 0.005}
	if s.long {
		s.disk.slow, s.disk.fills, s.disk.breaks = 20*time.Millisecond, 0.004, 0.001
	}
	resting := runtime.NumGoroutine() + 1 // with the watcher, which may end the supervisor's
	watch, stopWatching := context.WithCancel(context.Background())
	watching := make(chan bool)
	go func() { s.watch(watch); close(watching) }()

	s.deadline = time.Now().Add(d)
	for {
		s.disk.full.Store(false)
		s.journal, err = open(dir, Options{Run: "soak", Compact: 1 << 16}, func(apply func(Position, []byte) error) (*Log, error) {
			return openLog(dir, s.disk, LogOptions{}, apply)
		})
		if errors.As(err, new(*WriteError)) {
			continue // the fsync that opening needs
		}
		must(err)
		err := s.pipeline()
		s.journal.Close()
		rest(resting, transport)
		if err == nil {
			break
		}
		say("restart %v", err)
	}
	stopWatching()
	<-watching
	must(runner.Close())
	server.Close()
	transport.CloseIdleConnections()
	for range 3000 {
		if runtime.NumGoroutine() <= before && len(descendants()) == 0 && openFiles() <= files {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	say("disk %d fsyncs, %d failed, filled up %d times", s.disk.Syncs.Load(), s.disk.Breaks.Load(), s.disk.Fills.Load())
	left := max(0, runtime.NumGoroutine()-before)
	if left > 0 {
		pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
	}
	say("left %d %d %d", left, len(descendants()), max(0, openFiles()-files))
}

// rest waits until there are no more goroutines than before the first pipeline. A
// pipeline's own have ended when it returns; those of its connections, at both ends,
// and of a supervisor that is replaced end soon after. If they do not, all stacks go to
// standard error. While the supervisor is dead, its two are missed here, and seen at
// the end.
func rest(resting int, transport *http.Transport) {
	for range 3000 {
		transport.CloseIdleConnections()
		if runtime.NumGoroutine() <= resting {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	n := runtime.NumGoroutine()
	pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
	must(fmt.Errorf("%d goroutines after a pipeline, %d before", n, resting))
}

// pipeline draws, samples, verifies, journals, filters and takes steps until the
// problems have come to their end, and returns nil then. A failure of the disk ends
// it: the next one goes on from what is durable.
func (s *soak) pipeline() error {
	s.rounds++
	var c checkpoint
	b, err := os.ReadFile(filepath.Join(s.dir, "checkpoint"))
	if err == nil {
		must(json.Unmarshal(b, &c))
	}
	s.cursor = c.Cursor
	if c.Step > 0 { // the checkpoint may have been saved, and the step not committed
		if err := s.journal.Commit(c.Step - 1); err != nil {
			return err
		}
		say("commit %d", c.Step-1)
	}
	var counts [16]int
	fullest := false
	options := rollout.Options{
		Samples: 4, MinGroup: 3, Generators: 8, Verifiers: 4, InFlight: 6, Retries: 1, Backoff: time.Millisecond,
		Observe: func(e rollout.Event) {
			counts[e.Kind]++
			if e.Kind == rollout.Retrying {
				say("retry %v", strings.Fields(e.Err.Error())[0])
			}
			if !fullest && e.Groups == 6 {
				fullest = true
				say("full")
			}
		},
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	groups, stop := rollout.Resumable(rollout.Groups(ctx, s.problems(), s.generator, s.verifier, options))
	defer stop()
	source := s.ended(s.journal.Through(groups))
	informative := func(g *rollout.Group) bool {
		if !g.Informative(0) {
			say("refused %s", g.Problem.ID)
			return false
		}
		return true
	}
	for step := c.Step; ; step++ {
		const n = 2
		short, account := false, rollout.Refilled{}
		if !slices.Contains(s.journal.Steps(), step) {
			budget := rollout.Budget{Groups: n, Rounds: -1, Short: rollout.FailShort, Observe: func(r rollout.Refilled) { account = r }}
			if step%2 == 1 {
				budget.Surplus = rollout.YieldSurplus
			}
			for _, err := range rollout.Refill(source, func(g *rollout.Group) bool { return g.Informative(0) }, budget) {
				switch {
				case errors.As(err, new(*rollout.BudgetError)):
					short = true
				case errors.As(err, new(*rollout.GroupError)):
				case err != nil:
					return err
				}
			}
			if account.Drawn != account.Kept+account.Refused+account.Errors {
				must(fmt.Errorf("Refill's account %+v", account))
			}
		}
		take := n
		if short || step%2 == 1 {
			take = 0 // all that wait
		}
		taken, err := s.journal.Take(step, take, informative)
		switch {
		case err == nil:
			var ids []string
			for _, g := range taken {
				ids = append(ids, g.Problem.ID)
			}
			say("step %d %s", step, strings.Join(ids, " "))
			s.save(checkpoint{step + 1, s.cursor})
			if err := s.journal.Commit(step); err != nil {
				return err
			}
			say("commit %d", step)
		case errors.As(err, new(*ShortError)):
			step--
		default:
			return err
		}
		if short && s.journal.Waiting() == 0 {
			if drawn, over := counts[rollout.Drawn], counts[rollout.GroupReady]+counts[rollout.GroupLost]; drawn != over {
				must(fmt.Errorf("%d groups drawn, %d ready or lost", drawn, over))
			}
			return nil
		}
	}
}

// problems goes on behind the cursor, in every second pipeline past what is in the
// journal: the others sample it again, for the journal to leave out.
func (s *soak) problems() iter.Seq2[*rollout.Problem, error] {
	return func(yield func(*rollout.Problem, error) bool) {
		pass := s.rounds%2 == 0
		for i := s.cursor; i < max(s.drawn, 12) || time.Now().Before(s.deadline); i++ {
			p := *stock[i%len(stock)]
			p.ID = strconv.Itoa(i)
			if pass && slices.ContainsFunc([]int{0, 1}, func(sample int) bool { return s.journal.Has(KeyOf("soak", p.ID, 0, sample, 0)) }) {
				continue
			}
			s.drawn = max(s.drawn, i+1)
			say("in %d", i)
			if !yield(&p.Problem, nil) {
				return
			}
		}
	}
}

// ended says what becomes of each problem, and moves the cursor behind it.
func (s *soak) ended(in iter.Seq2[*rollout.Group, error]) iter.Seq2[*rollout.Group, error] {
	return func(yield func(*rollout.Group, error) bool) {
		for g, err := range in {
			var lost *rollout.GroupError
			var p *rollout.Problem
			switch {
			case err == nil:
				p = g.Problem
				say("safe %s %d", p.ID, len(g.Lost))
			case errors.As(err, &lost):
				p = lost.Problem
				reasons := make([]string, len(lost.Lost))
				for i, l := range lost.Lost {
					reasons[i] = l.Stage + " " + l.Err.Error()
				}
				say("lost %s %s", p.ID, strings.Join(reasons, "; "))
			}
			if p != nil {
				id, err := strconv.Atoi(p.ID)
				must(err)
				s.cursor = id + 1
			}
			if !yield(g, err) {
				return
			}
		}
	}
}

func (s *soak) save(c checkpoint) {
	b, err := json.Marshal(c)
	must(err)
	path := filepath.Join(s.dir, "checkpoint")
	must(os.WriteFile(path+".new", b, 0o600))
	must(os.Rename(path+".new", path))
}

// stock are the built-in problems, and programs for each of them.
var stock = func() (all []*builtin.Problem) {
	for p, err := range builtin.All(0) {
		if err != nil {
			panic(err)
		}
		p.Programs = slices.DeleteFunc(p.Programs, func(p builtin.Program) bool { return p.Status == rollout.TimeLimit })
		p.Programs = append(p.Programs,
			builtin.Program{Status: rollout.MemoryLimit, Source: "x = bytearray(8 << 30)"},
			builtin.Program{Status: rollout.RuntimeError, Source: "import os; os._exit(3)"},
			builtin.Program{Status: rollout.RuntimeError, Source: "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"},
			builtin.Program{Status: rollout.CompileError, Source: "x = ("},
		)
		all = append(all, p)
	}
	return all
}()

// An answer is what the inference server sends: which of the problem's programs it
// has written, and with what tokens.
type answer struct {
	Program  int
	Tokens   []int32
	LogProbs []float32
}

// serve is an inference server that has bad days.
func (s *soak) serve(w http.ResponseWriter, r *http.Request) {
	seed, _ := strconv.ParseUint(r.URL.Query().Get("seed"), 10, 64)
	programs, _ := strconv.Atoi(r.URL.Query().Get("programs"))
	rng := rand.New(rand.NewPCG(seed, 1))
	a := answer{} // the right one
	if r.URL.Query().Get("easy") != "true" && rng.IntN(2) == 0 {
		a.Program = rng.IntN(programs)
	}
	for range 100 + rng.IntN(1000) {
		a.Tokens = append(a.Tokens, rng.Int32N(150_000))
		a.LogProbs = append(a.LogProbs, -rng.Float32())
	}
	body, _ := json.Marshal(a)
	if s.long { // some fifteen answers a second
		time.Sleep(250*time.Millisecond + rand.N(500*time.Millisecond))
	}
	switch rand.IntN(25) {
	case 0:
		http.Error(w, "out of memory", http.StatusInternalServerError)
	case 1:
		http.Error(w, "too many requests", http.StatusTooManyRequests)
	case 2: // half a body
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.Write(body[:len(body)/2])
		panic(http.ErrAbortHandler)
	case 3:
		panic(http.ErrAbortHandler)
	case 4:
		a.LogProbs = a.LogProbs[1:]
		json.NewEncoder(w).Encode(a)
	case 5:
		time.Sleep(100 * time.Millisecond)
		fallthrough
	default:
		w.Write(body)
	}
}

// remote is a generator over that server.
type remote struct {
	url    string
	client http.Client
}

func (g *remote) Generate(ctx context.Context, r *rollout.Request) (*rollout.Completion, error) {
	id, err := strconv.Atoi(r.Problem.ID)
	must(err)
	programs := stock[id%len(stock)].Programs
	q, err := http.NewRequestWithContext(ctx, "GET", fmt.Sprintf("%s?seed=%d&programs=%d&easy=%t", g.url, r.Key(), len(programs), id%5 == 0), nil)
	must(err)
	reply, err := g.client.Do(q)
	if err != nil {
		return nil, fmt.Errorf("broken: %w", err)
	}
	defer reply.Body.Close()
	if reply.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status-%d", reply.StatusCode)
	}
	var a answer
	if err := json.NewDecoder(reply.Body).Decode(&a); err != nil {
		return nil, fmt.Errorf("half: %w", err)
	}
	if len(a.Tokens) != len(a.LogProbs) {
		return nil, fmt.Errorf("counts: %d tokens, %d log-probabilities", len(a.Tokens), len(a.LogProbs))
	}
	return &rollout.Completion{
		Text: programs[a.Program].Source, Prompt: []int32{1, 2, 3}, Tokens: a.Tokens, LogProbs: a.LogProbs, Versions: []int64{0},
	}, nil
}

// judged compares each verdict with the one that the program must get. One may be
// another if its session was killed while it ran: that is told from a program that
// ends its session by nothing.
func (s *soak) judged(v rollout.Verifier) rollout.Verifier {
	return rollout.VerifierFunc(func(ctx context.Context, p *rollout.Problem, c *rollout.Completion) (rollout.Verdict, error) {
		verdict, err := v.Verify(ctx, p, c)
		if err != nil {
			return verdict, fmt.Errorf("sandbox: %w", err)
		}
		s.completed.Add(1)
		id, _ := strconv.Atoi(p.ID)
		for _, program := range stock[id%len(stock)].Programs {
			if program.Source == c.Text && program.Status != verdict.Status {
				say("spoiled %v %v %q", program.Status, verdict.Status, verdict.Stderr)
			}
		}
		return verdict, nil
	})
}

// watch kills a process of the sandbox now and then, and says how much memory this
// one takes.
func (s *soak) watch(ctx context.Context) {
	every, look := 300*time.Millisecond, time.Second
	if s.long {
		every, look = 10*time.Second, 20*time.Second
	}
	start, looked := time.Now(), time.Time{}
	for {
		if time.Since(looked) >= look {
			looked = time.Now()
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			var size, resident int
			if b, err := os.ReadFile("/proc/self/statm"); err == nil {
				fmt.Sscan(string(b), &size, &resident)
			}
			size = 0
			if info, err := os.Stat(filepath.Join(s.dir, logName)); err == nil {
				size = int(info.Size())
			}
			say("memory %d %d %d %d %d %d %d %d", int(time.Since(start).Seconds()), m.HeapAlloc, resident*os.Getpagesize(),
				runtime.NumGoroutine(), openFiles(), len(descendants()), s.completed.Load(), size)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(rand.N(2 * every)):
		}
		if all := descendants(); len(all) > 0 {
			victim := all[rand.IntN(len(all))]
			fd, err := unix.PidfdOpen(victim, 0)
			if err == nil && slices.Contains(descendants(), victim) { // still the same one
				say("kill %d", victim)
				unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
			}
			unix.Close(fd)
		}
	}
}

func openFiles() int {
	files, _ := os.ReadDir("/proc/self/fd")
	return len(files)
}

// descendants are the processes below this one.
func descendants() (found []int) {
	parents := map[int]int{}
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		b, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue
		}
		fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
		parents[pid], _ = strconv.Atoi(fields[1])
	}
	for pid := range parents {
		for p := parents[pid]; p > 0; p = parents[p] {
			if p == os.Getpid() {
				found = append(found, pid)
				break
			}
		}
	}
	slices.Sort(found)
	return found
}
