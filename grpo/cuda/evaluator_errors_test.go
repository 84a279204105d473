package cuda

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/dapo"
	"github.com/grouprl/grouprl/grpo"
	"github.com/grouprl/grouprl/grpo/cuda/internal/ptx"
	"github.com/grouprl/grouprl/grpo/grpotest"
)

// sameError requires the same type with the same numbers, a NaN equal to itself.
func sameError(t testing.TB, want, got error) {
	t.Helper()
	require.Equal(t, fmt.Sprintf("%#v", want), fmt.Sprintf("%#v", got))
}

// refused evaluates what the host refuses: the same error, rows of 0, nothing else
// touched, no statistics.
func refused(t testing.TB, e *Evaluator, o *grpo.Objective, b *grpo.Batch[float64], totals *grpo.Totals) error {
	t.Helper()
	want := hosted(o, b, totals, e.Scale)
	require.Error(t, want.err)
	device := placeWhole(t, e.Stream, b)
	got := onDevice[float64](t, e, o, &device, totals)
	sameError(t, want.err, got.err)
	require.Equal(t, want.gradient, got.gradient)
	require.Equal(t, grpo.Stats{}, got.stats)
	return got.err
}

// Every value error is the host's, found by the kernels or not.
func TestValueErrorsAreTheHosts(t *testing.T) { eachEvaluator(t, testValueErrors) }

