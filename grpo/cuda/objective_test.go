package cuda

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/dapo"
	"github.com/grouprl/grouprl/grpo"
	"github.com/grouprl/grouprl/grpo/grpotest"
	"github.com/grouprl/grouprl/gspo"
)

// What these tests and those of evaluator_test.go pin:
//
//  1. the kernels compute what package grpo computes: golden vectors, every row of the
//     catalogue, random objectives on random ragged batches, exp to the last bit;
//  2. which rows of the catalogue have kernels; the others run on the host, to the bit;
//  3. any split, order and grid gives the same bits, of gradients and of Stats;
//  4. masked tokens are never read, and what lies outside a batch's rows is not written;
//  5. errors are the host's own, value by value; after them rows are zero;
//  6. nothing is launched after an error, allocated in steady state, or leaked;
//  7. every barrier is needed.

// unfused reports whether the compiler keeps x*y+z two roundings, as it does for amd64
// but not for arm64. The kernels do, so only then are bits equal.
func unfused() bool {
	x, y := 1+rand.Float64(), 1+rand.Float64()
	z := -float64(x * y)
	return x*y+z == 0
}

// outcome is what an evaluation gave: gradient of log-probabilities and entropies, and
// losses.
type outcome struct {
	stats    grpo.Stats
	gradient [3][]float64
	err      error
}

// untouched fills a gradient before an evaluation.
const untouched = 123.5

// hosted evaluates with package grpo.
func hosted[F grpo.Float](o *grpo.Objective, b *grpo.Batch[F], t *grpo.Totals, scale float64) (r outcome) {
	var g [3][]F
	for i := range g {
		g[i] = slices.Repeat([]F{untouched}, len(b.LogProbs))
	}
	e := grpo.Evaluator[F]{Scale: scale}
	r.stats, r.err = e.Eval(grpo.Gradient[F]{LogProbs: g[0], Entropies: g[1], Losses: g[2]}, o, b, t)
	for i := range g {
		r.gradient[i] = widened(g[i])
	}
	return r
}

func widened[F grpo.Float](x []F) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

func narrowed[F grpo.Float](x []float64) []F {
	if x == nil {
		return nil
	}
	y := make([]F, len(x))
	for i, v := range x {
		y[i] = F(v)
	}
	return y
}

// as is a batch with columns of another type, and token advantages that it can hold.
func as[F grpo.Float](b grpo.Batch[float64]) grpo.Batch[F] {
	return grpo.Batch[F]{
		Offsets: b.Offsets, LogProbs: narrowed[F](b.LogProbs), OldLogProbs: narrowed[F](b.OldLogProbs),
		RolloutLogProbs: narrowed[F](b.RolloutLogProbs), RefLogProbs: narrowed[F](b.RefLogProbs), Entropies: narrowed[F](b.Entropies),
		Advantages: b.Advantages, TokenAdvantages: widenedOrNil(narrowed[F](b.TokenAdvantages)),
		Groups: b.Groups, Episodes: b.Episodes, Keys: b.Keys, Rewards: b.Rewards, Mask: b.Mask,
	}
}

func widenedOrNil[F grpo.Float](x []F) []float64 {
	if x == nil {
		return nil
	}
	return widened(x)
}

// place copies a batch to the device: of token fields the counted tokens alone, so that
// a read of another one is one of memory that was never written.
func place[F grpo.Float](t testing.TB, s *Stream, b *grpo.Batch[F]) Batch {
	var zero F
	d := Batch{
		Offsets: b.Offsets, Tokens: len(b.LogProbs), Double: any(zero) == any(float64(0)), Advantages: b.Advantages,
		Groups: b.Groups, Episodes: b.Episodes, Keys: b.Keys, Rewards: b.Rewards, Mask: b.Mask,
	}
	for _, x := range []struct {
		dst *Ptr
		src []F
	}{
		{&d.LogProbs, b.LogProbs}, {&d.OldLogProbs, b.OldLogProbs}, {&d.RolloutLogProbs, b.RolloutLogProbs},
		{&d.RefLogProbs, b.RefLogProbs}, {&d.Entropies, b.Entropies}, {&d.TokenAdvantages, narrowed[F](b.TokenAdvantages)},
	} {
		if len(x.src) == 0 {
			continue
		}
		p := allocate(t, s, int64(len(x.src))*d.size())
		*x.dst = p
		if len(b.Mask) == 0 {
			require.NoError(t, Upload(s, p, x.src))
			continue
		}
		for i, counts := range b.Mask {
			if counts {
				require.NoError(t, Upload(s, p+Ptr(int64(i)*d.size()), x.src[i:i+1]))
			}
		}
	}
	return d
}

