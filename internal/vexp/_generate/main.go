// Command _generate writes the kernels of package vexp.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/grouprl/grouprl/internal/vexp/_generate/exp"
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
	exp := exp.AVX512(entry, 0)
	Comment("Two vectors at a time.")
	Label("pair")
	CMPQ(n, operand.U8(16))
	JL(operand.LabelRef("last"))
	v := []reg.VecVirtual{ZMM(), ZMM()}
	for i := range v {
		VMOVUPD(operand.Mem{Base: x, Disp: 64 * i}, v[i])
	}
	exp(v...)
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
		exp(w)
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
	exp := exp.AVX2(entry)
	Comment("Two vectors at a time.")
	Label("pair")
	CMPQ(n, operand.U8(8))
	JL(operand.LabelRef("last"))
	v := []reg.VecVirtual{YMM(), YMM()}
	for i := range v {
		VMOVUPD(operand.Mem{Base: x, Disp: 32 * i}, v[i])
	}
	exp(v...)
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
		exp(w)
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
