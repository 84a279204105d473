package logprob

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

var inf, nan = math.Inf(1), math.NaN()

func TestSpecialLogits(t *testing.T) {
	forEachTier(t, func(t *testing.T) {
		eachElement(t, testSpecial[float32], testSpecial[BFloat16], testSpecial[Float16])
	})
}

func testSpecial[E Element](t *testing.T) {
	for _, vocab := range []int64{3, 64, 100, 700, 1024} {
		g := Gradient[float64]{LogProbs: []float64{1, 1, 1}, Entropies: []float64{0.5, 0, 0.5}}
		// Row 1 of three gets the trouble.
		run := func(trouble func(row []E)) (rows Rows[float64], dst Logits[E], err error) {
			x, _ := random[E](3, vocab, vocab, 11)
			trouble(x.Row(1))
			targets := []int32{1, 1, 2}
			rows = Rows[float64]{make([]float64, 3), make([]float64, 3), make([]float64, 3), make([]float64, 3)}
			err = Forward(rows, x, targets, Options{Workers: 3})
			dst = x.clone()
			for _, e := range []float64{0.5, 0} {
				g.Entropies[1] = e
				both := x.clone()
				again := ForwardBackward(Rows[float64]{}, both, both, targets, g, Options{Workers: 2})
				require.Equal(t, fmt.Sprint(err), fmt.Sprint(again)) // NaN is not equal to itself
				if err != nil {
					for j, v := range both.Row(1) {
						require.Zero(t, decode(v), "id %d", j)
					}
				}
			}
			if err == nil {
				require.NoError(t, Backward(dst, dst, targets, rows, g, Options{}))
			}
			for _, r := range []int{0, 2} {
				require.Less(t, rows.LogProbs[r], 0.)
				require.False(t, math.IsNaN(rows.LogProbs[r]))
			}
			return rows, dst, err
		}
		refused := func(id int64, value float64, trouble func(row []E)) {
			t.Helper()
			rows, _, err := run(trouble)
			var bad *RowError
			require.ErrorAs(t, err, &bad)
			require.Equal(t, int64(1), bad.Row)
			require.Equal(t, "Logits", bad.Field)
			require.Equal(t, id, bad.ID)
			if math.IsNaN(value) {
				require.True(t, math.IsNaN(bad.Value))
			} else {
				require.Equal(t, value, bad.Value)
			}
			for _, v := range []float64{rows.LogProbs[1], rows.LSE[1], rows.Entropies[1], rows.SumSquares[1]} {
				require.True(t, math.IsNaN(v))
			}
		}
		for _, id := range []int64{0, 1, vocab / 2, vocab - 1} {
			refused(id, nan, func(row []E) { row[id] = encode[E](float32(nan)) })
			refused(id, inf, func(row []E) { row[id] = encode[E](float32(inf)) })
			refused(id, inf, func(row []E) {
				for i := range row {
					row[i] = negativeInfinity[E]()
				}
				row[id] = encode[E](float32(inf))
			})
		}
		refused(0, inf, func(row []E) { row[0], row[vocab-1] = encode[E](float32(inf)), encode[E](float32(nan)) })
		refused(0, nan, func(row []E) { row[0], row[vocab-1] = encode[E](float32(nan)), encode[E](float32(inf)) })
		refused(-1, -inf, func(row []E) {
			for i := range row {
				row[i] = negativeInfinity[E]()
			}
		})

		// Masked ids: probability 0, gradient exactly 0, the rest as if they were not there.
		rows, dst, err := run(func(row []E) {
			for i := range row {
				if i%2 == 0 {
					row[i] = negativeInfinity[E]()
				} else {
					row[i] = 0
				}
			}
		})
		require.NoError(t, err)
		left := float64(vocab / 2)
		require.InDelta(t, math.Log(left), rows.LSE[1], 1e-6)
		require.InDelta(t, math.Log(left), rows.Entropies[1], 1e-6)
		for i := 0; i < int(vocab); i += 2 {
			require.Zero(t, decode(dst.Row(1)[i]))
		}

		// A masked target, and the only id left.
		rows, dst, err = run(func(row []E) {
			for i := range row {
				row[i] = negativeInfinity[E]()
			}
			row[2] = encode[E](-5)
		})
		require.NoError(t, err)
		require.Equal(t, -inf, rows.LogProbs[1])
		require.InDelta(t, -5, rows.LSE[1], 1e-7) // the reference is a number next to -5
		require.InDelta(t, 0, rows.Entropies[1], 1e-7)
		require.InDelta(t, 1, rows.SumSquares[1], 2e-7)
		require.Zero(t, decode(dst.Row(1)[1]), "a masked logit is not a variable")
		require.InDelta(t, -1, decode(dst.Row(1)[2]), 3e-7)
	}
}