// allocate is memory until the end of the test.
func allocate(t testing.TB, s *Stream, bytes int64) Ptr {
	p, err := s.Device().Alloc(bytes)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Device().Free(p)) })
	return p
}

// onDevice evaluates a batch of the device.
func onDevice[F grpo.Float](t testing.TB, e *Evaluator, o *grpo.Objective, b *Batch, totals *grpo.Totals) (r outcome) {
	g := blankGradient[F](t, e.Stream, b.Tokens)
	r.stats, r.err = e.Eval(g, o, b, totals)
	r.read(t, e.Stream, g, b)
	return r
}

func blankGradient[F grpo.Float](t testing.TB, s *Stream, tokens int) (g Gradient) {
	for _, p := range []*Ptr{&g.LogProbs, &g.Entropies, &g.Losses} {
		*p = allocate(t, s, int64(max(tokens, 1))*8)
		require.NoError(t, Upload(s, *p, slices.Repeat([]F{untouched}, tokens)))
	}
	return g
}

func (r *outcome) read(t testing.TB, s *Stream, g Gradient, b *Batch) {
	for i, x := range g.columns() {
		if b.Double {
			r.gradient[i] = make([]float64, b.Tokens)
			require.NoError(t, Download(s, r.gradient[i], x.ptr))
		} else {
			single := make([]float32, b.Tokens)
			require.NoError(t, Download(s, single, x.ptr))
			r.gradient[i] = widened(single)
		}
	}
}

// difference is the largest of any number's distance over the largest number.
func difference(a, b []float64) float64 {
	var d, scale float64
	for i := range a {
		d, scale = max(d, math.Abs(a[i]-b[i])), max(scale, math.Abs(b[i]))
	}
	if d == 0 {
		return 0
	}
	return d / scale
}

// compare requires the same outcome, to a relative distance and then to the bit in
// counts; bits requires equal bits of everything.
func compare(t testing.TB, want, got outcome, tolerance float64, bits bool) {
	t.Helper()
	require.Equal(t, want.err, got.err)
	for i, name := range []string{"LogProbs", "Entropies", "Losses"} {
		d := difference(got.gradient[i], want.gradient[i])
		require.LessOrEqual(t, d, tolerance, "%s\ndevice %v\nhost   %v", name, got.gradient[i], want.gradient[i])
		if bits {
			require.Equal(t, patterns(want.gradient[i]), patterns(got.gradient[i]), "%s\ndevice %v\nhost   %v", name, got.gradient[i], want.gradient[i])
		}
	}
	a, err := want.stats.MarshalBinary()
	require.NoError(t, err)
	b, err := got.stats.MarshalBinary()
	require.NoError(t, err)
	if bits {
		require.True(t, slices.Equal(a, b), "Stats\ndevice %v\nhost   %v", got.stats.LogValue(), want.stats.LogValue())
		return
	}
	metrics := map[string]float64{}
	for name, x := range want.stats.All() {
		metrics[name] = x
	}
	for name, x := range got.stats.All() {
		y, ok := metrics[name]
		require.True(t, ok, name)
		require.InDelta(t, y, x, 1e-13*max(1, math.Abs(y)), name)
		delete(metrics, name)
	}
	require.Empty(t, metrics)
}

// patterns are the bits of numbers, in which 0 is not -0.
func patterns(x []float64) []uint64 {
	b := make([]uint64, len(x))
	for i, v := range x {
		b[i] = math.Float64bits(v)
	}
	return b
}

// sameExp reports whether the host computes the objective with the kernel's exp alone.
func sameExp(o *grpo.Objective) bool {
	return o.KL.Factor.Mode == grpo.NoFactor && !slices.ContainsFunc(o.Weights, func(w grpo.Weight) bool {
		_, is := w.(grpo.Mismatch) // a Gate has no part in what it keeps
		return is
	})
}

// resolved fills in the numbers of step-wide rules.
func resolved[F grpo.Float](t testing.TB, o grpo.Objective, b *grpo.Batch[F]) grpo.Objective {
	if !o.NeedsStep() {
		return o
	}
	var s grpo.Sample
	require.NoError(t, grpo.Observe(&s, &o, b))
	o, err := o.Resolve(&s)
	require.NoError(t, err)
	return o
}

