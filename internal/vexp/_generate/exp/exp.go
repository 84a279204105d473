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
	low, high, log2e, shift, ln2Hi, ln2Lo, top = 0, 8, 16, 24, 32, 40, 48 // coefficients from the top down to degree 0
	degree                                     = 11
)

// One is the place of the number 1 in the table.
const One = top + 8*degree

// AVX512 loads the table, whose places entry tells, into registers, but for the first
// inMemory coefficients, and returns what turns vectors v into exp(v).
func AVX512(entry func(offset int) operand.Mem, inMemory int) (exp func(v ...reg.VecVirtual)) {
	constant := func(offset int) reg.VecVirtual {
		z := ZMM()
		VBROADCASTSD(entry(offset), z)
		return z
	}
	cLow, cHigh := constant(low), constant(high)
	cLog2e, cShift, cHi, cLo := constant(log2e), constant(shift), constant(ln2Hi), constant(ln2Lo)
	var c [degree + 1]reg.VecVirtual
	for i := inMemory; i <= degree; i++ {
		c[i] = constant(top + 8*i)
	}
	return func(v ...reg.VecVirtual) {
		m, p := make([]reg.VecVirtual, len(v)), make([]reg.VecVirtual, len(v))
		for i := range v {
			m[i], p[i] = ZMM(), ZMM()
			VMAXPD(v[i], cLow, v[i]) // the data last, or NaN would be lost
			VMINPD(v[i], cHigh, v[i])
			VMOVAPD(v[i], m[i])
			VFMADD213PD(cShift, cLog2e, m[i])
			VSUBPD(cShift, m[i], m[i])
			VFNMADD231PD(cHi, m[i], v[i])
			VFNMADD231PD(cLo, m[i], v[i])
			if inMemory > 0 {
				VBROADCASTSD(entry(top), p[i])
			} else {
				VMOVAPD(c[0], p[i])
			}
		}
		for k := 1; k <= degree; k++ {
			for i := range v {
				if k < inMemory {
					VFMADD213PD_BCST(entry(top+8*k), v[i], p[i])
				} else {
					VFMADD213PD(c[k], v[i], p[i])
				}
			}
		}
		for i := range v {
			VSCALEFPD(m[i], p[i], v[i])
		}
	}
}

// AVX2 is the same with the table in memory.
func AVX2(entry func(offset int) operand.Mem) (exp func(v ...reg.VecVirtual)) {
	c := YMM() // the constant at hand
	load := func(offset int) { VBROADCASTSD(entry(offset), c) }
	return func(v ...reg.VecVirtual) {
		t, m, p := make([]reg.VecVirtual, len(v)), make([]reg.VecVirtual, len(v)), make([]reg.VecVirtual, len(v))
		each := func(f func(i int)) {
			for i := range v {
				f(i)
			}
		}
		load(low)
		each(func(i int) { VMAXPD(v[i], c, v[i]) }) // the data last, or NaN would be lost
		load(high)
		each(func(i int) { VMINPD(v[i], c, v[i]) })
		load(log2e)
		each(func(i int) { t[i] = YMM(); VMOVAPD(c, t[i]) })
		load(shift)
		each(func(i int) { VFMADD213PD(c, v[i], t[i]) })
		each(func(i int) { m[i] = YMM(); VSUBPD(c, t[i], m[i]) })
		load(ln2Hi)
		each(func(i int) { VFNMADD231PD(c, m[i], v[i]) })
		load(ln2Lo)
		each(func(i int) { VFNMADD231PD(c, m[i], v[i]) })
		load(top)
		each(func(i int) { p[i] = YMM(); VMOVAPD(c, p[i]) })
		for k := 1; k <= degree; k++ {
			load(top + 8*k)
			each(func(i int) { VFMADD213PD(c, v[i], p[i]) })
		}
		Comment("The power of two in two halves, so that none leaves the exponent's range.")
		each(func(i int) {
			VPSRLQ(operand.U8(1), t[i], v[i])
			VPSUBQ(v[i], t[i], t[i])
			VPSLLQ(operand.U8(52), v[i], v[i])
			VPSLLQ(operand.U8(52), t[i], t[i])
			VMULPD(v[i], p[i], v[i])
			VMULPD(t[i], v[i], v[i])
		})
	}
}
