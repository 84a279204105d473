package main

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"time"

	"github.com/grouprl/grouprl/rollout"
	"github.com/grouprl/grouprl/rollout/sandbox"
	"github.com/grouprl/grouprl/rollout/verify"
)

func med(x []time.Duration) float64 {
	slices.Sort(x)
	return float64(x[len(x)/2].Microseconds()) / 1000
}

func main() {
	n := flag.Int("n", 300, "")
	tests := flag.Int("t", 1, "")
	tier := flag.Int("tier", 1, "")
	phases := flag.Bool("p", false, "")
	flag.Parse()
	l, err := sandbox.Local(sandbox.Config{Tier: sandbox.Tier(*tier)})
	if err != nil {
		panic(err)
	}
	defer l.Close()
	ctx := context.Background()
	if *phases {
		var st, ld, rn, cl, all []time.Duration
		t00 := time.Now()
		for range *n {
			t0 := time.Now()
			s, err := l.Start(ctx)
			if err != nil {
				panic(err)
			}
			t1 := time.Now()
			s.Load(ctx, sandbox.Program{Source: []byte("print(int(input()) + 1)")})
			t2 := time.Now()
			for range *tests {
				t := time.Now()
				s.Run(ctx, []byte("41\n"))
				rn = append(rn, time.Since(t))
			}
			t3 := time.Now()
			s.Close()
			t4 := time.Now()
			st, ld, cl, all = append(st, t1.Sub(t0)), append(ld, t2.Sub(t1)), append(cl, t4.Sub(t3)), append(all, t4.Sub(t0))
		}
		fmt.Println("start", med(st), "load", med(ld), "run", med(rn), "close", med(cl), "all", med(all), "mean", time.Since(t00).Seconds()*1e3/float64(*n))
		return
	}
	v := &verify.Verifier{Runner: l}
	var all []rollout.Test
	for i := range *tests {
		all = append(all, rollout.Test{Input: fmt.Sprintln(i), Expected: fmt.Sprintln(i + 1)})
	}
	p := &rollout.Problem{ID: "p", Tests: rollout.Tests(all...)}
	t00 := time.Now()
	for range *n {
		if _, err := v.Judge(ctx, p, "print(int(input()) + 1)"); err != nil {
			panic(err)
		}
	}
	fmt.Println(time.Since(t00).Seconds() * 1e3 / float64(*n))
}
