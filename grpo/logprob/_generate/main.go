// Command _generate writes the kernels of package logprob.
package main

import (
	"fmt"

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
			m.backward(e, false)
			m.backward(e, true)
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
	name  string
	bytes int // in a register
	accs  int // accumulators of each sum, and registers in one turn of the loop
	block int // elements between two foldings into float64
}

var (
	avx512 = machine{"AVX512", 64, 4, 512}
	avx2   = machine{"AVX2", 32, 2, 128}
)

func (m machine) lanes() int { return m.bytes / 4 }
func (m machine) turn() int  { return m.accs * m.lanes() } // elements

func (m machine) vec() VecVirtual {
	if m.bytes == 64 {
		return ZMM()
	}
	return YMM()
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
			VPANDD(m.constant("one"), odd, odd)
		} else {
			VPAND(m.constant("one"), odd, odd)
		}
		VPADDD(m.constant("half"), v, v)
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

// Coefficients for |f| <= 1/2, from the highest degree down, minimax for the relative
// error and rounded to float32.
var (
	// 2^f, exactly 1 at 0. The error lies between -1.7e-7 and 1.1e-8; most of it is
	// common to a row, where a softmax cancels it.
	forwardPolynomial = []uint32{0x3aae0467, 0x3c1e8635, 0x3d635b72, 0x3e75fc8a, 0x3f317214, 0x3f800000}
	// 2 * 2^f, exactly 2 at 0, within 5.3e-9.
	backwardPolynomial = []uint32{0x39a608f6, 0x3b2fdbef, 0x3c9d90c6, 0x3de356d8, 0x3ef5fdf3, 0x3fb17219, 0x40000000}
)

var table = map[string]Mem{}

func constants() {
	add := func(name string, bits uint32) {
		table[name] = GLOBL(name, RODATA|NOPTR)
		for i := range 16 {
			DATA(4*i, U32(bits))
		}
	}
	add("magic", 0x4b400000)      // 1.5 * 2^23: adding it rounds to an integer n and leaves n in the low bits
	add("magicTwice", 0x4b40007e) // this one n + 126
	add("one", 1)
	add("half", 0x7fff)
	add("high", 0xffff0000)
	for i, c := range forwardPolynomial {
		add(fmt.Sprintf("f%d", i), c)
	}
	for i, c := range backwardPolynomial {
		add(fmt.Sprintf("b%d", i), c)
	}
}

func (m machine) constant(name string) Mem { return table[name] }

// power holds the constants of 2^(d c).
type power struct {
	machine
	scale, scaleLow, low, magic Op // scaleLow nil: c is one float32
	high                        Op // mask of a float32's upper half
	c                           []Op
	product                     bool
}

// A method is how a kernel makes a power.
type method int

const (
	add   method = iota // n is added to the exponent; a clamped d gives 2^-125
	twice               // with the better polynomial, times 2^(n-1), made of n + 126: exactly 0 at -126/c
)

func (m machine) power(state Register, whole bool, how method) power {
	p := power{machine: m, product: how != add}
	p.scale = m.keep(Mem{Base: state, Disp: scaleAt})
	if whole {
		p.scaleLow = m.keep(Mem{Base: state, Disp: scaleLowAt})
	}
	p.low = m.keep(Mem{Base: state, Disp: lowAt})
	p.magic = m.keep(m.constant([]string{"magic", "magicTwice"}[how]))
	letter, polynomial := "f", forwardPolynomial
	if how == twice {
		letter, polynomial = "b", backwardPolynomial
	}
	for i := range polynomial {
		p.c = append(p.c, m.keep(m.constant(fmt.Sprint(letter, i))))
	}
	return p
}

