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
			for _, whole := range []bool{false, true} {
				for _, squares := range []bool{false, true} {
					m.forward(e, whole, squares, "")
				}
			}
			if m.bytes == 64 {
				m.forward(e, true, true, "Masked")
			}
			for _, kind := range []string{"", "Stream", "Own"} {
				m.backward(e, kind)
			}
		}
		m.forward(elements[0], false, false, "Keep")
		m.forward(elements[0], true, false, "Keep")
		m.read()
		m.scale()
	}
	Generate()
}

// Places in power, forwardState and backwardState of package logprob, in bytes.
const (
	scaleAt, restAt              = 0, 64
	sumAt, weightedAt, squaresAt = 128, 192, 256
	topAt, limitAt, forwardAt    = 320, 384, 388
	totalAt                      = 128
	backwardAt                   = 192
	constantAt, slopeAt          = 196, 200
)

// What package logprob calls highest, and what the powers of a block add up to in a lane
// at most if none of them is above 2^(log2(e) above).
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

// forward is named by what it does: with the rest of c (whole), with the sum of squares,
// with the powers kept in dst (Keep).
//
// With sixteen lanes, it looks at a block's sums and not at its logits: they tell of one
// that is too large, and of one that is -Inf or NaN, since such a power is a NaN. For
// rows with masked ids there is another (Masked), that lifts low exponents. Keep needs
// to know before it overwrites, and eight lanes have no instruction that makes +Inf of
// large exponents and 0 of low ones: there each logit is looked at, and each exponent
// lifted. The sums are the same bits.
func (m machine) forward(e element, whole, squares bool, kind string) {
	name := "forward" + m.set + e.name
	keep, guarded := kind == "Keep", kind != "" || m.bytes == 32
	signature, doc := "func(x %s, n int, k *float32) (done int)", "forwardGo"
	if kind == "Masked" {
		name += kind
	} else {
		if whole {
			name += "Whole"
		}
		if squares {
			name += "Squares"
		}
		name += kind
	}
	switch {
	case keep:
		signature, doc = "func(dst, x %s, n int, k *float32) (done int)", "forwardGo, with e kept in dst,"
	case !guarded:
		doc = "forwardGo, which also stops before a block with a logit that is no number,"
	}
	TEXT(name, NOSPLIT, fmt.Sprintf(signature, e.pointer))
	Pragma("noescape")
	Doc(name + " is " + doc + " for n logits, a multiple of 64.")
	var dst Register
	if keep {
		dst = Load(Param("dst"), GP64())
	}
	x := Load(Param("x"), GP64())
	n := Load(Param("n"), GP64())
	k := Load(Param("k"), GP64())
	done, left, count := GP64(), GP64(), GP64()
	XORQ(done, done)
	sums := []int{sumAt, weightedAt}
	if squares {
		sums = append(sums, squaresAt)
	}
	zero := m.zero()
	for _, at := range sums {
		VMOVUPS(zero, Mem{Base: k, Disp: at})
	}
	top := m.vec()
	if guarded {
		VMOVUPS(Mem{Base: k, Disp: topAt}, top)
	}
	spare := 3
	if squares {
		spare = 1
	}
	p := m.power(k, Mem{Base: k, Disp: forwardAt}, spare)
	keepable := m.keep
	if squares { // even thirty-two registers are not enough
		keepable = func(c Mem) Op { return c }
	}
	if whole {
		p.rest = keepable(Mem{Base: k, Disp: restAt})
	}
	var low Op
	if guarded {
		low = keepable(global(m.name("low")))
	}
	var upper Op // mask of a float32's upper half
	if e.name == "BF16" {
		upper = keepable(global("high"))
	}
	accs := make([][]VecVirtual, len(sums))
	for s := range accs {
		for range m.accs {
			accs[s] = append(accs[s], m.vec())
		}
	}
	// see takes the largest logit; a NaN leaves top as it is.
	see := func(v Op) { VMAXPS(top, v, top) }
	at := func(x Register, i int) Mem { return Mem{Base: x, Disp: i * m.lanes() * e.bytes} }
	check := func() {
		Comment("A block with a logit above the limit is not counted.")
		limit, any := m.broadcast(Mem{Base: k, Disp: limitAt}), GP32()
		if m.bytes == 64 {
			mask := K()
			VCMPPS(U8(0x1e), limit, top, mask)
			KMOVW(mask, any)
		} else {
			VCMPPS(U8(0x1e), limit, top, limit)
			VMOVMSKPS(limit, any)
		}
		TESTL(any, any)
		JNZ(LabelRef("stop"))
	}
	// look finds the largest of the logits from x on, left of them.
	look := func(x, left Register, tops []VecVirtual) {
		for _, v := range tops {
			VMOVAPS(top, v)
		}
		Label("look")
		for i, v := range tops {
			VMAXPS(v, m.load(e, at(x, i)), v) // a NaN leaves v as it is
		}
		ADDQ(U32(len(tops)*m.lanes()*e.bytes), x)
		SUBQ(U8(len(tops)*m.lanes()), left)
		JNZ(LabelRef("look"))
		for _, v := range tops {
			see(v)
		}
	}

	Label("block")
	TESTQ(n, n)
	JLE(LabelRef("end"))
	MOVQ(U32(m.block), left)
	CMPQ(n, left)
	CMOVQLT(n, left)
	SUBQ(left, n)
	ADDQ(left, done)
	if !guarded {
		MOVQ(left, count)
	}
	if keep {
		Comment("Nothing is overwritten before the limit is known to hold.")
		ahead := GP64()
		MOVQ(x, ahead)
		MOVQ(left, count)
		look(ahead, count, accs[0]) // not in use yet
		check()
	}

	for _, acc := range accs {
		for _, v := range acc {
			m.clear(v)
		}
	}
	Label("turn")
	prefetch(m.hint, x, m.turn()*e.bytes)
	for from := 0; from < m.accs; from += m.together {
		d := m.vecs(m.together)
		for i, v := range d {
			i += from
			switch {
			case e.name != "BF16":
				d[i-from] = m.load(e, at(x, i))
			case i%2 == 0: // one register holds two: those at even places, then those at odd ones
				odd := d[i-from+1]
				VMOVUPS(at(x, i), odd)
				VPSLLD(U8(16), odd, v)
				if m.bytes == 64 {
					VPANDD(upper, odd, odd)
				} else {
					VPAND(upper, odd, odd)
				}
			}
		}
		for _, v := range d {
			if guarded && !keep {
				see(v)
			}
			p.exponent(v)
		}
		if guarded {
			for _, v := range d {
				p.clampLow(low, v)
			}
		}
		for i, y := range p.exp(d...) {
			if keep {
				VMOVUPS(y, at(dst, from+i))
			}
			VADDPS(y, accs[0][from+i], accs[0][from+i])
			VFMADD231PS(d[i], y, accs[1][from+i])
			if squares {
				VFMADD231PS(y, y, accs[2][from+i])
			}
		}
	}
	ADDQ(U32(m.turn()*e.bytes), x)
	if keep {
		ADDQ(U32(m.turn()*e.bytes), dst)
	}
	SUBQ(U8(m.turn()), left)
	JNZ(LabelRef("turn"))
	if guarded && !keep {
		check()
	}
	for _, acc := range accs {
		for step := m.accs / 2; step > 0; step /= 2 {
			for i := range step {
				VADDPS(acc[i+step], acc[i], acc[i])
			}
		}
	}
	// unless jumps where a lane's sum of powers has bits above those of limit, as those of
	// a NaN are, or that of e u is a NaN: of a power that is 0 because u is -Inf.
	unless := func(limit, to string) {
		large, unordered := K(), K()
		VPCMPUD(U8(6), global(limit), accs[0][0], large)
		VCMPPS(U8(3), accs[1][0], accs[1][0], unordered)
		KORTESTW(large, unordered)
		JNZ(LabelRef(to))
	}
	if !guarded {
		unless("crowd", "crowded")
		Label("fold")
	}
	for s, acc := range accs {
		half, wide, at := m.high(acc[0]), m.vec(), Mem{Base: k, Disp: sums[s]}
		VADDPS(m.low(acc[0]), half, half)
		VCVTPS2PD(half, wide)
		VADDPD(at, wide, wide)
		VMOVUPD(wide, at)
	}
	JMP(LabelRef("block"))

	if !guarded {
		Label("crowded")
		Comment("One is too large, or not a number, or many are large.")
		bytes := GP64()
		MOVQ(count, bytes)
		if e.bytes == 2 {
			SHLQ(U8(1), bytes)
		} else {
			SHLQ(U8(2), bytes)
		}
		ahead := GP64()
		MOVQ(x, ahead)
		SUBQ(bytes, ahead)
		VMOVUPS(Mem{Base: k, Disp: topAt}, top)
		look(ahead, count, []VecVirtual{m.vec(), m.vec(), m.vec(), m.vec()})
		check()
		unless("largest", "stop")
		JMP(LabelRef("fold"))
	}
	Label("stop")
	VMOVUPS(top, Mem{Base: k, Disp: topAt})
	MOVQ(U32(m.block), left)
	DECQ(done)
	NEGQ(left)
	ANDQ(left, done) // the start of this block
	Label("end")
	Store(done, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// backward comes as it is, past the caches (Stream), and for a row that has just been
// read by a forward pass (Own), whose powers are known to be at most 1 and to sum to 1.
func (m machine) backward(e element, kind string) {
	name := "backward" + m.set + e.name + kind
	own := kind == "Own"
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
			m.store(e, d[i], at(dst, i), kind == "Stream")
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
	if kind == "Stream" {
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
