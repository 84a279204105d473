package cuda

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/grpo/logprob"
)

func TestFirst(t *testing.T) {
	eachElement(t, testFirst[float32], testFirst[logprob.BFloat16], testFirst[logprob.Float16])
}

func testFirst[E logprob.Element](b *bed) {
	c := randomChunk[E](3, 1000, 1001, 5)
	h := hold(b, c, 0)
	require.NoError(b, b.s.Forward(h.rows, h.m, h.targets, Options{}))
	require.NoError(b, b.s.Sync())
	n := int(c.logits.Rows)
	want := logprob.Rows[float32]{LogProbs: make([]float32, n), LSE: make([]float64, n), Entropies: make([]float32, n), SumSquares: make([]float32, n)}
	require.NoError(b, logprob.Forward(want, c.logits, c.targets, logprob.Options{}))
	got := h.read()
	b.Log(want, got)
	require.InDeltaSlice(b, want.LSE, got.LSE, 1e-6)
	require.InDeltaSlice(b, want.LogProbs, got.LogProbs, 2e-6)
	require.InDeltaSlice(b, want.Entropies, got.Entropies, 2e-6)
	require.InDeltaSlice(b, want.SumSquares, got.SumSquares, 1e-6)
	require.NoError(b, b.s.Backward(h.m, h.targets, h.rows, h.g, Options{}))
	require.NoError(b, b.s.Sync())
	g := c.logits
	g.Data = append([]E(nil), g.Data...)
	require.NoError(b, logprob.Backward(g, c.logits, c.targets, want, logprob.Gradient[float32]{LogProbs: c.g, Entropies: c.e}, logprob.Options{}))
	back := logitsOf[E](&h)
	for r := range c.logits.Rows {
		for j, w := range g.Row(r) {
			require.InDelta(b, decode(w), decode(back.Row(r)[j]), 1e-6+spacing[E](decode(w)), "%d %d", r, j)
		}
	}
}
