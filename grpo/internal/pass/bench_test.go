package pass

import (
	"math/rand/v2"
	"testing"

	"github.com/grouprl/grouprl/internal/simd"
	"github.com/grouprl/grouprl/internal/vexp"
)

// Each pass over a block of 512 tokens, on each tier.
func BenchmarkPasses(b *testing.B) {
	const n = 512
	rng := rand.New(rand.NewPCG(1, 1))
	random := func() []float64 { return numbers(rng, n, 0) }
	x, y, z, u, v := random(), random(), random(), random(), random()
	vexp.Exp(y, x)
	f, g := make([]float32, n), make([]float32, n)
	var l Lanes
	var p Pair
	var m RatioSums
	var c HeldCounts
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
		{"clip", func() { Clip(u, v, y, x, Bounds{0.8, 1.28, 3}) }},
		{"k3", func() { K3(u, v, f, g, &p) }},
		{"ratio", func() { Ratio(u, v, f, g, &m) }},
		{"measure", func() { Measure(&m, y, y, x) }},
		{"losses", func() { Losses(&p, &c, u, v, v, x, z) }},
		{"clip-losses", func() { ClipLosses(&p, &c, u, v, y, x, z, Bounds{0.8, 1.28, 3}) }},
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