// exp returns 2^(d c): the integer n next to d c and the fraction f that is left, from
// the exact product; a polynomial; and n brought to the exponent.
func (p power) exp(d VecVirtual) VecVirtual {
	t, f, y := p.vec(), p.vec(), p.vec()
	VMOVAPS(p.magic, t)
	VFMADD231PS(p.scale, d, t)
	VSUBPS(p.magic, t, f)
	VFMSUB231PS(p.scale, d, f)
	if p.scaleLow != nil {
		VFMADD231PS(p.scaleLow, d, f)
	}
	VMOVAPS(p.c[0], y)
	for _, c := range p.c[1:] {
		VFMADD213PS(c, f, y)
	}
	VPSLLD(U8(23), t, t)
	if p.product {
		VMULPS(t, y, y)
	} else {
		VPADDD(t, y, y)
	}
	return y
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

// unclamped is y, or 0 where d is at the lowest; NaN is not (0x16: not less or equal).
func (m machine) unclamped(p power, y, d VecVirtual) VecVirtual {
	z := m.vec()
	if m.bytes == 64 {
		mask := K()
		VCMPPS(U8(0x16), p.low, d, mask)
		VMOVAPS_Z(y, mask, z)
	} else {
		VCMPPS(U8(0x16), p.low, d, z)
		VANDPS(y, z, z)
	}
	return z
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
	name := "forward" + m.name + e.name
	if whole {
		name += "Whole"
	}
	if squares {
		name += "Squares"
	}
	signature, like := "func(x %s, n int, k *float32) (done int)", "forwardGo"
	if keep {
		name += "Keep"
		signature, like = "func(dst, x %s, n int, k *float32) (done int)", "forwardGo, with e kept in dst (0 where d is clamped),"
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
	p := m.power(k, whole, add)
	if e.name == "BF16" {
		p.high = m.keep(m.constant("high"))
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
	for _, acc := range accs {
		for _, v := range acc {
			m.clear(v)
		}
	}
	if keep {
		Comment("Nothing is overwritten before the limit is known to hold.")
		ahead, count := GP64(), GP64()
		MOVQ(x, ahead)
		MOVQ(left, count)
		Label("look")
		for i := range m.accs {
			see(m.load(e, at(ahead, i)))
		}
		ADDQ(U32(m.turn()*e.bytes), ahead)
		SUBQ(U8(m.turn()), count)
		JNZ(LabelRef("look"))
		check()
	}

	Label("turn")
	prefetch(x, m.turn()*e.bytes)
	var odd VecVirtual
	for i := range m.accs {
		var d VecVirtual
		switch {
		case e.name != "BF16":
			d = m.load(e, at(x, i))
		case i%2 == 0: // one register holds two: those at even places, then those at odd ones
			d, odd = m.vec(), m.vec()
			VMOVUPS(at(x, i), odd)
			VPSLLD(U8(16), odd, d)
			if m.bytes == 64 {
				VPANDD(p.high, odd, odd)
			} else {
				VPAND(p.high, odd, odd)
			}
		default:
			d = odd
		}
		if !keep {
			see(d)
		}
		VSUBPS(reference, d, d)
		p.clampLow(d)
		y := p.exp(d)
		if keep {
			VMOVUPS(m.unclamped(p, y, d), at(dst, i))
		}
		VADDPS(y, accs[0][i], accs[0][i])
		VFMADD231PS(d, y, accs[1][i])
		if squares {
			VFMADD231PS(y, y, accs[2][i])
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

func (m machine) backward(e element, stream bool) {
	name := "backward" + m.name + e.name
	if stream {
		name += "Stream"
	}
	TEXT(name, NOSPLIT, fmt.Sprintf("func(dst, x %s, n int, k *float32)", e.pointer))
	Pragma("noescape")
	Doc(name + " is backwardGo for n logits, a multiple of 64.")
	dst := Load(Param("dst"), GP64())
	x := Load(Param("x"), GP64())
	n := Load(Param("n"), GP64())
	k := Load(Param("k"), GP64())
	reference := m.broadcast(Mem{Base: k, Disp: shiftAt})
	a, b := m.broadcast(Mem{Base: k, Disp: constantAt}), m.broadcast(Mem{Base: k, Disp: slopeAt})
	p := m.power(k, true, twice)
	high := m.keep(Mem{Base: k, Disp: highAt})
	sums := []VecVirtual{m.zero(), m.zero()}

	Label("turn")
	prefetch(x, m.turn()*e.bytes)
	for i := range m.accs {
		at := i * m.lanes() * e.bytes
		d := m.load(e, Mem{Base: x, Disp: at})
		VSUBPS(reference, d, d)
		p.clampLow(d)
		if mem, ok := high.(Mem); ok {
			c := m.vec()
			VMOVUPS(mem, c)
			VMINPS(d, c, d)
		} else {
			VMINPS(d, high, d)
		}
		y := p.exp(d)
		VADDPS(y, sums[i%2], sums[i%2])
		VFMADD213PS(a, b, d)
		VMULPS(y, d, d)
		m.store(e, d, Mem{Base: dst, Disp: at}, stream)
	}
	ADDQ(U32(m.turn()*e.bytes), x)
	ADDQ(U32(m.turn()*e.bytes), dst)
	SUBQ(U8(m.turn()), n)
	JNZ(LabelRef("turn"))
	VADDPS(sums[1], sums[0], sums[0])
	VMOVUPS(sums[0], Mem{Base: k, Disp: totalAt})
	if stream {
		SFENCE()
	}
	VZEROUPPER()
	RET()
}

// read is what the machine's memory gives: a ceiling for benchmarks.
func (m machine) read() {
	TEXT("read"+m.name, NOSPLIT, "func(x *float32, n int) float32")
	Pragma("noescape")
	Doc("read" + m.name + " adds n numbers, a multiple of 64, as fast as memory gives them: a ceiling for benchmarks.")
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
	TEXT("scale"+m.name, NOSPLIT, "func(x *float32, n int, factor float32)")
	Pragma("noescape")
	Doc("scale" + m.name + " is scaleGo for n numbers, a multiple of 64; also a ceiling for benchmarks.")
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
