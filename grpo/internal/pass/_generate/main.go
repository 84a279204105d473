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
)

func main() {
	ConstraintExpr("amd64,gc,!noasm,!purego")
	for _, tier := range []string{"AVX512", "AVX2"} {
		subtract(tier, 4)
		subtract(tier, 8)
		widen(tier)
		add(tier)
		clip(tier)
		k3(tier)
		measure(tier)
		held(tier)
		for _, size := range []int{4, 8} {
			narrow(tier, size, true)
			narrow(tier, size, false)
		}
	}
	Generate()
}

// kernel is a routine that is being written.
type kernel struct {
	avx512 bool
	part   int // of the eight lanes
	i, n   reg.GPVirtual
}

// write emits a routine. Its last argument but for pointers is n, a multiple of 8.
// setup runs before each loop, vector once a vector, finish after each loop.
func write(tier, name, args, doc string, f func(k *kernel) (setup, vector, finish func())) {
	TEXT(name+tier, NOSPLIT, "func("+args+", n int)")
	Pragma("noescape")
	Doc(name + tier + " is " + name + "Twin" + doc + ", n a multiple of 8.")
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
	return operand.Mem{Base: base, Index: k.i, Scale: uint8(size), Disp: k.part * k.width() * size}
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

// Bit patterns that are used as numbers.
var (
	signBit   = math.Copysign(0, -1)
	otherBits = math.Float64frombits(1<<63 - 1)
)

// Comparisons, false where an operand is NaN.
const (
	equal   = 0
	less    = 17
	greater = 30
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

// bits returns the lanes of m as an integer.
func (k *kernel) bits(m reg.Register) reg.GPVirtual {
	b := GP32()
	if k.avx512 {
		KMOVB(m, b)
	} else {
		VMOVMSKPD(m, b)
	}
	return b
}

func float(size int) string { return fmt.Sprint("float", 8*size) }

func subtract(tier string, size int) {
	F := float(size)
	write(tier, "subtract"+F[5:], fmt.Sprintf("dst *float64, a, b *%s, sum *float64", F), "", func(k *kernel) (setup, vector, finish func()) {
		dst, a, b, sum := pointer("dst"), pointer("a"), pointer("b"), pointer("sum")
		var s reg.VecVirtual
		setup = func() { s = k.vec(); VMOVUPD(k.lanes(sum, 0), s) }
		vector = func() {
			d, y := k.load(a, size), operand.Op(k.at(b, 8))
			if size == 4 {
				y = k.load(b, 4)
			}
			VSUBPD(y, d, d)
			VMOVUPD(d, k.at(dst, 8))
			VADDPD(d, s, s)
		}
		finish = func() { VMOVUPD(s, k.lanes(sum, 0)) }
		return setup, vector, finish
	})
}

func widen(tier string) {
	write(tier, "widen", "dst *float64, src *float32, bad *float64", "", func(k *kernel) (setup, vector, finish func()) {
		dst, src, bad := pointer("dst"), pointer("src"), pointer("bad")
		var s, zero reg.VecVirtual
		setup = func() { s, zero = k.vec(), k.zero(); VMOVUPD(k.lanes(bad, 0), s) }
		vector = func() {
			x := k.load(src, 4)
			VMOVUPD(x, k.at(dst, 8))
			VFMADD231PD(x, zero, s)
		}
		finish = func() { VMOVUPD(s, k.lanes(bad, 0)) }
		return setup, vector, finish
	})
}

func add(tier string) {
	write(tier, "add", "sum *float64, x *float64", "", func(k *kernel) (setup, vector, finish func()) {
		sum, x := pointer("sum"), pointer("x")
		var s reg.VecVirtual
		setup = func() { s = k.vec(); VMOVUPD(k.lanes(sum, 0), s) }
		vector = func() { VADDPD(k.at(x, 8), s, s) }
		finish = func() { VMOVUPD(s, k.lanes(sum, 0)) }
		return setup, vector, finish
	})
}

func clip(tier string) {
	write(tier, "clip", "loss, dloss, ratio, advantage *float64, bounds *float64", "", func(k *kernel) (setup, vector, finish func()) {
		loss, dloss, ratio, advantage, bounds := pointer("loss"), pointer("dloss"), pointer("ratio"), pointer("advantage"), pointer("bounds")
		low, high, limit := k.broadcast(bounds, 0), k.broadcast(bounds, 1), k.broadcast(bounds, 2)
		zero, sign, none := k.zero(), k.vec(), k.vec()
		VMOVUPD(constant(signBit), sign)
		VMOVUPD(constant(math.Inf(-1)), none)
		vector = func() {
			x, a := k.load(ratio, 8), k.load(advantage, 8)
			positive, negative := k.compare(greater, a, zero), k.compare(less, a, zero)
			hi, lo, y := k.vec(), k.vec(), k.vec()
			k.pick(positive, high, limit, hi)
			k.pick(positive, none, low, lo)
			Comment("The data last, or NaN would be lost.")
			VMINPD(x, hi, y)
			VMAXPD(y, lo, y)
			inside := k.compare(equal, y, x)
			VXORPD(sign, y, y)
			VMULPD(a, y, y)
			if k.avx512 {
				KORB(negative, positive, positive)
				KANDB(positive, inside, inside)
			} else {
				VORPD(negative, positive, positive)
			}
			k.keep(positive, y, y)
			VMOVUPD(y, k.at(loss, 8))
			k.keep(inside, y, y)
			VMOVUPD(y, k.at(dloss, 8))
		}
		return func() {}, vector, func() {}
	})
}

func k3(tier string) {
	write(tier, "k3", "value, slope, x, e *float64", "", func(k *kernel) (setup, vector, finish func()) {
		value, slope, px, pe := pointer("value"), pointer("slope"), pointer("x"), pointer("e")
		one := k.vec()
		VMOVUPD(constant(1), one)
		c := func(x float64) operand.Op { return constant(x) }
		if k.avx512 { // registers enough
			loaded := map[float64]operand.Op{}
			for _, x := range []float64{1. / 120, 1. / 24, 1. / 6, 1. / 2, 1. / 1024} {
				v := k.vec()
				VMOVUPD(constant(x), v)
				loaded[x] = v
			}
			c = func(x float64) operand.Op { return loaded[x] }
		}
		sign, other := k.vec(), k.vec()
		VMOVUPD(constant(signBit), sign)
		VMOVUPD(constant(otherBits), other)
		vector = func() {
			x, e := k.load(px, 8), k.load(pe, 8)
			v, s, p, w, size := k.vec(), k.vec(), k.vec(), k.vec(), k.vec()
			VSUBPD(one, e, v)
			VSUBPD(x, v, v)
			VSUBPD(e, one, s)
			Comment("Near 0.")
			VMOVAPD(c(1./120), p)
			VFMADD213PD(c(1./24), x, p)
			VFMADD213PD(c(1./6), x, p)
			VFMADD213PD(c(1./2), x, p)
			VMULPD(x, x, w)
			VMULPD(p, w, w)
			VXORPD(sign, x, p)
			VSUBPD(w, p, p)
			VANDPD(other, x, size)
			near := k.compare(less, size, c(1./1024))
			k.pick(near, w, v, v)
			k.pick(near, p, s, s)
			VMOVUPD(v, k.at(value, 8))
			VMOVUPD(s, k.at(slope, 8))
		}
		return func() {}, vector, func() {}
	})
}

// Rows of Moments.
const (
	ratioRow, squareRow, minRow, maxRow, k2Row, k3Row, lossRow, slopeRow = 0, 1, 2, 3, 4, 5, 6, 7
)

func measure(tier string) {
	write(tier, "measure", "m *float64, ratio, own, d, loss, dloss *float64", "", func(k *kernel) (setup, vector, finish func()) {
		m, ratio, own, pd, loss, dloss := pointer("m"), pointer("ratio"), pointer("own"), pointer("d"), pointer("loss"), pointer("dloss")
		var s [slopeRow + 1]reg.VecVirtual
		setup = func() {
			for i := range s {
				s[i] = k.vec()
				VMOVUPD(k.lanes(m, i), s[i])
			}
		}
		vector = func() {
			r, d, e := k.load(ratio, 8), k.load(pd, 8), k.load(own, 8)
			VADDPD(r, s[ratioRow], s[ratioRow])
			VFMADD231PD(r, r, s[squareRow])
			VMINPD(s[minRow], r, s[minRow])
			VMAXPD(s[maxRow], r, s[maxRow])
			VFMADD231PD(d, d, s[k2Row])
			VSUBPD(constant(1), e, e)
			VSUBPD(d, e, e)
			VADDPD(e, s[k3Row], s[k3Row])
			VADDPD(k.at(loss, 8), s[lossRow], s[lossRow])
			VADDPD(k.at(dloss, 8), s[slopeRow], s[slopeRow])
		}
		finish = func() {
			for i := range s {
				VMOVUPD(s[i], k.lanes(m, i))
			}
		}
		return setup, vector, finish
	})
}

func held(tier string) {
	write(tier, "held", "c *int64, slope, side, advantage *float64", "", func(k *kernel) (setup, vector, finish func()) {
		c, slope, side, advantage := pointer("c"), pointer("slope"), pointer("side"), pointer("advantage")
		zero := k.zero()
		var counts [4]reg.GPVirtual
		for i := range counts {
			counts[i] = GP64()
			MOVQ(operand.Mem{Base: c, Disp: 8 * i}, counts[i])
		}
		vector = func() {
			d, a := k.load(side, 8), k.load(advantage, 8)
			still := k.bits(k.compare(equal, zero, k.at(slope, 8)))
			low, high := k.bits(k.compare(less, d, zero)), k.bits(k.compare(greater, d, zero))
			negative, positive := k.bits(k.compare(less, a, zero)), k.bits(k.compare(greater, a, zero))
			ANDL(still, low)
			ANDL(still, high)
			for i, s := range []reg.GPVirtual{low, high} {
				both := GP32()
				MOVL(s, both)
				ANDL(negative, both)
				ANDL(positive, s)
				for j, b := range []reg.GPVirtual{both, s} {
					POPCNTL(b, b)
					ADDQ(b.As64(), counts[2*i+j])
				}
			}
		}
		finish = func() {
			if k.part == 8/k.width()-1 {
				for i := range counts {
					MOVQ(counts[i], operand.Mem{Base: c, Disp: 8 * i})
				}
			}
		}
		return func() {}, vector, finish
	})
}

func narrow(tier string, size int, kl bool) {
	F, name, args := float(size), "narrow", "dloss *float64"
	if kl {
		name, args = "narrowSum", "dloss, slope *float64"
	}
	write(tier, name+F[5:], fmt.Sprintf("dst *%s, %s, f *float64, bad *%s", F, args, F), "", func(k *kernel) (setup, vector, finish func()) {
		dst, dloss, f, bad := pointer("dst"), pointer("dloss"), pointer("f"), pointer("bad")
		var slope reg.GPVirtual
		share, c, scale := k.broadcast(f, 0), k.broadcast(f, 1), k.broadcast(f, 2)
		if kl {
			slope = pointer("slope")
		}
		var s, zero reg.VecVirtual
		place := func() operand.Mem { return operand.Mem{Base: bad, Disp: size * k.part * k.width()} }
		setup = func() {
			if size == 8 {
				s, zero = k.vec(), k.zero()
				VMOVUPD(place(), s)
			} else if k.avx512 {
				s, zero = YMM(), YMM()
				VXORPS(zero, zero, zero)
				VMOVUPS(place(), s)
			} else {
				s, zero = XMM(), XMM()
				VXORPS(zero, zero, zero)
				VMOVUPS(place(), s)
			}
		}
		vector = func() {
			g := k.vec()
			VMULPD(k.at(dloss, 8), share, g)
			if kl {
				x := k.vec()
				VMULPD(k.at(slope, 8), c, x)
				VADDPD(x, g, g)
			}
			VMULPD(scale, g, g)
			if size == 8 {
				VMOVUPD(g, k.at(dst, 8))
				VFMADD231PD(g, zero, s)
				return
			}
			var y reg.VecVirtual
			if k.avx512 {
				y = YMM()
				VCVTPD2PS(g, y)
			} else {
				y = XMM()
				VCVTPD2PSY(g, y)
			}
			VMOVUPS(y, k.at(dst, 4))
			VFMADD231PS(y, zero, s)
		}
		finish = func() {
			if size == 8 {
				VMOVUPD(s, place())
			} else {
				VMOVUPS(s, place())
			}
		}
		return setup, vector, finish
	})
}
