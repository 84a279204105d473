package main

import (
	"cmp"
	"context"
	"encoding/binary"
	"hash/fnv"
	"slices"
	"sync"
	"time"

	"github.com/grouprl/grouprl/examples/nouscoder/internal/policy"
	"github.com/grouprl/grouprl/examples/nouscoder/internal/problems"
	"github.com/grouprl/grouprl/rollout"
)

// rows is the most completions that are sampled together.
const rows = 96

// sampler is a rollout.Generator over a model. Calls that wait at the same time
// are sampled as one batch, by whichever of them comes first; a completion is a
// function of the weights and its own request alone, so how calls are batched
// changes no bit.
type sampler struct {
	model  model
	window int         // tokens, prompt and completion together
	rope   policy.Rope // YaRN, beyond the trained window
	greedy bool        // sample 0 of each group is greedy

	waiting chan *call
	device  chan struct{} // one batch at a time

	mu   sync.Mutex
	busy time.Duration
}

// call is a Generate that waits.
type call struct {
	problem    string
	sample     int
	request    policy.Request
	completion policy.Completion
	err        error
	done       chan struct{}
}

func newSampler(m model, window int) *sampler {
	return &sampler{model: m, window: window, waiting: make(chan *call, rows), device: make(chan struct{}, 1)}
}

// Generate implements rollout.Generator, for at most rows calls at a time.
func (s *sampler) Generate(ctx context.Context, r *rollout.Request) (*rollout.Completion, error) {
	prompt, err := problems.Prompt(r.Problem.Statement)
	if err != nil {
		return nil, err
	}
	c := &call{problem: r.Problem.ID, sample: r.Sample, done: make(chan struct{})}
	c.request = policy.Request{Prompt: prompt, Seed: seedOf(r), Window: s.window, Greedy: s.greedy && r.Sample == 0}
	s.waiting <- c
	for waits := true; waits; {
		select {
		case <-c.done:
			waits = false
		case s.device <- struct{}{}:
			s.batch(ctx)
			<-s.device
		}
	}
	if c.err != nil {
		return nil, c.err
	}
	finish := rollout.Stop
	if c.completion.Truncated {
		finish = rollout.Length
	}
	return &rollout.Completion{
		Sample: r.Sample,
		Text:   problems.Decode(c.completion.Tokens),
		Prompt: prompt, Tokens: c.completion.Tokens, LogProbs: c.completion.LogProbs,
		Finish: finish,
	}, nil
}

// batch samples for every call that waits. Each is answered as soon as its own
// completion ends, so that verification starts while the others still grow.
func (s *sampler) batch(ctx context.Context) {
	time.Sleep(time.Millisecond) // for calls that are on their way
	var calls []*call
	for len(calls) < rows {
		select {
		case c := <-s.waiting:
			calls = append(calls, c)
			continue
		default:
		}
		break
	}
	if len(calls) == 0 {
		return
	}
	slices.SortFunc(calls, func(a, b *call) int { // neighbours share their prompt
		return cmp.Or(cmp.Compare(a.problem, b.problem), a.sample-b.sample)
	})
	requests := make([]policy.Request, len(calls))
	for i, c := range calls {
		requests[i] = c.request
	}
	start := time.Now()
	_, err := s.model.Sample(ctx, requests, policy.SampleOptions{
		Rope: s.rope,
		Each: func(i int, completion *policy.Completion) {
			calls[i].completion = *completion
			close(calls[i].done)
		},
	})
	s.mu.Lock()
	s.busy += time.Since(start)
	s.mu.Unlock()
	if err == nil {
		return
	}
	for _, c := range calls {
		select {
		case <-c.done:
		default:
			c.err = err
			close(c.done)
		}
	}
}

// worked is how long the model has been sampling so far.
func (s *sampler) worked() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.busy
}

// seedOf is the seed of one completion: a hash of all that may tell it from another.
func seedOf(r *rollout.Request) uint64 {
	h := fnv.New64a()
	var b [24]byte
	binary.LittleEndian.PutUint64(b[0:], uint64(r.Seed))
	binary.LittleEndian.PutUint64(b[8:], uint64(r.Round))
	binary.LittleEndian.PutUint64(b[16:], uint64(r.Sample))
	h.Write(b[:])
	h.Write([]byte(r.Problem.ID))
	return h.Sum64()
}
