// Package exp emits the exponential function: what every lane of a vector goes
// through, for package vexp and for kernels elsewhere that have one inside.
package exp

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Places in the table of package vexp, which the Go twin reads too.
const (
	low, log2e, shift, limit, excessLimit, ln2Hi, ln2Lo = 0, 8, 16, 24, 32, 40, 48
	top                                                 = 56 // coefficients from the top down to degree 0
	degree                                              = 4
	one                                                 = top + 8*(degree+1)
	powers                                              = one + 8
)

// Entry tells the places in the table.
type Entry func(offset int) operand.Mem

// reduced are vectors on their way: exp(x) = 2^n (1 + r + r^2 q), of which power is 2^n
// without its whole part. AVX2 has n with the bias of shift.
type reduced struct{ r, q, n, power reg.VecVirtual }

func each(r []reduced, f func(*reduced)) {
	for i := range r {
		f(&r[i])
	}
}

// AVX512 loads the table into registers, but for the first inMemory coefficients, and
// returns what turns vectors v into exp(v).
func AVX512(entry Entry, inMemory int) (exp func(v ...reg.VecVirtual)) {
	reduce := wide(entry, limit, inMemory)
	return func(v ...reg.VecVirtual) {
		x := reduce(v)
		each(x, func(x *reduced) {
			w := ZMM()
			VMULPD(x.r, x.r, w)
			VFMADD213PD(x.r, w, x.q)
			VFMADD213PD(x.power, x.power, x.q)
			VSCALEFPD(x.n, x.q, x.r)
		})
	}
}

// AVX512Excess is AVX512 for Excess. v is not overwritten.
func AVX512Excess(entry Entry, inMemory int) (excess func(v ...reg.VecVirtual) (value, slope []reg.VecVirtual)) {
	reduce := wide(entry, excessLimit, inMemory)
	return func(v ...reg.VecVirtual) (value, slope []reg.VecVirtual) {
		copies := make([]reg.VecVirtual, len(v))
		for i := range v {
			copies[i] = ZMM()
			VMOVAPD(v[i], copies[i])
		}
		for i, x := range reduce(copies) {
			m, u := ZMM(), ZMM()
			VSCALEFPD(x.n, x.power, x.power)
			VSUBPD_BCST(entry(one), x.power, m)
			VFMADD231PD(x.power, x.r, m)
			VMULPD(x.r, x.r, x.r)
			VMULPD(x.q, x.r, x.r)
			VSUBPD(v[i], m, u)
			VFMADD231PD(x.power, x.r, u)
			VFNMSUB213PD(m, x.power, x.r)
			value, slope = append(value, u), append(slope, x.r)
		}
		return value, slope
	}
}

func wide(entry Entry, limit, inMemory int) (reduce func(v []reg.VecVirtual) []reduced) {
	constant := func(offset int) reg.VecVirtual {
		z := ZMM()
		VBROADCASTSD(entry(offset), z)
		return z
	}
	cLow, cLimit, cLog2e, cShift := constant(low), constant(limit), constant(log2e), constant(shift)
	cHi, cLo := constant(ln2Hi), constant(ln2Lo)
	cPowers := [2]reg.VecVirtual{ZMM(), ZMM()}
	for i, z := range cPowers {
		VMOVUPD(entry(powers+64*i), z)
	}
	var c [degree + 1]reg.VecVirtual
	for i := inMemory; i <= degree; i++ {
		c[i] = constant(top + 8*i)
	}
	return func(v []reg.VecVirtual) []reduced {
		x := make([]reduced, len(v))
		for i := range x {
			x[i] = reduced{r: v[i], q: ZMM(), n: ZMM(), power: ZMM()}
		}
		each(x, func(x *reduced) {
			Comment("The data last, or NaN would be lost.")
			VMAXPD(x.r, cLow, x.r)
			VMOVAPD(x.r, x.power)
			VFMADD213PD(cShift, cLog2e, x.power)
			VMINPD(x.power, cLimit, x.power)
			VSUBPD(cShift, x.power, x.n)
			VFNMADD231PD(cHi, x.n, x.r)
			VFNMADD231PD(cLo, x.n, x.r)
			VPERMI2PD(cPowers[1], cPowers[0], x.power)
			if inMemory > 0 {
				VBROADCASTSD(entry(top), x.q)
			} else {
				VMOVAPD(c[0], x.q)
			}
		})
		for k := 1; k <= degree; k++ {
			each(x, func(x *reduced) {
				if k < inMemory {
					VFMADD213PD_BCST(entry(top+8*k), x.r, x.q)
				} else {
					VFMADD213PD(c[k], x.r, x.q)
				}
			})
		}
		return x
	}
}

