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
					m.forward(e, whole, squares, false)
				}
			}
			for _, kind := range []string{"", "Stream", "Own"} {
				m.backward(e, kind)
			}
		}
		m.forward(elements[0], false, false, true)
		m.forward(elements[0], true, false, true)
		m.read()
		m.scale()
	}
	Generate()
}

// A machine is a set of vector instructions.
type machine struct {
	set      string
	bytes    int // in a register
	accs     int // accumulators of each sum, and registers in one turn of the loop
	together int // registers whose powers are made side by side
	block    int // elements between two foldings into float64
	powers
}

var (
	avx512 = machine{"AVX512", 64, 4, 2, 512, thirtyTwo}
	avx2   = machine{"AVX2", 32, 2, 2, 128, eight}
)

func (m machine) lanes() int { return m.bytes / 4 }
func (m machine) turn() int  { return m.accs * m.lanes() } // elements

func (m machine) vec() VecVirtual {
	if m.bytes == 64 {
		return ZMM()
	}
	return YMM()
}

func (m machine) vecs(n int) (v []VecVirtual) {
	for range n {
		v = append(v, m.vec())
	}
	return v
}

// half is a register of half the width.
func (m machine) half() VecVirtual {
	if m.bytes == 64 {
		return YMM()
	}
	return XMM()
}

func (m machine) low(v VecVirtual) Register {
	if m.bytes == 64 {
		return v.AsY()
	}
	return v.AsX()
}

func (m machine) high(v VecVirtual) VecVirtual {
	h := m.half()
	if m.bytes == 64 {
		VEXTRACTF64X4(U8(1), v, h)
	} else {
		VEXTRACTF128(U8(1), v, h)
	}
	return h
}

func (m machine) zero() VecVirtual {
	v := m.vec()
	m.clear(v)
	return v
}

func (m machine) clear(v VecVirtual) {
	if m.bytes == 64 {
		VPXORD(v, v, v)
	} else {
		VPXOR(v, v, v)
	}
}

func (m machine) broadcast(p Mem) VecVirtual {
	v := m.vec()
	VBROADCASTSS(p, v)
	return v
}

// keep is a constant: in a register where there are thirty-two, else in memory.
func (m machine) keep(p Mem) Op {
	if m.bytes == 32 {
		return p
	}
	v := m.vec()
	VMOVUPS(p, v)
	return v
}

// Places in power, forwardState and backwardState of package logprob, in bytes.
const (
	scaleAt, scaleLowAt, lowAt   = 0, 64, 128
	sumAt, weightedAt, squaresAt = 192, 320, 448
	topAt, referenceAt, limitAt  = 576, 640, 644
	highAt, totalAt              = 192, 256
	shiftAt, constantAt, slopeAt = 320, 324, 328
)

// An element is the type of a logit.
type element struct {
	name, pointer string
	bytes         int
}

var elements = []element{{"F32", "*float32", 4}, {"BF16", "*uint16", 2}, {"F16", "*uint16", 2}}

func (m machine) load(e element, p Mem) VecVirtual {
	v := m.vec()
	switch e.name {
	case "F32":
		VMOVUPS(p, v)
	case "BF16":
		VPMOVZXWD(p, v)
		VPSLLD(U8(16), v, v)
	case "F16":
		VCVTPH2PS(p, v)
	}
	return v
}

// store rounds to nearest even; past the caches where stream is set.
func (m machine) store(e element, v VecVirtual, p Mem, stream bool) {
	switch e.name {
	case "F32":
		if stream {
			VMOVNTPS(v, p)
		} else {
			VMOVUPS(v, p)
		}
		return
	case "BF16":
		odd, h := m.vec(), m.half()
		VPSRLD(U8(16), v, odd)
		if m.bytes == 64 {
			VPANDD(global("one"), odd, odd)
		} else {
			VPAND(global("one"), odd, odd)
		}
		VPADDD(global("half"), v, v)
		VPADDD(odd, v, v)
		VPSRLD(U8(16), v, v)
		if m.bytes == 64 {
			VPMOVDW(v, h)
		} else {
			VEXTRACTI128(U8(1), v, h)
			VPACKUSDW(h, v.AsX(), h)
		}
		m.storeHalf(h, p, stream)
	case "F16":
		h := m.half()
		VCVTPS2PH(U8(0), v, h)
		m.storeHalf(h, p, stream)
	}
}

func (m machine) storeHalf(h VecVirtual, p Mem, stream bool) {
	if stream {
		VMOVNTDQ(h, p)
	} else {
		VMOVUPS(h, p)
	}
}

// powers are constants of 2^(i + k/2^bits + f) = 2^i table[k] (1 + f (c1 + f (c2 + ...))).
type powers struct {
	bits       int
	table      []uint32 // 2^(k/2^bits) to float32, less k at the place where its index is added
	polynomial []uint32 // ..., c2, c1
}

