package logprob

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// One chunk, or any cut into chunks, on any number of workers, at any stride, in place
// or not, with more outputs or fewer: the same bits.
func TestAnySplit(t *testing.T) {
	forEachTier(t, func(t *testing.T) {
		eachElement(t, testSplit[float32], testSplit[BFloat16], testSplit[Float16])
	})
}

func testSplit[E Element](t *testing.T) {
	for _, vocab := range []int64{37, 1000, 4160} {
		const rows = 23
		for _, temperature := range []float64{1, 0.7} {
			x, targets := random[E](rows, vocab, vocab, uint64(vocab))
			g := Gradient[float32]{make([]float32, rows), make([]float32, rows)}
			for r := range rows {
				g.LogProbs[r] = float32(r%5) - 2
				g.Entropies[r] = float32(r%3) / 8
			}
			o := Options{Temperature: temperature}
			want, gradient, both := outputs(rows), x.clone(), x.clone()
			require.NoError(t, Forward(want, x, targets, o))
			require.NoError(t, Backward(gradient, x, targets, want, g, o))
			require.NoError(t, ForwardBackward(Rows[float32]{}, both, x, targets, g, o))

			for _, stride := range []int64{vocab, vocab + 1, vocab + 40} {
				padded := Logits[E]{Data: make([]E, rows*stride), Rows: rows, Vocab: vocab, Stride: stride}
				for r := range int64(rows) {
					copy(padded.Data[r*stride:], x.Row(r))
				}
				for _, workers := range []int{0, 1, 3, 64} {
					for _, chunk := range []int64{1, 4, rows} {
						name := fmt.Sprintf("V = %d, T = %v, stride %d, %d workers, chunks of %d", vocab, temperature, stride, workers, chunk)
						o := Options{Temperature: temperature, Workers: workers}
						got, back, once := outputs(rows), padded.clone(), padded.clone()
						for from := int64(0); from < rows; from += chunk {
							to := min(from+chunk, rows)
							part := got.Slice(from, to)
							require.NoError(t, Forward(part, padded.Slice(from, to), targets[from:to], o), name)
							require.NoError(t, Backward(back.Slice(from, to), back.Slice(from, to), targets[from:to], part, g.Slice(from, to), o), name)
							require.NoError(t, ForwardBackward(Rows[float32]{}, once.Slice(from, to), once.Slice(from, to), targets[from:to], g.Slice(from, to), o), name)
						}
						require.Equal(t, want, got, name)
						for r := range int64(rows) {
							equalData(t, gradient.Row(r), back.Row(r), name)
							equalData(t, both.Row(r), once.Row(r), name)
						}
					}
				}
			}

			fewer := Rows[float32]{LSE: make([]float64, rows), Entropies: make([]float32, rows)}
			require.NoError(t, Forward(fewer, x, nil, o))
			require.Equal(t, want.LSE, fewer.LSE)
			require.Equal(t, want.Entropies, fewer.Entropies)
			wide := Rows[float64]{LogProbs: make([]float64, rows)}
			require.NoError(t, Forward(wide, x, targets, o))
			for r, v := range wide.LogProbs {
				require.Equal(t, want.LogProbs[r], float32(v))
			}
		}
	}
}

// A row with more rises than are remembered is brought to one reference on the way.
func TestManyRises(t *testing.T) {
	forEachTier(t, func(t *testing.T) {
		for _, vocab := range []int64{100000, 100031} {
			x := Logits[float32]{Data: make([]float32, vocab), Rows: 1, Vocab: vocab}
			exact := make([]float64, vocab)
			for i := range x.Data {
				x.Data[i] = float32(i/512) * 2.5
				exact[i] = float64(x.Data[i])
			}
			want := oracleGradient(exact, int(vocab)-600, 1, -1, 0)
			require.NoError(t, ForwardBackward(Rows[float32]{}, x, x, []int32{int32(vocab) - 600}, Gradient[float32]{LogProbs: []float32{-1}}, Options{}))
			for i, w := range want {
				if diff := w - float64(x.Data[i]); diff > 3e-7 || diff < -3e-7 || x.Data[i] != x.Data[i] {
					require.Failf(t, "inaccurate", "id %d: %v, want %v", i, x.Data[i], w)
				}
			}
		}
	})
}

// Tiers may differ in last bits, and do not by more.
func TestTiersAgree(t *testing.T) {
	x, targets := random[float32](5, 5000, 5000, 1)
	var first *Rows[float32]
	forEachTier(t, func(t *testing.T) {
		rows := outputs(5)
		require.NoError(t, Forward(rows, x, targets, Options{}))
		if first == nil {
			first = &rows
		}
		require.InDeltaSlice(t, first.LSE, rows.LSE, 1e-6)
		require.InDeltaSlice(t, first.Entropies, rows.Entropies, 2e-6)
	})
}
