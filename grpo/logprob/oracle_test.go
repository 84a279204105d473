package logprob

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/internal/simd"
)

// forEachTier runs f once on every tier of this machine; simd's own tests see to it
// that none is missing. Where the environment lowers the tier, only that one runs.
func forEachTier(t *testing.T, f func(t *testing.T)) {
	tiers := simd.Tiers()
	if simd.Chosen != simd.Best {
		tiers = []simd.Tier{simd.Chosen}
	}
	for _, chosen := range tiers {
		t.Run(chosen.String(), func(t *testing.T) {
			before := tier
			tier = chosen
			defer func() { tier = before }()
			f(t)
		})
	}
}

// answer is the oracle's: the formulas of the package documentation, in float64.
type answer struct{ logProb, lse, entropy, squares float64 }

func oracle(x []float64, target int, temperature float64) (a answer) {
	top := math.Inf(-1)
	for _, v := range x {
		top = max(top, v)
	}
	var sum float64
	for _, v := range x {
		sum += math.Exp((v - top) / temperature)
	}
	a.lse = top/temperature + math.Log(sum)
	for _, v := range x {
		if math.IsInf(v, -1) {
			continue
		}
		logP := (v-top)/temperature - math.Log(sum)
		p := math.Exp(logP)
		a.entropy -= p * logP
		a.squares += p * p
	}
	a.logProb = (x[target]-top)/temperature - math.Log(sum)
	return a
}

func oracleGradient(x []float64, target int, temperature, g, e float64) []float64 {
	a := oracle(x, target, temperature)
	dst := make([]float64, len(x))
	for j, v := range x {
		if math.IsInf(v, -1) {
			continue
		}
		logP := v/temperature - a.lse
		p := math.Exp(logP)
		dst[j] = -g*p - e*p*(logP+a.entropy)
		if j == target {
			dst[j] += g
		}
		dst[j] /= temperature
	}
	return dst
}

// kinds are rows that go wrong in different ways.
var kinds = []struct {
	name string
	fill func(x []float64, rng *rand.Rand)
}{
	{"normal", func(x []float64, rng *rand.Rand) {
		for i := range x {
			x[i] = 3 * rng.NormFloat64()
		}
	}},
	{"outliers", func(x []float64, rng *rand.Rand) { // each far above what came before
		for i := range x {
			x[i] = rng.NormFloat64()
		}
		for range 4 {
			x[rng.IntN(len(x))] = 30 * rng.Float64()
		}
	}},
	{"rising", func(x []float64, _ *rand.Rand) { // the reference moves all the time
		for i := range x {
			x[i] = -40 + 80*float64(i)/float64(len(x))
		}
	}},
	{"falling", func(x []float64, _ *rand.Rand) {
		for i := range x {
			x[i] = 40 - 80*float64(i)/float64(len(x))
		}
	}},
	{"uniform", func(x []float64, rng *rand.Rand) {
		v := 10 * rng.NormFloat64()
		for i := range x {
			x[i] = v
		}
	}},
	{"ties", func(x []float64, rng *rand.Rand) { // many equal logits below the largest: rounding errors add up
		v := 2 - 9*rng.Float64()
		for i := range x {
			x[i] = v
		}
		x[len(x)/2] = 2
	}},
	{"one-hot", func(x []float64, rng *rand.Rand) {
		for i := range x {
			x[i] = -50 + rng.Float64()
		}
		x[rng.IntN(len(x))] = 60
	}},
	{"two halves", func(x []float64, rng *rand.Rand) {
		for i := range x {
			x[i] = -12
		}
		x[0] = -12 + math.Log(float64(len(x)))
	}},
	{"masked", func(x []float64, rng *rand.Rand) {
		for i := range x {
			x[i] = math.Inf(-1)
			if rng.IntN(3) == 0 {
				x[i] = 4 * rng.NormFloat64()
			}
		}
		x[len(x)-1] = 1
	}},
	{"masked beginning", func(x []float64, rng *rand.Rand) {
		for i := range x {
			x[i] = math.Inf(-1)
		}
		for i := len(x) / 2; i < len(x); i++ {
			x[i] = 100 + rng.NormFloat64()
		}
	}},
	{"far", func(x []float64, rng *rand.Rand) {
		for i := range x {
			x[i] = -20000 + 4*rng.NormFloat64()
		}
	}},
	{"huge", func(x []float64, rng *rand.Rand) {
		for i := range x {
			x[i] = 6e4 * (2*rng.Float64() - 1)
		}
	}},
}

var vocabularies = []int{1, 2, 3, 7, 15, 16, 17, 63, 64, 65, 100, 127, 128, 129, 255, 256, 257, 511, 512, 513, 1000, 4099, 32768, 32769, 50257}

// rounded fills a row of E and returns what it holds.
func rounded[E Element](x []E, from []float64) []float64 {
	exact := make([]float64, len(from))
	for i, v := range from {
		x[i] = encode[E](float32(v))
		exact[i] = float64(decode(x[i]))
	}
	return exact
}

// near is the package's claim about lse and entropy.
func near(want, got float64) bool {
	return math.Abs(want-got) <= max(1e-6, 4e-7*math.Abs(want))
}

// eachElement runs f for the three types of logits.
func eachElement(t *testing.T, f32, bf16, f16 func(t *testing.T)) {
	t.Run("float32", f32)
	t.Run("bfloat16", bf16)
	t.Run("float16", f16)
}

type extremes struct {
	lse, entropy, squares, gradient float64 // largest errors, in units of what is claimed
}

