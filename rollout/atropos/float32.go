package atropos

import (
	"math"
	"strconv"
)

// appendFloat32 is strconv.AppendFloat(b, v, 'g', -1, 32), faster and without
// exponents for what log-probabilities are, 1e-10 to 1e8: the float32 nearest to what
// it writes is v. Mostly these are the fewest digits for which that holds; there may
// be one or two more, and never more than 9.
//
// With y = |v| 10^k in 1e8 to 1e9, a decimal of 9 digits or fewer is good if it lies
// less than 2^-25 y from y: half of the gap between v and the next float32, or, just
// below a power of two, all of what is left of it.
func appendFloat32(b []byte, v float32) []byte {
	x := float64(v)
	a := math.Abs(x)
	if !(a >= 1e-10 && a < 1e8) {
		return strconv.AppendFloat(b, x, 'g', -1, 32)
	}
	e := int(decades[math.Float64bits(a)>>52-decadeBias]) // 10^e <= a < 10^(e+1)
	if a >= tens[e+1+10] {
		e++
	}
	y := a * tens[8-e+10] // exact but for one rounding, which is 1e-7 at most
	n := uint32(y + 0.5)
	near := y * (0x1p-25 * (1 - 1e-6))
	if short := (n + 50) / 100 * 100; math.Abs(float64(short)-y) < near {
		n = short
	} else if short := (n + 5) / 10 * 10; math.Abs(float64(short)-y) < near {
		n = short
	}
	if n == 1e9 {
		n, e = 1e8, e+1
	}
	var d [12]byte
	*(*[4]byte)(d[0:]) = triples[n/1000000]
	*(*[4]byte)(d[3:]) = triples[n/1000%1000]
	*(*[4]byte)(d[6:]) = triples[n%1000]
	end := 9
	for end > 1 && d[end-1] == '0' {
		end--
	}
	if x < 0 {
		b = append(b, '-')
	}
	switch {
	case e < 0:
		b = append(b, "0.000000000"[:1-e]...)
		return append(b, d[:end]...)
	case end <= e+1:
		return append(b, d[:e+1]...)
	}
	b = append(append(b, d[:e+1]...), '.')
	return append(b, d[e+1:end]...)
}

// appendInt is strconv.AppendInt, faster for what token ids and masks are.
func appendInt(b []byte, v int32) []byte {
	switch {
	case v == Ignore:
		return append(b, "-100"...)
	case uint32(v) >= 1_000_000:
		return strconv.AppendInt(b, int64(v), 10)
	case v < 1000:
		t := &triples[v]
		return append(b, t[t[3]:3]...)
	}
	t := &triples[v/1000]
	b = append(b, t[t[3]:3]...)
	return append(b, triples[v%1000][:3]...)
}

// triples are 000 to 999, each with how many zeros it begins with, of three one less.
var triples = func() (t [1000][4]byte) {
	for i := range t {
		t[i] = [4]byte{byte('0' + i/100), byte('0' + i/10%10), byte('0' + i%10), 0}
		switch {
		case i < 10:
			t[i][3] = 2
		case i < 100:
			t[i][3] = 1
		}
	}
	return t
}()

// tens are 10^-10 to 10^18, from index 0.
var tens = [...]float64{
	1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1,
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
}

// decades are floor(log10(2^k)) for the exponents of 1e-10 to 1e8.
var decades = func() (d [64]int8) {
	for i := range d {
		d[i] = int8(math.Floor(float64(i-34) * math.Log10(2)))
	}
	return d
}()

const decadeBias = 1023 - 34
