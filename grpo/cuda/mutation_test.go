package cuda

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/grpo/cuda/internal/kernels"
	"github.com/grouprl/grouprl/grpo/cuda/internal/ptx"
	"github.com/grouprl/grouprl/grpo/logprob"
)

// No barrier can be left out: the interpreter reports a race without it.
func TestMutations(t *testing.T) {
	mutations, err := ptx.Mutations(kernels.Vocab)
	require.NoError(t, err)
	before := kernels.Vocab
	defer func() { kernels.Vocab = before }()
	barriers := map[string]int{}
	for _, m := range mutations {
		if m.Kind != "barrier" {
			continue
		}
		run := func(source []byte, seed uint64) (err error) {
			kernels.Vocab = source
			t.Run(m.Kernel, func(t *testing.T) { err = mutated(t, m.Kernel, seed) })
			return err
		}
		require.NoError(t, run(before, 0))
		var fault *ptx.Fault
		for seed := uint64(0); seed < 3 && fault == nil; seed++ {
			errors.As(run(m.Source, seed), &fault)
		}
		require.NotNil(t, fault, "%s: %s", m.Kernel, m.Name)
		barriers[m.Kernel]++
	}
	for _, kernel := range vocabKernels {
		require.True(t, barriers[kernel] > 0 || kernel == finishKernel, kernel)
	}
}

// mutated runs a kernel over a few rows on two blocks.
func mutated(t *testing.T, kernel string, seed uint64) error {
	switch {
	case strings.HasSuffix(kernel, "_bf16"):
		return mutatedOf[logprob.BFloat16](t, kernel, seed)
	case strings.HasSuffix(kernel, "_f16"):
		return mutatedOf[logprob.Float16](t, kernel, seed)
	}
	return mutatedOf[float32](t, kernel, seed)
}

func mutatedOf[E logprob.Element](t *testing.T, kernel string, seed uint64) error {
	b := newBed(t, &ptx.Device{Seed: seed, Steps: 1 << 24})
	b.d.info.Processors = 0
	c := randomChunk[E](9, 70, 71, 4)
	h := hold(b, c, 0)
	if strings.HasPrefix(kernel, "backward") {
		good := outputs(9)
		require.NoError(t, logprob.Forward(good, c.logits, c.targets, logprob.Options{}))
		require.NoError(t, Upload(b.s, h.rows.LSE, good.LSE))
		require.NoError(t, Upload(b.s, h.rows.Entropies, good.Entropies))
		return errors.Join(b.s.Backward(h.m, h.targets, h.rows, h.g, Options{}), b.s.Sync())
	}
	if !strings.Contains(kernel, "squares") {
		h.rows.SumSquares = 0
	}
	return errors.Join(b.s.Forward(h.rows, h.m, h.targets, Options{}), b.s.Sync())
}