func testValueErrors(t *bed, e *Evaluator) {
	fields := map[string]bool{}
	check := func(o grpo.Objective, b grpo.Batch[float64]) {
		t.Helper()
		totals, err := grpo.Count(&o, &b)
		require.NoError(t, err)
		require.NoError(t, OnDevice(&o))
		var v *grpo.ValueError
		require.ErrorAs(t, refused(t, e, &o, &b, &totals), &v)
		fields[v.Field] = true
		require.ErrorIs(t, e.OnHost(), odd)

		o.NonFinite = grpo.Drop
		want := hosted(&o, &b, &totals, e.Scale)
		device := placeWhole(t, e.Stream, &b)
		compare(t, want, onDevice[float64](t, e, &o, &device, &totals), 0, true)
	}
	o := coupled()
	o.Ratio.Level = grpo.SequenceTokenLevel
	for i, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		for column := range 6 {
			b := grpotest.RandomBatch(uint64(20+i), grpotest.Shape{Tokens: column == 5})
			tokens := counted(b)
			x := [...][]float64{b.LogProbs, b.OldLogProbs, b.RolloutLogProbs, b.RefLogProbs, b.Entropies, b.TokenAdvantages}[column]
			x[tokens[len(tokens)/2]] = bad
			x[tokens[len(tokens)-1]] = math.NaN()
			check(o, b)
		}
		b := grpotest.RandomBatch(uint64(30+i), grpotest.Shape{})
		b.Advantages[len(b.Advantages)-1], b.Advantages[0] = bad, 1
		b.Mask[b.Offsets[b.Len()]-1] = true
		for _, x := range [][]float64{b.LogProbs, b.OldLogProbs, b.RolloutLogProbs, b.RefLogProbs, b.Entropies} {
			x[b.Offsets[b.Len()]-1] = -1
		}
		check(o, b)
	}

	// Made from finite numbers.
	b := grpo.Batch[float64]{Offsets: []int{0, 2}, LogProbs: []float64{-1, 800}, OldLogProbs: []float64{-1, -1}, RefLogProbs: []float64{0, 0}, Advantages: []float64{1}}
	check(grpo.Objective{Surrogate: grpo.Linear{}, Aggregation: grpo.Sum{}}, b)
	far := b
	far.LogProbs = []float64{-1, 1e308}
	far.OldLogProbs = []float64{-1, -1e308}
	check(grpo.Objective{Surrogate: grpo.Linear{}, Aggregation: grpo.Sum{}}, far)
	far.LogProbs, far.OldLogProbs = []float64{-1, -1e308}, []float64{-1, 0}
	far.Advantages = []float64{1e10}
	check(grpo.Objective{Surrogate: grpo.Reinforce{}, Aggregation: grpo.Sum{}}, far)
	far.Advantages = []float64{0}
	far.LogProbs, far.OldLogProbs, far.RefLogProbs = []float64{-1, -1}, []float64{-1, -1}, []float64{0, 1e200}
	check(grpo.Objective{Surrogate: grpo.Reinforce{}, Aggregation: grpo.Sum{}, KL: grpo.KL{Coefficient: 1, Estimator: grpo.K2}}, far)
	// ... and where a bound would hide them.
	hidden := grpo.Batch[float64]{
		Offsets: []int{0, 3}, LogProbs: []float64{-1, -1, -2}, OldLogProbs: []float64{-1, -1, -2}, RefLogProbs: []float64{-1, -1, -1},
		RolloutLogProbs: []float64{-1, -1, -2}, Advantages: []float64{1},
	}
	reinforce := grpo.Objective{Surrogate: grpo.Reinforce{}, Aggregation: grpo.Sum{}}
	bounded := hidden
	bounded.OldLogProbs = []float64{-1, math.Inf(1), -2} // a ratio of 0
	check(grpo.Objective{Surrogate: grpo.Linear{}, Aggregation: grpo.Sum{}}, bounded)
	bounded = hidden
	bounded.LogProbs = []float64{-1, 720, -2}
	check(grpo.Objective{Surrogate: grpo.CISPO{Max: 2}, Aggregation: grpo.Sum{}}, bounded)
	bounded.LogProbs, bounded.RefLogProbs = hidden.LogProbs, []float64{-1, -1, math.Inf(1)}
	o = reinforce
	o.KL = grpo.KL{Coefficient: 0.1, InputBound: 1}
	check(o, bounded)
	for _, level := range []grpo.Level{grpo.TokenLevel, grpo.SequenceLevel} {
		bounded = hidden
		bounded.RolloutLogProbs = []float64{-1, math.Inf(1), -2}
		o.KL = grpo.KL{Coefficient: 0.1, Factor: grpo.KLFactor{Mode: grpo.Detached, Level: level, Anchor: grpo.Rollout}}
		check(o, bounded)
		o.KL.Factor.Anchor, o.Weights = grpo.Old, []grpo.Weight{grpo.Mismatch{Level: level, Low: 0.5}}
		check(o, bounded)
		o.Weights = nil
	}
	bounded = hidden
	bounded.LogProbs, bounded.OldLogProbs = []float64{-1, -1, -1}, []float64{-710, -710, -710} // slopes of 1e308 under a coefficient that makes them small
	o.Ratio.Anchor = grpo.Current
	o.KL = grpo.KL{Coefficient: 1e-120, Estimator: grpo.K1, Factor: grpo.KLFactor{Mode: grpo.GradientOnly}}
	check(o, bounded)
	tokens := hidden
	tokens.Advantages, tokens.TokenAdvantages = nil, []float64{1, math.NaN(), 1}
	check(grpo.Objective{Surrogate: grpo.Clip{Low: 0.2, High: 0.2}, Aggregation: grpo.Sum{}}, tokens)
	large := b
	large.LogProbs, large.Advantages = []float64{-1, -1}, []float64{-1e200}
	e.Scale = 1e200
	check(grpo.Objective{Surrogate: grpo.Linear{}, Aggregation: grpo.Sum{}}, large)
	e.Scale = 0
	require.Subset(t, slices.Sorted(func(yield func(string) bool) {
		for f := range fields {
			if !yield(f) {
				return
			}
		}
	}), []string{"Advantages", "Entropies", "Gradient", "KL", "LogProbs", "LogRatio", "Loss", "OldLogProbs", "Ratio", "RefLogProbs", "RolloutLogProbs", "TokenAdvantages"})

	// A ratio of +Inf where the advantage is 0 is no error: the host says so.
	b.Advantages = []float64{0}
	o = grpo.Objective{Surrogate: grpo.Linear{}, Aggregation: grpo.Sum{}}
	totals, err := grpo.Count(&o, &b)
	require.NoError(t, err)
	device := place(t, e.Stream, &b)
	got := onDevice[float64](t, e, &o, &device, &totals)
	require.NoError(t, got.err)
	require.ErrorIs(t, e.OnHost(), odd)
	compare(t, hosted(&o, &b, &totals, 0), got, 0, true)
}

