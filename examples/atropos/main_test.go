package main

import (
	"bytes"
	"context"
	"errors"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/grouprl/grouprl/rollout"
	"github.com/grouprl/grouprl/rollout/atropos"
	"github.com/grouprl/grouprl/rollout/sandbox"
)

type log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

// whole tells a program with every line from one that lacks some.
func whole(_ context.Context, p *rollout.Problem, c *rollout.Completion) (rollout.Verdict, error) {
	if strings.Contains(c.Text, strings.TrimSpace(p.Reference)) {
		return rollout.Verdict{Status: rollout.Accepted, Reward: 1}, nil
	}
	return rollout.Verdict{Status: rollout.WrongAnswer, Reward: -1}, nil
}

// together runs a trainer and an environment over our server.
func together(t *testing.T, v rollout.Verifier, groups, steps int) (trainer, environment string) {
	t.Helper()
	server, err := atropos.NewServer(atropos.Options{Dir: t.TempDir(), Token: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(server)
	defer server.Close()
	defer h.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var a, b log
	var wait sync.WaitGroup
	wait.Go(func() {
		if err := run(ctx, []string{"trainer", "-url", h.URL, "-token", "secret", "-poll", "5ms", "-batch", "8", "-steps", strconv.Itoa(steps)}, &a); err != nil {
			t.Error(err)
			cancel()
		}
	})
	client := &atropos.Client{URL: h.URL, Token: "secret", Poll: 5 * time.Millisecond}
	o := environmentOptions{Name: "test", Group: 4, Groups: groups, Workers: 4, OffPolicy: 2, Seed: 1}
	if err := serveProblems(ctx, client, o, standIn{}, v, &b); err != nil {
		t.Error(err)
		cancel()
	}
	wait.Wait()
	return a.b.String(), b.b.String()
}

func TestTrainerAndEnvironment(t *testing.T) {
	trainer, environment := together(t, rollout.VerifierFunc(whole), 20, 10)
	if n := strings.Count(trainer, "2 groups"); n != 10 {
		t.Errorf("%d steps of 2 groups, want 10:\n%s", n, trainer)
	}
	if strings.Count(trainer, "better minus worse +") < 7 {
		t.Errorf("the trainer does not come to prefer what has the better score:\n%s", trainer)
	}
	if !strings.Contains(environment, "20 groups posted") || !strings.Contains(environment, "registered as test_0") {
		t.Error(environment)
	}
}

// The same with real programs in the real sandbox.
func TestEnvironmentInSandbox(t *testing.T) {
	v, runner, err := startVerifier()
	var missing *sandbox.InterpreterError
	var unsupported *sandbox.UnsupportedError
	if errors.As(err, &missing) || errors.As(err, &unsupported) {
		if os.Getenv("GROUPRL_REQUIRE") != "" {
			t.Fatal(err)
		}
		t.Skipf("no program can be run here: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	defer runner.Close()
	trainer, _ := together(t, v, 2, 1)
	if !strings.Contains(trainer, "step   0  2 groups") {
		t.Error(trainer)
	}
}

func TestServerCommand(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	var out log
	done := make(chan error)
	go func() {
		done <- run(ctx, []string{"server", "-listen", "127.0.0.1:0", "-journal", t.TempDir()}, &out)
	}()
	for {
		out.mu.Lock()
		url, ok := strings.CutPrefix(strings.TrimSpace(out.b.String()), "listening at ")
		out.mu.Unlock()
		if ok {
			info, err := (&atropos.Client{URL: url}).Info(ctx)
			if err != nil || info.BatchSize != -1 {
				t.Error(info, err)
			}
			break
		}
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := run(context.Background(), []string{"nothing"}, &out); err == nil {
		t.Error("a command that does not exist")
	}
}