// The reference is one of the logits that count, however many before it are masked, in
// a row and in a support.
func TestMaskedBeginning(t *testing.T) {
	forEachTier(t, func(t *testing.T) {
		const vocab, masked = 2 * goBlock, goBlock + 100
		x := Logits[float32]{Data: make([]float32, vocab), Rows: 1, Vocab: vocab}
		support := &Support{Offsets: []int64{0, vocab}}
		for i := range x.Data {
			x.Data[i] = -200
			if i < masked {
				x.Data[i] = float32(-inf)
			}
			support.IDs = append(support.IDs, int32(i))
		}
		for _, o := range []Options{{}, {Support: support}} {
			rows := outputs(1)
			require.NoError(t, Forward(rows, x, []int32{vocab - 1}, o))
			require.InEpsilon(t, -200+math.Log(vocab-masked), rows.LSE[0], 4e-7)
			require.InEpsilon(t, math.Log(vocab-masked), rows.Entropies[0], 4e-7)
		}
	})
}

// A logit so large that the kernels' exponent overflows has its gradient too, in place
// and apart: all of the probability, less what the target takes.
func TestExtremeGradient(t *testing.T) {
	forEachTier(t, func(t *testing.T) {
		const vocab, large, other = 200, 100, 3
		x := Logits[float32]{Data: make([]float32, vocab), Rows: 1, Vocab: vocab}
		for i := range x.Data {
			x.Data[i] = -math.MaxFloat32
		}
		x.Data[large] = math.MaxFloat32
		g := Gradient[float32]{LogProbs: []float32{1}}
		for _, target := range []int32{large, other} {
			want := make([]float32, vocab)
			want[large]--
			want[target]++
			rows, back, both := outputs(1), x.clone(), x.clone()
			require.NoError(t, Forward(rows, x, []int32{target}, Options{}))
			require.NoError(t, Backward(back, back, []int32{target}, rows, g, Options{}))
			require.Equal(t, want, back.Data)
			require.NoError(t, ForwardBackward(Rows[float32]{}, both, both, []int32{target}, g, Options{}))
			require.Equal(t, want, both.Data)
		}
	})
}

// The largest finite numbers are numbers.
func TestExtremeLogits(t *testing.T) {
	forEachTier(t, func(t *testing.T) {
		for _, c := range []struct {
			x             []float32
			lse, logProb0 float64
		}{
			{[]float32{math.MaxFloat32, -math.MaxFloat32}, math.MaxFloat32, 0},
			{[]float32{-math.MaxFloat32, math.MaxFloat32}, math.MaxFloat32, -2 * math.MaxFloat32},
			{[]float32{-math.MaxFloat32, -math.MaxFloat32}, -math.MaxFloat32, -math.Ln2},
			{[]float32{math.MaxFloat32, math.MaxFloat32}, math.MaxFloat32, -math.Ln2},
			{[]float32{1e-45, 0}, math.Ln2, -math.Ln2},
			{[]float32{1e8, 1e8}, 1e8 + math.Ln2, -math.Ln2},
			{[]float32{-1e8, 1e8}, 1e8, -2e8},
			{[]float32{-1e8, -1e8 - 8}, -1e8 + math.Log1p(math.Exp(-8)), -math.Log1p(math.Exp(-8))},
		} {
			rows := outputs(1)
			wide := Rows[float64]{LogProbs: make([]float64, 1)}
			x := Logits[float32]{Data: c.x, Rows: 1, Vocab: 2}
			require.NoError(t, Forward(rows, x, []int32{0}, Options{}), c)
			require.NoError(t, Forward(wide, x, []int32{0}, Options{}), c)
			require.InEpsilon(t, c.lse, rows.LSE[0], 1e-6, c)
			require.InDelta(t, c.logProb0, wide.LogProbs[0], 1e-6*max(1, math.Abs(c.logProb0)), c)
			for _, e := range []float32{0, 0.1} { // where an lse in float64 can tell 1 from 2 terms
				if math.Abs(c.lse) < 1e9 {
					dst, g := x.clone(), Gradient[float32]{[]float32{1}, []float32{e}}
					require.NoError(t, ForwardBackward(rows, dst, x, []int32{0}, g, Options{}))
					require.InDelta(t, 0, dst.Data[0]+dst.Data[1], 3e-7)
				}
			}
		}
	})
}

