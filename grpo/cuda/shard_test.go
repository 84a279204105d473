package cuda

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/grpo/logprob"
)

// columns is a shard of a matrix.
func (m Matrix) columns(from, to int64) Matrix {
	m.Stride = m.stride()
	m.Ptr, m.Cols = m.Ptr+Ptr(from*m.DType.size()), to-from
	return m
}

// Shards of a vocabulary, computed apart and merged on the device or on the host, are
// the whole, and so are the gradients of the shards.
func TestShards(t *testing.T) {
	eachElement(t, testShards[float32], testShards[logprob.BFloat16], testShards[logprob.Float16])
}

func testShards[E logprob.Element](b *bed) {
	const rows, cols = 5, 3000
	c := randomChunk[E](rows, cols, cols, 21)
	for i := range c.logits.Row(2)[:1500] { // a shard and a half that is masked
		c.logits.Row(2)[i] = encode[E](-inf)
	}
	c.targets[2] = 10 // masked
	whole := hold(b, c, 0)
	o := Options{Temperature: 0.8}
	require.NoError(b, b.s.Forward(whole.rows, whole.m, whole.targets, o))
	require.NoError(b, b.s.Sync())
	want := whole.read()
	require.NoError(b, b.s.Backward(whole.m, whole.targets, whole.rows, whole.g, o))
	require.NoError(b, b.s.Sync())
	gradient := logitsOf[E](&whole)
	for _, cuts := range [][]int64{{0, 3000}, {0, 1000, 2000, 3000}, {0, 1, 63, 64, 2999, 3000}} {
		h := hold(b, c, 0)
		shards := int64(len(cuts) - 1)
		partials := b.reserve(shards*rows*PartialSize, 0)
		part := o
		part.Total = cols
		merged := make([]logprob.Partial, rows)
		for s := range shards {
			part.First = cuts[s]
			at := partials + Ptr(s*rows*PartialSize)
			require.NoError(b, b.s.Partials(at, h.m.columns(cuts[s], cuts[s+1]), h.targets, part))
			require.NoError(b, b.s.Sync())
			host := make([]logprob.Partial, rows)
			require.NoError(b, DownloadPartials(b.s, host, at))
			for r := range merged {
				merged[r].Merge(host[r])
			}
			back := b.reserve(rows*PartialSize, 0)
			require.NoError(b, UploadPartials(b.s, back, host))
			require.Equal(b, fetched[uint8](b, at, rows*PartialSize), fetched[uint8](b, back, rows*PartialSize))
		}
		require.NoError(b, b.s.Finish(h.rows, partials, shards, rows, 0))
		require.NoError(b, b.s.Sync())
		got, host := h.read(), outputs(rows)
		near(b, want, got, "on the device")
		require.NoError(b, logprob.Finish(host, merged))
		for r := range host.LSE { // the same operations on the same numbers, but for an ulp of log
			require.InDelta(b, host.LSE[r], got.LSE[r], 1e-13)
			require.InDelta(b, host.Entropies[r], got.Entropies[r], 1e-6)
			require.InDelta(b, host.SumSquares[r], got.SumSquares[r], 1e-7)
			if r != 2 {
				require.InDelta(b, host.LogProbs[r], got.LogProbs[r], 1e-6)
			}
		}
		require.Equal(b, float32(-inf), got.LogProbs[2])

		for s := range shards {
			part.First = cuts[s]
			require.NoError(b, b.s.Backward(h.m.columns(cuts[s], cuts[s+1]), h.targets, h.rows, h.g, part))
			require.NoError(b, b.s.Sync())
		}
		for i, v := range logitsOf[E](&h).Data {
			w := decode(gradient.Data[i])
			require.InDelta(b, w, decode(v), 3e-6+spacing[E](w), "element %d", i)
		}
	}
}

