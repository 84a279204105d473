package cuda

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/grpo/cuda/internal/ptx"
	"github.com/grouprl/grouprl/grpo/logprob"
)

// The functions on host slices are package logprob's, chunk by chunk.
func TestHostSlices(t *testing.T) {
	eachElement(t, testHost[float32, float64], testHost[logprob.BFloat16, float32], testHost[logprob.Float16, float64])
}

func testHost[E logprob.Element, F logprob.Float](b *bed) {
	before := chunkBytes
	defer func() { chunkBytes = before }()
	const rows, cols = 7, 90
	room := func() logprob.Rows[F] {
		return logprob.Rows[F]{LogProbs: make([]F, rows), LSE: make([]float64, rows), Entropies: make([]F, rows), SumSquares: make([]F, rows)}
	}
	for i, stride := range []int64{0, cols, cols + 3} {
		chunkBytes = []int64{1, 2 * cols * dtypeOf[E]().size(), before}[i] // chunks of 1, 2 and 7 rows
		c := randomChunk[E](rows, cols, max(stride, cols), 6)
		c.logits.Stride = stride
		g := logprob.Gradient[F]{LogProbs: make([]F, rows), Entropies: make([]F, rows)}
		for r := range rows {
			g.LogProbs[r], g.Entropies[r] = F(c.g[r]), F(c.e[r])
		}
		o := logprob.Options{Temperature: 0.9}
		want, got := room(), room()
		require.NoError(b, logprob.Forward(want, c.logits, c.targets, o))
		require.NoError(b, Forward(b.d, got, c.logits, c.targets, o))
		for r := range rows {
			require.InDelta(b, want.LSE[r], got.LSE[r], 1e-6)
			require.InDelta(b, want.LogProbs[r], got.LogProbs[r], 2e-6)
			require.InDelta(b, want.Entropies[r], got.Entropies[r], 1e-6)
			require.InDelta(b, want.SumSquares[r], got.SumSquares[r], 1e-6)
		}
		fewer := logprob.Rows[F]{Entropies: make([]F, rows)}
		require.NoError(b, Forward(b.d, fewer, c.logits, nil, o))
		require.Equal(b, got.Entropies, fewer.Entropies)

		data := append([]E(nil), c.logits.Data...)
		gradient, back := c.logits, c.logits
		gradient.Data, back.Data = append([]E(nil), data...), append([]E(nil), data...)
		require.NoError(b, logprob.Backward(gradient, c.logits, c.targets, want, g, o))
		require.NoError(b, Backward(b.d, back, c.logits, c.targets, got, g, o))
		require.Equal(b, data, c.logits.Data)
		for i, v := range gradient.Data {
			require.InDelta(b, decode(v), decode(back.Data[i]), 1e-6+spacing[E](decode(v)))
		}
		require.NoError(b, Backward(b.d, c.logits, c.logits, c.targets, got, g, o))
		require.Equal(b, back.Data, c.logits.Data, "in place")
		c.logits.Data = data

		// The first bad row of all chunks, with its number; the others are done.
		c.targets[3], c.targets[6] = -1, -1
		bad := room()
		err := Forward(b.d, bad, c.logits, c.targets, o)
		var row *logprob.RowError
		require.ErrorAs(b, err, &row)
		require.Equal(b, [2]any{int64(3), "Targets"}, [2]any{row.Row, row.Field})
		require.True(b, math.IsNaN(bad.LSE[3]))
		require.Equal(b, got.LogProbs[5], bad.LogProbs[5])
		partials := make([]logprob.Partial, rows)
		require.ErrorAs(b, Partials(b.d, partials, c.logits, c.targets, logprob.Options{First: 100, Total: 1000}), &row)
		require.Equal(b, int64(3), row.Row)
		require.InDelta(b, want.LSE[0]*0.9, partials[0].LSE(), 20)
	}

	// What the device does not do is done by logprob, and so is all without a device.
	c := randomChunk[E](2, 10, 10, 1)
	support := &logprob.Support{Offsets: []int64{0, 2, 4}, IDs: []int32{1, 3, 2, 9}}
	for _, d := range []*Device{b.d, nil} {
		o := logprob.Options{}
		if d != nil {
			o.Support = support
		}
		want, got := room().Slice(0, 2), room().Slice(0, 2)
		require.NoError(b, logprob.Forward(want, c.logits, []int32{1, 2}, o))
		require.NoError(b, Forward(d, got, c.logits, []int32{1, 2}, o))
		require.Equal(b, want, got)
		g := logprob.Gradient[F]{LogProbs: []F{1, -1}}
		a, z := c.logits, c.logits
		a.Data, z.Data = append([]E(nil), a.Data...), append([]E(nil), z.Data...)
		require.NoError(b, logprob.Backward(a, a, []int32{1, 2}, want, g, o))
		require.NoError(b, Backward(d, z, z, []int32{1, 2}, want, g, o))
		require.Equal(b, a.Data, z.Data)
	}
	partials := make([]logprob.Partial, 2)
	require.NoError(b, Partials(nil, partials, c.logits, nil, logprob.Options{}))
	require.NotZero(b, partials[1].Sum)
}

