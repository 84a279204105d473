package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// powers are constants of 2^(i + k/2^bits + f) = 2^i table[k] (1 + f (c1 + f (c2 + ...))).
type powers struct {
	bits       int
	low        float32  // a u below it is lifted to it: its power is 0
	table      []uint32 // 2^(k/2^bits) to float32; where i is added to its bits, less k at that place
	polynomial []uint32 // ..., c2, c1
}

// newPowers takes coefficients for |f| <= 2^-bits/2, minimax for the relative error of
// the power, and rounded to float32. 2^0 is exactly 1, and what is lifted to low is
// exactly 0.
func newPowers(bits int, low float32, added bool, polynomial ...uint32) powers {
	p := powers{bits: bits, low: low, polynomial: polynomial}
	for k := range uint32(1 << bits) {
		v := math.Float32bits(float32(math.Exp2(float64(k) / float64(int(1)<<bits))))
		if added {
			v -= k << (23 - bits)
		}
		p.table = append(p.table, v)
	}
	return p
}

// Errors of the polynomials: 5.4e-8 and 2.6e-8. 2^-200 is 0 in float32, and so is what
// an exponent of -127 comes to.
var (
	thirtyTwo = newPowers(5, -200, false, 0x3e75ff55, 0x3f3172c4)
	eight     = newPowers(3, -127, true, 0x3d635847, 0x3e76061b, 0x3f317218)
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
		same(p.name("low"), math.Float32bits(p.low))
		for i := 0; i < len(p.table); i += 16 {
			globals(p.name(fmt.Sprint("table", i)), func(j int) uint32 { return p.table[(i+j)%len(p.table)] })
		}
		for i, c := range p.polynomial {
			same(p.name(fmt.Sprint("c", len(p.polynomial)-i)), c)
		}
	}
	same("crowd", math.Float32bits(crowd))
	same("highest", math.Float32bits(highest))
	same("one", 1)
	same("half", 0x7fff)
	same("high", 0xffff0000)
}

func (p powers) name(s string) string { return fmt.Sprint(s, "_", 1<<p.bits) }

func global(name string) Mem { return NewDataAddr(NewStaticSymbol(name), 0) }

// power holds the constants of 2^u with u = x scale + shift.
type power struct {
	machine
	scale, shift VecVirtual
	magic        Op
	rest         Op // nil: u is all there is, else 2^(u + u rest)
	table, c     []Op
}

// power reads the constants; spare of them get a register even where there are sixteen,
// those that are used most.
func (m machine) power(state Register, shift Mem, spare int) power {
	p := power{machine: m, scale: m.vec(), shift: m.broadcast(shift)}
	VMOVUPS(Mem{Base: state, Disp: scaleAt}, p.scale)
	keep := func(c Mem) Op {
		if spare--; spare < 0 {
			return m.keep(c)
		}
		v := m.vec()
		VMOVUPS(c, v)
		return v
	}
	p.magic = keep(global(m.name("magic")))
	for i := 0; i < len(m.powers.table); i += 16 {
		p.table = append(p.table, keep(global(m.powers.name(fmt.Sprint("table", i)))))
	}
	for i := range m.polynomial {
		p.c = append(p.c, keep(global(m.powers.name(fmt.Sprint("c", len(m.polynomial)-i)))))
	}
	return p
}

// exponent makes u of a logit x.
func (p power) exponent(x VecVirtual) { VFMADD213PS(p.shift, p.scale, x) }

// exp returns 2^u of each u: t is the multiple of 2^-bits next to it and, in its low
// bits, the index; n is t as a number, f what is left. Where the processor has an
// instruction for 2^n of a float32, which is 0 or +Inf where it must be, that is used;
// else n is added to the exponent. The first steps are taken for all of them side by
// side, because a processor looks ahead only so far.
func (p power) exp(u ...VecVirtual) (t []VecVirtual) {
	t = p.vecs(len(u))
	n := p.vecs(len(u))
	for j := range u {
		VADDPS(p.magic, u[j], t[j])
	}
	for j := range u {
		VSUBPS(p.magic, t[j], n[j])
	}
	for j := range u {
		f, r := n[j], p.vec()
		if p.bytes == 64 {
			f = p.vec()
		}
		VSUBPS(n[j], u[j], f)
		if p.rest != nil {
			VFMADD231PS(p.rest, u[j], f)
		}
		if p.bytes == 64 {
			VPERMI2PS(p.table[1], p.table[0], t[j])
		} else {
			i := p.vec()
			VPSLLD(U8(23-p.bits), t[j], i)
			VPERMPS(p.table[0], t[j], t[j])
			VPADDD(i, t[j], t[j])
		}
		VMOVAPS(p.c[0], r)
		for _, c := range p.c[1:] {
			VFMADD213PS(c, f, r)
		}
		VMULPS(t[j], f, f)
		VFMADD231PS(r, f, t[j])
		if p.bytes == 64 {
			VSCALEFPS(n[j], t[j], t[j])
		}
	}
	return t
}

// clampLow keeps NaN: the data is the last operand.
func (p power) clampLow(low Op, u VecVirtual) {
	if low, ok := low.(Mem); ok {
		c := p.vec()
		VMOVUPS(low, c)
		VMAXPS(u, c, u)
		return
	}
	VMAXPS(u, low, u)
}