// Partials by hand, and what is wrong with them.
func TestFinishByHand(t *testing.T) {
	eachDevice(t, func(b *bed) {
		half := logprob.Partial{Max: 1, Sum: 2, Squares: 2} // two logits of 1
		one := logprob.Partial{Max: 1 + math.Ln2, Sum: 1, Squares: 1, Target: 1 + math.Ln2, Found: true}
		far := logprob.Partial{Max: -1e300, Sum: 1}
		spoilt := logprob.Partial{Sum: nan, Found: true}
		var empty logprob.Partial
		// One column of the table is a row: shards by rows.
		first := []logprob.Partial{half, one, far, empty, half, half, half, half}
		second := []logprob.Partial{one, half, one, empty, empty, half, spoilt, spoilt}
		p := b.reserve(16*PartialSize, 0)
		require.NoError(b, UploadPartials(b.s, p, append(first, second...)))
		h := hold(b, randomChunk[float32](8, 1, 1, 1), 0)
		require.NoError(b, b.s.Finish(h.rows, p, 2, 8, placed(b, []uint8{1, 1, 1, 1, 1, 1, 1, 0})))
		var bad *logprob.RowError
		require.ErrorAs(b, b.s.Sync(), &bad)
		require.Equal(b, int64(3), bad.Row)
		require.Equal(b, -inf, bad.Value)
		got := h.read()
		for r := range 2 {
			require.InDelta(b, 1+math.Log(4), got.LSE[r], 1e-15)
			require.InDelta(b, math.Log(0.5), got.LogProbs[r], 1e-7)
			require.InDelta(b, 0.5*math.Log(2)+2*0.25*math.Log(4), got.Entropies[r], 1e-7)
			require.InDelta(b, 0.25+2./16, got.SumSquares[r], 1e-7)
		}
		require.InDelta(b, one.Max, got.LSE[2], 1e-15)
		require.True(b, math.IsNaN(got.LSE[3]) && math.IsNaN(float64(got.LogProbs[3])))
		require.InDelta(b, 1+math.Ln2, got.LSE[4], 1e-15)
		require.Equal(b, float32(-inf), got.LogProbs[4], "nobody had the target")
		require.InDelta(b, 1+2*math.Ln2, got.LSE[5], 1e-15)
		require.True(b, math.IsNaN(got.LSE[6]))
		require.Equal(b, []any{0., float32(0), float32(0)}, []any{got.LSE[7], got.LogProbs[7], got.Entropies[7]}, "masked")
		// One logit with a reference below it, and a rounding: no entropy is below 0.
		low := logprob.Partial{Max: 1, Sum: math.Exp(0.3), Weighted: 0.3 * math.Exp(0.3) * (1 + 1e-15), Squares: math.Exp(0.6)}
		require.NoError(b, UploadPartials(b.s, p, []logprob.Partial{low}))
		require.NoError(b, b.s.Finish(h.rows, p, 1, 1, 0))
		require.NoError(b, b.s.Sync())
		require.Zero(b, math.Float32bits(fetched[float32](b, h.rows.Entropies, 1)[0]))
		require.ErrorAs(b, func() error {
			require.NoError(b, b.s.Finish(h.rows, p+7*PartialSize, 2, 1, 0)) // row 7 of the first shard and row 0 of the second
			require.NoError(b, UploadPartials(b.s, p, []logprob.Partial{spoilt}))
			require.NoError(b, b.s.Finish(h.rows, p, 1, 1, 0))
			return b.s.Sync()
		}(), &bad)
		require.Equal(b, "Logits", bad.Field)
	})
}

// The log of Finish is a double's.
func TestLog(t *testing.T) {
	eachDevice(t, func(b *bed) {
		rng := rand.New(rand.NewPCG(1, 1))
		partials := make([]logprob.Partial, 2000)
		for i := range partials {
			sum := math.Exp2(40 * rng.Float64() * rng.Float64())
			if i%2 == 0 {
				sum = 1 + rng.Float64()
			}
			partials[i] = logprob.Partial{Sum: sum, Squares: 1}
		}
		p, lse := b.reserve(2000*PartialSize, 0), b.reserve(8*2000, 0)
		require.NoError(b, UploadPartials(b.s, p, partials))
		require.NoError(b, b.s.Finish(Rows{LSE: lse}, p, 1, 2000, 0))
		require.NoError(b, b.s.Sync())
		for i, got := range fetched[float64](b, lse, 2000) {
			require.InEpsilon(b, math.Log(partials[i].Sum), got, 1e-15, "log %v", partials[i].Sum)
		}
	})
}

// A NaN in a shard is found by its owner, with the id of the whole vocabulary; a shard
// without any logit is empty and no error.
func TestShardErrors(t *testing.T) {
	eachDevice(t, func(b *bed) {
		c := randomChunk[float32](3, 100, 100, 4)
		c.logits.Row(1)[3] = float32(nan)
		for i := range c.logits.Row(2) {
			c.logits.Row(2)[i] = float32(-inf)
		}
		c.targets[0] = 999
		h := hold(b, c, 0)
		p := b.reserve(3*PartialSize, 0)
		o := Options{First: 500, Total: 1000}
		require.NoError(b, b.s.Partials(p, h.m, h.targets, o))
		var bad *logprob.RowError
		require.ErrorAs(b, b.s.Sync(), &bad)
		require.Equal(b, [2]int64{1, 503}, [2]int64{bad.Row, bad.ID})
		got := make([]logprob.Partial, 3)
		require.NoError(b, DownloadPartials(b.s, got, p))
		require.True(b, math.IsNaN(got[1].Sum))
		require.Equal(b, logprob.Partial{}, got[2])
		require.False(b, got[0].Found)
		h.targets = placed(b, []int32{1000, 0, 0})
		require.NoError(b, b.s.Partials(p, h.m, h.targets, o))
		require.ErrorAs(b, b.s.Sync(), &bad)
		require.Equal(b, [2]any{int64(0), "Targets"}, [2]any{bad.Row, bad.Field})
		require.NoError(b, b.s.Partials(p, h.m, 0, Options{Total: 100, Mask: placed(b, []uint8{0, 0, 0})}))
		require.NoError(b, b.s.Sync())
		require.NoError(b, DownloadPartials(b.s, got, p))
		require.Equal(b, make([]logprob.Partial, 3), got)
	})
}
