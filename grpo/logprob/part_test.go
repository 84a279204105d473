package logprob

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// columns is a shard of x.
func (x Logits[E]) columns(from, to int64) Logits[E] {
	return Logits[E]{Data: x.Data[from:], Rows: x.Rows, Vocab: to - from, Stride: x.stride()}
}

// Shards of a vocabulary, computed apart and merged, are the whole, and so are the
// gradients of the shards.
func TestShards(t *testing.T) {
	forEachTier(t, func(t *testing.T) {
		eachElement(t, testShards[float32], testShards[BFloat16], testShards[Float16])
	})
}

func testShards[E Element](t *testing.T) {
	const rows, vocab = 7, 3000
	x, targets := random[E](rows, vocab, vocab, 21)
	for i := range x.Row(2)[:1500] { // a shard and a half that is masked
		x.Row(2)[i] = negativeInfinity[E]()
	}
	o := Options{Temperature: 0.8, Workers: 2}
	g := Gradient[float32]{[]float32{1, 1, 1, 1, 1, 0, -1}, []float32{0, 0.1, 0, 0.1, 0, 0, -0.1}}
	want, gradient := outputs(rows), x.clone()
	require.NoError(t, Forward(want, x, targets, o))
	require.NoError(t, Backward(gradient, x, targets, want, g, o))
	for _, cuts := range [][]int64{{0, 3000}, {0, 1000, 2000, 3000}, {0, 1, 63, 64, 2999, 3000}} {
		merged := make([]Partial, rows)
		shards := make([][]Partial, len(cuts)-1)
		part := o
		part.Total = vocab
		for s := range shards {
			part.First = cuts[s]
			shards[s] = make([]Partial, rows)
			require.NoError(t, Partials(shards[s], x.columns(cuts[s], cuts[s+1]), targets, part))
			for r := range merged {
				merged[r].Merge(shards[s][r])
			}
		}
		got := outputs(rows)
		require.NoError(t, Finish(got, merged))
		require.InDeltaSlice(t, want.LSE, got.LSE, 2e-6)
		require.InDeltaSlice(t, want.LogProbs, got.LogProbs, 4e-6)
		require.InDeltaSlice(t, want.Entropies, got.Entropies, 4e-6)
		require.InDeltaSlice(t, want.SumSquares, got.SumSquares, 2e-6)
		for r := range merged { // in the other order
			var back Partial
			for s := len(shards) - 1; s >= 0; s-- {
				back.Merge(shards[s][r])
			}
			require.InDelta(t, merged[r].LSE(), back.LSE(), 1e-13)
			require.InDelta(t, merged[r].Entropy(), back.Entropy(), 1e-12)
			require.Equal(t, merged[r].Target, back.Target)
		}
		whole := x.clone()
		for s := range shards {
			part.First = cuts[s]
			shard := whole.columns(cuts[s], cuts[s+1])
			require.NoError(t, Backward(shard, shard, targets, got, g, part))
		}
		for i, v := range gradient.Data {
			w := float64(decode(v))
			require.InDelta(t, w, decode(whole.Data[i]), 3e-6+spacing[E](w), "element %d", i)
		}
	}
}

func TestPartialByHand(t *testing.T) {
	half := Partial{Max: 1, Sum: 2, Weighted: 0, Squares: 2} // two logits of 1
	one := Partial{Max: 1 + math.Ln2, Sum: 1, Squares: 1, Target: 1 + math.Ln2, Found: true}
	for _, p := range []Partial{half, one} {
		q := one
		if p.Found {
			q = half
		}
		p.Merge(q)
		require.InDelta(t, 1+math.Log(4), p.LSE(), 1e-15)
		require.InDelta(t, math.Log(0.5), p.LogProb(), 1e-15)
		require.InDelta(t, 0.5*math.Log(2)+2*0.25*math.Log(4), p.Entropy(), 1e-15)
		require.InDelta(t, 0.25+2./16, p.SumSquares(), 1e-15)
	}
	far := Partial{Max: -1e300, Sum: 1}
	far.Merge(one)
	require.Equal(t, one, far)

	var empty Partial
	empty.Merge(Partial{})
	require.Equal(t, -inf, empty.LSE())
	require.Equal(t, -inf, empty.LogProb())
	rows := outputs(2)
	err := Finish(rows, []Partial{one, empty})
	var bad *RowError
	require.ErrorAs(t, err, &bad)
	require.Equal(t, int64(1), bad.Row)
	require.True(t, math.IsNaN(rows.LSE[1]) && math.IsNaN(float64(rows.LogProbs[1])))
	require.NoError(t, Finish(rows, []Partial{one, half}))
	require.Equal(t, float32(-inf), rows.LogProbs[1], "nobody had the target")
	spoilt := one
	spoilt.Merge(Partial{Max: nan, Sum: nan})
	require.ErrorAs(t, Finish(rows, []Partial{half, spoilt}), &bad)
	require.Error(t, Finish(rows, []Partial{half}))
}