func (m *extremes) see(p *float64, v float64) { *p = max(*p, v) }

func testAccuracy[E Element](t *testing.T, worst *extremes) {
	var x0 E
	rng := rand.New(rand.NewPCG(3, 4))
	vocab := vocabularies
	if testing.Short() {
		vocab = vocab[:slices.Index(vocab, 32768)]
	} else {
		vocab = append([]int{151936, 262144}, vocab...)
	}
	for _, v := range vocab {
		for i, kind := range kinds {
			if _, wide := any(x0).(float32); v > 1<<15 && i%4 != v%4 && (tier == simd.Generic || !wide) {
				continue
			}
			temperature := []float64{1, 1, 0.6, 1.7}[(i+v)%4]
			g, e := 2*rng.Float64()-1, 2*rng.Float64()-1
			switch i % 3 {
			case 0:
				e = 0
			case 1:
				e, g = e/8, g*(1-math.Abs(e)/8) // as a bonus' coefficient
			}
			name := fmt.Sprintf("%s, V = %d, T = %v, g = %v, e = %v", kind.name, v, temperature, g, e)
			raw := make([]float64, v)
			kind.fill(raw, rng)
			x := Logits[E]{Data: make([]E, v), Rows: 1, Vocab: int64(v)}
			exact := rounded(x.Data, raw)
			target := rng.IntN(v)
			want := oracle(exact, target, temperature)
			rows := Rows[float64]{make([]float64, 1), make([]float64, 1), make([]float64, 1), make([]float64, 1)}
			o := Options{Temperature: temperature}
			targets := []int32{int32(target)}
			require.NoError(t, Forward(rows, x, targets, o), name)
			if !near(want.lse, rows.LSE[0]) || !near(want.entropy, rows.Entropies[0]) || math.Abs(want.squares-rows.SumSquares[0]) > 1e-6 {
				require.Failf(t, "inaccurate", "%s: lse %v, want %v; entropy %v, want %v; squares %v, want %v", name,
					rows.LSE[0], want.lse, rows.Entropies[0], want.entropy, rows.SumSquares[0], want.squares)
			}
			worst.see(&worst.lse, math.Abs(rows.LSE[0]-want.lse)/max(1e-6, 4e-7*math.Abs(want.lse)))
			worst.see(&worst.entropy, math.Abs(rows.Entropies[0]-want.entropy)/max(1e-6, 4e-7*want.entropy))
			worst.see(&worst.squares, math.Abs(rows.SumSquares[0]-want.squares)/1e-6)
			if math.IsInf(want.logProb, -1) {
				require.Equal(t, want.logProb, rows.LogProbs[0], name)
			} else {
				require.InDelta(t, want.logProb, rows.LogProbs[0], max(1e-6, 4e-7*math.Abs(want.lse)), name)
			}

			gradient := oracleGradient(exact, target, temperature, g, e)
			dst := Logits[E]{Data: make([]E, v), Rows: 1, Vocab: int64(v)}
			gs := Gradient[float64]{[]float64{g}, []float64{e}}
			require.NoError(t, Backward(dst, x, targets, rows, gs, o), name)
			// Flat for |g| and 8|e| up to T, the sizes of an objective's gradient of one token
			// and of an entropy bonus; beyond, the gradient and its rounding grow with them.
			scale := max(1, math.Abs(g)/temperature, 8*math.Abs(e)/temperature)
			compare := func(name string, dst []E) {
				for j, w := range gradient {
					got := float64(decode(dst[j]))
					diff := (math.Abs(w-got) - spacing[E](w)/2) / scale
					if worst.see(&worst.gradient, diff/3e-7); !(diff <= 3e-7) {
						require.Failf(t, "inaccurate gradient", "%s: at id %d of target %d: %v, want %v", name, j, target, got, w)
					}
				}
			}
			compare(name, dst.Data)
			for _, part := range []float64{e, 0} { // with e = 0, float32 logits go another way
				gradient = oracleGradient(exact, target, temperature, g, part)
				gs.Entropies[0] = part
				both := Logits[E]{Data: append([]E(nil), x.Data...), Rows: 1, Vocab: int64(v)}
				again := Rows[float64]{LSE: make([]float64, 1), LogProbs: make([]float64, 1), Entropies: make([]float64, 1)}
				require.NoError(t, ForwardBackward(again, both, both, targets, gs, o), name)
				again.SumSquares = rows.SumSquares
				require.Equal(t, rows, again, name)
				compare(fmt.Sprintf("%s, both passes, e = %v", name, part), both.Data)
			}
		}
	}
}

// spacing is the distance of numbers of a 16-bit E near v.
func spacing[E Element](v float64) float64 {
	_, exponent := math.Frexp(v)
	switch any(E(0)).(type) {
	case BFloat16:
		return math.Ldexp(1, exponent-8)
	case Float16:
		return math.Ldexp(1, max(exponent-11, -24))
	}
	return 0
}

func TestAccuracy(t *testing.T) {
	forEachTier(t, func(t *testing.T) {
		var worst [3]extremes
		eachElement(t, func(t *testing.T) { testAccuracy[float32](t, &worst[0]) },
			func(t *testing.T) { testAccuracy[BFloat16](t, &worst[1]) },
			func(t *testing.T) { testAccuracy[Float16](t, &worst[2]) })
		t.Logf("largest errors as parts of what is claimed: float32 %.3f, bfloat16 %.3f, float16 %.3f", worst[0], worst[1], worst[2])
	})
}