// AVX2 is AVX512 with the table in memory.
func AVX2(entry Entry) (exp func(v ...reg.VecVirtual)) {
	reduce := narrow(entry, limit)
	return func(v ...reg.VecVirtual) {
		each(reduce(v), func(x *reduced) {
			w := YMM()
			VMULPD(x.r, x.r, w)
			VFMADD213PD(x.r, w, x.q)
			VFMADD213PD(x.power, x.power, x.q)
			scale(x.q, x.n, x.r)
		})
	}
}

// AVX2Excess is AVX512Excess with the table in memory, for one vector.
func AVX2Excess(entry Entry) (excess func(v reg.VecVirtual) (value, slope reg.VecVirtual)) {
	reduce := narrow(entry, excessLimit)
	return func(v reg.VecVirtual) (value, slope reg.VecVirtual) {
		r := YMM()
		VMOVAPD(v, r)
		x := reduce([]reg.VecVirtual{r})[0]
		m, u, s := YMM(), YMM(), YMM()
		scale(x.power, x.n, s)
		VBROADCASTSD(entry(one), u)
		VSUBPD(u, s, m)
		VFMADD231PD(s, x.r, m)
		VMULPD(x.r, x.r, x.r)
		VMULPD(x.q, x.r, x.r)
		VSUBPD(v, m, u)
		VFMADD231PD(s, x.r, u)
		VFNMSUB213PD(m, s, x.r)
		return u, x.r
	}
}

// scale sets dst to x times the whole part of 2^n, in two halves, so that none leaves the
// exponent's range. n is overwritten.
func scale(x, n, dst reg.VecVirtual) {
	half := YMM()
	VPSRLQ(operand.U8(4), n, n)
	VPSRLQ(operand.U8(1), n, half)
	VPSUBQ(half, n, n)
	VPSLLQ(operand.U8(52), half, half)
	VPSLLQ(operand.U8(52), n, n)
	VMULPD(half, x, dst)
	VMULPD(n, dst, dst)
}

func narrow(entry Entry, limit int) (reduce func(v []reg.VecVirtual) []reduced) {
	c := YMM() // the constant at hand
	load := func(offset int) { VBROADCASTSD(entry(offset), c) }
	base := GP64()
	LEAQ(entry(powers), base)
	return func(v []reg.VecVirtual) []reduced {
		x := make([]reduced, len(v))
		for i := range x {
			x[i] = reduced{r: v[i], q: YMM(), n: YMM(), power: YMM()}
		}
		Comment("The data last, or NaN would be lost.")
		load(low)
		each(x, func(x *reduced) { VMAXPD(x.r, c, x.r) })
		load(log2e)
		each(x, func(x *reduced) { VMOVAPD(c, x.n) })
		load(shift)
		each(x, func(x *reduced) { VFMADD213PD(c, x.r, x.n) })
		load(limit)
		each(x, func(x *reduced) { VMINPD(x.n, c, x.n) })
		load(shift)
		each(x, func(x *reduced) { VSUBPD(c, x.n, x.q) })
		load(ln2Hi)
		each(x, func(x *reduced) { VFNMADD231PD(c, x.q, x.r) })
		load(ln2Lo)
		each(x, func(x *reduced) { VFNMADD231PD(c, x.q, x.r) })
		Comment("The fraction of n, the low four bits, is a place in the table.")
		VPCMPEQD(c, c, c)
		VPSRLQ(operand.U8(60), c, c)
		each(x, func(x *reduced) {
			place, all := YMM(), YMM()
			VPAND(c, x.n, place)
			VPCMPEQD(all, all, all)
			VGATHERQPD(all, operand.Mem{Base: base, Index: place, Scale: 8}, x.power)
		})
		load(top)
		each(x, func(x *reduced) { VMOVAPD(c, x.q) })
		for k := 1; k <= degree; k++ {
			load(top + 8*k)
			each(x, func(x *reduced) { VFMADD213PD(c, x.r, x.q) })
		}
		return x
	}
}
