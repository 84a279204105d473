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

// Rows of RatioSums.
const (
	logRatioRow = iota
	ratioRow
	squareRow
	minRow
	maxRow
	k2Row
	k3Row
	ratioRows
)

// moments adds a vector of ratios, log-ratios and exp(log-ratio), which it overwrites,
// to the sums but for that of the log-ratio.
func (k *kernel) moments(s []reg.VecVirtual, r, d, e reg.VecVirtual, one reg.VecVirtual) {
	VADDPD(r, s[ratioRow], s[ratioRow])
	VFMADD231PD(r, r, s[squareRow])
	VMINPD(s[minRow], r, s[minRow])
	VMAXPD(s[maxRow], r, s[maxRow])
	VFMADD231PD(d, d, s[k2Row])
	VFMSUB132PD(one, one, e)
	VSUBPD(d, e, e)
	VADDPD(e, s[k3Row], s[k3Row])
}

func ratio(size int) {
	F := float(size)
	groups("ratio"+F[5:], fmt.Sprintf("d, ratio *float64, lp, anchor *%s, sums, table *float64", F), "Ratio", 3, func(k *kernel) (setup func(), group func(size int), finish func()) {
		pd, ratio, lp, anchor, sums := pointer("d"), pointer("ratio"), pointer("lp"), pointer("anchor"), pointer("sums")
		exp := exp.AVX512(table(), 5)
		s := make([]reg.VecVirtual, ratioRows)
		one := k.vec()
		VMOVUPD(constant(1), one)
		return k.open(sums, s), func(n int) {
			d, r := make([]reg.VecVirtual, n), make([]reg.VecVirtual, n)
			k.each(n, func(j int) {
				k.prefetch(lp, size)
				k.prefetch(anchor, size)
				d[j], r[j] = k.difference(lp, anchor, size), k.vec()
				VMOVUPD(d[j], k.at(pd, 8))
				VADDPD(d[j], s[logRatioRow], s[logRatioRow])
				VMOVAPD(d[j], r[j])
			})
			exp(r...)
			k.each(n, func(j int) {
				VMOVUPD(r[j], k.at(ratio, 8))
				e := k.vec()
				VMOVAPD(r[j], e)
				k.moments(s, r[j], d[j], e, one)
			})
		}, k.close(sums, s)
	})
}