// Every golden case of every package, in float64.
func TestGoldenObjectives(t *testing.T) { eachEvaluator(t, testGolden) }

func testGolden(t *bed, e *Evaluator) {
	cases, err := grpotest.Golden()
	require.NoError(t, err)
	kernels, worst := 0, 0.0
	for n, c := range cases {
		o, b := c.Objective, c.Batch
		if len(c.Reject) > 0 {
			b.Mask = slices.Clone(b.Mask)
			require.NoError(t, grpo.Reject(b.Mask, &b, c.Reject...))
		}
		o = resolved(t, o, &b)
		if OnDevice(&o) != nil && n%5 != 0 {
			continue // a part of those that run on the host
		}
		totals, err := grpo.Count(&o, &b)
		require.NoError(t, err)
		if c.Totals != nil {
			totals = *c.Totals
		}
		e.Scale = c.Scale
		want := hosted(&o, &b, &totals, c.Scale)
		device := placeWhole(t, e.Stream, &b)
		got := onDevice[float64](t, e, &o, &device, &totals)
		require.Equal(t, OnDevice(&o), e.OnHost(), c.Name)
		if e.OnHost() == nil {
			kernels++
		}
		require.NoError(t, c.Compare(got.stats.Loss(), got.gradient[0], got.gradient[1]))
		worst = max(worst, difference(got.gradient[0], want.gradient[0]))
		compare(t, want, got, 1e-14, unfused() && sameExp(&o))
	}
	t.Logf("%d of %d cases by kernels, largest difference from package grpo %.2g", kernels, len(cases), worst)
	require.Greater(t, kernels, 400)
}

// The rows of the catalogue that have no kernels. All others do.
var hostRows = []string{
	"RIPO", "DCPO", "BAPO", "GPPO", "CE-GPPO", "VESPO", "VESPO, corrected", "DPPO, total variation", "DPPO, KL",
	"DPPO, prime-rl", "IPO, prime-rl", "DRO", "Kimi k1.5", "DRPO", "TOPR", "ASPO", "DIS", "REC, ring clip", "sppo", "AWR",
	"REAL", "clip-cov", "kl-cov", "sequence maximum, TRM", "gate: token, TV",
	"gate: token, binary KL", "gate: sequence, TV", "gate: sequence, binary KL", "KPop",
	"rejection by k1, token", "rejection by k2, mean", "rejection by k3, sum", "rejection by k3, maximum", "OPSM", "VACO",
	"M2PO", "top entropy", "clipB", "batch-normalised weight, tokens", "batch-normalised weight, responses", "FIPO", "CPPO",
	"length power, VL-Norm",
}

func TestCatalogueOfObjectives(t *testing.T) { eachEvaluator(t, testCatalogue) }

func testCatalogue(t *bed, e *Evaluator) {
	var without []string
	for n, row := range grpotest.Catalogue() {
		o := row.New()
		shapes := []grpotest.Shape{{}}
		if !o.Ratio.Level.Shared() {
			shapes = append(shapes, grpotest.Shape{Tokens: true})
		}
		for k, shape := range shapes {
			wide := grpotest.RandomBatch(uint64(100+2*n+k), shape)
			o := resolved(t, o, &wide)
			reason := OnDevice(&o)
			if reason != nil && k == 0 {
				without = append(without, row.Name)
			}
			double, single := compareRow[float64](t, e, &o, wide), compareRow[float32](t, e, &o, wide)
			if reason == nil {
				require.NoError(t, double, row.Name)
				require.NoError(t, single, row.Name)
			} else {
				require.Equal(t, reason, double)
			}
		}
	}
	require.Equal(t, hostRows, without)
}

// compareRow compares device and host on a batch, and returns why it was the host's.
func compareRow[F grpo.Float](t testing.TB, e *Evaluator, o *grpo.Objective, wide grpo.Batch[float64]) error {
	t.Helper()
	b := as[F](wide)
	totals, err := grpo.Count(o, &b)
	require.NoError(t, err)
	want := hosted(o, &b, &totals, e.Scale)
	place := place[F]
	if OnDevice(o) != nil {
		place = placeWhole[F]
	}
	device := place(t, e.Stream, &b)
	got := onDevice[F](t, e, o, &device, &totals)
	tolerance := 1e-14
	if !device.Double {
		tolerance = 0x1p-24 // a rounding
	}
	compare(t, want, got, tolerance, e.OnHost() != nil || unfused() && sameExp(o))
	return e.OnHost()
}

