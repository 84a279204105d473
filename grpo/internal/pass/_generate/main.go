// Command _generate writes the kernels of package pass.
//
// A kernel goes over whole vectors of eight numbers: one register in AVX-512, two
// in AVX2, where it takes the loop twice, once for each half of the lanes. What one
// vector goes through is written once for both.
package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/grouprl/grouprl/internal/vexp/_generate/exp"
)

func main() {
	ConstraintExpr("amd64,gc,!noasm,!purego")
	for _, size := range []int{4, 8} {
		ratio(size)
		k3(size)
	}
	clipLosses()
	for _, size := range []int{4, 8} {
		clipGradient(size, true)
		clipGradient(size, false)
	}
	for _, tier := range []string{"AVX512", "AVX2"} {
		for _, size := range []int{4, 8} {
			subtract(tier, size)
			narrow(tier, size, true)
			narrow(tier, size, false)
		}
		widen(tier)
		fill(tier)
		add(tier)
		clip(tier)
		measure(tier)
		estimate(tier)
		losses(tier)
	}
	Generate()
}

// kernel is a routine that is being written.
type kernel struct {
	avx512 bool
	part   int // of the eight lanes
	ahead  int // numbers from the cursor to this vector
	i, n   reg.GPVirtual
}

// write emits a routine, of which twin is the Go. Its last argument but for pointers is n, a multiple of 8.
// setup runs before each loop, vector once a vector, finish after each loop.
func write(tier, name, args, twin string, f func(k *kernel) (setup, vector, finish func())) {
	TEXT(name+tier, NOSPLIT, "func("+args+", n int)")
	Pragma("noescape")
	Doc(name + tier + " is " + twin + ", n a multiple of 8.")
	k := &kernel{avx512: tier == "AVX512", i: GP64(), n: GP64()}
	setup, vector, finish := f(k)
	Load(Param("n"), k.n)
	for ; k.part < 8/k.width(); k.part++ {
		label := fmt.Sprint("vector", k.part)
		setup()
		XORQ(k.i, k.i)
		Label(label)
		vector()
		ADDQ(operand.U8(8), k.i)
		CMPQ(k.i, k.n)
		JL(operand.LabelRef(label))
		finish()
	}
	VZEROUPPER()
	RET()
}

// groups is write for a kernel with an exponential inside, of which several go side by
// side since each waits for itself. AVX2 has too few registers for that and is faster
// with a pass for each step.
func groups(name, args, doc string, side int, f func(k *kernel) (setup func(), group func(size int), finish func())) {
	TEXT(name+"AVX512", NOSPLIT, "func("+args+", n int)")
	Pragma("noescape")
	Doc(name + "AVX512 is " + doc + ", n a multiple of 8.")
	k := &kernel{avx512: true, i: GP64(), n: GP64()}
	setup, group, finish := f(k)
	Load(Param("n"), k.n)
	setup()
	XORQ(k.i, k.i)
	Label("group")
	next := GP64()
	LEAQ(operand.Mem{Base: k.i, Disp: 8 * side}, next)
	CMPQ(next, k.n)
	JG(operand.LabelRef("single"))
	group(side)
	MOVQ(next, k.i)
	JMP(operand.LabelRef("group"))
	Label("single")
	CMPQ(k.i, k.n)
	JGE(operand.LabelRef("done"))
	group(1)
	ADDQ(operand.U8(8), k.i)
	JMP(operand.LabelRef("single"))
	Label("done")
	finish()
	VZEROUPPER()
	RET()
}

// each runs f for every vector of a group, in the order of the tokens.
func (k *kernel) each(size int, f func(j int)) {
	for j := range size {
		k.ahead = 8 * j
		f(j)
	}
	k.ahead = 0
}

// prefetch asks for what the next calls will read: a response's numbers come from
// memory, and a block is too short for the processor to see the pattern.
func (k *kernel) prefetch(base reg.Register, size int) {
	m := k.at(base, size)
	m.Disp += 4096
	PREFETCHT0(m)
}

func (k *kernel) width() int {
	if k.avx512 {
		return 8
	}
	return 4
}

func (k *kernel) vec() reg.VecVirtual {
	if k.avx512 {
		return ZMM()
	}
	return YMM()
}

// pointer loads a pointer argument.
func pointer(name string) reg.GPVirtual {
	p := GP64()
	Load(Param(name), p)
	return p
}

// at is this vector's place in a slice of elements of size bytes.
func (k *kernel) at(base reg.Register, size int) operand.Mem {
	return operand.Mem{Base: base, Index: k.i, Scale: uint8(size), Disp: (k.ahead + k.part*k.width()) * size}
}

// lanes is this part's place in the row'th of several Lanes.
func (k *kernel) lanes(base reg.Register, row int) operand.Mem {
	return operand.Mem{Base: base, Disp: 64*row + 8*k.part*k.width()}
}

// load reads a vector of float64, or of float32 that it converts.
func (k *kernel) load(base reg.Register, size int) reg.VecVirtual {
	v := k.vec()
	if size == 4 {
		VCVTPS2PD(k.at(base, 4), v)
	} else {
		VMOVUPD(k.at(base, 8), v)
	}
	return v
}

// open loads the lanes of sums in consecutive rows, close stores them.
func (k *kernel) open(base reg.Register, s []reg.VecVirtual) func() {
	return func() {
		for i := range s {
			s[i] = k.vec()
			VMOVUPD(k.lanes(base, i), s[i])
		}
	}
}

