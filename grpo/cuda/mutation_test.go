package cuda

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/grpo/cuda/internal/kernels"
	"github.com/grouprl/grouprl/grpo/cuda/internal/ptx"
	"github.com/grouprl/grouprl/grpo/logprob"
)

// No barrier can be left out: the interpreter reports a race without it. With
// GROUPRL_LONG, no predicate of an access and no shuffle's offset can be changed either:
// a fault, or another result. (A branch that is never taken often is one to a faster
// way, or to a row's error; those have tests of their own.)
func TestMutations(t *testing.T) {
	mutations, err := ptx.Mutations(kernels.Vocab)
	require.NoError(t, err)
	before := kernels.Vocab
	defer func() { kernels.Vocab = before }()
	tried := map[string]int{}
	for _, kernel := range vocabKernels {
		kernels.Vocab = before
		var want uint64
		run := func(seed uint64) (got uint64, err error) {
			t.Run(kernel, func(t *testing.T) { got, err = mutated(t, kernel, seed) })
			return got, err
		}
		if want, err = run(0); err != nil {
			require.NoError(t, err)
		}
		for _, m := range mutations {
			if m.Kernel != kernel || m.Kind == "branch" || m.Kind != "barrier" && os.Getenv("GROUPRL_LONG") == "" {
				continue
			}
			kernels.Vocab = m.Source
			found := false
			for seed := uint64(0); seed < 3 && !found; seed++ {
				got, err := run(seed)
				var fault *ptx.Fault
				found = errors.As(err, &fault) || m.Kind != "barrier" && (err != nil || seed == 0 && got != want)
			}
			require.True(t, found, "%s: %s", kernel, m.Name)
			tried[m.Kind]++
			tried[kernel]++
		}
		require.True(t, tried[kernel] > 0 || kernel == finishKernel, kernel)
	}
	t.Log(tried)
}

// mutated runs a kernel over a few rows on one block and mixes its results.
func mutated(t *testing.T, kernel string, seed uint64) (uint64, error) {
	switch {
	case strings.HasSuffix(kernel, "_bf16"):
		return mutatedOf[logprob.BFloat16](t, kernel, seed)
	case strings.HasSuffix(kernel, "_f16"):
		return mutatedOf[logprob.Float16](t, kernel, seed)
	}
	return mutatedOf[float32](t, kernel, seed)
}

func mutatedOf[E logprob.Element](t *testing.T, kernel string, seed uint64) (sum uint64, err error) {
	b := newBed(t, &ptx.Device{Seed: seed, Steps: 1 << 24})
	b.d.info.Processors = 0 // two blocks
	h := hold(b, randomChunk[E](9, 70, 71, 4), 0)
	rows := h.rows
	if !strings.Contains(kernel, "squares") {
		rows.SumSquares = 0
	}
	switch {
	case strings.HasPrefix(kernel, "forward"):
		err = b.s.Forward(rows, h.m, h.targets, Options{})
	case strings.HasPrefix(kernel, "backward"):
		good := outputs(9)
		c := randomChunk[E](9, 70, 71, 4)
		require.NoError(t, logprob.Forward(good, c.logits, c.targets, logprob.Options{}))
		require.NoError(t, Upload(b.s, h.rows.LSE, good.LSE))
		require.NoError(t, Upload(b.s, h.rows.Entropies, good.Entropies))
		err = b.s.Backward(h.m, h.targets, h.rows, h.g, Options{})
	default:
		p, parts := b.reserve(18*PartialSize, 0), make([]logprob.Partial, 18)
		for i := range parts {
			parts[i] = logprob.Partial{Max: float64(i), Sum: 1 + float64(i%5), Weighted: -0.5, Squares: 1, Target: float64(i), Found: i%2 == 0}
		}
		require.NoError(t, UploadPartials(b.s, p, parts))
		err = b.s.Finish(h.rows, p, 2, 9, 0)
	}
	if err != nil {
		return 0, err
	}
	if err := b.s.Sync(); err != nil {
		return 0, err
	}
	mix := func(v float64) { sum = (sum ^ uint64(int64(v*1e6))) * 0x9e3779b97f4a7c15 }
	if strings.HasPrefix(kernel, "backward") {
		x := make([]E, 8*71+70)
		if err := Download(b.s, x, h.m.Ptr); err != nil {
			return 0, err
		}
		for _, v := range x {
			mix(decode(v))
		}
		return sum, nil
	}
	lse, others := make([]float64, 9), make([]float32, 9)
	if err := Download(b.s, lse, h.rows.LSE); err != nil {
		return 0, err
	}
	for _, v := range lse {
		mix(v)
	}
	for _, p := range []Ptr{h.rows.LogProbs, h.rows.Entropies} {
		if err := Download(b.s, others, p); err != nil {
			return 0, err
		}
		for _, v := range others {
			mix(float64(v))
		}
	}
	return sum, nil
}
