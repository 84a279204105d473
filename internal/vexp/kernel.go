package vexp

import "math"

// table holds the numbers of every kernel; the assembly reads it by place.
var table = [...]float64{
	-746,                           // below, the result is 0
	math.Log2E,                     // an argument's n is the multiple of 1/16 next to x log2 e
	0x1.8p48 + 2046,                // adding it rounds to one, and leaves 16 (2*1023 + n) in the low bits
	0x1.8p48 + 2046 + 1025,         // n is at most 1025, where exp(x) is +Inf,
	0x1.8p48 + 2046 + 1024 - 1./16, // or, for Excess, less than 1024: 2^n is finite
	0x1.62e42feep-1,                // ln 2, so short that its product with n is exact
	0x1.a39ef35793c76p-33,

	// exp(r) = 1 + r + r^2 q(r) for |r| <= ln(2)/32, q minimax for the absolute error
	// among those that begin with 1/2: 1.2e-17. From degree 4 down.
	0x1.6c180af1ed272p-10,
	0x1.11123ab3eca0dp-7,
	0x1.55555554d6dd1p-5,
	0x1.555555548f834p-3,
	0.5,
	1,

	// 2^(i/16)
	1, 0x1.0b5586cf9890fp+0, 0x1.172b83c7d517bp+0, 0x1.2387a6e756238p+0,
	0x1.306fe0a31b715p+0, 0x1.3dea64c123422p+0, 0x1.4bfdad5362a27p+0, 0x1.5ab07dd485429p+0,
	0x1.6a09e667f3bcdp+0, 0x1.7a11473eb0187p+0, 0x1.8ace5422aa0dbp+0, 0x1.9c49182a3f090p+0,
	0x1.ae89f995ad3adp+0, 0x1.c199bdd85529cp+0, 0x1.d5818dcfba487p+0, 0x1.ea4afa2a490dap+0,
}

// Table is where the table begins, for kernels elsewhere that have an exponential
// inside.
func Table() *float64 { return &table[0] }

const low, log2e, shift, limit, excessLimit, ln2Hi, ln2Lo, top, powers = 0, 1, 2, 3, 4, 5, 6, 7, 13

// reduce takes x to exp(x) = power scale1 scale2 exp(r), of which the three are 2^n, and
// returns r and q(r).
func reduce(x, limit float64) (r, q, power, scale1, scale2 float64) {
	if x < table[low] {
		x = table[low]
	}
	t := math.FMA(x, table[log2e], table[shift])
	if t > limit {
		t = limit
	}
	n := t - table[shift]
	r = math.FMA(-n, table[ln2Hi], x)
	r = math.FMA(-n, table[ln2Lo], r)
	q = table[top]
	for _, c := range table[top+1 : top+5] {
		q = math.FMA(q, r, c)
	}
	// The whole power of two in two halves, so that none leaves the exponent's range:
	// the first product is exact and the second rounds.
	k := math.Float64bits(t)
	whole := k >> 4
	half := whole >> 1
	return r, q, table[powers+k&15], math.Float64frombits(half << 52), math.Float64frombits((whole - half) << 52)
}

// twin is the kernels in Go, operation by operation: exp(x) = 2^n (1 + r + r^2 q(r)) with
// n = round(16 x log2 e)/16 and r = x - n ln 2.
func twin(dst, x []float64) {
	dst = dst[:len(x)]
	for i, v := range x {
		r, q, power, scale1, scale2 := reduce(v, table[limit])
		p := math.FMA(float64(r*r), q, r)
		dst[i] = math.FMA(power, p, power) * scale1 * scale2
	}
}

// Excess returns
//
//	value = exp(x) - 1 - x        slope = 1 - exp(x)
//
// with relative errors below 5e-13 and 1e-14, and of 4e-16 for |x| < 2^-20: it does not
// subtract what would cancel. With s = 2^n the value is s r^2 q + ((s r + (s - 1)) - x), of
// which the second term is exactly 0 where n is. They are not finite above
// log(MaxFloat64).
func Excess(x float64) (value, slope float64) {
	r, q, power, scale1, scale2 := reduce(x, table[excessLimit])
	s := float64(power * scale1 * scale2) // pinned, or s - 1 could be fused with the product
	w := float64(float64(r*r) * q)
	m := math.FMA(s, r, s-1)
	return math.FMA(s, w, m-x), -math.FMA(s, w, m)
}
