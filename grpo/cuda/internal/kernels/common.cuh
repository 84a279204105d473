// What every kernel here is made of. The dialect is clang's without CUDA headers, and
// nvcc's too: attributes by macros, a dozen builtins, PTX where there is none.
// Multiplications and additions are never contracted (-ffp-contract=off, -fmad=false):
// a fused one is written fma.
#pragma once

typedef long long int64;
typedef unsigned long long uint64;
typedef unsigned int uint32;

#if defined(__clang__)
#define DEVICE static __attribute__((device, always_inline)) inline
#define METHOD __attribute__((device, always_inline)) inline
#define SHARED static __attribute__((shared))
#define CONSTANT static __attribute__((constant)) const
#define KERNEL(...) extern "C" __attribute__((global, launch_bounds(__VA_ARGS__))) void // threads a block, blocks a processor
#define THREAD ((int)__nvvm_read_ptx_sreg_tid_x())
#define BLOCK ((int64)__nvvm_read_ptx_sreg_ctaid_x())
#define GRID ((int64)__nvvm_read_ptx_sreg_nctaid_x())
#else
#define DEVICE static __device__ __forceinline__
#define METHOD __device__ __forceinline__
#define SHARED __shared__
#define CONSTANT static __constant__ const
#define KERNEL(...) extern "C" __global__ void __launch_bounds__(__VA_ARGS__)
#define THREAD ((int)threadIdx.x)
#define BLOCK ((int64)blockIdx.x)
#define GRID ((int64)gridDim.x)
#endif
#define BARRIER() __syncthreads()

enum { WARP = 32 };

DEVICE uint32 bits32(float x) { return __builtin_bit_cast(uint32, x); }
DEVICE float float32(uint32 x) { return __builtin_bit_cast(float, x); }
DEVICE uint64 bits64(double x) { return __builtin_bit_cast(uint64, x); }
DEVICE double double64(uint64 x) { return __builtin_bit_cast(double, x); }