func TestBadRows(t *testing.T) {
	x, _ := random[float32](4, 50, 50, 3)
	rows := outputs(4)
	one := []float32{1, 1, 1, 1}
	expect := func(err error, row int64, field string) {
		t.Helper()
		var bad *RowError
		require.ErrorAs(t, err, &bad)
		require.Equal(t, row, bad.Row)
		require.Equal(t, field, bad.Field)
		require.Contains(t, err.Error(), field)
	}
	for _, target := range []int32{-1, 50, math.MaxInt32, math.MinInt32} {
		targets := []int32{0, 1, target, target}
		expect(Forward(rows, x, targets, Options{Workers: 4}), 2, "Targets")
		require.True(t, math.IsNaN(rows.LSE[2]))
		require.False(t, math.IsNaN(rows.LSE[1]))
		expect(ForwardBackward(rows, x.clone(), x, targets, Gradient[float32]{LogProbs: one}, Options{}), 2, "Targets")
	}
	targets := []int32{0, 1, 2, 3}
	require.NoError(t, Forward(rows, x, targets, Options{}))
	for _, v := range []float64{nan, inf, -inf} {
		g := Gradient[float32]{LogProbs: []float32{1, float32(v), 1, float32(v)}}
		dst := x.clone()
		expect(Backward(dst, dst, targets, rows, g, Options{}), 1, "Gradient")
		equalData(t, make([]float32, 50), dst.Row(1), "a bad row's gradient")
		require.NotZero(t, dst.Row(2)[0])
		expect(ForwardBackward(rows, x.clone(), x, targets, g, Options{}), 1, "Gradient")
		g = Gradient[float32]{LogProbs: one, Entropies: []float32{0, 0, float32(v), 0}}
		expect(Backward(x.clone(), x, targets, rows, g, Options{}), 2, "Gradient")
		broken := rows
		broken.LSE = append([]float64{v}, rows.LSE[1:]...)
		expect(Backward(x.clone(), x, targets, broken, Gradient[float32]{LogProbs: one}, Options{}), 0, "LSE")
		broken = rows
		broken.Entropies = append([]float32{float32(v)}, rows.Entropies[1:]...)
		expect(Backward(x.clone(), x, targets, broken, Gradient[float32]{one, one}, Options{}), 0, "Entropies")
	}
	half, _ := random[Float16](4, 50, 50, 3)
	require.NoError(t, Forward(rows, half, targets, Options{}))
	expect(Backward(half.clone(), half, targets, rows, Gradient[float32]{LogProbs: []float32{1, 1, 1, 7e4}}, Options{}), 3, "Gradient")
}

// An lse of another row, temperature or chunk is found out.
func TestForeignLSE(t *testing.T) {
	forEachTier(t, func(t *testing.T) {
		x, targets := random[float32](3, 300, 300, 3)
		rows := outputs(3)
		g := Gradient[float32]{LogProbs: []float32{1, 1, 1}}
		require.NoError(t, Forward(rows, x, targets, Options{}))
		var bad *RowError
		require.ErrorAs(t, Backward(x.clone(), x, targets, rows, g, Options{Temperature: 0.5}), &bad)
		require.Equal(t, "LSE", bad.Field)
		for _, wrong := range []float64{-1e6, -300, -1, -0.2, 0.2, 1, 300, 1e6} {
			other := rows
			other.LSE = []float64{rows.LSE[0], rows.LSE[1] + wrong, rows.LSE[2]}
			require.ErrorAs(t, Backward(x.clone(), x, targets, other, g, Options{}), &bad, wrong)
			require.Equal(t, int64(1), bad.Row)
			require.Equal(t, "LSE", bad.Field)
		}
		x.Row(2)[7] = float32(nan)
		require.ErrorAs(t, Backward(x.clone(), x, targets, rows, g, Options{}), &bad)
		require.Equal(t, "Logits", bad.Field)

		// Powers of 2^506: 2^-6, and so a sum of 1, if the exponent's 9 bits wrapped.
		ties := Logits[float32]{Data: make([]float32, 64), Rows: 1, Vocab: 64}
		low := Rows[float32]{LSE: []float64{-506 * math.Ln2}}
		require.ErrorAs(t, Backward(ties.clone(), ties, targets[:1], low, Gradient[float32]{LogProbs: []float32{1}}, Options{}), &bad)
		require.Equal(t, "LSE", bad.Field)
	})
}

