package vexp

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/internal/simd"
)

// What these tests pin:
//
//  1. every tier gives the twin's bits, at every place of a slice of any length;
//  2. the error against 120-bit arithmetic stays below what the package states;
//  3. exp(0) = 1, monotone near 0 and across every seam of the reduction;
//  4. the ends of the range, subnormal results, infinities and NaN;
//  5. no kernel touches what lies beside its slices.

// forEachTier runs f on every tier of this machine; simd's own tests see to it that
// none is missing.
func forEachTier(t *testing.T, f func(t *testing.T, exp func(dst, x []float64))) {
	for _, tier := range simd.Tiers() {
		t.Run(tier.String(), func(t *testing.T) {
			f(t, func(dst, x []float64) { exp(tier, dst, x) })
		})
	}
}

var specials = []float64{
	0, math.Copysign(0, -1), 1, -1, 5e-324, -5e-324, 1e-300, -1e-300, 0x1p-54, -0x1p-54, 0x1p-53, -0x1p-53,
	math.Ln2, -math.Ln2, math.Ln2 / 2, -math.Ln2 / 2, 709.782712893384, 709.7827128933841, 709.79, 710, 711,
	-708.3964185322641, -708.4, -744.4400719213812, -745.1332191019411, -745.1332191019412, -745.2, -746, -747,
	1e300, -1e300, math.MaxFloat64, -math.MaxFloat64, math.Inf(1), math.Inf(-1), math.NaN(),
}

// points are 2^17 arguments over the whole range, dense where a policy's log-ratios
// lie, with the specials in between.
func points() []float64 {
	rng := rand.New(rand.NewPCG(1, 2))
	x := make([]float64, 0, 1<<17)
	for len(x) < 1<<17 {
		x = append(x, rng.NormFloat64(), 0.01*rng.NormFloat64(), 40*rng.NormFloat64(),
			-746+1457*rng.Float64(), -708-38*rng.Float64(),
			math.Copysign(math.Exp(-40*rng.Float64()), rng.Float64()-0.5),
			(float64(rng.IntN(2000)-1050)+0.5)*math.Ln2, // a seam between two n
			specials[rng.IntN(len(specials))])
	}
	return x[:1<<17]
}

func sameBits(t *testing.T, want, got, x []float64) {
	t.Helper()
	for i := range want {
		if math.Float64bits(want[i]) != math.Float64bits(got[i]) && !(math.IsNaN(want[i]) && math.IsNaN(got[i])) {
			require.Failf(t, "bits differ", "exp(%v) = %x, the twin has %x (element %d of %d)", x[i], got[i], want[i], i, len(x))
		}
	}
}

func TestTiersAgree(t *testing.T) {
	x := points()
	want := make([]float64, len(x))
	twin(want, x)
	forEachTier(t, func(t *testing.T, exp func(dst, x []float64)) {
		got := make([]float64, len(x))
		exp(got, x)
		sameBits(t, want, got, x)
		copy(got, x)
		exp(got, got) // in place
		sameBits(t, want, got, x)
		for n := range 70 {
			at := 1000 + 71*n
			for _, dst := range [][]float64{make([]float64, n), append([]float64(nil), x[at:at+n]...)} {
				exp(dst, x[at:at+n])
				sameBits(t, want[at:at+n], dst, x[at:at+n])
			}
		}
	})
}

// exact is exp(x) to 120 bits: Taylor's series of r/256, squared eight times.
func exact(x float64) *big.Float {
	const prec = 140
	r := new(big.Float).SetPrec(prec).SetFloat64(x)
	n := math.Round(x / math.Ln2)
	ln2, _, _ := big.ParseFloat("0.693147180559945309417232121458176568075500134360255254120680009493393621969694715605863326996418687", 10, 200, big.ToNearestEven)
	r.Sub(r, new(big.Float).SetPrec(200).Mul(ln2, big.NewFloat(n)))
	r.SetMantExp(r, -8)
	sum, term := big.NewFloat(1).SetPrec(prec), big.NewFloat(1).SetPrec(prec)
	for k := 1; k < 14; k++ {
		term.Mul(term, r)
		term.Quo(term, new(big.Float).SetInt64(int64(k)))
		sum.Add(sum, term)
	}
	for range 8 {
		sum.Mul(sum, sum)
	}
	return sum.SetMantExp(sum, int(n))
}