// A gradient too large for float32 alone.
func TestGradientBeyondFloat32(t *testing.T) { eachEvaluator(t, testGradientBeyondFloat32) }

func testGradientBeyondFloat32(t *bed, e *Evaluator) {
	o := grpo.Objective{Surrogate: grpo.Linear{}, Aggregation: grpo.Sum{}}
	b := grpo.Batch[float32]{Offsets: []int{0, 1, 3}, LogProbs: []float32{-1, -1, -1}, Advantages: []float64{1, 1e39}}
	totals, err := grpo.Count(&o, &b)
	require.NoError(t, err)
	device := place(t, e.Stream, &b)
	got := onDevice[float32](t, e, &o, &device, &totals)
	require.Equal(t, &grpo.ValueError{Field: "Gradient", Response: 1, Token: 1, Value: -1e39}, got.err)
	require.Equal(t, hosted(&o, &b, &totals, 0).gradient, got.gradient)
}

// Everything that is wrong before a number is read has the host's error, and starts
// nothing.
func TestOtherErrorsAreTheHosts(t *testing.T) {
	e, machine := interpreted(t)
	good := grpotest.RandomBatch(1, grpotest.Shape{})
	types := map[string]bool{}
	for name, spoil := range map[string]func(o *grpo.Objective, b *grpo.Batch[float64], t *grpo.Totals){
		"no surrogate":    func(o *grpo.Objective, _ *grpo.Batch[float64], _ *grpo.Totals) { o.Surrogate = nil },
		"level":           func(o *grpo.Objective, _ *grpo.Batch[float64], _ *grpo.Totals) { o.Ratio.Level = 9 },
		"unresolved":      func(o *grpo.Objective, _ *grpo.Batch[float64], _ *grpo.Totals) { *o = grpo.NewClipCov() },
		"no offsets":      func(_ *grpo.Objective, b *grpo.Batch[float64], _ *grpo.Totals) { b.Offsets = nil },
		"falling offsets": func(_ *grpo.Objective, b *grpo.Batch[float64], _ *grpo.Totals) { b.Offsets[2] = b.Offsets[1] - 1 },
		"negative offset": func(_ *grpo.Objective, b *grpo.Batch[float64], _ *grpo.Totals) { b.Offsets[0] = -1 },
		"long offsets":    func(_ *grpo.Objective, b *grpo.Batch[float64], _ *grpo.Totals) { b.Offsets[b.Len()] += 10 },
		"mask":            func(_ *grpo.Objective, b *grpo.Batch[float64], _ *grpo.Totals) { b.Mask = b.Mask[1:] },
		"advantages":      func(_ *grpo.Objective, b *grpo.Batch[float64], _ *grpo.Totals) { b.Advantages = b.Advantages[1:] },
		"no advantages":   func(_ *grpo.Objective, b *grpo.Batch[float64], _ *grpo.Totals) { b.Advantages = nil },
		"two advantages":  func(_ *grpo.Objective, b *grpo.Batch[float64], _ *grpo.Totals) { b.TokenAdvantages = b.LogProbs },
		"no groups":       func(_ *grpo.Objective, b *grpo.Batch[float64], _ *grpo.Totals) { b.Groups = nil },
		"no rollout":      func(_ *grpo.Objective, b *grpo.Batch[float64], _ *grpo.Totals) { b.RolloutLogProbs = nil },
		"no ref":          func(_ *grpo.Objective, b *grpo.Batch[float64], _ *grpo.Totals) { b.RefLogProbs = nil },
		"no entropies":    func(_ *grpo.Objective, b *grpo.Batch[float64], _ *grpo.Totals) { b.Entropies = nil },
		"empty step":      func(_ *grpo.Objective, _ *grpo.Batch[float64], t *grpo.Totals) { *t = grpo.Totals{} },
		"unknown prompt":  func(_ *grpo.Objective, _ *grpo.Batch[float64], t *grpo.Totals) { clear(t.Prompts) },
		"share":           func(o *grpo.Objective, _ *grpo.Batch[float64], _ *grpo.Totals) { o.Aggregation = share(math.Inf(1)) },
		"share of the KL": func(o *grpo.Objective, _ *grpo.Batch[float64], _ *grpo.Totals) { o.KL.Aggregation = share(math.NaN()) },
		"share of the bonus": func(o *grpo.Objective, _ *grpo.Batch[float64], _ *grpo.Totals) {
			o.Entropy.Aggregation = share(math.NaN())
		},
	} {
		o, b := coupled(), good
		b.Offsets = slices.Clone(good.Offsets)
		totals, err := grpo.Count(&o, &b)
		require.NoError(t, err)
		spoil(&o, &b, &totals)
		err = refused(t, e, &o, &b, &totals)
		types[fmt.Sprintf("%T", err)] = true
		t.Logf("%-20s %v", name, err)
	}
	require.Len(t, types, 5) // ErrEmptyStep and four types
	require.Zero(t, machine.Calls()["cuLaunchKernel"])
	e.Scale = math.NaN()
	o := dapo.New()
	totals, err := grpo.Count(&o, &good)
	require.NoError(t, err)
	require.IsType(t, &grpo.BatchError{}, refused(t, e, &o, &good, &totals))

	// An entropy term without a place for its gradient.
	e.Scale, o = 0, coupled()
	device := placeWhole(t, e.Stream, &good)
	totals, err = device.Count(&o)
	require.NoError(t, err)
	_, err = e.Eval(Gradient{}, &o, &device, &totals)
	require.Equal(t, &grpo.BatchError{Field: "Gradient.Entropies", Reason: fmt.Sprintf("length 0, but the batch's tokens end at %d", good.Offsets[good.Len()])}, err)
	require.Zero(t, machine.Calls()["cuLaunchKernel"])
}