// newPowers takes coefficients for |f| <= 2^-bits/2, minimax for the relative error of
// the power, and rounded to float32. A power is exactly 1 at 0, and exactly 0 at -127.
func newPowers(bits int, polynomial ...uint32) powers {
	p := powers{bits: bits, polynomial: polynomial}
	for k := range uint32(1 << bits) {
		v := math.Float32bits(float32(math.Exp2(float64(k) / float64(int(1)<<bits))))
		p.table = append(p.table, v-k<<(23-bits))
	}
	return p
}

// Errors of the polynomials: 5.4e-8 and 2.6e-8.
var (
	thirtyTwo = newPowers(5, 0x3e75ff55, 0x3f3172c4)
	eight     = newPowers(3, 0x3d635847, 0x3e76061b, 0x3f317218)
)

func globals(name string, values func(i int) uint32) {
	GLOBL(name, RODATA|NOPTR)
	for i := range 16 {
		DATA(4*i, U32(values(i)))
	}
}

func constants() {
	same := func(name string, v uint32) { globals(name, func(int) uint32 { return v }) }
	for _, p := range []powers{thirtyTwo, eight} {
		// 1.5 * 2^(23-bits): adding it rounds to a multiple of 2^-bits, which is then in the low bits.
		same(p.name("magic"), math.Float32bits(float32(math.Ldexp(1.5, 23-p.bits))))
		for i := 0; i < len(p.table); i += 16 {
			globals(p.name(fmt.Sprint("table", i)), func(j int) uint32 { return p.table[(i+j)%len(p.table)] })
		}
		for i, c := range p.polynomial {
			same(p.name(fmt.Sprint("c", len(p.polynomial)-i)), c)
		}
	}
	same("one", 1)
	same("half", 0x7fff)
	same("high", 0xffff0000)
}

func (p powers) name(s string) string { return fmt.Sprint(s, "_", 1<<p.bits) }

func global(name string) Mem { return NewDataAddr(NewStaticSymbol(name), 0) }

// power holds the constants of 2^(d c).
type power struct {
	machine
	scale, scaleLow, low, magic Op // scaleLow nil: c is one float32
	high                        Op // mask of a float32's upper half
	table, c                    []Op
}

func (m machine) power(state Register, whole bool) power {
	p := power{machine: m}
	p.scale = m.keep(Mem{Base: state, Disp: scaleAt})
	if whole {
		p.scaleLow = m.keep(Mem{Base: state, Disp: scaleLowAt})
	}
	p.low = m.keep(Mem{Base: state, Disp: lowAt})
	p.magic = m.keep(global(m.name("magic")))
	for i := 0; i < len(m.powers.table); i += 16 {
		p.table = append(p.table, m.keep(global(m.powers.name(fmt.Sprint("table", i)))))
	}
	for i := range m.polynomial {
		p.c = append(p.c, m.keep(global(m.powers.name(fmt.Sprint("c", len(m.polynomial)-i)))))
	}
	return p
}

// exp returns 2^(d c) of each d: t is the multiple of 2^-bits next to d c, f what is
// left, from the exact product. The first steps are taken for all of them side by side,
// because a processor looks ahead only so far.
func (p power) exp(d ...VecVirtual) (t []VecVirtual) {
	t = p.vecs(len(d))
	f := p.vecs(len(d))
	for j := range d {
		VMOVAPS(p.magic, t[j])
		VFMADD231PS(p.scale, d[j], t[j])
	}
	for j := range d {
		VSUBPS(p.magic, t[j], f[j])
	}
	for j := range d {
		VFMSUB231PS(p.scale, d[j], f[j])
	}
	if p.scaleLow != nil {
		for j := range d {
			VFMADD231PS(p.scaleLow, d[j], f[j])
		}
	}
	for j := range d {
		i, r := p.vec(), p.vec()
		VPSLLD(U8(23-p.bits), t[j], i)
		if p.bytes == 64 {
			VPERMI2PS(p.table[1], p.table[0], t[j])
		} else {
			VPERMPS(p.table[0], t[j], t[j])
		}
		VPADDD(i, t[j], t[j])
		VMOVAPS(p.c[0], r)
		for _, c := range p.c[1:] {
			VFMADD213PS(c, f[j], r)
		}
		VMULPS(t[j], f[j], f[j])
		VFMADD231PS(r, f[j], t[j])
	}
	return t
}

// clampLow keeps NaN: the data is the last operand.
func (p power) clampLow(d VecVirtual) {
	if low, ok := p.low.(Mem); ok {
		c := p.vec()
		VMOVUPS(low, c)
		VMAXPS(d, c, d)
		return
	}
	VMAXPS(d, p.low, d)
}

const ahead = 8 << 10 // bytes that a prefetch runs ahead of the loads

func prefetch(x Register, bytes int) {
	for line := 0; line < bytes; line += 64 {
		PREFETCHT0(Mem{Base: x, Disp: ahead + line})
	}
}