DEVICE float fma32(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
DEVICE double fma64(double a, double b, double c) { return __builtin_fma(a, b, c); }

DEVICE float infinity32() { return float32(0x7f800000); }
DEVICE double infinity64() { return double64(0x7ff0000000000000); }
DEVICE double nan64() { return double64(0x7ff8000000000000); }

DEVICE bool finite32(float x) { return (bits32(x) & 0x7f800000) != 0x7f800000; }
DEVICE bool finite64(double x) { return (bits64(x) & 0x7ff0000000000000) != 0x7ff0000000000000; }

// The larger of two numbers; NaN if one of them is NaN.
DEVICE float max32(float a, float b) {
	float m;
	asm("max.NaN.f32 %0, %1, %2;" : "=f"(m) : "f"(a), "f"(b));
	return m;
}

// 2^x to 2^-22, relative; denormal results are 0.
DEVICE float exp2_approximate(float x) {
	float y;
	asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
	return y;
}

// The same number, about which the compiler knows nothing: what is made of it in a loop
// stays there, where a register held over the loop would cost more.
DEVICE uint32 here(uint32 x) {
	asm volatile("mov.b32 %0, %0;" : "+r"(x));
	return x;
}
DEVICE int64 here(int64 x) {
	asm volatile("mov.b64 %0, %0;" : "+l"(x));
	return x;
}
DEVICE char *here(char *p) {
	asm volatile("mov.b64 %0, %0;" : "+l"(p));
	return p;
}

// The value of the lane whose number differs by mask. Every lane of the warp takes part.
DEVICE uint32 exchange(uint32 x, int mask) {
	uint32 y;
	asm volatile("shfl.sync.bfly.b32 %0, %1, %2, 31, -1;" : "=r"(y) : "r"(x), "r"(mask));
	return y;
}
DEVICE float exchange(float x, int mask) { return float32(exchange(bits32(x), mask)); }
DEVICE double exchange(double x, int mask) {
	uint32 low, high;
	asm("mov.b64 {%0, %1}, %2;" : "=r"(low), "=r"(high) : "d"(x));
	low = exchange(low, mask), high = exchange(high, mask);
	asm("mov.b64 %0, {%1, %2};" : "=d"(x) : "r"(low), "r"(high));
	return x;
}

// 2^(i/16)
CONSTANT double powers[16] = {
	1, 0x1.0b5586cf9890fp+0, 0x1.172b83c7d517bp+0, 0x1.2387a6e756238p+0,
	0x1.306fe0a31b715p+0, 0x1.3dea64c123422p+0, 0x1.4bfdad5362a27p+0, 0x1.5ab07dd485429p+0,
	0x1.6a09e667f3bcdp+0, 0x1.7a11473eb0187p+0, 0x1.8ace5422aa0dbp+0, 0x1.9c49182a3f090p+0,
	0x1.ae89f995ad3adp+0, 0x1.c199bdd85529cp+0, 0x1.d5818dcfba487p+0, 0x1.ea4afa2a490dap+0,
};

// Reduced is exp(x) = power scale1 scale2 exp(r), of which the three are 2^n with n at
// most limit, and q such that exp(r) = 1 + r + r^2 q. It is package vexp of the host,
// operation by operation, so the bits are the host's.
struct Reduced {
	double r, q, power, scale1, scale2;
};

DEVICE Reduced reduce(double x, double limit) {
	const double shift = 0x1.8p48 + 2046;
	x = x < -746 ? -746 : x; // NaN stays
	double t = fma64(x, 0x1.71547652b82fep0, shift);
	t = t > shift + limit ? shift + limit : t;
	double n = t - shift, r = fma64(-n, 0x1.62e42feep-1, x);
	r = fma64(-n, 0x1.a39ef35793c76p-33, r);
	double q = 0x1.6c180af1ed272p-10;
	q = fma64(q, r, 0x1.11123ab3eca0dp-7);
	q = fma64(q, r, 0x1.55555554d6dd1p-5);
	q = fma64(q, r, 0x1.555555548f834p-3);
	q = fma64(q, r, 0.5);
	uint64 k = bits64(t), whole = k >> 4, half = whole >> 1;
	return {r, q, powers[k & 15], double64(half << 52), double64((whole - half) << 52)};
}

// exp(x). NaN for NaN.
DEVICE double exp64(double x) {
	Reduced y = reduce(x, 1025);
	double p = fma64(y.r * y.r, y.q, y.r);
	return fma64(y.power, p, y.power) * y.scale1 * y.scale2;
}

// excess returns exp(x) - 1 - x, and 1 - exp(x) in slope, exact near 0 too.
DEVICE double excess(double x, double *slope) {
	Reduced y = reduce(x, 1024 - 1. / 16);
	double s = y.power * y.scale1 * y.scale2, w = y.r * y.r * y.q, m = fma64(s, y.r, s - 1);
	*slope = -fma64(s, w, m);
	return fma64(s, w, m - x);
}

// log(x) for x >= 2^-1022, +Inf or NaN: 2 atanh((m-1)/(m+1)) + e log 2, with m in
// [sqrt(1/2), sqrt(2)) and the series up to the 23rd power. Within 2 ulp.
DEVICE double log64(double x) {
	if (!(x < infinity64())) return x; // +Inf and NaN
	uint64 b = bits64(x);
	int64 e = (int64)(b >> 52) - 1023;
	double m = double64((b & 0x000fffffffffffff) | 0x3ff0000000000000);
	if (m > 0x1.6a09e667f3bcdp0) {
		m *= 0.5;
		e++;
	}
	double s = (m - 1) / (m + 1), z = s * s;
	double p = 1.0 / 23;
	p = fma64(p, z, 1.0 / 21);
	p = fma64(p, z, 1.0 / 19);
	p = fma64(p, z, 1.0 / 17);
	p = fma64(p, z, 1.0 / 15);
	p = fma64(p, z, 1.0 / 13);
	p = fma64(p, z, 1.0 / 11);
	p = fma64(p, z, 1.0 / 9);
	p = fma64(p, z, 1.0 / 7);
	p = fma64(p, z, 1.0 / 5);
	p = fma64(p, z, 1.0 / 3);
	p = 2 * fma64(p * z, s, s);
	return fma64((double)e, 0x1.62e42feep-1, fma64((double)e, 0x1.a39ef35793c76p-33, p));
}

// report keeps the least index of a call's errors, and its code and detail, in the
// call's slot: index<<8 | code and index<<32 | detail, all ones to begin with. The
// order in which blocks come does not matter.
DEVICE void report(uint64 *slot, int64 index, uint32 code, uint32 detail) {
	asm volatile("red.global.min.u64 [%0], %1;" ::"l"(slot), "l"((uint64)index << 8 | code) : "memory");
	asm volatile("red.global.min.u64 [%0], %1;" ::"l"(slot + 1), "l"((uint64)index << 32 | detail) : "memory");
}