// placeWhole is place with masked tokens too.
func placeWhole[F grpo.Float](t testing.TB, s *Stream, b *grpo.Batch[F]) Batch {
	all := *b
	all.Mask = nil
	d := place(t, s, &all)
	d.Mask = b.Mask
	return d
}

// randomObjective is any that the kernels know.
func randomObjective(rng *rand.Rand) grpo.Objective {
	pick := func(x ...float64) float64 { return x[rng.IntN(len(x))] }
	clamp := func() (c grpo.Clamp) {
		if rng.IntN(3) > 0 {
			return c
		}
		c = grpo.Clamp{Low: pick(0, -0.1, -0.4), High: pick(0, 0.1, 0.4)}
		c.Pessimistic = c != grpo.Clamp{} && rng.IntN(2) == 0
		return c
	}
	surrogate := func() grpo.Surrogate {
		return []grpo.Surrogate{
			grpo.Linear{}, grpo.Clip{Low: pick(0, 2e-4, 0.2), High: pick(0, 3e-4, 0.28)}, grpo.Clip{Low: 0.1, High: 0.2, Cap: pick(1.2, 2)}, grpo.Clip{Low: 0.1, Cap: 1},
			grpo.CISPO{Min: pick(0, 0.8, 1), Max: pick(1.2, 5)}, grpo.SAPO{Positive: 1, Negative: pick(1.05, 20)}, grpo.Reinforce{},
		}[rng.IntN(7)]
	}
	aggregation := func() grpo.Aggregation {
		return []grpo.Aggregation{
			grpo.TokenMean{}, grpo.ResponseMean{}, grpo.ResponseMean{All: true}, grpo.ResponseSum{}, grpo.ConstantLength{Length: 16},
			grpo.Sum{}, grpo.PromptMean{}, grpo.EpisodeMean{}, grpo.Scaled{Factor: -0.3, Of: grpo.TokenMean{}},
		}[rng.IntN(9)]
	}
	for {
		o := grpo.Objective{
			Ratio:     grpo.Ratio{Level: grpo.Level(rng.IntN(5)), Anchor: grpo.Anchor(rng.IntN(3)), Clamp: clamp(), Cap: clamp()},
			Surrogate: surrogate(), Aggregation: aggregation(),
		}
		if rng.IntN(4) == 0 {
			o.Surrogate = grpo.BySign{Positive: surrogate(), Negative: surrogate()}
		}
		for range rng.IntN(3) {
			level := []grpo.Level{grpo.TokenLevel, grpo.SequenceLevel, grpo.ProductLevel}[rng.IntN(3)]
			o.Weights = append(o.Weights, []grpo.Weight{
				grpo.Mismatch{Level: level, Low: pick(0, 0.9, 1), High: pick(0, 1, 1.05, 2), Bound: pick(0, 0.07)},
				grpo.Mismatch{Level: level, Mode: grpo.Mask, Low: pick(0.9, 1), High: pick(1, 1.1)}, grpo.SignWeight{Positive: 0.5, Negative: pick(0, 2)},
				grpo.PositionWeight{First: 1, Last: pick(0, 0.8)}, grpo.Gate{Level: level, Low: pick(0, 0.9, 1), High: pick(1, 1.1)},
				grpo.Gate{Of: grpo.Pair(rng.IntN(2)), Any: rng.IntN(2) == 0, Low: pick(0, 0.3, 0.8), High: pick(0, 1.5)},
			}[rng.IntN(6)])
		}
		if rng.IntN(2) == 0 {
			o.KL = grpo.KL{
				Coefficient: 0.1, Against: grpo.Against(rng.IntN(3)), Estimator: grpo.KLEstimator(rng.IntN(4)), Gradient: grpo.KLGradient(rng.IntN(2)),
				InputBound: pick(0, 0.6), OutputBound: pick(0, 0.15),
			}
			if mode := grpo.FactorMode(rng.IntN(4)); mode != grpo.NoFactor {
				o.KL.Factor = grpo.KLFactor{Mode: mode, Level: grpo.Level(rng.IntN(2)), Anchor: grpo.Anchor(rng.IntN(3)), Cap: pick(0, 1, 1.1)}
			}
			if rng.IntN(2) == 0 {
				o.KL.Aggregation = aggregation()
			}
		}
		if rng.IntN(2) == 0 {
			o.Entropy.Coefficient = pick(0.01, -0.02)
			if rng.IntN(2) == 0 {
				o.Entropy.Aggregation = aggregation()
			}
		}
		if o.Validate() == nil {
			return o
		}
	}
}

