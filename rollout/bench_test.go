package rollout_test

import (
	"context"
	"testing"
	"time"

	. "github.com/grouprl/grouprl/rollout"
)

// BenchmarkPipeline is a generator of 20 ms a call and 32 at a time, and a
// verifier three times as slow and four times as parallel. idle-% is the share of
// the generator workers' time outside Generate.
func BenchmarkPipeline(b *testing.B) {
	f := &takes{generate: 20 * time.Millisecond, verify: 60 * time.Millisecond}
	var last Event
	n := 0
	for _, err := range Groups(b.Context(), problems(b.N), f, f, Options{Generators: 32, Verifiers: 128, Observe: func(e Event) { last = e }}) {
		if err != nil {
			b.Fatal(err)
		}
		n++
	}
	b.ReportMetric(100*last.GeneratorUse.IdleShare(), "idle-%")
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "groups/s")
}

// BenchmarkOverhead is what the pipeline itself costs a group of 8: generation and
// verification take no time at all.
func BenchmarkOverhead(b *testing.B) {
	c := &Completion{}
	g := GeneratorFunc(func(context.Context, *Request) (*Completion, error) { return c, nil })
	v := VerifierFunc(func(context.Context, *Problem, *Completion) (Verdict, error) {
		return Verdict{Status: Accepted}, nil
	})
	b.ReportAllocs()
	for _, err := range Groups(b.Context(), problems(b.N), g, v, Options{}) {
		if err != nil {
			b.Fatal(err)
		}
	}
}
