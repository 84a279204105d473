package atropos

import (
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAppendFloat32(t *testing.T) {
	for text, v := range map[string]float32{
		"0": 0, "-0": float32(math.Copysign(0, -1)), "0.1": 0.1, "-0.5": -0.5, "1": 1, "-12": -12, "100": 100, "1.5": 1.5,
		"-0.00001": -1e-5, "0.33333334": 1. / 3, "16777216": 1 << 24, "-0.00000011920929": -0x1p-23, "1e-11": 1e-11, "1e+09": 1e9, "99999990": 99999990, "1e+08": 1e8,
		"12345679": 12345679, "3.4028235e+38": math.MaxFloat32, "1e-45": math.SmallestNonzeroFloat32,
	} {
		require.Equal(t, text, string(appendFloat32([]byte("x"), v))[1:])
	}
}

// Both neighbours of each power of two and of ten, and values at random, over the
// whole range; GROUPRL_LONG=1 takes every float32 there is.
func TestAppendFloat32ComesBack(t *testing.T) {
	total, least := 0, 0
	check := func(bits uint32) {
		v := math.Float32frombits(bits)
		if v != v || math.IsInf(float64(v), 0) {
			return
		}
		var b [40]byte
		text := appendFloat32(b[:0], v)
		back, err := strconv.ParseFloat(string(text), 32)
		if err != nil || math.Float32bits(float32(back)) != bits || !isNumber(text) {
			t.Fatalf("%v (%08x) is written as %q", v, bits, text)
		}
		if a := math.Abs(float64(v)); a >= 1e-10 && a < 1e8 {
			digits := 0
			for _, c := range text {
				if '0' <= c && c <= '9' && (c != '0' || digits > 0) {
					digits++
				}
			}
			if digits > 9 {
				t.Fatalf("%v is written as %q", v, text)
			}
			total += len(text)
			least += len(strconv.AppendFloat(b[:0], float64(v), 'f', -1, 32))
		}
	}
	around := func(v float64) {
		bits := math.Float32bits(float32(v))
		for d := range uint32(5) {
			check(bits + d - 2)
			check((bits + d - 2) | 1<<31)
		}
	}
	for k := -148; k < 128; k++ {
		around(math.Ldexp(1, k))
	}
	for k := -45; k < 39; k++ {
		around(math.Pow10(k))
		around(9.9999995 * math.Pow10(k))
		around(0.99999999 * math.Pow10(k))
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 300_000 {
		check(r.Uint32())
		check(math.Float32bits(float32(-r.ExpFloat64() * math.Pow(10, -float64(r.IntN(8))))))
	}
	if os.Getenv("GROUPRL_LONG") != "" {
		for bits := uint32(0); ; bits++ {
			check(bits)
			if bits == math.MaxUint32 {
				break
			}
		}
	}
	require.Less(t, float64(total), 1.03*float64(least), "hardly longer than the shortest")
	t.Logf("%.4f of the shortest", float64(total)/float64(least))
}

func BenchmarkAppendFloat32(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	v := make([]float32, 1024)
	for i := range v {
		v[i] = float32(-r.ExpFloat64())
	}
	var dst [40]byte
	b.Run("ours", func(b *testing.B) {
		for i := range b.N {
			appendFloat32(dst[:0], v[i%1024])
		}
	})
	b.Run("strconv", func(b *testing.B) {
		for i := range b.N {
			strconv.AppendFloat(dst[:0], float64(v[i%1024]), 'g', -1, 32)
		}
	})
}
