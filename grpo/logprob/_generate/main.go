// Command _generate writes the kernels of package logprob.
package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func main() {
	ConstraintExpr("amd64,gc,!noasm,!purego")
	constants()
	for _, m := range []machine{avx512, avx2} {
		for _, e := range elements {
			for _, squares := range []bool{false, true} {
				m.forward(e, kind{squares: squares})
				m.forward(e, kind{squares: squares, whole: true})
				if m.bytes == 64 {
					m.forward(e, kind{squares: squares, whole: true, masked: true})
				}
			}
			for _, how := range []string{"", "Stream", "Own"} {
				m.backward(e, how)
			}
			m.largest(e)
		}
		m.forward(elements[0], kind{keep: true})
		m.forward(elements[0], kind{keep: true, whole: true})
		if m.bytes == 64 {
			m.forward(elements[0], kind{keep: true, whole: true, masked: true})
		}
		m.read()
		m.scale()
	}
	Generate()
}

// Places in power, forwardState and backwardState of package logprob, in bytes.
const (
	scaleAt, restAt                 = 0, 64
	sumAt, weightedAt, squaresAt    = 128, 192, 256
	forwardAt, limitAt, savedAt     = 320, 324, 328
	totalAt                         = 128
	backwardAt, constantAt, slopeAt = 192, 196, 200
)

// highest is what package logprob calls so. crowd is what the powers of a block add up
// to in a lane at most if the reference is the largest of its logits, and a little more.
const (
	highest = 2 * math.Log2E
	crowd   = 33
)

const ahead = 8 << 10 // bytes that a prefetch runs ahead of the loads

func prefetch(hint func(Op), x Register, bytes int) {
	for line := 0; line < bytes; line += 64 {
		hint(Mem{Base: x, Disp: ahead + line})
	}
}

// hint asks for memory in the cache that was measured to serve a set best: with AVX-512
// the second level, from where the processor fetches on its own.
func (m machine) hint(x Op) {
	if m.bytes == 64 {
		PREFETCHT1(x)
	} else {
		PREFETCHT0(x)
	}
}

// A kind of forward is with the sum of squares, with the rest of c (whole), for rows with
// masked ids, with the powers kept in dst; and named by that.
type kind struct{ squares, whole, masked, keep bool }

func (k kind) String() (name string) {
	for _, part := range []struct {
		is   bool
		name string
	}{{k.masked, "Masked"}, {k.whole && !k.masked, "Whole"}, {k.squares, "Squares"}, {k.keep, "Keep"}} {
		if part.is {
			name += part.name
		}
	}
	return name
}