// share is a user's aggregation.
type share float64

func (s share) Share(grpo.Counts) float64 { return float64(s) }
func (share) Needs() grpo.Fields          { return 0 }

// Addresses that hold no such column are refused before anything starts.
func TestPointerErrors(t *testing.T) {
	e, machine := interpreted(t)
	d := e.Stream.Device()
	o := coupled()
	b := grpotest.RandomBatch(2, grpotest.Shape{})
	good := placeWhole(t, e.Stream, &b)
	totals, err := good.Count(&o)
	require.NoError(t, err)
	g := blankGradient[float64](t, e.Stream, good.Tokens)
	gone, err := d.Alloc(1 << 12)
	require.NoError(t, err)
	require.NoError(t, d.Free(gone))
	short := allocate(t, e.Stream, int64(good.Tokens)*8-1)
	for name, p := range map[string]Ptr{"freed": gone, "misaligned": good.LogProbs + 4, "short": short, "nowhere": 64} {
		for k := range 8 {
			bad, into := good, g
			field := [...]*Ptr{&bad.LogProbs, &bad.OldLogProbs, &bad.RolloutLogProbs, &bad.RefLogProbs, &bad.Entropies, &into.LogProbs, &into.Entropies, &into.Losses}[k]
			if name == "short" && k > 4 { // the gradient is as long as its rows
				p = short + Ptr(good.Tokens-b.Offsets[b.Len()]+1)*8
			}
			*field = p
			_, err := e.Eval(into, &o, &bad, &totals)
			var pe *PointerError
			require.ErrorAs(t, err, &pe, "%s %d", name, k)
			require.Equal(t, p, pe.Ptr)
		}
	}
	bad := good
	bad.LogProbs = 0
	_, err = e.Eval(g, &o, &bad, &totals)
	require.Equal(t, &PointerError{"Batch.LogProbs", 0, int64(good.Tokens) * 8, "no address is given"}, err)
	require.Zero(t, machine.Calls()["cuLaunchKernel"])
	var r outcome
	r.read(t, e.Stream, g, &good)
	for _, x := range r.gradient {
		for _, v := range x[b.Offsets[0]:b.Offsets[b.Len()]] {
			require.Zero(t, v)
		}
	}
}

