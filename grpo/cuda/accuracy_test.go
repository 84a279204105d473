package cuda

import (
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/grpo/logprob"
)

// Columns around every border of the kernels: a group of 16 bytes, a warp and a block
// of them, what a block has in flight, and vocabularies of models.
var columnsOf = map[DType][]int64{
	Float32:  {1, 2, 3, 4, 5, 7, 8, 31, 127, 128, 129, 500, 2047, 2048, 2049, 8191, 8192, 8193, 10241, 50257, 151936},
	BFloat16: {1, 2, 3, 7, 8, 9, 15, 16, 17, 255, 256, 257, 500, 4095, 4096, 4097, 16383, 16384, 16385, 20481, 50257, 151936},
	Float16:  {1, 2, 7, 8, 9, 16, 65, 257, 1001, 4097, 16385, 32768, 128256},
}

// extremes are the largest errors, as parts of what is claimed.
type extremes struct{ logProb, lse, entropy, squares, gradient float64 }

func (m *extremes) see(p *float64, v float64) {
	if !(v <= *p) { // NaN stays
		*p = v
	}
}

// Every kernel against the formulas in float64:
//
//	|dlogp|, |dlse| <= 3e-6
//	|dH|            <= 2^-22 (max(1, H) + sum p |log p + H|)
//	|dsum p^2|      <= 1e-6
//	dlogits         rounded once from within 4e-7 max(1, (|g| + 8|e|)/T)
//
// 2^-22 = 2.4e-7 is what ex2.approx may be off, relatively; the interpreter draws from
// all of it. Powers that are off by it move H by the sum's share.
func TestAccuracy(t *testing.T) {
	eachElement(t, testAccuracy[float32], testAccuracy[logprob.BFloat16], testAccuracy[logprob.Float16])
}

func testAccuracy[E logprob.Element](b *bed) {
	var worst extremes
	rng := rand.New(rand.NewPCG(3, 4))
	for i, cols := range columnsOf[dtypeOf[E]()] {
		of := kinds
		if cols > 20000 && testing.Short() {
			continue
		}
		if cols > 20000 && os.Getenv("GROUPRL_LONG") == "" && b.machine != nil {
			of = kinds[i%2*2:][:2]
		}
		temperature := []float64{1, 1.7, 0.713}[i%3] // log2(e)/0.713 is worst in float32
		stride := cols + []int64{0, 1, 5, 8}[i%4]
		c := randomChunk[E](int64(len(of)), cols, stride, uint64(i))
		exact := make([][]float64, len(of))
		for r, kind := range of {
			exact[r] = make([]float64, cols)
			kind.fill(exact[r], rng)
			for j, v := range exact[r] {
				c.logits.Row(int64(r))[j] = encode[E](v * temperature)
				exact[r][j] = decode(c.logits.Row(int64(r))[j])
			}
			g, e := 2*rng.Float64()-1, (2*rng.Float64()-1)*float64(r%3)/2
			c.g[r], c.e[r] = float32(g), float32(e)
		}
		c.checkAgainst(b, &worst, exact, temperature, int64(i*2))
	}
	b.Logf("largest errors as parts of what is claimed: %+.3f", worst)
}

// checkAgainst runs the chunk on the device, skew elements from alignment, and looks at all of it.
func (c chunk[E]) checkAgainst(b *bed, worst *extremes, exact [][]float64, temperature float64, skew int64) {
	o := Options{Temperature: temperature}
	h := hold(b, c, skew*dtypeOf[E]().size()%16)
	require.NoError(b, b.s.Forward(h.rows, h.m, h.targets, o))
	require.NoError(b, b.s.Sync())
	rows := h.read()
	require.NoError(b, b.s.Backward(h.m, h.targets, h.rows, h.g, o))
	require.NoError(b, b.s.Sync())
	gradient := logitsOf[E](&h)
	for r, x := range exact {
		target := int(c.targets[r])
		want := oracle(x, target, temperature)
		logProb := float64(rows.LogProbs[r])
		if math.IsInf(want.logProb, -1) && math.IsInf(logProb, -1) {
			logProb, want.logProb = 0, 0
		}
		worst.see(&worst.logProb, math.Abs(logProb-want.logProb)/(3e-6+spacing[float32](want.logProb)/2))
		worst.see(&worst.lse, math.Abs(rows.LSE[r]-want.lse)/3e-6)
		worst.see(&worst.entropy, math.Abs(float64(rows.Entropies[r])-want.entropy)/0x1p-22/(max(1, want.entropy)+want.spread))
		worst.see(&worst.squares, math.Abs(float64(rows.SumSquares[r])-want.squares)/1e-6)
		scale := 4e-7 * max(1, (math.Abs(float64(c.g[r]))+8*math.Abs(float64(c.e[r])))/temperature)
		for j, w := range oracleGradient(x, target, temperature, float64(c.g[r]), float64(c.e[r])) {
			got := decode(gradient.Row(int64(r))[j])
			worst.see(&worst.gradient, max(0, math.Abs(got-w)-spacing[E](w)/2)/scale)
		}
		if worst.logProb <= 1 && worst.lse <= 1 && worst.entropy <= 1 && worst.squares <= 1 && worst.gradient <= 1 {
			continue
		}
		require.Failf(b, "inaccurate", "row %d of %d columns, T = %v, target %d: %v %v %v %v, want %v; errors as parts of what is claimed: %+v",
			r, len(x), temperature, target, rows.LogProbs[r], rows.LSE[r], rows.Entropies[r], rows.SumSquares[r], want, *worst)
	}
	// What stands between the rows is as it was.
	for r := range c.logits.Rows - 1 {
		for j := r*h.m.stride() + h.m.Cols; j < (r+1)*h.m.stride(); j++ {
			require.Equal(b, c.logits.Data[j], gradient.Data[j])
		}
	}
}
