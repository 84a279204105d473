package cuda

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/grpo/logprob"
)

var inf, nan = math.Inf(1), math.NaN()

// A row with trouble has the answer of package logprob, error and numbers; its
// neighbours are as if nothing were.
func TestSpecialLogits(t *testing.T) {
	eachElement(t, testSpecial[float32], testSpecial[logprob.BFloat16], testSpecial[logprob.Float16])
}

func testSpecial[E logprob.Element](b *bed) {
	masked := func(row []E) {
		for i := range row {
			row[i] = encode[E](-inf)
		}
	}
	for _, cols := range []int64{3, 700, 17000} {
		set := func(id int64, v float64) func(row []E) { return func(row []E) { row[id] = encode[E](v) } }
		all := func(fs ...func(row []E)) func(row []E) {
			return func(row []E) {
				for _, f := range fs {
					f(row)
				}
			}
		}
		for i, trouble := range []func(row []E){
			set(0, nan), set(cols/2, nan), set(cols-1, nan), set(0, inf), set(1, inf), set(cols-1, inf),
			all(masked, set(cols/2, inf)), all(masked, set(cols/2, nan)),
			all(set(0, inf), set(cols-1, nan)), all(set(0, nan), set(cols-1, inf)),
			masked, all(masked, set(2, -5)), all(masked, set(1, -5)), set(1, -inf),
			func(row []E) {
				for i := range row {
					if i%2 == 0 {
						row[i] = encode[E](-inf)
					} else {
						row[i] = 0
					}
				}
			},
		} {
			if cols > 1000 && i%5 != 2 {
				continue
			}
			name := fmt.Sprintf("trouble %d, %d columns", i, cols)
			c := randomChunk[E](3, cols, cols+1, 11)
			c.targets = []int32{1, 1, 2}
			c.e = []float32{0.5, 0.5, 0.5}
			trouble(c.logits.Row(1))
			want := outputs(3)
			refused := logprob.Forward(want, c.logits, c.targets, logprob.Options{})

			h := hold(b, c, 0)
			require.NoError(b, b.s.Forward(h.rows, h.m, h.targets, Options{}))
			sameRowError(b, refused, b.s.Sync(), name)
			got := h.read()
			near(b, want, got, name)

			// Backward of what has an answer; of what has none, logprob's errors too.
			gradient := logprob.Logits[E]{Data: append([]E(nil), c.logits.Data...), Rows: 3, Vocab: cols, Stride: cols + 1}
			refused = logprob.Backward(gradient, c.logits, c.targets, want, logprob.Gradient[float32]{LogProbs: c.g, Entropies: c.e}, logprob.Options{})
			require.NoError(b, b.s.Backward(h.m, h.targets, h.rows, h.g, Options{}))
			sameRowError(b, refused, b.s.Sync(), name)
			back := logitsOf[E](&h)
			for r := range int64(3) {
				for j, w := range gradient.Row(r) {
					require.InDelta(b, decode(w), decode(back.Row(r)[j]), 1e-6+spacing[E](decode(w)), "%s, row %d, id %d", name, r, j)
				}
			}
		}
	}
}

// outputs is room for all of Forward's.
func outputs(n int) logprob.Rows[float32] {
	return logprob.Rows[float32]{LogProbs: make([]float32, n), LSE: make([]float64, n), Entropies: make([]float32, n), SumSquares: make([]float32, n)}
}

// sameRowError requires logprob's error for the same row, or none.
func sameRowError(b *bed, want, got error, name string) {
	if want == nil {
		require.NoError(b, got, name)
		return
	}
	var w, g *logprob.RowError
	require.ErrorAs(b, want, &w, name)
	require.ErrorAs(b, got, &g, name)
	require.Equal(b, [3]any{w.Row, w.Field, w.ID}, [3]any{g.Row, g.Field, g.ID}, name)
	if !(math.IsNaN(w.Value) && math.IsNaN(g.Value)) && w.Field != "LSE" {
		require.Equal(b, w.Value, g.Value, name)
	}
}

