package logprob

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every pattern, decoded by the definition: sign, exponent, fraction.
func TestEveryFloat16(t *testing.T) {
	for i := range 1 << 16 {
		h := Float16(i)
		exponent, fraction := i>>10&31, float64(i&1023)
		var want float64
		switch exponent {
		case 0:
			want = math.Ldexp(fraction, -24)
		case 31:
			want = math.Inf(1)
			if fraction != 0 {
				want = math.NaN()
			}
		default:
			want = math.Ldexp(1024+fraction, exponent-25)
		}
		if i>>15 != 0 {
			want = -want
		}
		got := float64(h.Float32())
		if math.IsNaN(want) {
			require.True(t, math.IsNaN(got), "%#x", i)
			require.True(t, math.IsNaN(float64(NewFloat16(h.Float32()).Float32())))
			continue
		}
		require.Equal(t, math.Float64bits(want), math.Float64bits(got), "%#x", i)
		require.Equal(t, h, NewFloat16(h.Float32()), "%#x", i)
		// Rounding changes halfway to the next number, and there to the even one.
		if exponent < 31 && i>>15 == 0 {
			next := math.Ldexp(1024+fraction+1, exponent-25)
			if exponent == 0 {
				next = math.Ldexp(fraction+1, -24)
			}
			middle := float32((want + next) / 2)
			even := h + h&1
			require.Equal(t, even, NewFloat16(middle), "%#x", i)
			require.Equal(t, h, NewFloat16(math.Nextafter32(middle, 0)), "%#x", i)
			require.Equal(t, h+1, NewFloat16(math.Nextafter32(middle, 1e6)), "%#x", i)
			require.Equal(t, (h+1)|0x8000, NewFloat16(-math.Nextafter32(middle, 1e6)), "%#x", i)
		}
	}
	require.Equal(t, Float16(0x7c00), NewFloat16(1e30))
	require.Equal(t, Float16(0x8000), NewFloat16(-1e-30))
}

func TestEveryBFloat16(t *testing.T) {
	for i := range 1 << 16 {
		b := BFloat16(i)
		v := b.Float32()
		require.Equal(t, uint32(i)<<16, math.Float32bits(v))
		if v != v {
			require.True(t, math.IsNaN(float64(NewBFloat16(v).Float32())))
			continue
		}
		require.Equal(t, b, NewBFloat16(v))
		if i&0x7f80 != 0x7f80 {
			middle := math.Float32frombits(uint32(i)<<16 | 0x8000)
			require.Equal(t, b+b&1, NewBFloat16(middle), "%#x", i)
			require.Equal(t, b, NewBFloat16(math.Float32frombits(uint32(i)<<16|0x7fff)))
			require.Equal(t, b+1, NewBFloat16(math.Float32frombits(uint32(i)<<16|0x8001)))
		}
	}
	require.True(t, math.IsNaN(float64(NewBFloat16(math.Float32frombits(0x7fffffff)).Float32())))
}

// The kernels read and round 16-bit numbers as the definitions above do: every number
// as a logit, and gradients over the whole range, equal to float32's, rounded.
func TestKernelsConvert(t *testing.T) {
	forEachTier(t, func(t *testing.T) {
		testConvert[BFloat16](t)
		testConvert[Float16](t)
	})
}

func testConvert[E Element](t *testing.T) {
	var x []E
	for i := range 1 << 16 {
		v := E(0)
		switch p := any(&v).(type) {
		case *BFloat16:
			*p = BFloat16(i)
		case *Float16:
			*p = Float16(i)
		}
		if f := float64(decode(v)); !math.IsNaN(f) && f < 80 {
			x = append(x, v)
		}
	}
	x = x[:len(x)&^(pad-1)]
	wide := make([]float32, len(x))
	decodeAll(wide, x)
	for _, scale := range []float32{1, -1e-3, 3e-7, 1e4} {
		var s scan
		s.begin(1)
		s.backward.shift, s.backward.reference = s.backward.shiftTo(80)
		s.backward.constant = scale
		dst, want := make([]E, len(x)), make([]float32, len(x))
		backwardKernel(tier, want, wide, false, &s.backward)
		for _, own := range []bool{false, true} {
			backwardKernel(tier, dst, x, own, &s.backward)
			for i, w := range want {
				if encode[E](w) != dst[i] {
					require.Failf(t, "rounds differently", "gradient %v of logit %v: %v, want %v", w, wide[i], dst[i], encode[E](w))
				}
			}
		}
	}
}
