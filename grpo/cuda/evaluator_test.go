package cuda

import (
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/dapo"
	"github.com/grouprl/grouprl/grpo"
	"github.com/grouprl/grouprl/grpo/cuda/internal/kernels"
	"github.com/grouprl/grouprl/grpo/cuda/internal/ptx"
	"github.com/grouprl/grouprl/grpo/grpotest"
	"github.com/grouprl/grouprl/gspo"
)

// eachEvaluator runs f with an evaluator on the interpreter, and on a GPU where there is one.
func eachEvaluator(t *testing.T, f func(b *bed, e *Evaluator)) {
	eachDevice(t, func(b *bed) { f(b, b.evaluator()) })
}

func (b *bed) evaluator() *Evaluator {
	e := &Evaluator{Stream: b.s}
	b.Cleanup(func() { require.NoError(b, e.Close()) })
	return e
}

// interpreted is an evaluator whose driver's calls can be counted.
func interpreted(t testing.TB) (*Evaluator, *ptx.Device) {
	b := newBed(t, &ptx.Device{})
	return b.evaluator(), b.machine
}

// rounds is n, or ten times as many where GROUPRL_LONG asks for the long form.
func rounds(n int) int {
	if os.Getenv("GROUPRL_LONG") != "" {
		return 10 * n
	}
	return n
}

// coupled has every sum of a response in its gradient.
func coupled() grpo.Objective {
	o := gspo.New()
	o.Surrogate = grpo.Clip{Low: 0.2, High: 0.2}
	o.Weights = []grpo.Weight{grpo.Mismatch{Level: grpo.SequenceLevel, High: 1.01}}
	o.KL = grpo.KL{Coefficient: 0.1, Factor: grpo.KLFactor{Mode: grpo.Differentiable, Level: grpo.SequenceLevel}}
	o.Entropy = grpo.Entropy{Coefficient: 0.01, Aggregation: grpo.TokenMean{}}
	o.Aggregation = grpo.PromptMean{}
	return o
}

// longBatch has responses around a block's 128 tokens and around the order of sums, by
// fours; every third one without a mask inside.
func longBatch(rng *rand.Rand, lengths ...int) grpo.Batch[float64] {
	b := grpotest.Batch(rng, grpotest.Shape{Responses: len(lengths), MaxLength: 1})
	b.Offsets = []int{2}
	for _, n := range lengths {
		b.Offsets = append(b.Offsets, b.Offsets[len(b.Offsets)-1]+n)
	}
	total := b.Offsets[len(lengths)] + 1
	columns := [...]*[]float64{&b.LogProbs, &b.OldLogProbs, &b.RolloutLogProbs, &b.RefLogProbs, &b.Entropies}
	for _, x := range columns {
		*x = slices.Repeat([]float64{math.NaN()}, total)
	}
	b.Mask = make([]bool, total)
	for i := range lengths {
		for t := b.Offsets[i]; t < b.Offsets[i+1]; t++ {
			b.Mask[t] = i%3 == 0 || t > b.Offsets[i] && rng.IntN(9) > 0 || lengths[i] == 1
			if b.Mask[t] {
				for k, x := range columns {
					(*x)[t] = -1 + 0.3*rng.NormFloat64() + float64(k/4)
				}
			}
		}
	}
	return b
}

// Any micro-batches, in any order, on any number of blocks, with threads in any order:
// the same bits of the gradient and of the merged statistics.
func TestAnySplit(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 9))
	b := longBatch(rng, 1, 3, 127, 128, 129, 130, 4, 257, 300)
	for name, o := range map[string]grpo.Objective{"DAPO": dapo.New(), "GSPO-token": gspo.Token(), "coupled": coupled()} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(3) {
				bed := newBed(t, &ptx.Device{Seed: seed})
				anySplit[float64](bed, rng, &o, b)
				anySplit[float32](bed, rng, &o, b)
			}
			if gpu := openGPU(t); gpu != nil {
				anySplit[float64](gpu, rng, &o, b)
				anySplit[float32](gpu, rng, &o, b)
			}
		})
	}
}

