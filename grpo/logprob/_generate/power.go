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

// power reads the constants; spare of them get a register even where there are sixteen,
// those that are used most.
func (m machine) power(state Register, whole bool, spare int) power {
	p := power{machine: m}
	keep := func(c Mem) Op {
		if spare--; spare < 0 {
			return m.keep(c)
		}
		v := m.vec()
		VMOVUPS(c, v)
		return v
	}
	p.magic = keep(global(m.name("magic")))
	p.scale = keep(Mem{Base: state, Disp: scaleAt})
	p.low = keep(Mem{Base: state, Disp: lowAt})
	for i := 0; i < len(m.powers.table); i += 16 {
		p.table = append(p.table, keep(global(m.powers.name(fmt.Sprint("table", i)))))
	}
	for i := range m.polynomial {
		p.c = append(p.c, keep(global(m.powers.name(fmt.Sprint("c", len(m.polynomial)-i)))))
	}
	if whole {
		p.scaleLow = keep(Mem{Base: state, Disp: scaleLowAt})
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
