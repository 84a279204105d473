package advantage_test

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/grouprl/grouprl/advantage"
)

// FuzzGroupRelative feeds any bits as rewards, groups and options: an error or
// finite advantages, never a panic.
func FuzzGroupRelative(f *testing.F) {
	f.Add([]byte("0123456789abcdef0123456789abcdef"), uint32(0), 0.0, 0.0)
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0xf0, 0x7f, 1, 1, 1}, uint32(0x1234567), 1e-6, 1e-9)
	f.Fuzz(func(t *testing.T, data []byte, options uint32, epsilon, tolerance float64) {
		in := &advantage.Input{Groups: []int{}}
		for ; len(data) >= 9; data = data[9:] {
			in.Rewards = append(in.Rewards, math.Float64frombits(binary.LittleEndian.Uint64(data)))
			in.Groups = append(in.Groups, int(data[8]>>5))
			in.Truncated = append(in.Truncated, data[8]&1 != 0)
			in.Lengths = append(in.Lengths, int(data[8]>>1&3))
			in.Baselines = append(in.Baselines, float64(data[8]))
		}
		digit := func(n uint32) int {
			d := options % n
			options /= n
			return int(d)
		}
		o := advantage.GroupRelative{
			Baseline: advantage.Baseline(digit(7)), Scale: advantage.Scale(digit(5)), DDof: digit(3),
			EpsilonPlace: advantage.EpsilonPlace(digit(5)), Singleton: advantage.Singleton(digit(3)),
			ZeroSpread: advantage.ZeroSpread(digit(3)), Overlong: advantage.Overlong(digit(3)), NaN: advantage.NaN(digit(3)),
			Epsilon: epsilon, Tolerance: tolerance,
		}
		dst := make([]float64, len(in.Rewards))
		err := o.Estimate(dst, in)
		for i, a := range dst {
			if math.IsNaN(a) || math.IsInf(a, 0) || err != nil && a != 0 {
				t.Fatalf("advantage %d is %v with error %v", i, a, err)
			}
		}
		_ = advantage.Informative(make([]bool, len(dst)), in.Rewards, in.Groups, tolerance)
	})
}

// FuzzCatalogue feeds any bits to every estimator: an error or finite advantages,
// never a panic.
func FuzzCatalogue(f *testing.F) {
	f.Add([]byte("0123456789abcdef0123456789abcdef0123456789abcdef"), uint8(3))
	f.Add([]byte{1, 2, 0, 1, 3, 0xf0, 0x7f, 0xff, 0xff, 0, 9, 9, 9}, uint8(30))
	f.Fuzz(func(t *testing.T, data []byte, cut uint8) {
		next := func() int {
			if len(data) == 0 {
				return 0
			}
			b := data[0]
			data = data[1:]
			return int(b)
		}
		number := func() float64 { // small ones, huge ones, NaN and infinities
			b := next()
			return math.Float64frombits(uint64(b&0x83)<<56 | uint64(next())<<52 | uint64(b)<<40)
		}
		in := advantage.Input{Components: make([][]float64, 2), Offsets: []int{next() % 3}}
		for range next() % 12 {
			in.Rewards = append(in.Rewards, number())
			in.Groups = append(in.Groups, next()%4)
			in.Truncated = append(in.Truncated, next()%4 == 0)
			in.Lengths = append(in.Lengths, next()%5)
			in.Baselines = append(in.Baselines, number())
			in.Components[0] = append(in.Components[0], number())
			in.Components[1] = append(in.Components[1], 1)
			in.Offsets = append(in.Offsets, in.Offsets[len(in.Offsets)-1]+next()%5)
		}
		tokens := in.Offsets[len(in.Offsets)-1]
		for range tokens {
			in.Mask = append(in.Mask, next()%4 > 0)
			for _, field := range tokenFields(&in) {
				*field = append(*field, number())
			}
		}
		if int(cut) < len(in.Offsets) {
			in.Offsets = in.Offsets[:cut] // inconsistent
		}
		for name, e := range catalogue {
			dst := make([]float64, len(in.Rewards))
			if e.PerToken() {
				dst = make([]float64, tokens)
			}
			err := e.Estimate(dst, &in)
			for i, a := range dst {
				if math.IsNaN(a) || math.IsInf(a, 0) || err != nil && a != 0 {
					t.Fatalf("%s: advantage %d is %v with error %v", name, i, a, err)
				}
			}
		}
	})
}