// forward stops before a block with a logit far above the reference.
//
// With sixteen lanes it does not look for one: the block's sums tell. They also tell of
// a logit that is no number, and of one that is -Inf, which makes a NaN of e u; a masked
// kernel lifts that exponent, and is else the same. With eight lanes there is no
// instruction that makes +Inf of high exponents and 0 of low ones: there each logit is
// looked at and each low exponent lifted.
func (m machine) forward(e element, of kind) {
	name, eight := fmt.Sprint("forward", m.set, e.name, of), m.bytes == 32
	signature, doc := "func(x %s, n int, k *float32) (done int)", "forwardGo"
	if of.keep {
		signature, doc = "func(dst, x %s, n int, k *float32) (done int)", "keepGo"
	}
	TEXT(name, NOSPLIT, fmt.Sprintf(signature, e.pointer))
	Pragma("noescape")
	Doc(name + " is " + doc + " for n logits, a multiple of 64.")
	var dst, saved Register
	if of.keep {
		dst, saved = Load(Param("dst"), GP64()), GP64()
	}
	x := Load(Param("x"), GP64())
	n := Load(Param("n"), GP64())
	k := Load(Param("k"), GP64())
	done, left := GP64(), GP64()
	XORQ(done, done)
	sums := []int{sumAt, weightedAt}
	if of.squares {
		sums = append(sums, squaresAt)
	}
	zero := m.zero()
	for _, at := range sums {
		VMOVUPS(zero, Mem{Base: k, Disp: at})
	}
	spare, keep := 2, m.keep
	if of.squares { // even thirty-two registers are not enough
		spare, keep = 0, func(c Mem) Op { return c }
	}
	p := m.power(k, Mem{Base: k, Disp: forwardAt}, spare)
	if of.whole {
		p.rest = keep(Mem{Base: k, Disp: restAt})
	}
	var low, upper Op // upper is the mask of a float32's upper half
	if eight || of.masked {
		low = keep(global(m.name("low")))
	}
	if e.name == "BF16" {
		upper = keep(global("high"))
	}
	var top VecVirtual
	if eight {
		top = m.broadcast(Mem{Base: k, Disp: limitAt})
	}
	accs := make([][]VecVirtual, len(sums))
	for s := range accs {
		accs[s] = m.vecs(m.accs)
	}

	Label("block")
	TESTQ(n, n)
	JLE(LabelRef("end"))
	MOVQ(U32(m.block), left)
	CMPQ(n, left)
	CMOVQLT(n, left)
	SUBQ(left, n)
	ADDQ(left, done)
	if of.keep {
		LEAQ(Mem{Base: k, Disp: savedAt}, saved)
	}
	for _, acc := range accs {
		for _, v := range acc {
			m.clear(v)
		}
	}
	Label("turn")
	prefetch(m.hint, x, m.turn()*e.bytes)
	for from := 0; from < m.accs; from += m.together {
		at := func(x Register, i int) Mem { return Mem{Base: x, Disp: (from + i) * m.lanes() * e.bytes} }
		u := m.vecs(m.together)
		for i, v := range u {
			switch {
			case e.name != "BF16":
				u[i] = m.load(e, at(x, i))
			case i%2 == 0: // one register holds two: those at even places, then those at odd ones
				odd := u[i+1]
				VMOVUPS(at(x, i), odd)
				VPSLLD(U8(16), odd, v)
				if eight {
					VPAND(upper, odd, odd)
				} else {
					VPANDD(upper, odd, odd)
				}
			}
		}
		for i, v := range u {
			if of.keep {
				VMOVUPS(v, at(saved, i))
			}
			if eight {
				VMAXPS(top, v, top) // a NaN leaves top as it is
			}
			p.exponent(v)
		}
		if low != nil {
			for _, v := range u {
				p.clampLow(low, v)
			}
		}
		for i, y := range p.exp(u...) {
			if of.keep {
				VMOVUPS(y, at(dst, i))
			}
			VADDPS(y, accs[0][from+i], accs[0][from+i])
			VFMADD231PS(u[i], y, accs[1][from+i])
			if of.squares {
				VFMADD231PS(y, y, accs[2][from+i])
			}
		}
	}
	ADDQ(U32(m.turn()*e.bytes), x)
	if of.keep {
		ADDQ(U32(m.turn()*e.bytes), dst)
		ADDQ(U32(m.turn()*e.bytes), saved)
	}
	SUBQ(U8(m.turn()), left)
	JNZ(LabelRef("turn"))
	for _, acc := range accs {
		for step := m.accs / 2; step > 0; step /= 2 {
			for i := range step {
				VADDPS(acc[i+step], acc[i], acc[i])
			}
		}
	}
	if eight {
		limit, any := m.broadcast(Mem{Base: k, Disp: limitAt}), GP32()
		VCMPPS(U8(0x1e), limit, top, limit)
		VMOVMSKPS(limit, any)
		TESTL(any, any)
	} else {
		Comment("The bits of -Inf and of a NaN are above those of any sum.")
		large, unordered := K(), K()
		VPCMPUD(U8(6), global("crowd"), accs[0][0], large)
		VCMPPS(U8(3), accs[1][0], accs[1][0], unordered)
		KORTESTW(large, unordered)
	}
	JNZ(LabelRef("stop"))
	for s, acc := range accs {
		half, wide, at := m.high(acc[0]), m.vec(), Mem{Base: k, Disp: sums[s]}
		VADDPS(m.low(acc[0]), half, half)
		VCVTPS2PD(half, wide)
		VADDPD(at, wide, wide)
		VMOVUPD(wide, at)
	}
	JMP(LabelRef("block"))

	Label("stop")
	if of.keep {
		Comment("dst may be x, and the logits of this block are still wanted.")
		v := m.vec()
		Label("back")
		for i := m.accs - 1; i >= 0; i-- {
			at := -(m.accs - i) * m.bytes
			VMOVUPS(Mem{Base: saved, Disp: at}, v)
			VMOVUPS(v, Mem{Base: dst, Disp: at})
		}
		SUBQ(U32(m.accs*m.bytes), dst)
		SUBQ(U32(m.accs*m.bytes), saved)
		start := GP64()
		LEAQ(Mem{Base: k, Disp: savedAt}, start)
		CMPQ(saved, start)
		JNE(LabelRef("back"))
	}
	MOVQ(U32(m.block), left)
	DECQ(done)
	NEGQ(left)
	ANDQ(left, done) // the start of this block
	Label("end")
	Store(done, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// largest finds what the next reference is, in the block that a forward kernel stopped at.
func (m machine) largest(e element) {
	name := "largest" + m.set + e.name
	TEXT(name, NOSPLIT, fmt.Sprintf("func(x %s, n int, top *float32)", e.pointer))
	Pragma("noescape")
	Doc(name + " raises the first lanes of top, a power of two of them, to the largest of n logits, a multiple of 64, that are numbers.")
	x := Load(Param("x"), GP64())
	n := Load(Param("n"), GP64())
	top := Load(Param("top"), GP64())
	accs := m.vecs(m.accs)
	for _, acc := range accs {
		VMOVUPS(Mem{Base: top}, acc)
	}
	Label("turn")
	for i, acc := range accs {
		VMAXPS(acc, m.load(e, Mem{Base: x, Disp: i * m.lanes() * e.bytes}), acc) // a NaN leaves acc as it is
	}
	ADDQ(U32(m.turn()*e.bytes), x)
	SUBQ(U8(m.turn()), n)
	JNZ(LabelRef("turn"))
	for _, acc := range accs[1:] {
		VMAXPS(acc, accs[0], accs[0])
	}
	VMOVUPS(accs[0], Mem{Base: top})
	VZEROUPPER()
	RET()
}

// backward comes as it is, past the caches (Stream), and for a row that has just been
// read by a forward pass (Own), whose powers are known to be at most 1 and to sum to 1.
func (m machine) backward(e element, how string) {
	name := "backward" + m.set + e.name + how
	own := how == "Own"
	TEXT(name, NOSPLIT, fmt.Sprintf("func(dst, x %s, n int, k *float32)", e.pointer))
	Pragma("noescape")
	if own {
		Doc(name + " is backwardGo without total for n logits, a multiple of 64, none of them above the row's lse.")
	} else {
		Doc(name + " is backwardGo for n logits, a multiple of 64.")
	}
	dst := Load(Param("dst"), GP64())
	x := Load(Param("x"), GP64())
	n := Load(Param("n"), GP64())
	k := Load(Param("k"), GP64())
	a, b := m.broadcast(Mem{Base: k, Disp: constantAt}), m.broadcast(Mem{Base: k, Disp: slopeAt})
	spare := 3
	if own {
		spare = 5
	}
	p := m.power(k, Mem{Base: k, Disp: backwardAt}, spare)
	low := m.keep(global(m.name("low")))
	var high Op
	var sums []VecVirtual
	if !own {
		high = m.keep(global("highest"))
		sums = []VecVirtual{m.zero(), m.zero()}
	}

	Label("turn")
	prefetch(m.hint, x, m.turn()*e.bytes)
	for from := 0; from < m.accs; from += m.together {
		d := m.vecs(m.together)
		at := func(x Register, i int) Mem { return Mem{Base: x, Disp: (from + i) * m.lanes() * e.bytes} }
		for i := range d {
			d[i] = m.load(e, at(x, i))
			p.exponent(d[i])
		}
		for _, v := range d {
			p.clampLow(low, v)
			if !own {
				m.clampHigh(high, v)
			}
		}
		for i, y := range p.exp(d...) {
			if !own {
				VADDPS(y, sums[i%2], sums[i%2])
			}
			VFMADD213PS(a, b, d[i])
			VMULPS(y, d[i], d[i])
			m.store(e, d[i], at(dst, i), how == "Stream")
		}
	}
	ADDQ(U32(m.turn()*e.bytes), x)
	ADDQ(U32(m.turn()*e.bytes), dst)
	SUBQ(U8(m.turn()), n)
	JNZ(LabelRef("turn"))
	if !own {
		VADDPS(sums[1], sums[0], sums[0])
		VMOVUPS(sums[0], Mem{Base: k, Disp: totalAt})
	}
	if how == "Stream" {
		SFENCE()
	}
	VZEROUPPER()
	RET()
}

func (m machine) clampHigh(high Op, d VecVirtual) {
	if mem, ok := high.(Mem); ok {
		c := m.vec()
		VMOVUPS(mem, c)
		VMINPS(d, c, d)
		return
	}
	VMINPS(d, high, d)
}

// read is what the machine's memory gives: a ceiling for benchmarks.
func (m machine) read() {
	TEXT("read"+m.set, NOSPLIT, "func(x *float32, n int) float32")
	Pragma("noescape")
	Doc("read" + m.set + " adds n numbers, a multiple of 64, as fast as memory gives them: a ceiling for benchmarks.")
	x := Load(Param("x"), GP64())
	n := Load(Param("n"), GP64())
	sums := []VecVirtual{m.zero(), m.zero(), m.zero(), m.zero()}
	Label("turn")
	prefetch(m.hint, x, 4*m.bytes)
	for i, s := range sums {
		VADDPS(Mem{Base: x, Disp: i * m.bytes}, s, s)
	}
	ADDQ(U32(4*m.bytes), x)
	SUBQ(U8(4*m.lanes()), n)
	JNZ(LabelRef("turn"))
	for _, s := range sums[1:] {
		VADDPS(s, sums[0], sums[0])
	}
	Store(sums[0].AsX(), ReturnIndex(0))
	VZEROUPPER()
	RET()
}

func (m machine) scale() {
	TEXT("scale"+m.set, NOSPLIT, "func(x *float32, n int, factor float32)")
	Pragma("noescape")
	Doc("scale" + m.set + " is scaleGo for n numbers, a multiple of 64; also a ceiling for benchmarks.")
	x := Load(Param("x"), GP64())
	n := Load(Param("n"), GP64())
	at, err := Param("factor").Resolve()
	if err != nil {
		panic(err)
	}
	factor := m.broadcast(at.Addr)
	v := m.vec()
	Label("turn")
	prefetch(PREFETCHT0, x, 4*m.bytes)
	for i := range 4 {
		VMULPS(Mem{Base: x, Disp: i * m.bytes}, factor, v)
		VMOVUPS(v, Mem{Base: x, Disp: i * m.bytes})
	}
	ADDQ(U32(4*m.bytes), x)
	SUBQ(U8(4*m.lanes()), n)
	JNZ(LabelRef("turn"))
	VZEROUPPER()
	RET()
}