// near requires equal numbers up to the two paths' accuracy.
func near(b *bed, want, got logprob.Rows[float32], name string) {
	one := func(field string, r int, w, g float64) {
		if w == g || math.IsNaN(w) && math.IsNaN(g) {
			return
		}
		require.InDelta(b, w, g, max(4e-6, 4e-7*math.Abs(w)), "%s, %s of row %d", name, field, r)
	}
	for r := range want.LSE {
		one("LogProbs", r, float64(want.LogProbs[r]), float64(got.LogProbs[r]))
		one("LSE", r, want.LSE[r], got.LSE[r])
		one("Entropies", r, float64(want.Entropies[r]), float64(got.Entropies[r]))
		one("SumSquares", r, float64(want.SumSquares[r]), float64(got.SumSquares[r]))
	}
}

// The largest finite numbers are numbers.
func TestExtremeLogits(t *testing.T) {
	eachDevice(t, func(b *bed) {
		for _, x := range [][]float32{
			{math.MaxFloat32, -math.MaxFloat32}, {-math.MaxFloat32, math.MaxFloat32}, {-math.MaxFloat32, -math.MaxFloat32},
			{math.MaxFloat32, math.MaxFloat32}, {1e-45, 0}, {1e8, 1e8}, {-1e8, 1e8}, {-1e8, -1e8 - 8}, {3e38, 3e38, float32(-inf)},
		} {
			for _, temperature := range []float64{1, 1e-20, 1e20, 0.37} {
				c := chunk[float32]{logits: logprob.Logits[float32]{Data: x, Rows: 1, Vocab: int64(len(x))}, targets: []int32{0}, g: []float32{1}, e: []float32{0.5}}
				exact := make([]float64, len(x))
				for i, v := range x {
					exact[i] = float64(v)
				}
				h := hold(b, c, 0)
				require.NoError(b, b.s.Forward(h.rows, h.m, h.targets, Options{Temperature: temperature}))
				require.NoError(b, b.s.Sync())
				want, got := oracle(exact, 0, temperature), h.read()
				require.InDelta(b, want.lse, got.LSE[0], 1e-6+1e-15*math.Abs(want.lse), "%v / %v", x, temperature)
				require.InDelta(b, want.entropy, got.Entropies[0], 1e-6, "%v / %v", x, temperature)
				if math.Abs(want.logProb) < math.MaxFloat32 {
					require.InDelta(b, want.logProb, got.LogProbs[0], 1e-6+1e-7*math.Abs(want.logProb), "%v / %v", x, temperature)
				} else {
					require.Equal(b, float32(-inf), got.LogProbs[0], "beyond float32")
				}
				if math.Abs(want.lse) < 1e9 && temperature == 1 { // where an lse in float64 can tell 1 from 2 terms
					require.NoError(b, b.s.Backward(h.m, h.targets, h.rows, h.g, Options{}))
					require.NoError(b, b.s.Sync())
					back := logitsOf[float32](&h)
					require.InDelta(b, 0, back.Data[0]+back.Data[1], 4e-7, "%v", x)
				}
			}
		}
	})
}