// TestAccuracy measures units in the last place of the result, the subnormal
// spacing below 2^-1022.
func TestAccuracy(t *testing.T) {
	const stated = 1.1
	var worst, at float64
	x := points()[:1<<16]
	got := make([]float64, len(x))
	Exp(got, x)
	for i, v := range x {
		if !(v > -745.2 && v < 709.782) {
			continue
		}
		_, e := math.Frexp(got[i])
		diff := new(big.Float).Sub(exact(v), new(big.Float).SetFloat64(got[i]))
		d, _ := diff.SetMantExp(diff, -max(e-53, -1074)).Float64()
		if d = math.Abs(d); d > worst {
			worst, at = d, v
		}
	}
	t.Logf("largest error %.3f ulp, at %v", worst, at)
	require.Less(t, worst, stated)
	require.Greater(t, worst, 0.5, "no method in one working precision can round correctly; the measurement is broken")
}

// TestExcess measures the relative errors that Excess states.
func TestExcess(t *testing.T) {
	const near = 0x1p-20
	type worst struct{ value, slope float64 }
	var far, close worst // |x| from near on, and below
	for _, x := range points()[:1<<16] {
		if !(x > -700 && x < 709.7) || math.Abs(x) < 1e-150 {
			continue
		}
		value, slope := Excess(x)
		w, minus := &far, exact(x)
		minus.Sub(minus, big.NewFloat(1))
		wanted := new(big.Float).Sub(minus, new(big.Float).SetFloat64(x))
		if math.Abs(x) < near { // to more digits than exact has: the series
			w = &close
			term := new(big.Float).SetPrec(200).SetFloat64(x)
			minus, wanted = new(big.Float).Copy(term), new(big.Float)
			for k := 2; k < 9; k++ {
				term.Mul(term, new(big.Float).SetFloat64(x)).Quo(term, new(big.Float).SetInt64(int64(k)))
				minus.Add(minus, term)
				wanted.Add(wanted, term)
			}
		}
		relative := func(want *big.Float, got float64) float64 {
			d := new(big.Float).Sub(want, new(big.Float).SetFloat64(got))
			u, _ := d.Quo(d, want).Float64()
			return math.Abs(u)
		}
		w.value, w.slope = max(w.value, relative(wanted, value)), max(w.slope, relative(minus, -slope))
	}
	t.Logf("largest relative errors: %.3g and %.3g, where |x| < %g %.3g and %.3g", far.value, far.slope, near, close.value, close.slope)
	require.Less(t, far.value, 5e-13)
	require.Less(t, far.slope, 1e-14)
	require.Less(t, close.value, 4e-16)
	require.Less(t, close.slope, 4e-16)
}

func TestExcessSpecials(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range [][3]float64{ // x, value, slope
		{0, 0, 0}, {1e-300, 0, -1e-300}, {0x1p-30, 0x1p-61 + 0x1p-91/3, -0x1p-30 - 0x1p-61}, {-0x1p-30, 0x1p-61 - 0x1p-91/3, 0x1p-30 - 0x1p-61},
		{-800, 799, 1}, {-1e300, 1e300, 1}, {-inf, inf, 1}, {710, inf, -inf}, {1e300, inf, -inf},
	} {
		value, slope := Excess(c[0])
		require.Equal(t, c[1], value, "value at %v", c[0])
		require.Equal(t, c[2], slope, "slope at %v", c[0])
	}
	value, slope := Excess(math.NaN())
	require.True(t, math.IsNaN(value) && math.IsNaN(slope))
	value, _ = Excess(inf)
	require.False(t, value-value == 0)
	const large = 709.7827 // where n is held
	value, slope = Excess(large)
	want, _ := exact(large).Float64()
	require.InEpsilon(t, want, value, 1e-13)
	require.InEpsilon(t, want, -slope, 1e-13)
}