// A row whose gradient is 0 is not looked at.
func TestUnreadRows(t *testing.T) {
	x, targets := random[float32](2, 100, 100, 3)
	rows := outputs(2)
	require.NoError(t, Forward(rows, x, targets, Options{}))
	clear(x.Row(1)[:50])
	x.Row(1)[3] = float32(nan)
	rows.LSE[1], targets[1] = nan, -7
	require.NoError(t, Backward(x, x, targets, rows, Gradient[float32]{[]float32{1, 0}, []float32{0, 0}}, Options{}))
	equalData(t, make([]float32, 100), x.Row(1), "gradient")
	require.NotZero(t, x.Row(0)[0])
}

func TestShapes(t *testing.T) {
	x, targets := random[float32](4, 50, 60, 3)
	rows := outputs(4)
	g := Gradient[float32]{LogProbs: make([]float32, 4)}
	expect := func(field string, err error) {
		t.Helper()
		var bad *ShapeError
		require.ErrorAs(t, err, &bad)
		require.Equal(t, field, bad.Field)
	}
	with := func(change func(x *Logits[float32])) Logits[float32] { y := x; change(&y); return y }
	for _, bad := range []Logits[float32]{
		with(func(x *Logits[float32]) { x.Rows = 5 }), with(func(x *Logits[float32]) { x.Rows = -1 }),
		with(func(x *Logits[float32]) { x.Vocab = 0 }), with(func(x *Logits[float32]) { x.Vocab = 61 }), with(func(x *Logits[float32]) { x.Vocab = 1 << 31 }),
		with(func(x *Logits[float32]) { x.Stride = 49 }), with(func(x *Logits[float32]) { x.Stride = -60 }), with(func(x *Logits[float32]) { x.Stride = 1 << 62 }),
		with(func(x *Logits[float32]) { x.Rows = math.MaxInt64 }), with(func(x *Logits[float32]) { x.Data = nil }),
	} {
		expect("Logits", Forward(rows, bad, targets, Options{}))
		expect("Logits", Backward(x, bad, targets, rows, g, Options{}))
	}
	expect("dst", Backward(with(func(x *Logits[float32]) { x.Rows = 3 }), x, targets, rows, g, Options{}))
	expect("dst", ForwardBackward(rows, with(func(x *Logits[float32]) { x.Vocab = 49 }), x, targets, g, Options{}))
	expect("Targets", Forward(rows, x, targets[:3], Options{}))
	expect("Targets", Forward(rows, x, nil, Options{}))
	expect("Targets", Backward(x, x, nil, rows, g, Options{}))
	expect("Rows.LSE", Forward(Rows[float32]{LSE: make([]float64, 3)}, x, targets, Options{}))
	expect("Rows.LogProbs", Forward(Rows[float32]{LogProbs: make([]float32, 5)}, x, targets, Options{}))
	expect("Rows.Entropies", Forward(Rows[float32]{Entropies: make([]float32, 5)}, x, targets, Options{}))
	expect("Rows.SumSquares", Forward(Rows[float32]{SumSquares: make([]float32, 0)}, x, targets, Options{}))
	expect("Rows.LSE", Backward(x, x, targets, Rows[float32]{}, g, Options{}))
	expect("Rows.Entropies", Backward(x, x, targets, Rows[float32]{LSE: rows.LSE}, Gradient[float32]{g.LogProbs, g.LogProbs}, Options{}))
	expect("Gradient", Backward(x, x, targets, rows, Gradient[float32]{}, Options{}))
	expect("Gradient.LogProbs", Backward(x, x, targets, rows, Gradient[float32]{LogProbs: g.LogProbs[1:]}, Options{}))
	expect("Gradient.Entropies", Backward(x, x, targets, rows, Gradient[float32]{g.LogProbs, g.LogProbs[1:]}, Options{}))
	for _, temperature := range []float64{-1, nan, inf, 1e-30, 1e30} {
		expect("Temperature", Forward(rows, x, targets, Options{Temperature: temperature}))
	}
	expect("First", Forward(rows, x, targets, Options{First: 1}))
	expect("First", Partials(make([]Partial, 4), x, targets, Options{First: -1, Total: 100}))
	expect("First", Partials(make([]Partial, 4), x, targets, Options{First: 51, Total: 100}))
	expect("First", Partials(make([]Partial, 4), x, targets, Options{Total: 1 << 40}))
	expect("Total", Forward(rows, x, targets, Options{Total: 100}))
	expect("Total", ForwardBackward(rows, x, x, targets, g, Options{Total: 100}))
	expect("Partials", Partials(make([]Partial, 3), x, targets, Options{Total: 100}))
	expect("Support", Forward(rows, x, targets, Options{Support: &Support{}}))
	expect("Support", Forward(rows, x, targets, Options{Support: &Support{Offsets: []int64{0, 1, 2, 1, 2}, IDs: make([]int32, 2)}}))
	expect("Support", Forward(rows, x, targets, Options{Support: &Support{Offsets: []int64{0, 0, 0, 0, 3}, IDs: make([]int32, 2)}}))
	expect("Support", Partials(make([]Partial, 4), x, targets, Options{Total: 100, Support: &Support{Offsets: make([]int64, 5)}}))

	none := Logits[float32]{Vocab: 50}
	require.NoError(t, Forward(Rows[float32]{LogProbs: []float32{}}, none, nil, Options{Workers: 4}))
	require.NoError(t, Backward(none, none, nil, Rows[float32]{LSE: []float64{}}, Gradient[float32]{LogProbs: []float32{}}, Options{}))
}

