package cuda

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/grpo/cuda/internal/ptx"
	"github.com/grouprl/grouprl/grpo/logprob"
)

// One chunk, or any cut into chunks, at any stride and address, on any grid, with more
// outputs or fewer: the same bits.
func TestAnySplitOfRows(t *testing.T) {
	eachElement(t, testSplit[float32], testSplit[logprob.BFloat16], testSplit[logprob.Float16])
}

func testSplit[E logprob.Element](b *bed) {
	size := dtypeOf[E]().size()
	for _, cols := range []int64{37, 2051, 17411} {
		if cols > 10000 && testing.Short() {
			continue
		}
		const rows = 5
		c := randomChunk[E](rows, cols, cols, uint64(cols))
		o := Options{Temperature: 0.7}
		h := hold(b, c, 0)
		require.NoError(b, b.s.Forward(h.rows, h.m, h.targets, o))
		require.NoError(b, b.s.Sync())
		want := h.read()
		require.NoError(b, b.s.Backward(h.m, h.targets, h.rows, h.g, o))
		require.NoError(b, b.s.Sync())
		gradient := logitsOf[E](&h)

		for i, stride := range []int64{cols, cols + 1, cols + 16/size} {
			padded := c
			padded.logits = logprob.Logits[E]{Data: make([]E, rows*stride), Rows: rows, Vocab: cols, Stride: stride}
			for r := range int64(rows) {
				copy(padded.logits.Row(r), c.logits.Row(r))
			}
			skews := []int64{size, 4, 8, 16 - size}
			if cols < 1000 {
				skews = []int64{0, 2, 4, 6, 8, 10, 12, 14}
			}
			for j, skew := range skews {
				if skew%size != 0 || cols > 1000 && j != i && (cols > 10000 || j > 0) {
					continue
				}
				size := []int64{1, 2, rows}[(i+j)%3]
				name := fmt.Sprintf("%d columns, stride %d, %d bytes off, chunks of %d", cols, stride, skew, size)
				p := hold(b, padded, skew)
				for from := int64(0); from < rows; from += size {
					part, at := p.m.Slice(from, min(from+size, rows)), p.rows.Slice(from)
					require.NoError(b, b.s.Forward(at, part, p.targets+Ptr(4*from), o), name)
				}
				require.NoError(b, b.s.Sync())
				require.Equal(b, bits(want), bits(p.read()), name)
				for from := int64(0); from < rows; from += size {
					part, at := p.m.Slice(from, min(from+size, rows)), p.rows.Slice(from)
					require.NoError(b, b.s.Backward(part, p.targets+Ptr(4*from), at, p.g.Slice(from), o), name)
				}
				require.NoError(b, b.s.Sync())
				back := logitsOf[E](&p)
				for r := range int64(rows) {
					require.Equal(b, gradient.Row(r), back.Row(r), name)
				}
			}
		}

		// Fewer outputs; without sum p^2 it is another kernel.
		f := hold(b, c, 0)
		require.NoError(b, b.s.Forward(Rows{LSE: f.rows.LSE, Entropies: f.rows.Entropies}, f.m, 0, o))
		require.NoError(b, b.s.Forward(Rows{LogProbs: f.rows.LogProbs}, f.m, f.targets, o))
		require.NoError(b, b.s.Forward(Rows{SumSquares: f.rows.SumSquares}, f.m, 0, o))
		require.NoError(b, b.s.Sync())
		require.Equal(b, bits(want), bits(f.read()))
	}
}

// The grid and the order of threads and blocks change nothing.
func TestAnyGrid(t *testing.T) {
	c := randomChunk[logprob.BFloat16](9, 1031, 1031, 2)
	run := func(seed uint64, processors int) (got []uint64, back []logprob.BFloat16) {
		b := newBed(t, &ptx.Device{Seed: seed})
		b.d.info.Processors = processors
		h := hold(b, c, 0)
		require.NoError(t, b.s.Forward(h.rows, h.m, h.targets, Options{}))
		require.NoError(t, b.s.Sync())
		rows := h.read()
		require.NoError(t, b.s.Backward(h.m, h.targets, h.rows, h.g, Options{}))
		require.NoError(t, b.s.Sync())
		return bits(rows), logitsOf[logprob.BFloat16](&h).Data
	}
	want, gradient := run(3, 1)
	for _, processors := range []int{0, 2, 3, 100} {
		got, back := run(3, processors)
		require.Equal(t, want, got)
		require.Equal(t, gradient, back)
	}
	// Another seed is another ex2.approx within its bound, so bits may differ there; the
	// order of threads is drawn from it too.
	for seed := range uint64(3) {
		a, ga := run(seed, 1)
		b, gb := run(seed, 4)
		require.Equal(t, a, b)
		require.Equal(t, ga, gb)
	}
}

// Rows whose offset needs more than 32 bits. Those before the last are masked, and so
// need no memory.
func TestRowsBeyond32Bits(t *testing.T) {
	b := newBed(t, &ptx.Device{})
	c := randomChunk[float32](1, 100, 100, 8)
	h := hold(b, c, 0)
	require.NoError(t, b.s.Forward(h.rows, h.m, h.targets, Options{}))
	require.NoError(t, b.s.Sync())
	want := h.read()
	const before, stride = 3, 1<<31 + 4
	far := Matrix{h.m.Ptr - before*stride*4, Float32, before + 1, 100, stride}
	o := Options{Mask: placed(b, []uint8{0, 0, 0, 1})}
	targets := placed(b, []int32{-1, -1, -1, c.targets[0]})
	out := Rows{b.reserve(16, 0), b.reserve(32, 0), b.reserve(16, 0), b.reserve(16, 0)}
	require.ErrorContains(t, b.s.Forward(out, far, targets, o), "Matrix")
	require.NoError(t, b.s.vocab("Forward", squaresKernels[Float32], far, targets, &o,
		uint64(out.LogProbs), uint64(out.LSE), uint64(out.Entropies), uint64(out.SumSquares), 0))
	require.NoError(t, b.s.Sync())
	h.rows, h.n = out, before+1
	got := h.read()
	require.Equal(t, want.LSE, got.LSE[before:])
	require.Equal(t, want.LogProbs, got.LogProbs[before:])
	require.Equal(t, make([]float64, before), got.LSE[:before])
}