// What is wrong with a row's numbers is found on the device, in the order of rows
// whatever the order of blocks.
func TestBadRows(t *testing.T) {
	eachDevice(t, func(b *bed) {
		c := randomChunk[float32](7, 50, 50, 3)
		good := outputs(7)
		require.NoError(b, logprob.Forward(good, c.logits, c.targets, logprob.Options{}))
		one := []float32{1, 1, 1, 1, 1, 1, 1}
		try := func(rows logprob.Rows[float32], targets []int32, g logprob.Gradient[float32], o logprob.Options) {
			b.Helper()
			gradient := logprob.Logits[float32]{Data: append([]float32(nil), c.logits.Data...), Rows: 7, Vocab: 50}
			refused := logprob.Backward(gradient, c.logits, targets, rows, g, o)
			require.Error(b, refused)
			h := hold(b, c, 0)
			h.rows.LSE, h.rows.Entropies, h.targets = placed(b, rows.LSE), placed(b, rows.Entropies), placed(b, targets)
			h.g = Gradient{LogProbs: placed(b, g.LogProbs)}
			if g.Entropies != nil {
				h.g.Entropies = placed(b, g.Entropies)
			}
			require.NoError(b, b.s.Backward(h.m, h.targets, h.rows, h.g, Options{Temperature: o.Temperature}))
			err := b.s.Sync()
			var call *CallError
			require.ErrorAs(b, err, &call)
			require.Equal(b, "Backward", call.Name)
			require.Zero(b, call.Call)
			sameRowError(b, refused, err, refused.Error())
			for i, v := range logitsOf[float32](&h).Data {
				require.InDelta(b, gradient.Data[i], v, 1e-6, "row %d", i/50)
			}
		}
		with := func(x []float32, v float64, at ...int) []float32 {
			x = append([]float32(nil), x...)
			for _, i := range at {
				x[i] = float32(v)
			}
			return x
		}
		for _, target := range []int32{-1, 50, math.MaxInt32, math.MinInt32} {
			targets := append([]int32(nil), c.targets...)
			targets[2], targets[5] = target, target
			h := hold(b, c, 0)
			h.targets = placed(b, targets)
			require.NoError(b, b.s.Forward(h.rows, h.m, h.targets, Options{}))
			want := outputs(7)
			refused := logprob.Forward(want, c.logits, targets, logprob.Options{})
			err := b.s.Sync()
			sameRowError(b, refused, err, "target")
			require.Contains(b, err.Error(), "row 2: Targets")
			near(b, want, h.read(), "target")
			try(good, targets, logprob.Gradient[float32]{LogProbs: one}, logprob.Options{})
		}
		for _, v := range []float64{nan, inf, -inf} {
			try(good, c.targets, logprob.Gradient[float32]{LogProbs: with(one, v, 1, 3)}, logprob.Options{})
			try(good, c.targets, logprob.Gradient[float32]{LogProbs: one, Entropies: with(make([]float32, 7), v, 2)}, logprob.Options{})
			broken := good
			broken.LSE = append([]float64{good.LSE[0], v}, good.LSE[2:]...)
			try(broken, c.targets, logprob.Gradient[float32]{LogProbs: one}, logprob.Options{})
			broken = good
			broken.Entropies = with(good.Entropies, v, 6)
			try(broken, c.targets, logprob.Gradient[float32]{LogProbs: one, Entropies: one}, logprob.Options{})
		}
		// A NaN and a +Inf that Forward has not seen.
		for _, v := range []float64{nan, inf} {
			clean := c.logits
			c.logits.Data = with(c.logits.Data, v, 3*50+7)
			try(good, c.targets, logprob.Gradient[float32]{LogProbs: one}, logprob.Options{})
			c.logits = clean
		}
		// An lse of another row, temperature or chunk.
		try(good, c.targets, logprob.Gradient[float32]{LogProbs: one}, logprob.Options{Temperature: 0.5})
		for _, wrong := range []float64{-1e300, -1e6, -300, -1, -0.2, 0.2, 1, 300, 1e6, 1e300} {
			other := good
			other.LSE = append([]float64(nil), good.LSE...)
			other.LSE[4] += wrong
			try(other, c.targets, logprob.Gradient[float32]{LogProbs: one}, logprob.Options{})
		}
	})
	eachDevice(t, func(b *bed) { // a gradient that float16 cannot hold
		c := randomChunk[logprob.Float16](4, 50, 50, 3)
		c.g[3], c.e = 7e4, make([]float32, 4)
		h := hold(b, c, 0)
		require.NoError(b, b.s.Forward(h.rows, h.m, h.targets, Options{}))
		require.NoError(b, b.s.Backward(h.m, h.targets, h.rows, h.g, Options{}))
		var bad *logprob.RowError
		var call *CallError
		err := b.s.Sync()
		require.ErrorAs(b, err, &bad)
		require.ErrorAs(b, err, &call)
		require.Equal(b, logprob.RowError{Row: 3, Field: "Gradient", ID: -1, Value: 7e4, Reason: bad.Reason}, *bad)
		require.Equal(b, 1, call.Call)
	})
}