// openGPU is a bed on a GPU; nil where there is none.
func openGPU(t *testing.T) *bed {
	d, err := Open(Config{})
	if err != nil {
		return nil
	}
	return bedOver(t, d, nil)
}

func anySplit[F grpo.Float](t *bed, rng *rand.Rand, o *grpo.Objective, wide grpo.Batch[float64]) {
	b := as[F](wide)
	totals, err := grpo.Count(o, &b)
	require.NoError(t, err)
	var want outcome
	for round := range 4 {
		e := t.evaluator()
		e.blocks = round // 0: one a response
		device := place(t, e.Stream, &b)
		g := blankGradient[F](t, e.Stream, device.Tokens)
		var parts []Batch
		for i := 0; i < b.Len(); {
			j := b.Len()
			if round > 0 {
				j = min(j, i+1+rng.IntN(4))
			}
			parts = append(parts, device.Slice(i, j))
			i = j
		}
		rng.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		var got outcome
		for _, part := range parts {
			stats, err := e.Eval(g, o, &part, &totals)
			require.NoError(t, err)
			require.NoError(t, e.OnHost())
			got.stats.Merge(&stats)
		}
		got.read(t, e.Stream, g, &device)
		if round == 0 {
			want = got
			compare(t, hosted(o, &b, &totals, 0), got, 0x1p-24, unfused() && sameExp(o))
			continue
		}
		compare(t, want, got, 0, true)
	}
}

// Add adds, looks first, and leaves masked rows alone.
func TestAdd(t *testing.T) {
	eachEvaluator(t, testAdd[float64])
	eachEvaluator(t, testAdd[float32])
}

func testAdd[F grpo.Float](t *bed, e *Evaluator) {
	a, c := dapo.New(), grpo.Objective{Surrogate: grpo.Reinforce{}, Entropy: grpo.Entropy{Coefficient: 0.1}, Aggregation: grpo.Sum{}}
	foreign := grpo.Objective{Surrogate: grpo.PolicyGradient(func(grpo.Token) float64 { return 0.5 }), Aggregation: grpo.Sum{}}
	b := as[F](grpotest.RandomBatch(3, grpotest.Shape{}))
	totals, err := grpo.Count(&a, &b)
	require.NoError(t, err)
	var host grpo.Evaluator[F]
	n := len(b.LogProbs)
	g := grpo.Gradient[F]{LogProbs: make([]F, n), Entropies: make([]F, n), Losses: make([]F, n)}
	device := placeWhole(t, e.Stream, &b)
	on := blankGradient[F](t, e.Stream, n)
	for i, o := range []grpo.Objective{a, c, foreign} {
		hostCall, deviceCall := host.Add, e.Add
		if i == 0 {
			hostCall, deviceCall = host.Eval, e.Eval
		}
		want, err := hostCall(g, &o, &b, &totals)
		require.NoError(t, err)
		got, err := deviceCall(on, &o, &device, &totals)
		require.NoError(t, err)
		require.Equal(t, i == 2, e.OnHost() != nil)
		require.Equal(t, want.Loss(), got.Loss())
	}
	var r outcome
	r.read(t, e.Stream, on, &device)
	first, last := b.Offsets[0], b.Offsets[b.Len()]
	for i, x := range [][]F{g.LogProbs, g.Entropies, g.Losses} {
		require.InDeltaSlice(t, widened(x[first:last]), r.gradient[i][first:last], 1e-15)
	}

	// What is refused in the middle of a batch has added nothing before rows become 0;
	// what NonFinite drops is not there.
	for _, policy := range []grpo.NonFinite{grpo.Error, grpo.Drop} {
		c.NonFinite = policy
		bad := b
		bad.LogProbs = slices.Clone(b.LogProbs)
		bad.LogProbs[counted(b)[len(counted(b))-1]] = F(math.NaN())
		device := placeWhole(t, e.Stream, &bad)
		_, hostErr := host.Add(g, &c, &bad, &totals)
		_, err := e.Add(on, &c, &device, &totals)
		sameError(t, hostErr, err)
		r.read(t, e.Stream, on, &device)
		for i, x := range [][]F{g.LogProbs, g.Entropies, g.Losses} {
			require.InDeltaSlice(t, widened(x[first:last]), r.gradient[i][first:last], 1e-15)
		}
	}
}