// Whichever call of the driver fails, its error comes out, nothing is launched after it
// and nothing leaks.
func TestDriverFailures(t *testing.T) {
	const outOfMemory, illegalAddress, launchTimeout = 2, 700, 702
	foreign := grpo.Objective{Surrogate: grpo.PolicyGradient(func(grpo.Token) float64 { return 1 }), Aggregation: grpo.TokenMean{}}
	for name, o := range map[string]grpo.Objective{"kernels": coupled(), "host": foreign} {
		for _, code := range []int{outOfMemory, illegalAddress, launchTimeout} {
			failures := 0
			for n := 1; ; n++ {
				armed, total, failed, launched := false, 0, false, false
				machine := &ptx.Device{Fail: func(call string, _ int) int {
					if !armed {
						return 0
					}
					if total++; total == n {
						failed = true
						return code
					}
					if failed && call == "cuLaunchKernel" {
						launched = true
					}
					return 0
				}}
				d := over(machine)
				s, err := d.Stream(0)
				require.NoError(t, err)
				b := grpotest.RandomBatch(4, grpotest.Shape{})
				e := &Evaluator{Stream: s}
				t.Run("", func(t *testing.T) {
					device := placeForFailure(t, s, &b)
					totals, err := device.Count(&o)
					require.NoError(t, err)
					g := device.gradient
					armed = true
					_, err = e.Eval(g, &o, &device.Batch, &totals)
					armed = false
					if failed {
						failures++
						require.False(t, launched)
						var unknown *PointerError // what an address is was not to be learned
						if code == outOfMemory && errors.As(err, &unknown) {
							return
						}
						require.ErrorIs(t, err, map[bool]error{true: ErrOutOfMemory, false: ErrLost}[code == outOfMemory])
						var de *DriverError
						require.ErrorAs(t, err, &de)
						require.Equal(t, code, de.Code)
					} else {
						require.NoError(t, err)
					}
					if code == outOfMemory {
						device.free(t, s)
						require.NoError(t, e.Close())
						require.NoError(t, s.Close())
						require.NoError(t, d.Close())
						require.Empty(t, machine.Leaks())
					}
				})
				if !failed {
					break
				}
			}
			require.Greater(t, failures, 5, name)
		}
	}
}

// placedForFailure is a batch whose memory the test frees itself.
type placedForFailure struct {
	Batch
	gradient Gradient
	all      []Ptr
}

func placeForFailure(t *testing.T, s *Stream, b *grpo.Batch[float64]) (p placedForFailure) {
	p.Batch = Batch{Offsets: b.Offsets, Tokens: len(b.LogProbs), Double: true, Advantages: b.Advantages, Groups: b.Groups, Mask: b.Mask}
	for _, x := range []struct {
		dst *Ptr
		src []float64
	}{
		{&p.LogProbs, b.LogProbs}, {&p.OldLogProbs, b.OldLogProbs}, {&p.RolloutLogProbs, b.RolloutLogProbs}, {&p.RefLogProbs, b.RefLogProbs},
		{&p.Entropies, b.Entropies}, {&p.gradient.LogProbs, b.LogProbs}, {&p.gradient.Entropies, b.LogProbs},
	} {
		at, err := s.Device().Alloc(int64(len(x.src)) * 8)
		require.NoError(t, err)
		require.NoError(t, Upload(s, at, x.src))
		*x.dst = at
		p.all = append(p.all, at)
	}
	return p
}

func (p *placedForFailure) free(t *testing.T, s *Stream) {
	for _, at := range p.all {
		require.NoError(t, s.Device().Free(at))
	}
}