func measure(tier string) {
	write(tier, "measure", "sums *float64, ratio, e, d *float64", "measureTwin", func(k *kernel) (setup, vector, finish func()) {
		sums, ratio, pe, pd := pointer("sums"), pointer("ratio"), pointer("e"), pointer("d")
		s := make([]reg.VecVirtual, ratioRows)
		one := k.vec()
		VMOVUPD(constant(1), one)
		return k.open(sums, s), func() {
			k.moments(s, k.load(ratio, 8), k.load(pd, 8), k.load(pe, 8), one)
		}, k.close(sums, s)
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

// clipped returns what turns ratios x and advantages a into losses y and their
// derivatives d, with Bounds at the argument bounds.
func (k *kernel) clipped() func(x, a reg.VecVirtual) (y, d reg.VecVirtual) {
	bounds := pointer("bounds")
	low, high, limit := k.broadcast(bounds, 0), k.broadcast(bounds, 1), k.broadcast(bounds, 2)
	zero, none := k.zero(), k.vec()
	VMOVUPD(constant(math.Inf(-1)), none)
	return func(x, a reg.VecVirtual) (y, d reg.VecVirtual) {
		positive, any := k.compare(greater, a, zero), k.compare(other, a, zero)
		hi, lo := k.vec(), k.vec()
		y, d = k.vec(), k.vec()
		k.pick(positive, high, limit, hi)
		k.pick(positive, none, low, lo)
		Comment("The data last, or NaN would be lost.")
		VMINPD(x, hi, y)
		VMAXPD(y, lo, y)
		inside := k.compareIn(any, equal, y, x)
		Comment("-(y a) - 0 is -y a, with its sign where it is 0.")
		VFNMSUB213PD(zero, a, y)
		k.keep(any, y, y)
		k.keep(inside, y, d)
		return y, d
	}
}

func clip(tier string) {
	write(tier, "clip", "loss, dloss, ratio, advantage *float64, bounds *float64", "clipTwin", func(k *kernel) (setup, vector, finish func()) {
		loss, dloss, ratio, advantage := pointer("loss"), pointer("dloss"), pointer("ratio"), pointer("advantage")
		clipped := k.clipped()
		vector = func() {
			y, d := clipped(k.load(ratio, 8), k.load(advantage, 8))
			VMOVUPD(y, k.at(loss, 8))
			VMOVUPD(d, k.at(dloss, 8))
		}
		return func() {}, vector, func() {}
	})
}

// clipLosses has too many constants for the registers of AVX2.
func clipLosses() {
	write("AVX512", "clipLosses", "sums *float64, counts *uint64, loss, dloss, ratio, side, advantage, bounds *float64", "clipTwin, addTwin and heldTwin", func(k *kernel) (setup, vector, finish func()) {
		loss, dloss := pointer("loss"), pointer("dloss")
		ratio, side, advantage := pointer("ratio"), pointer("side"), pointer("advantage")
		clipped := k.clipped()
		setup, held, s, finish := k.held()
		return setup, func() {
			a := k.load(advantage, 8)
			y, d := clipped(k.load(ratio, 8), a)
			VMOVUPD(y, k.at(loss, 8))
			VMOVUPD(d, k.at(dloss, 8))
			VADDPD(y, s[0], s[0])
			VADDPD(d, s[1], s[1])
			held(d, k.load(side, 8), a)
		}, finish
	})
}

func estimate(tier string) {
	write(tier, "estimate", "value, slope, x, table *float64", "vexp.Excess", func(k *kernel) (setup, vector, finish func()) {
		value, slope, x := pointer("value"), pointer("slope"), pointer("x")
		var excess func(x reg.VecVirtual) (v, d reg.VecVirtual)
		if k.avx512 {
			e := exp.AVX512Excess(table(), 0)
			excess = func(x reg.VecVirtual) (v, d reg.VecVirtual) { vs, ds := e(x); return vs[0], ds[0] }
		} else {
			excess = exp.AVX2Excess(table())
		}
		return func() {}, func() {
			v, d := excess(k.load(x, 8))
			VMOVUPD(v, k.at(value, 8))
			VMOVUPD(d, k.at(slope, 8))
		}, func() {}
	})
}

func k3(size int) {
	F := float(size)
	groups("k3"+F[5:], fmt.Sprintf("value, slope *float64, other, lp *%s, sums, table *float64", F), "K3", 3, func(k *kernel) (setup func(), group func(size int), finish func()) {
		value, slope, other, lp, sums := pointer("value"), pointer("slope"), pointer("other"), pointer("lp"), pointer("sums")
		excess := exp.AVX512Excess(table(), 0)
		s := make([]reg.VecVirtual, 2)
		return k.open(sums, s), func(n int) {
			x := make([]reg.VecVirtual, n)
			k.each(n, func(j int) {
				k.prefetch(other, size)
				x[j] = k.difference(other, lp, size)
			})
			v, d := excess(x...)
			k.each(n, func(j int) {
				VMOVUPD(v[j], k.at(value, 8))
				VMOVUPD(d[j], k.at(slope, 8))
				VADDPD(v[j], s[0], s[0])
				VADDPD(d[j], s[1], s[1])
			})
		}, k.close(sums, s)
	})
}

// held returns the sums of losses s at the argument sums, and what counts the tokens
// that are held at the argument counts; it overwrites side and a.
func (k *kernel) held() (setup func(), held func(slope operand.Op, side, a reg.VecVirtual), s []reg.VecVirtual, finish func()) {
	sums, counts := pointer("sums"), pointer("counts")
	zero, one, high, mask := k.zero(), k.vec(), k.vec(), k.vec()
	VMOVUPD(constant(math.Float64frombits(1)), one)
	VMOVUPD(constant(math.Float64frombits(32)), high)
	VMOVUPD(constant(math.Float64frombits(48)), mask)
	s, c := make([]reg.VecVirtual, 2), make([]reg.VecVirtual, 1)
	openSums, openCounts := k.open(sums, s), k.open(counts, c)
	closeSums, closeCounts := k.close(sums, s), k.close(counts, c)
	return func() { openSums(); openCounts() }, func(slope operand.Op, d, a reg.VecVirtual) {
		p := k.vec()
		VMULPD(d, a, p)
		still := k.compare(equal, zero, slope)
		still = k.compareIn(still, other, p, zero)
		Comment("Sixteen times the class: the signs of side and advantage.")
		VPSRLQ(operand.U8(58), d, d)
		VPSRLQ(operand.U8(59), a, a)
		if k.avx512 {
			VPTERNLOGQ(operand.U8(0xe4), high, a, d) // high ? d : a
			VPANDQ(mask, d, d)
			VPSLLVQ(d, one, d)
			VPADDQ(d, c[0], still, c[0])
		} else {
			VPAND(high, d, d)
			VPANDN(a, high, a)
			VPOR(a, d, d)
			VPAND(mask, d, d)
			VPSLLVQ(d, one, d)
			VPAND(still, d, d)
			VPADDQ(d, c[0], c[0])
		}
	}, s, func() { closeSums(); closeCounts() }
}

func losses(tier string) {
	write(tier, "losses", "sums *float64, counts *uint64, loss, dloss, slope, side, advantage *float64", "addTwin and heldTwin", func(k *kernel) (setup, vector, finish func()) {
		loss, dloss := pointer("loss"), pointer("dloss")
		slope, side, advantage := pointer("slope"), pointer("side"), pointer("advantage")
		setup, held, s, finish := k.held()
		return setup, func() {
			VADDPD(k.at(loss, 8), s[0], s[0])
			VADDPD(k.at(dloss, 8), s[1], s[1])
			held(k.at(slope, 8), k.load(side, 8), k.load(advantage, 8))
		}, finish
	})
}

func narrow(tier string, size int, kl bool) {
	F, name, args := float(size), "narrow", "dloss *float64"
	if kl {
		name, args = "narrowSum", "dloss, slope *float64"
	}
	write(tier, name+F[5:], fmt.Sprintf("dst *%s, %s, f *float64, bad *%s", F, args, F), "narrowTwin", func(k *kernel) (setup, vector, finish func()) {
		dst, dloss, f, bad := pointer("dst"), pointer("dloss"), pointer("f"), pointer("bad")
		var slope reg.GPVirtual
		share, c := k.broadcast(f, 0), k.broadcast(f, 1)
		if kl {
			slope = pointer("slope")
		}
		var s reg.VecVirtual
		place := func() operand.Mem { return operand.Mem{Base: bad, Disp: size * k.part * k.width()} }
		narrowed := func() reg.VecVirtual { // a register of as many elements
			if size == 8 {
				return k.vec()
			} else if k.avx512 {
				return YMM()
			}
			return XMM()
		}
		setup = func() { s = narrowed(); VMOVUPS(place(), s) }
		vector = func() {
			g := k.vec()
			k.prefetch(dst, size)
			VMULPD(k.at(dloss, 8), share, g)
			if kl {
				VFMADD231PD(k.at(slope, 8), c, g)
			}
			if size == 8 {
				VMOVUPD(g, k.at(dst, 8))
				k.note(g, s)
				return
			}
			y := narrowed()
			if k.avx512 {
				VCVTPD2PS(g, y)
			} else {
				VCVTPD2PSY(g, y)
			}
			VMOVUPS(y, k.at(dst, 4))
			VSUBPS(y, y, y)
			VORPS(y, s, s)
		}
		finish = func() { VMOVUPS(s, place()) }
		return setup, vector, finish
	})
}