// Masked rows are not looked at: the logits there may be anything, and so may the
// target. Forward gives 0, Backward fills with 0. A row without a gradient is filled
// with 0 as well.
func TestMaskedRows(t *testing.T) {
	eachElement(t, testMasked[float32], testMasked[logprob.BFloat16], testMasked[logprob.Float16])
}

func testMasked[E logprob.Element](b *bed) {
	const rows, cols, stride = 6, 333, 335
	for _, long := range []bool{false, true} {
		c := randomChunk[E](rows, cols, stride, 9)
		mask := []uint8{1, 0, 255, 0, 1, 1}
		c.g[4], c.e[4] = 0, 0
		whole := outputs(rows)
		require.NoError(b, logprob.Forward(whole, c.logits, c.targets, logprob.Options{}))
		for r, m := range mask {
			if m == 0 {
				for j := range c.logits.Row(int64(r)) {
					c.logits.Row(int64(r))[j] = encode[E](nan)
				}
				c.targets[r] = -100
				whole.LogProbs[r], whole.LSE[r], whole.Entropies[r], whole.SumSquares[r] = 0, 0, 0, 0
			}
		}
		h := hold(b, c, 2*dtypeOf[E]().size())
		o := Options{Mask: placed(b, mask), LongTargets: long}
		if long {
			wide := make([]int64, rows)
			for r, id := range c.targets {
				wide[r] = int64(id)
			}
			h.targets = placed(b, wide)
		}
		require.NoError(b, b.s.Forward(h.rows, h.m, h.targets, o))
		require.NoError(b, b.s.Sync())
		near(b, whole, h.read(), "masked")
		require.NoError(b, b.s.Backward(h.m, h.targets, h.rows, h.g, o))
		require.NoError(b, b.s.Sync())
		back := logitsOf[E](&h)
		for r := range int64(rows) {
			for j, v := range back.Row(r) {
				if mask[r] == 0 || r == 4 {
					require.Zero(b, decode(v), "row %d, id %d", r, j)
				}
			}
			if r+1 < rows {
				require.Equal(b, c.logits.Data[r*stride+cols:(r+1)*stride], back.Data[r*stride+cols:(r+1)*stride], "what stands between rows")
			}
		}
		if b.machine != nil && !long { // nobody has read them: there is nothing to read
			bare := hold(b, c, 0)
			bare.m.Ptr = b.reserve(rows*stride*dtypeOf[E]().size(), 0)
			none := placed(b, make([]uint8, rows))
			require.NoError(b, b.s.Forward(bare.rows, bare.m, bare.targets, Options{Mask: none}))
			require.NoError(b, b.s.Backward(bare.m, bare.targets, bare.rows, bare.g, Options{Mask: none}))
			require.NoError(b, b.s.Sync())
		}
	}
	// A target of 64 bits that no int32 holds.
	c := randomChunk[E](2, 10, 10, 9)
	h := hold(b, c, 0)
	require.NoError(b, b.s.Forward(h.rows, h.m, placed(b, []int64{1, 1 << 32}), Options{LongTargets: true}))
	var bad *logprob.RowError
	require.ErrorAs(b, b.s.Sync(), &bad)
	require.Equal(b, [2]any{int64(1), "Targets"}, [2]any{bad.Row, bad.Field})
}
