package vexp

import "math"

// table holds the numbers of every kernel; the assembly reads it by place.
var table = [...]float64{
	-746, // below, the result is 0
	710,  // above, the result is +Inf
	math.Log2E,
	0x1.8p52 + 2046, // adding it rounds to an integer n, and leaves 2*1023 + n in the low bits
	0x1.62e42feep-1, // ln 2, so short that its product with n is exact
	0x1.a39ef35793c76p-33,

	// exp(r) = 1 + r + r^2 q(r) for |r| <= ln(2)/2, q the minimax polynomial for the
	// relative error, 3.6e-18. From degree 11 down.
	0x1.ad7f5f4f78ad2p-26,
	0x1.28ad7ced5775ep-22,
	0x1.71df256c678f1p-19,
	0x1.a0199a01f8cdbp-16,
	0x1.a01a012a44e7dp-13,
	0x1.6c16c1842db0fp-10,
	0x1.1111111127c31p-7,
	0x1.555555555086dp-5,
	0x1.55555555554fap-3,
	0x1.000000000000ap-1,
	1,
	1,
}

// Table is where the table begins, for kernels elsewhere that have an exponential
// inside.
func Table() *float64 { return &table[0] }

// twin is the kernels in Go, operation by operation: exp(x) = 2^n exp(r) with
// n = round(x log2 e) and r = x - n ln 2.
func twin(dst, x []float64) {
	const low, high, log2e, shift, ln2Hi, ln2Lo, top = 0, 1, 2, 3, 4, 5, 6
	dst = dst[:len(x)]
	for i, v := range x {
		if v < table[low] {
			v = table[low]
		}
		if v > table[high] {
			v = table[high]
		}
		t := math.FMA(v, table[log2e], table[shift])
		n := t - table[shift]
		r := math.FMA(-n, table[ln2Hi], v)
		r = math.FMA(-n, table[ln2Lo], r)
		p := table[top]
		for _, c := range table[top+1:] {
			p = math.FMA(p, r, c)
		}
		// The power of two in two halves, so that none leaves the exponent's range:
		// the first product is exact and the second rounds.
		k := math.Float64bits(t)
		half := k >> 1
		dst[i] = p * math.Float64frombits(half<<52) * math.Float64frombits((k-half)<<52)
	}
}
