package pass

import (
	"math/rand/v2"
	"testing"

	"github.com/grouprl/grouprl/internal/simd"
	"github.com/grouprl/grouprl/internal/vexp"
)

// Each pass over a block of 1000 tokens, on each tier. No two slices begin at the same
// place of a page, as they don't in an Evaluator.
func BenchmarkPasses(b *testing.B) {
	const n = 1000
	rng := rand.New(rand.NewPCG(1, 1))
	memory := numbers(rng, 5*(n+24), 0)
	next := func() []float64 {
		x := memory[:n:n]
		memory = memory[n+24:]
		return x
	}
	x, y, z, u, v := next(), next(), next(), next(), next()
	vexp.Exp(y, x)
	both := make([]float32, 2*(n+24))
	f, g := both[:n], both[n+24:][:n]
	var l Lanes
	var p Pair
	var m RatioSums
	var c HeldCounts
	bounds := Bounds{0.8, 1.28, 3}
	chosen := simd.Chosen
	defer func() { simd.Chosen = chosen }()
	for _, pass := range []struct {
		name string
		run  func()
	}{
		{"exp", func() { vexp.Exp(v, x) }},
		{"subtract", func() { Subtract(v, f, g, &l) }},
		{"widen", func() { Widen(v, f) }},
		{"add", func() { p.Add(x, y) }},
		{"clip", func() { Clip(u, v, y, x, bounds) }},
		{"k3", func() { K3(u, v, f, g, &p) }},
		{"ratio", func() { Ratio(u, v, f, g, &m) }},
		{"measure", func() { Measure(&m, y, y, x) }},
		{"losses", func() { Losses(&p, &c, u, v, v, x, z) }},
		{"clip-losses", func() { ClipLosses(&p, &c, u, v, y, x, z, bounds) }},
		{"clip-gradient", func() { ClipGradient(f, &p, &c, y, x, nil, 1, bounds, Factors{1, 0}, [3][]float64{z, u, v}) }},
		{"clip-gradient-sum", func() { ClipGradient(f, &p, &c, y, x, z, 1, bounds, Factors{1, 1}, [3][]float64{z, u, v}) }},
		{"fill", func() { Fill(z, 1) }},
		{"narrow", func() { Narrow(f, x, nil, Factors{1, 0}) }},
		{"narrow-sum", func() { Narrow(f, x, y, Factors{1, 1}) }},
	} {
		for _, tier := range simd.Tiers() {
			b.Run(pass.name+"/"+tier.String(), func(b *testing.B) {
				simd.Chosen = tier
				for b.Loop() {
					pass.run()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/token")
			})
		}
	}
}