// In place, the logit that is to blame must not be overwritten before it is found: +Inf,
// and later in the same lane of every register a NaN, which must not hide it.
func TestInPlaceNamesFirst(t *testing.T) {
	forEachTier(t, func(t *testing.T) {
		for _, value := range []float64{inf, nan} {
			x := Logits[float32]{Data: make([]float32, 2048), Rows: 1, Vocab: 2048}
			x.Data[640], x.Data[640+64] = float32(value), float32(nan)
			err := ForwardBackward(Rows[float32]{}, x, x, []int32{5}, Gradient[float32]{LogProbs: []float32{1}}, Options{})
			var bad *RowError
			require.ErrorAs(t, err, &bad)
			require.Equal(t, int64(640), bad.ID)
			require.Equal(t, math.IsInf(value, 1), math.IsInf(bad.Value, 1))
			equalData(t, make([]float32, 2048), x.Data, "gradient of a bad row")
		}
	})
}

// The largest number is found at any place, beside numbers that are none.
func TestLargest(t *testing.T) {
	forEachTier(t, func(t *testing.T) {
		eachElement(t, testLargest[float32], testLargest[BFloat16], testLargest[Float16])
	})
}

func testLargest[E Element](t *testing.T) {
	inf := float32(math.Inf(1))
	for _, n := range []int{pad, 3 * pad, goBlock} {
		x := make([]E, n+1)[1:]
		for place := range x {
			for i := range x {
				x[i] = encode[E]([]float32{-3, -inf, float32(math.NaN()), -100}[(i+place)%4])
			}
			require.Equal(t, float32(-3), largestKernel(tier, x))
			for _, v := range []float32{-2.5, 7, inf} {
				x[place] = encode[E](v)
				require.Equal(t, v, largestKernel(tier, x))
			}
		}
		for _, none := range []float32{-inf, float32(math.NaN())} {
			for i := range x {
				x[i] = encode[E](none)
			}
			require.Equal(t, -inf, largestKernel(tier, x))
		}
	}
}