func TestOracle(t *testing.T) {
	for _, x := range []float64{0, 1, -1, 20.5, -300.25, 700, math.Ln2} {
		got, _ := exact(x).Float64()
		require.InEpsilon(t, math.Exp(x), got, 4e-16, x)
	}
}

func TestSpecials(t *testing.T) {
	inf, tiny := math.Inf(1), math.SmallestNonzeroFloat64
	x := []float64{0, math.Copysign(0, -1), math.NaN(), inf, -inf, 709.7827128933841, 710, 1e300, 709.782712893384, -746, -1e300, -745.14, -745.13, -744.4400719213812}
	want := []float64{1, 1, math.NaN(), inf, 0, inf, inf, inf, 1.797693134862273e308, 0, 0, 0, tiny, tiny}
	forEachTier(t, func(t *testing.T, exp func(dst, x []float64)) {
		got := make([]float64, len(x))
		exp(got, x)
		for i := range x {
			if math.IsNaN(want[i]) {
				require.True(t, math.IsNaN(got[i]), "exp(NaN) = %v", got[i])
			} else if math.IsInf(want[i], 0) || want[i] <= 1 {
				require.Equal(t, want[i], got[i], "exp(%v)", x[i])
			} else {
				require.InEpsilon(t, want[i], got[i], 1e-13, "exp(%v)", x[i])
			}
		}
	})
}

// TestMonotone walks neighbouring numbers near 0 and across seams.
func TestMonotone(t *testing.T) {
	forEachTier(t, func(t *testing.T, exp func(dst, x []float64)) {
		x, y := make([]float64, 2048), make([]float64, 2048)
		walk := func(start, step float64) {
			for i := range x {
				x[i] = start + float64(float64(i)*step)
			}
			exp(y, x)
			for i := 1; i < len(x); i++ {
				require.LessOrEqual(t, y[i-1], y[i], "exp(%v) and exp(%v)", x[i-1], x[i])
			}
		}
		for _, step := range []float64{0x1p-60, 0x1p-54, 0x1p-53, 0x1p-52, 0x1p-50, 0x1p-40, 0x1p-14} {
			walk(-1000*step, step)
			for _, n := range []float64{-3, -1, 0, 1, 2} {
				walk((n+0.5)*math.Ln2-1000*max(step, 0x1p-50), max(step, 0x1p-50))
			}
		}
	})
}

func TestGuards(t *testing.T) {
	const guard = -12345.678
	forEachTier(t, func(t *testing.T, exp func(dst, x []float64)) {
		for n := range 40 {
			for offset := range 9 {
				src, dst := make([]float64, n+offset+16), make([]float64, n+offset+16)
				for i := range dst {
					dst[i], src[i] = guard, guard
				}
				lo, hi := 8+offset, 8+offset+n
				exp(dst[lo:hi:hi], src[lo:hi:hi])
				for i := range dst {
					require.Equal(t, guard, src[i])
					if i < lo || i >= hi {
						require.Equal(t, guard, dst[i], "element %d beside [%d,%d)", i, lo, hi)
					} else {
						require.Zero(t, dst[i])
					}
				}
			}
		}
	})
}

func TestExpPanicsOnShortDst(t *testing.T) {
	require.Panics(t, func() { Exp(make([]float64, 3), make([]float64, 4)) })
}

func FuzzTiers(f *testing.F) {
	f.Add(0.5, 3)
	f.Fuzz(func(t *testing.T, x float64, n int) {
		in, want, got := make([]float64, n&31), make([]float64, n&31), make([]float64, n&31)
		for i := range in {
			in[i] = x * float64(i+1)
		}
		twin(want, in)
		for _, tier := range simd.Tiers() {
			exp(tier, got, in)
			sameBits(t, want, got, in)
		}
	})
}

func BenchmarkExp(b *testing.B) {
	x, y := make([]float64, 512), make([]float64, 512)
	for i := range x {
		x[i] = 0.02 * float64(i-256)
	}
	run := func(name string, f func()) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				f()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/512, "ns/element")
		})
	}
	run("math", func() {
		for i, v := range x {
			y[i] = math.Exp(v)
		}
	})
	for _, tier := range simd.Tiers() {
		run(fmt.Sprint(tier), func() { exp(tier, y, x) })
	}
}
