package cuda

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/dapo"
	"github.com/grouprl/grouprl/grpo"
	"github.com/grouprl/grouprl/grpo/logprob"
	"github.com/grouprl/grouprl/gspo"
)

// A whole step, from logits to their gradient: Forward by chunks of rows, Eval by
// micro-batches, Backward by chunks, all queued on one stream, against packages logprob
// and grpo on the host.
func TestWholeStep(t *testing.T) {
	eachElement(t, wholeStep[float32], wholeStep[logprob.BFloat16], wholeStep[logprob.Float16])
}

func wholeStep[E logprob.Element](t *bed) {
	const tokens, vocab, temperature = 30, 77, 0.8
	rng := rand.New(rand.NewPCG(11, 12))
	c := randomChunk[E](tokens, vocab, vocab+3, 5)
	offsets := []int{0, 9, 10, 10, 24, 30}
	mask, bytes := make([]bool, tokens), make([]byte, tokens)
	for i := range mask {
		if mask[i] = rng.IntN(4) > 0; mask[i] {
			bytes[i] = 1
		}
	}

	// The host's step, with other policies near the first.
	rows := logprob.Rows[float32]{LogProbs: make([]float32, tokens), LSE: make([]float64, tokens), Entropies: make([]float32, tokens)}
	require.NoError(t, logprob.Forward(rows, c.logits, c.targets, logprob.Options{Temperature: temperature}))
	near := func(spread float64) (x []float32) {
		for _, lp := range rows.LogProbs {
			x = append(x, lp+float32(spread*rng.NormFloat64()))
		}
		return x
	}
	b := grpo.Batch[float32]{
		Offsets: offsets, LogProbs: rows.LogProbs, Entropies: rows.Entropies, OldLogProbs: near(0.2), RolloutLogProbs: near(0.2), RefLogProbs: near(0.4),
		Advantages: []float64{1, -0.5, 2, -1.5, 0.25}, Groups: []int{7, 7, 7, 3, 3}, Mask: mask,
	}
	for name, o := range map[string]grpo.Objective{"DAPO": dapo.New(), "GSPO+": gspo.Plus(), "coupled": coupled()} {
		totals, err := grpo.Count(&o, &b)
		require.NoError(t, err)
		g := grpo.Gradient[float32]{LogProbs: make([]float32, tokens), Entropies: make([]float32, tokens)}
		stats, err := (&grpo.Evaluator[float32]{}).Eval(g, &o, &b, &totals)
		require.NoError(t, err)
		want := logprob.Logits[E]{Data: make([]E, len(c.logits.Data)), Rows: tokens, Vocab: vocab, Stride: c.logits.Stride}
		require.NoError(t, logprob.Backward(want, c.logits, c.targets, rows, logprob.Gradient[float32]{LogProbs: g.LogProbs, Entropies: g.Entropies}, logprob.Options{Temperature: temperature}))

		// The device's.
		h := hold(t, c, 0)
		e := t.evaluator()
		options := Options{Temperature: temperature, Mask: placed(t, bytes)}
		chunk := func(from, to int64) (Matrix, Ptr, Options) {
			part := options
			part.Mask += Ptr(from)
			return h.m.Slice(from, to), h.targets + Ptr(4*from), part
		}
		for from := int64(0); from < tokens; from += 8 {
			m, targets, part := chunk(from, min(from+8, tokens))
			require.NoError(t, t.s.Forward(h.rows.Slice(from), m, targets, part))
		}
		device := Batch{
			Offsets: offsets, Tokens: tokens, LogProbs: h.rows.LogProbs, Entropies: h.rows.Entropies, OldLogProbs: placed(t, b.OldLogProbs),
			RolloutLogProbs: placed(t, b.RolloutLogProbs), RefLogProbs: placed(t, b.RefLogProbs),
			Advantages: b.Advantages, Groups: b.Groups, Mask: mask,
		}
		var loss grpo.Stats
		for i := 0; i < device.Len(); i += 2 {
			micro := device.Slice(i, min(i+2, device.Len()))
			part, err := e.Eval(h.g, &o, &micro, &totals)
			require.NoError(t, err)
			require.NoError(t, e.OnHost())
			loss.Merge(&part)
		}
		for from := int64(0); from < tokens; from += 11 {
			m, targets, part := chunk(from, min(from+11, tokens))
			require.NoError(t, t.s.Backward(m, targets, h.rows.Slice(from), h.g.Slice(from), part))
		}
		require.NoError(t, t.s.Sync())

		require.InDelta(t, stats.Loss(), loss.Loss(), 1e-5*max(1, math.Abs(stats.Loss())), name)
		got := logitsOf[E](&h)
		for r := range int64(tokens) {
			largest := 0.0
			for _, x := range want.Row(r) {
				largest = max(largest, math.Abs(decode(x)))
			}
			if !mask[r] {
				require.Zero(t, largest)
			}
			for j, x := range want.Row(r) {
				x, y := decode(x), decode(got.Row(r)[j])
				require.InDelta(t, x, y, 2e-5*largest+spacing[E](x), "%s row %d id %d", name, r, j)
			}
		}
	}
}
