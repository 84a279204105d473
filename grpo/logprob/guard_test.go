package logprob

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// Around every buffer stand values that would show in a result if they were read, and
// that must be there afterwards: NaN around logits, a mark around everything else.
func TestGuards(t *testing.T) {
	forEachTier(t, func(t *testing.T) {
		eachElement(t, testGuards[float32], testGuards[BFloat16], testGuards[Float16])
	})
}

const around = 80

func guarded[T any](n int64, mark T) (all, inside []T) {
	all = make([]T, n+2*around)
	for i := range all {
		all[i] = mark
	}
	return all, all[around : around+n : around+n]
}

func intact[T comparable](t *testing.T, all []T, mark T, what string) {
	t.Helper()
	for i := range around {
		if all[i] != mark || all[len(all)-1-i] != mark {
			require.Failf(t, "written outside", "%s: %d before the beginning or after the end", what, i)
		}
	}
}

func testGuards[E Element](t *testing.T) {
	poison := encode[E](float32(nan))
	bits := func(x []E) []float32 { // NaN made comparable
		w := make([]float32, len(x))
		decodeAll(w, x)
		for i, v := range w {
			if v != v {
				w[i] = 12345
			}
		}
		return w
	}
	for _, vocab := range []int64{1, 5, 16, 63, 64, 65, 127, 129, 513, 600} {
		for _, gap := range []int64{0, 1, 7} {
			for _, e := range []float32{0, 0.25} {
				const rows = 3
				name := fmt.Sprintf("V = %d, gap %d, e = %v", vocab, gap, e)
				from, targets := random[E](rows, vocab, vocab, uint64(vocab))
				stride := vocab + gap
				allX, inX := guarded((rows-1)*stride+vocab, poison)
				allDst, inDst := guarded((rows-1)*stride+vocab, poison)
				x := Logits[E]{inX, rows, vocab, stride}
				dst := Logits[E]{inDst, rows, vocab, stride}
				for r := range int64(rows) {
					copy(x.Row(r), from.Row(r))
				}
				before := bits(allX)
				const mark = -98765
				all32, in32 := guarded[float32](rows, mark)
				all64, in64 := guarded[float64](rows, mark)
				allH, inH := guarded[float32](rows, mark)
				allQ, inQ := guarded[float32](rows, mark)
				out := Rows[float32]{in32, in64, inH, inQ}
				g := Gradient[float32]{[]float32{1, -1, 0.5}, []float32{e, e, e}}
				require.NoError(t, Forward(out, x, targets, Options{}), name)
				require.NoError(t, Backward(dst, x, targets, out, g, Options{}), name)
				equalData(t, before, bits(allX), name+": logits")
				once := Logits[E]{append([]E(nil), inX...), rows, vocab, stride}
				require.NoError(t, ForwardBackward(outputs(rows), once, x, targets, g, Options{}), name)
				require.NoError(t, ForwardBackward(out, x, x, targets, g, Options{}), name)
				equalData(t, bits(once.Data), bits(inX), name+": in place")
				intact(t, all32, mark, name)
				intact(t, all64, mark, name)
				intact(t, allH, mark, name)
				intact(t, allQ, mark, name)
				for _, all := range [][]E{allX, allDst} {
					wide := bits(all)
					intact(t, wide, 12345, name)
					for r := range int64(rows) {
						at := around + r*stride
						for i, v := range wide[at : at+vocab] {
							require.NotEqual(t, float32(12345), v, "%s: row %d, id %d not written", name, r, i)
						}
						for _, v := range wide[at+vocab : min(at+stride, int64(len(wide)))] {
							require.Equal(t, float32(12345), v, "%s: padding", name)
						}
					}
				}
			}
		}
	}
}