// onBounds moves tokens to where rules change: ratios of exactly 1, log-ratios and KL
// estimates on the bounds that randomObjective picks, differences near 0.
func onBounds(rng *rand.Rand, b *grpo.Batch[float64]) {
	pick := func(x ...float64) float64 { return x[rng.IntN(len(x))] * float64(2*rng.IntN(2)-1) }
	for _, t := range counted(*b) {
		b.LogProbs[t] = 0
		b.OldLogProbs[t] = pick(0, 0.1, 0.4, 1e-4)
		b.RolloutLogProbs[t] = b.OldLogProbs[t] + pick(0, 0.07, 0.1)
		b.RefLogProbs[t] = pick(0, 1./1024, 1e-4, 0.15, 0.3, 0.6)
	}
}

// Random objectives on random batches: every branch of the kernel beside every other.
func TestRandomObjectives(t *testing.T) { eachEvaluator(t, testRandom) }

func testRandom(t *bed, e *Evaluator) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range rounds(300) {
		o := randomObjective(rng)
		require.NoError(t, OnDevice(&o))
		shape := grpotest.Shape{Responses: 1 + rng.IntN(5), MaxLength: 1 + rng.IntN(9), Tokens: !o.Ratio.Level.Shared() && rng.IntN(2) == 0}
		b := grpotest.Batch(rng, shape)
		switch rng.IntN(4) {
		case 0:
			b.OldLogProbs = nil
		case 1:
			onBounds(rng, &b)
		}
		e.Scale = []float64{0, 8, -0.5}[rng.IntN(3)]
		text := fmt.Sprint(o)
		if rng.IntN(2) == 0 {
			require.NoError(t, compareRow[float64](t, e, &o, b), text)
		} else {
			require.NoError(t, compareRow[float32](t, e, &o, b), text)
		}
	}
}

// The ratio at every size is package grpo's, to the bit: with A = -1, one anchor of 0
// and the sum, the gradient is exp(lp).
func TestExpIsTheHosts(t *testing.T) { eachEvaluator(t, testExp) }

func testExp(t *bed, e *Evaluator) {
	rng := rand.New(rand.NewPCG(7, 8))
	b := grpo.Batch[float64]{Advantages: []float64{-1}}
	for range 1000 {
		b.LogProbs = append(b.LogProbs, rng.NormFloat64(), 40*rng.NormFloat64(), -746+1100*rng.Float64(),
			(float64(rng.IntN(1000)-700)+0.5)*math.Ln2, math.Copysign(math.Exp(-40*rng.Float64()), rng.Float64()-0.5))
	}
	b.LogProbs = append(b.LogProbs, 0, math.Copysign(0, -1), 5e-324, -745.2, -745.14, -744.44, -708.4, -750, -1e200, 500)
	b.Offsets, b.OldLogProbs = []int{0, len(b.LogProbs)}, make([]float64, len(b.LogProbs))
	o := grpo.Objective{Surrogate: grpo.Linear{}, Aggregation: grpo.Sum{}}
	totals, err := grpo.Count(&o, &b)
	require.NoError(t, err)
	device := place(t, e.Stream, &b)
	got := onDevice[float64](t, e, &o, &device, &totals)
	require.NoError(t, e.OnHost())
	compare(t, hosted(&o, &b, &totals, 0), got, 0, unfused())
}

// The KL's estimators, near 0 too, where k3 is a series, and on their bounds.
func TestKLIsTheHosts(t *testing.T) { eachEvaluator(t, testKL) }

func testKL(t *bed, e *Evaluator) {
	b := grpo.Batch[float64]{Advantages: []float64{0}}
	for _, x := range []float64{0, 1e-300, 1e-8, 1e-4, 0.0009, 1. / 1024, 0.001, 0.01, 0.15, 0.2, 0.6, 0.61, 3, 20} {
		b.RefLogProbs = append(b.RefLogProbs, x, -x)
	}
	n := len(b.RefLogProbs)
	b.LogProbs, b.Offsets = make([]float64, n), []int{0, n}
	device := place(t, e.Stream, &b)
	o := grpo.Objective{Surrogate: grpo.Linear{}, Aggregation: grpo.Sum{}}
	totals, err := grpo.Count(&o, &b)
	require.NoError(t, err)
	for _, o.KL.Estimator = range []grpo.KLEstimator{grpo.K1, grpo.AbsK1, grpo.K2, grpo.K3} {
		for _, o.KL.Gradient = range []grpo.KLGradient{grpo.EstimatorGradient, grpo.K2Gradient} {
			for _, o.KL.InputBound = range []float64{0, 0.6} {
				for _, o.KL.OutputBound = range []float64{0, 0.15} {
					o.KL.Coefficient = 0.3
					compare(t, hosted(&o, &b, &totals, 0), onDevice[float64](t, e, &o, &device, &totals), 1e-15, unfused())
					require.NoError(t, e.OnHost())
				}
			}
		}
	}
}

