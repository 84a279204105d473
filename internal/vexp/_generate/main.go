// Command _generate writes the kernels of package vexp.
package main

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

// lanes is 0, 1, ... 7.
var lanes operand.Mem

func entry(offset int) operand.Mem {
	return operand.NewDataAddr(operand.Symbol{Name: "·table"}, offset)
}

func main() {
	ConstraintExpr("amd64,gc,!noasm,!purego")
	lanes = GLOBL("lanes", RODATA|NOPTR)
	for i := range 8 {
		DATA(8*i, operand.U64(i))
	}
	avx512()
	avx2()
	Generate()
}

// frame loads the arguments: cursors over dst and x, and the elements left.
func frame(name string) (dst, x, n reg.GPVirtual) {
	TEXT(name, NOSPLIT, "func(dst, x []float64)")
	Pragma("noescape")
	Doc(name + " is twin: dst[i] = exp(x[i]) for every i below len(x).")
	dst, x, n = GP64(), GP64(), GP64()
	Load(Param("dst").Base(), dst)
	Load(Param("x").Base(), x)
	Load(Param("x").Len(), n)
	return dst, x, n
}

func avx512() {
	dst, x, n := frame("expAVX512")
	constant := func(offset int) reg.VecVirtual {
		z := ZMM()
		VBROADCASTSD(entry(offset), z)
		return z
	}
	cLow, cHigh := constant(low), constant(high)
	cLog2e, cShift, cHi, cLo := constant(log2e), constant(shift), constant(ln2Hi), constant(ln2Lo)
	var c [degree + 1]reg.VecVirtual
	for i := range c {
		c[i] = constant(top + 8*i)
	}
	// exp turns v into exp(v).
	exp := func(v []reg.VecVirtual) {
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
			VMOVAPD(c[0], p[i])
		}
		for _, ck := range c[1:] {
			for i := range v {
				VFMADD213PD(ck, v[i], p[i])
			}
		}
		for i := range v {
			VSCALEFPD(m[i], p[i], v[i])
		}
	}

	Comment("Two vectors at a time.")
	Label("pair")
	CMPQ(n, operand.U8(16))
	JL(operand.LabelRef("last"))
	v := []reg.VecVirtual{ZMM(), ZMM()}
	for i := range v {
		VMOVUPD(operand.Mem{Base: x, Disp: 64 * i}, v[i])
	}
	exp(v)
	for i := range v {
		VMOVUPD(v[i], operand.Mem{Base: dst, Disp: 64 * i})
	}
	ADDQ(operand.U8(128), x)
	ADDQ(operand.U8(128), dst)
	SUBQ(operand.U8(16), n)
	JMP(operand.LabelRef("pair"))

	Comment("Up to fifteen are left: masks of the low n lanes, eight at a time.")
	Label("last")
	left, w := ZMM(), ZMM()
	k := K()
	for range 2 {
		VPBROADCASTQ(n, left)
		VPCMPQ(operand.U8(6), lanes, left, k) // 6: greater, n > lane
		VMOVUPD_Z(operand.Mem{Base: x}, k, w)
		exp([]reg.VecVirtual{w})
		VMOVUPD(w, k, operand.Mem{Base: dst})
		SUBQ(operand.U8(8), n)
		JLE(operand.LabelRef("done"))
		ADDQ(operand.U8(64), x)
		ADDQ(operand.U8(64), dst)
	}
	Label("done")
	VZEROUPPER()
	RET()
}

func avx2() {
	dst, x, n := frame("expAVX2")
	c := YMM() // the constant at hand
	load := func(offset int) { VBROADCASTSD(entry(offset), c) }
	exp := func(v []reg.VecVirtual) {
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

	Comment("Two vectors at a time.")
	Label("pair")
	CMPQ(n, operand.U8(8))
	JL(operand.LabelRef("last"))
	v := []reg.VecVirtual{YMM(), YMM()}
	for i := range v {
		VMOVUPD(operand.Mem{Base: x, Disp: 32 * i}, v[i])
	}
	exp(v)
	for i := range v {
		VMOVUPD(v[i], operand.Mem{Base: dst, Disp: 32 * i})
	}
	ADDQ(operand.U8(64), x)
	ADDQ(operand.U8(64), dst)
	SUBQ(operand.U8(8), n)
	JMP(operand.LabelRef("pair"))

	Comment("Up to seven are left: masks of the low n lanes, four at a time.")
	Label("last")
	mask, w := YMM(), YMM()
	for range 2 {
		VMOVQ(n, mask.AsX())
		VPBROADCASTQ(mask.AsX(), mask)
		VPCMPGTQ(lanes, mask, mask) // n > lane
		VMASKMOVPD(operand.Mem{Base: x}, mask, w)
		exp([]reg.VecVirtual{w})
		VMASKMOVPD(w, mask, operand.Mem{Base: dst})
		SUBQ(operand.U8(4), n)
		JLE(operand.LabelRef("done"))
		ADDQ(operand.U8(32), x)
		ADDQ(operand.U8(32), dst)
	}
	Label("done")
	VZEROUPPER()
	RET()
}