func TestHostShapes(t *testing.T) {
	b := newBed(t, &ptx.Device{})
	c := randomChunk[float32](4, 50, 60, 3)
	x, targets, rows := c.logits, c.targets, outputs(4)
	g := logprob.Gradient[float32]{LogProbs: make([]float32, 4)}
	expect := func(field string, err error) {
		t.Helper()
		var bad *logprob.ShapeError
		require.ErrorAs(t, err, &bad)
		require.Equal(t, field, bad.Field)
	}
	with := func(change func(x *logprob.Logits[float32])) logprob.Logits[float32] { y := x; change(&y); return y }
	o := logprob.Options{}
	for _, bad := range []logprob.Logits[float32]{
		with(func(x *logprob.Logits[float32]) { x.Rows = 5 }), with(func(x *logprob.Logits[float32]) { x.Rows = -1 }),
		with(func(x *logprob.Logits[float32]) { x.Vocab = 0 }), with(func(x *logprob.Logits[float32]) { x.Vocab = 61 }),
		with(func(x *logprob.Logits[float32]) { x.Vocab = 1 << 31 }), with(func(x *logprob.Logits[float32]) { x.Stride = 49 }),
		with(func(x *logprob.Logits[float32]) { x.Stride = -60 }), with(func(x *logprob.Logits[float32]) { x.Stride = 1 << 62 }),
		with(func(x *logprob.Logits[float32]) { x.Rows = math.MaxInt64 }), with(func(x *logprob.Logits[float32]) { x.Data = nil }),
	} {
		expect("Logits", Forward(b.d, rows, bad, targets, o))
		expect("Logits", Backward(b.d, x, bad, targets, rows, g, o))
		expect("dst", Backward(b.d, bad, x, targets, rows, g, o))
		expect("Logits", Partials(b.d, make([]logprob.Partial, 4), bad, targets, o))
	}
	expect("dst", Backward(b.d, with(func(x *logprob.Logits[float32]) { x.Rows = 3 }), x, targets, rows, g, o))
	expect("Targets", Forward(b.d, rows, x, targets[:3], o))
	expect("Targets", Forward(b.d, rows, x, nil, o))
	expect("Targets", Backward(b.d, x, x, nil, rows, g, o))
	expect("Rows.LSE", Forward(b.d, logprob.Rows[float32]{LSE: make([]float64, 3)}, x, targets, o))
	expect("Rows.LogProbs", Forward(b.d, logprob.Rows[float32]{LogProbs: make([]float32, 5)}, x, targets, o))
	expect("Rows.Entropies", Forward(b.d, logprob.Rows[float32]{Entropies: make([]float32, 5)}, x, targets, o))
	expect("Rows.SumSquares", Forward(b.d, logprob.Rows[float32]{SumSquares: make([]float32, 0)}, x, targets, o))
	expect("Rows.LSE", Backward(b.d, x, x, targets, logprob.Rows[float32]{}, g, o))
	expect("Rows.Entropies", Backward(b.d, x, x, targets, logprob.Rows[float32]{LSE: rows.LSE}, logprob.Gradient[float32]{LogProbs: g.LogProbs, Entropies: g.LogProbs}, o))
	expect("Gradient", Backward(b.d, x, x, targets, rows, logprob.Gradient[float32]{}, o))
	expect("Gradient.LogProbs", Backward(b.d, x, x, targets, rows, logprob.Gradient[float32]{LogProbs: g.LogProbs[1:]}, o))
	expect("Gradient.Entropies", Backward(b.d, x, x, targets, rows, logprob.Gradient[float32]{LogProbs: g.LogProbs, Entropies: g.LogProbs[1:]}, o))
	expect("Temperature", Forward(b.d, rows, x, targets, logprob.Options{Temperature: -1}))
	expect("First", Partials(b.d, make([]logprob.Partial, 4), x, targets, logprob.Options{First: -1, Total: 100}))
	expect("Total", Forward(b.d, rows, x, targets, logprob.Options{Total: 100}))
	expect("Partials", Partials(b.d, make([]logprob.Partial, 3), x, targets, logprob.Options{Total: 100}))

	none := logprob.Logits[float32]{Vocab: 50}
	require.NoError(t, Forward(b.d, logprob.Rows[float32]{LogProbs: []float32{}}, none, nil, o))
	require.NoError(t, Backward(b.d, none, none, nil, logprob.Rows[float32]{LSE: []float64{}}, logprob.Gradient[float32]{LogProbs: []float32{}}, o))
	require.Zero(t, b.machine.Calls()["cuLaunchKernel"])
}

// Without a driver Open says so, and the program goes on.
func TestOpen(t *testing.T) {
	d, err := Open(Config{})
	if err == nil {
		t.Log(d.Info())
		require.NoError(t, d.Close())
		return
	}
	require.ErrorIs(t, err, ErrUnavailable)
	var open *OpenError
	require.ErrorAs(t, err, &open)
	require.NotEmpty(t, open.Missing)
	require.NotEmpty(t, open.Reason)
	require.Nil(t, d)
}