// A token outside of a gate, at every position, alone or with its response; a ratio of
// exactly 1 on the bounds.
func TestGates(t *testing.T) { eachEvaluator(t, testGates) }

func testGates(t *bed, e *Evaluator) {
	const n = 19
	b := grpo.Batch[float64]{Offsets: []int{0}}
	for i := range n + 1 {
		for k := range n {
			apart := 0.0
			if k == i { // nowhere in the last response
				apart = 0.5
			}
			b.LogProbs = append(b.LogProbs, -1+apart)
			b.OldLogProbs = append(b.OldLogProbs, -1)
			b.RolloutLogProbs = append(b.RolloutLogProbs, -1+apart)
		}
		b.Offsets, b.Advantages = append(b.Offsets, n*(i+1)), append(b.Advantages, 1)
	}
	device := place(t, e.Stream, &b)
	for _, gates := range [][]grpo.Weight{
		{grpo.Gate{Any: true, Low: 0.9, High: 1.2}}, {grpo.Gate{Any: true, Of: grpo.CurrentOverAnchor, High: 1.2}},
		{grpo.Gate{Low: 1}}, {grpo.Gate{High: 1}}, {grpo.Gate{Low: 1, High: 1}}, {grpo.Gate{Of: grpo.CurrentOverAnchor, High: 1}},
		{grpo.Gate{Any: true, Low: 0.1, High: 2}, grpo.Gate{Low: 0.9}},
		{grpo.Gate{Level: grpo.SequenceLevel, Low: 0.98}}, {grpo.Gate{Level: grpo.ProductLevel, Low: 0.7}},
		{grpo.Gate{Level: grpo.SequenceLevel, Low: 1}}, {grpo.Gate{Level: grpo.ProductLevel, Low: 0.5, High: 1}},
	} {
		o := grpo.Objective{Surrogate: grpo.Linear{}, Weights: gates, Aggregation: grpo.TokenMean{}}
		totals, err := grpo.Count(&o, &b)
		require.NoError(t, err)
		compare(t, hosted(&o, &b, &totals, 0), onDevice[float64](t, e, &o, &device, &totals), 1e-15, unfused())
		require.NoError(t, e.OnHost())
	}
}

// Numbers that a person can follow: two tokens, A = 1 and 2, r = 1 and e^0.5 > 1.28.
func TestHandNumbers(t *testing.T) { eachEvaluator(t, testHand) }

func testHand(t *bed, e *Evaluator) {
	b := grpo.Batch[float64]{Offsets: []int{0, 1, 2}, LogProbs: []float64{-1, -1}, OldLogProbs: []float64{-1, -1.5}, Advantages: []float64{1, 2}}
	for _, c := range []struct {
		o        grpo.Objective
		gradient []float64
		loss     float64
	}{
		{dapo.New(), []float64{-0.5, 0}, -(1 + 2*1.28) / 2},                                  // held at 1.28: no gradient
		{gspo.New(), []float64{-0.5, 0}, -(1 + 2*(1+4e-4)) / 2},                              //
		{grpo.NewCISPO(), []float64{-0.5, -math.Exp(0.5)}, -(1*-1 + math.Exp(0.5)*2*-1) / 2}, // keeps its weight
		{grpo.NewReinforce(), []float64{-0.5, -1}, 1.5},                                      //
	} {
		totals, err := grpo.Count(&c.o, &b)
		require.NoError(t, err)
		device := place(t, e.Stream, &b)
		r := onDevice[float64](t, e, &c.o, &device, &totals)
		require.NoError(t, r.err)
		require.NoError(t, e.OnHost())
		require.InDeltaSlice(t, c.gradient, r.gradient[0], 1e-15)
		require.InDelta(t, c.loss, r.stats.Loss(), 1e-15)
	}
}