func (k *kernel) close(base reg.Register, s []reg.VecVirtual) func() {
	return func() {
		for i := range s {
			VMOVUPD(s[i], k.lanes(base, i))
		}
	}
}

// table returns the places in package vexp's table, at the argument table.
func table() exp.Entry {
	p := pointer("table")
	return func(offset int) operand.Mem { return operand.Mem{Base: p, Disp: offset} }
}

// difference returns a - b of elements of size bytes.
func (k *kernel) difference(a, b reg.Register, size int) reg.VecVirtual {
	d, y := k.load(a, size), operand.Op(k.at(b, 8))
	if size == 4 {
		y = k.load(b, 4)
	}
	VSUBPD(y, d, d)
	return d
}

// broadcast fills a register with the number at place i of an array.
func (k *kernel) broadcast(base reg.Register, i int) reg.VecVirtual {
	v := k.vec()
	VBROADCASTSD(operand.Mem{Base: base, Disp: 8 * i}, v)
	return v
}

func (k *kernel) zero() reg.VecVirtual {
	v := k.vec()
	VXORPD(v, v, v)
	return v
}

var constants = map[uint64]operand.Mem{}

// constant is eight copies of a number in memory, of which AVX2 reads four.
func constant(x float64) operand.Mem {
	b := math.Float64bits(x)
	m, ok := constants[b]
	if !ok {
		m = GLOBL(fmt.Sprintf("c%x", b), RODATA|NOPTR)
		for i := range 8 {
			DATA(8*i, operand.U64(b))
		}
		constants[b] = m
	}
	return m
}

// Comparisons, false where an operand is NaN.
const (
	equal   = 0
	less    = 17
	greater = 30
	other   = 12 // less or greater
)

// compare returns the lanes in which x how y.
func (k *kernel) compare(how uint8, x, y operand.Op) reg.Register {
	if k.avx512 {
		m := K()
		VCMPPD(operand.U8(how), y, x, m)
		return m
	}
	m := YMM()
	VCMPPD(operand.U8(how), y, x, m)
	return m
}

// compareIn is compare, false outside in.
func (k *kernel) compareIn(in reg.Register, how uint8, x, y operand.Op) reg.Register {
	if k.avx512 {
		m := K()
		VCMPPD(operand.U8(how), y, x, in, m)
		return m
	}
	m := k.compare(how, x, y)
	VANDPD(in, m, m)
	return m
}

// pick sets dst to yes in the lanes of m and to no elsewhere.
func (k *kernel) pick(m reg.Register, yes, no operand.Op, dst reg.VecVirtual) {
	if k.avx512 {
		VBLENDMPD(yes, no, m, dst)
	} else {
		VBLENDVPD(m, yes, no, dst)
	}
}

// keep sets dst to x in the lanes of m and to 0 elsewhere.
func (k *kernel) keep(m reg.Register, x operand.Op, dst reg.VecVirtual) {
	if k.avx512 {
		VMOVAPD_Z(x, m, dst)
	} else {
		VANDPD(m, x, dst)
	}
}

// note keeps in bad that x has a number that is not finite: x - x is 0 or NaN, and the
// bits of both are or-ed, which has no latency to wait for as a sum has.
func (k *kernel) note(x, bad reg.VecVirtual) {
	y := k.vec()
	VSUBPD(x, x, y)
	VORPD(y, bad, bad)
}

func float(size int) string { return fmt.Sprint("float", 8*size) }

func subtract(tier string, size int) {
	F := float(size)
	write(tier, "subtract"+F[5:], fmt.Sprintf("dst *float64, a, b *%s, sum *float64", F), "subtractTwin", func(k *kernel) (setup, vector, finish func()) {
		dst, a, b, sum := pointer("dst"), pointer("a"), pointer("b"), pointer("sum")
		s := make([]reg.VecVirtual, 1)
		return k.open(sum, s), func() {
			d := k.difference(a, b, size)
			VMOVUPD(d, k.at(dst, 8))
			VADDPD(d, s[0], s[0])
		}, k.close(sum, s)
	})
}

func widen(tier string) {
	write(tier, "widen", "dst *float64, src *float32, bad *float64", "widenTwin", func(k *kernel) (setup, vector, finish func()) {
		dst, src, bad := pointer("dst"), pointer("src"), pointer("bad")
		var s reg.VecVirtual
		setup = func() { s = k.vec(); VMOVUPD(k.lanes(bad, 0), s) }
		vector = func() {
			x := k.load(src, 4)
			VMOVUPD(x, k.at(dst, 8))
			k.note(x, s)
		}
		finish = func() { VMOVUPD(s, k.lanes(bad, 0)) }
		return setup, vector, finish
	})
}

func fill(tier string) {
	write(tier, "fill", "dst, x *float64", "Fill", func(k *kernel) (setup, vector, finish func()) {
		dst, x := pointer("dst"), k.broadcast(pointer("x"), 0)
		return func() {}, func() { VMOVUPD(x, k.at(dst, 8)) }, func() {}
	})
}

func add(tier string) {
	write(tier, "add", "sums *float64, x, y *float64", "addTwin", func(k *kernel) (setup, vector, finish func()) {
		sums, x, y := pointer("sums"), pointer("x"), pointer("y")
		s := make([]reg.VecVirtual, 2)
		return k.open(sums, s), func() {
			VADDPD(k.at(x, 8), s[0], s[0])
			VADDPD(k.at(y, 8), s[1], s[1])
		}, k.close(sums, s)
	})
}