// counted are the tokens that count.
func counted[F grpo.Float](b grpo.Batch[F]) (tokens []int) {
	for t := b.Offsets[0]; t < b.Offsets[b.Len()]; t++ {
		if len(b.Mask) == 0 || b.Mask[t] {
			tokens = append(tokens, t)
		}
	}
	return tokens
}

// A second call takes no memory of the device, and closing gives all back.
func TestNoAllocationInSteadyState(t *testing.T) {
	e, machine := interpreted(t)
	o := coupled()
	b := grpotest.RandomBatch(5, grpotest.Shape{Responses: 9})
	device := place(t, e.Stream, &b)
	totals, err := device.Count(&o)
	require.NoError(t, err)
	g := blankGradient[float64](t, e.Stream, device.Tokens)
	for i := range 4 {
		before := machine.Calls()["cuMemAlloc"]
		micro := device.Slice(0, device.Len()-i)
		_, err := e.Eval(g, &o, &micro, &totals)
		require.NoError(t, err)
		if i > 0 {
			require.Equal(t, before, machine.Calls()["cuMemAlloc"])
		}
	}
}

// What has no tokens is nothing to launch, and counts.
func TestEmptyBatches(t *testing.T) {
	e, machine := interpreted(t)
	o := dapo.New()
	b := grpo.Batch[float64]{Offsets: []int{1, 1, 3}, LogProbs: []float64{0, 1, 1}, Advantages: []float64{1, 1}, Mask: []bool{true, false, false}}
	totals := grpo.Totals{Tokens: 5, Responses: 2, AllResponses: 4}
	device := place(t, e.Stream, &b)
	compare(t, hosted(&o, &b, &totals, 0), onDevice[float64](t, e, &o, &device, &totals), 0, true)
	none := device.Slice(0, 0)
	_, err := e.Eval(Gradient{}, &o, &none, &totals)
	require.NoError(t, err)
	require.NoError(t, e.OnHost())
	require.Zero(t, machine.Calls()["cuLaunchKernel"])
}

// Every barrier is needed: without it the interpreter reports a race, or memory that
// was never written, on a block that does several responses of several chunks.
func TestEveryBarrierIsNeeded(t *testing.T) {
	mutations, err := ptx.Mutations(kernels.Objective)
	require.NoError(t, err)
	rng := rand.New(rand.NewPCG(2, 2))
	wide := longBatch(rng, 270, 5, 140)
	o := coupled()
	single := as[float32](wide)
	barriers := 0
	for _, m := range mutations {
		if m.Kind != "barrier" {
			continue
		}
		barriers++
		d := over(&ptx.Device{Seed: 3})
		s, err := d.Stream(0)
		require.NoError(t, err)
		_, err = d.kernel(m.Source, objectiveKernels[:], m.Kernel)
		require.NoError(t, err)
		e := &Evaluator{Stream: s, blocks: 1}
		var device Batch
		if m.Kernel == "objective_f64" {
			device = place(leaving{t}, s, &wide)
		} else {
			device = place(leaving{t}, s, &single)
		}
		totals, err := device.Count(&o)
		require.NoError(t, err)
		g := blankGradient[float64](leaving{t}, s, device.Tokens)
		_, err = e.Eval(g, &o, &device, &totals)
		var fault *ptx.Fault
		require.True(t, errors.As(err, &fault), "%s: %v", m.Name, err)
	}
	require.GreaterOrEqual(t, barriers, 8)
	t.Logf("%d barriers", barriers)
}

// leaving is a test whose device is left as it is.
type leaving struct{ testing.TB }

func (leaving) Cleanup(func()) {}
