package main

import (
	"context"
	"reflect"
	"sync"
	"testing"

	"github.com/grouprl/grouprl/rollout"
)

// Each distinct program of a problem is executed once, however many ask at a time;
// truncated ones are handed on.
func TestJudgeRunsEachProgramOnce(t *testing.T) {
	verifier := new(coin)
	j := newJudge(verifier)
	p, q := &rollout.Problem{ID: "p"}, &rollout.Problem{ID: "q"}
	var wait sync.WaitGroup
	for i := range 40 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			c := &rollout.Completion{Text: []string{"a", "b"}[i%2]}
			problem := p
			if i%4 < 2 {
				problem = q
			}
			got, err := j.Verify(context.Background(), problem, c)
			want, _ := new(coin).Verify(context.Background(), problem, c)
			if err != nil || got != want {
				t.Errorf("program %q: %v, %v", c.Text, got, err)
			}
		}()
	}
	wait.Wait()
	if asked, ran := j.counts(); asked != 40 || ran != 4 || verifier.train.Load() != 4 {
		t.Errorf("asked %d, ran %d, executed %d; want 40, 4, 4", asked, ran, verifier.train.Load())
	}
	v, err := j.Verify(context.Background(), p, &rollout.Completion{Text: "a", Finish: rollout.Length})
	if err != nil || v.Status != rollout.Truncated {
		t.Errorf("truncated: %v, %v", v, err)
	}
}

// The feed runs ahead of what is missing by half, never past the rounds, and ends when
// the step is full.
func TestFeedRunsAheadByHalf(t *testing.T) {
	recipe := tiny()
	f := newFeed(recipe.training(), 5, 4, 3)
	for _, step := range []struct {
		account rollout.Refilled
		opened  int
	}{
		{rollout.Refilled{}, 6},
		{rollout.Refilled{Drawn: 2, Kept: 1}, 7},
		{rollout.Refilled{Drawn: 6, Kept: 1}, 11},
		{rollout.Refilled{Drawn: 11, Kept: 3}, 12}, // 12 are three rounds
	} {
		f.observe(step.account)
		if f.opened != step.opened || f.closed {
			t.Errorf("after %+v: %d opened, closed %v; want %d", step.account, f.opened, f.closed, step.opened)
		}
	}
	f.observe(rollout.Refilled{Drawn: 12, Kept: 4})
	if !f.closed {
		t.Error("full, and not closed")
	}
	var ids []string
	for p := range f.problems(context.Background()) {
		ids = append(ids, p.ID)
	}
	if len(ids) != 12 || ids[0] != recipe.training().Problem(5).ID {
		t.Errorf("%d problems from %q", len(ids), ids[:1])
	}
}

// A completion is the same whether it is sampled alone or among others.
func TestSamplerBatchesChangeNoBit(t *testing.T) {
	p, err := newPolicy(3)
	if err != nil {
		t.Fatal(err)
	}
	recipe := tiny()
	problem := recipe.training().Problem(0)
	request := func(sample int) *rollout.Request {
		return &rollout.Request{Problem: &problem.Problem, Sample: sample, Seed: 8}
	}
	together := newSampler(p, 64)
	var got [12]*rollout.Completion
	var wait sync.WaitGroup
	for i := range got {
		wait.Add(1)
		go func() {
			defer wait.Done()
			c, err := together.Generate(context.Background(), request(i))
			if err != nil {
				t.Error(err)
			}
			got[i] = c
		}()
	}
	wait.Wait()
	alone := newSampler(p, 64)
	for i := range got {
		want, err := alone.Generate(context.Background(), request(i))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got[i], want) {
			t.Errorf("sample %d differs", i)
		}
		if i > 0 && reflect.DeepEqual(got[i].Tokens, got[0].Tokens) {
			t.Errorf("samples 0 and %d are the same", i)
		}
	}
}
