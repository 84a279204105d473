package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/grouprl/grouprl/examples/nouscoder/internal/policy"
	"github.com/grouprl/grouprl/examples/nouscoder/internal/problems"
)

func TestWarmTmp(t *testing.T) {
	steps, _ := strconv.Atoi(os.Getenv("WARM"))
	rate, _ := strconv.ParseFloat(os.Getenv("RATE"), 64)
	if steps == 0 {
		t.Skip()
	}
	r := newRecipe(options{seed: 101, objectives: []string{"grpo"}})
	if rate > 0 {
		r.WarmRate = rate
	}
	p, _ := newPolicy(r.Seed)
	b2, _ := strconv.ParseFloat(os.Getenv("B2"), 64)
	p.Adam.Beta2 = b2
	c := r.corpus()
	start := time.Now()
	avg := 0.0
	list := r.heldOut(200)
	for s := range steps {
		nll, err := warmStep(p, c, &r, s, steps)
		if err != nil {
			t.Fatal(err)
		}
		avg += (nll - avg) * max(0.02, 1/float64(s+1))
		if (s+1)%100 == 0 {
			var req []policy.Request
			for _, pr := range list {
				prompt, _ := problems.Prompt(pr.Statement)
				req = append(req, policy.Request{Prompt: prompt, Window: 112, Greedy: true})
				for k := range 2 {
					req = append(req, policy.Request{Prompt: prompt, Window: 112, Seed: uint64(k + 1)})
				}
			}
			el := time.Since(start)
			out, err := p.Sample(context.Background(), req, policy.SampleOptions{})
			if err != nil {
				t.Fatal(err)
			}
			var right [3]float64
			for i, o := range out {
				pr := list[i/3]
				for st := range 3 {
					if problems.Decode(problems.Program(problems.Style(st), pr.Reading)) == problems.Decode(o.Tokens) {
						right[i%3] += 1.0 / 200
					}
				}
			}
			fmt.Printf("%d nll %.3f greedy %.3f sampled %.3f  %v (sample %v)\n", s+1, avg, right[0], (right[1]+right[2])/2, el.Round(time.Millisecond), (time.Since(start) - el).Round(time.Millisecond))
		}
	}
}