// forward is named by what it does: with c in two parts (whole), with the sum of
// squares, and with the powers kept in dst.
func (m machine) forward(e element, whole, squares, keep bool) {
	name := "forward" + m.set + e.name
	if whole {
		name += "Whole"
	}
	if squares {
		name += "Squares"
	}
	signature, like := "func(x %s, n int, k *float32) (done int)", "forwardGo"
	if keep {
		name += "Keep"
		signature, like = "func(dst, x %s, n int, k *float32) (done int)", "forwardGo, with e kept in dst,"
	}
	TEXT(name, NOSPLIT, fmt.Sprintf(signature, e.pointer))
	Pragma("noescape")
	Doc(name + " is " + like + " for n logits, a multiple of 64.")
	var dst Register
	if keep {
		dst = Load(Param("dst"), GP64())
	}
	x := Load(Param("x"), GP64())
	n := Load(Param("n"), GP64())
	k := Load(Param("k"), GP64())
	done, left := GP64(), GP64()
	XORQ(done, done)
	sums := []int{sumAt, weightedAt}
	if squares {
		sums = append(sums, squaresAt)
	}
	zero := m.zero()
	for _, at := range sums {
		VMOVUPS(zero, Mem{Base: k, Disp: at})
		VMOVUPS(zero, Mem{Base: k, Disp: at + m.bytes})
	}
	reference := m.broadcast(Mem{Base: k, Disp: referenceAt})
	top := m.vec()
	VMOVAPS(reference, top)
	p := m.power(k, whole)
	if e.name == "BF16" {
		p.high = m.keep(global("high"))
	}
	accs := make([][]VecVirtual, len(sums))
	for s := range accs {
		for range m.accs {
			accs[s] = append(accs[s], m.vec())
		}
	}
	// see takes the largest logit; a NaN leaves top as it is.
	see := func(v VecVirtual) { VMAXPS(top, v, top) }
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

	Label("block")
	TESTQ(n, n)
	JLE(LabelRef("end"))
	MOVQ(U32(m.block), left)
	CMPQ(n, left)
	CMOVQLT(n, left)
	SUBQ(left, n)
	ADDQ(left, done)
	if keep {
		Comment("Nothing is overwritten before the limit is known to hold.")
		ahead, count := GP64(), GP64()
		MOVQ(x, ahead)
		MOVQ(left, count)
		tops := accs[0] // not in use yet
		for _, v := range tops {
			VMOVAPS(top, v)
		}
		Label("look")
		for i, v := range tops {
			VMAXPS(v, m.load(e, at(ahead, i)), v) // a NaN leaves v as it is
		}
		ADDQ(U32(m.turn()*e.bytes), ahead)
		SUBQ(U8(m.turn()), count)
		JNZ(LabelRef("look"))
		for _, v := range tops {
			see(v)
		}
		check()
	}

	for _, acc := range accs {
		for _, v := range acc {
			m.clear(v)
		}
	}
	Label("turn")
	prefetch(x, m.turn()*e.bytes)
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
					VPANDD(p.high, odd, odd)
				} else {
					VPAND(p.high, odd, odd)
				}
			}
		}
		for _, v := range d {
			if !keep {
				see(v)
			}
			VSUBPS(reference, v, v)
		}
		for _, v := range d {
			p.clampLow(v)
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
	if !keep {
		check()
	}
	for s, acc := range accs {
		for step := m.accs / 2; step > 0; step /= 2 {
			for i := range step {
				VADDPS(acc[i+step], acc[i], acc[i])
			}
		}
		high := m.high(acc[0])
		for h, part := range []Op{m.low(acc[0]), high} {
			at := Mem{Base: k, Disp: sums[s] + h*m.bytes}
			wide := m.vec()
			VCVTPS2PD(part, wide)
			VADDPD(at, wide, wide)
			VMOVUPD(wide, at)
		}
	}
	JMP(LabelRef("block"))

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
		Doc(name + " is backwardGo without total for n logits, a multiple of 64, none of them above k.high.")
	} else {
		Doc(name + " is backwardGo for n logits, a multiple of 64.")
	}
	dst := Load(Param("dst"), GP64())
	x := Load(Param("x"), GP64())
	n := Load(Param("n"), GP64())
	k := Load(Param("k"), GP64())
	reference := m.broadcast(Mem{Base: k, Disp: shiftAt})
	a, b := m.broadcast(Mem{Base: k, Disp: constantAt}), m.broadcast(Mem{Base: k, Disp: slopeAt})
	p := m.power(k, false)
	var high Op
	var sums []VecVirtual
	if !own {
		high = m.keep(Mem{Base: k, Disp: highAt})
		sums = []VecVirtual{m.zero(), m.zero()}
	}

	Label("turn")
	prefetch(x, m.turn()*e.bytes)
	for from := 0; from < m.accs; from += m.together {
		d := m.vecs(m.together)
		at := func(x Register, i int) Mem { return Mem{Base: x, Disp: (from + i) * m.lanes() * e.bytes} }
		for i := range d {
			d[i] = m.load(e, at(x, i))
			VSUBPS(reference, d[i], d[i])
		}
		for _, v := range d {
			p.clampLow(v)
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
	prefetch(x, 4*m.bytes)
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
	prefetch(x, 4*m.bytes)
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