// A NaN in a shard is found by its owner, with the id of the whole vocabulary.
func TestShardErrors(t *testing.T) {
	x, targets := random[float32](2, 100, 100, 4)
	x.Row(1)[3] = float32(nan)
	partials := make([]Partial, 2)
	err := Partials(partials, x, targets, Options{First: 500, Total: 1000})
	var bad *RowError
	require.ErrorAs(t, err, &bad)
	require.Equal(t, int64(503), bad.ID)
	require.True(t, math.IsNaN(partials[1].Sum))
	targets[0] = 1000
	require.ErrorAs(t, Partials(partials, x, targets, Options{First: 500, Total: 1000}), &bad)
	require.Equal(t, "Targets", bad.Field)
}

// A support is the row with everything else masked.
func TestSupport(t *testing.T) {
	forEachTier(t, func(t *testing.T) {
		eachElement(t, testSupport[float32], testSupport[BFloat16], testSupport[Float16])
	})
}

func testSupport[E Element](t *testing.T) {
	const rows, vocab = 9, 2500
	rng := rand.New(rand.NewPCG(8, 8))
	x, targets := random[E](rows, vocab, vocab+3, 31)
	support := &Support{Offsets: []int64{0}}
	masked := x.clone()
	for r := range int64(rows) {
		keep := rng.Float64() // r == 0: one id; r == 1: all
		for id := range int32(vocab) {
			if r == 1 || id == targets[r] || r > 0 && rng.Float64() < keep {
				support.IDs = append(support.IDs, id)
			} else {
				masked.Row(r)[id] = negativeInfinity[E]()
			}
		}
		support.Offsets = append(support.Offsets, int64(len(support.IDs)))
	}
	targets[4] = (support.Row(4)[3] + 1) // perhaps kept, perhaps not
	g := Gradient[float32]{make([]float32, rows), make([]float32, rows)}
	for r := range rows {
		g.LogProbs[r], g.Entropies[r] = float32(r)/4-1, float32(r%2)/8
	}
	o := Options{Temperature: 1.3}
	want, gradient := outputs(rows), masked.clone()
	require.NoError(t, Forward(want, masked, targets, o))
	require.NoError(t, Backward(gradient, masked, targets, want, g, o))
	o.Support, o.Workers = support, 3
	got, back, both := outputs(rows), x.clone(), x.clone()
	require.NoError(t, Forward(got, x, targets, o))
	require.InDeltaSlice(t, want.LSE, got.LSE, 2e-6)
	require.InDeltaSlice(t, want.LogProbs, got.LogProbs, 4e-6)
	require.InDeltaSlice(t, want.Entropies, got.Entropies, 4e-6)
	require.InDeltaSlice(t, want.SumSquares, got.SumSquares, 2e-6)
	require.NoError(t, Backward(back, back, targets, got, g, o))
	require.NoError(t, ForwardBackward(Rows[float32]{}, both, x, targets, g, o))
	for r := range int64(rows) {
		for j, v := range gradient.Row(r) {
			w := float64(decode(v))
			require.InDelta(t, w, decode(back.Row(r)[j]), 3e-6+spacing[E](w), "row %d, id %d", r, j)
			require.InDelta(t, w, decode(both.Row(r)[j]), 3e-6+spacing[E](w), "row %d, id %d", r, j)
			if decode(masked.Row(r)[j]) < -1e30 {
				require.Zero(t, decode(back.Row(r)[j]))
				require.Zero(t, decode(both.Row(r)[j]))
			}
		}
		equalData(t, x.Data[r*x.stride()+vocab:r*x.stride()+vocab+3], back.Data[r*x.stride()+vocab:r*x.stride()+vocab+3], "padding")
	}

	// An id out of order is found; so is an empty row, and a NaN only where it is kept.
	var bad *RowError
	broken := &Support{Offsets: support.Offsets, IDs: append([]int32(nil), support.IDs...)}
	at := support.Offsets[3]
	for _, id := range []int32{broken.IDs[at+1], -1, vocab} {
		broken.IDs[at] = id
		require.ErrorAs(t, Forward(outputs(rows), x, targets, Options{Support: broken}), &bad)
		require.Equal(t, int64(3), bad.Row)
		require.Equal(t, "Support", bad.Field)
		require.ErrorAs(t, Backward(x.clone(), x, targets, want, g, Options{Support: broken, Temperature: 1.3}), &bad)
	}
	require.ErrorAs(t, Forward(outputs(1), x.Slice(0, 1), targets[:1], Options{Support: &Support{Offsets: []int64{0, 0}}}), &bad)
	require.Equal(t, -inf, bad.Value)
	spoilt := x.clone()
	for r := range int64(rows) {
		for j := range spoilt.Row(r) {
			if decode(masked.Row(r)[j]) < -1e30 {
				spoilt.Row(r)[j] = encode[E](float32(nan))
			}
		}
	}
	again := outputs(rows)
	require.NoError(t, Forward(again, spoilt, targets, o))
	require.Equal(t, got, again)
	id := support.Row(6)[2]
	spoilt.Row(6)[id] = encode[E](float32(nan))
	require.ErrorAs(t, Forward(again, spoilt, targets, o), &bad)
	require.Equal(t, int64(6), bad.Row)
	require.Equal(t, int64(id), bad.ID)
}
