package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// narrowed returns what writes the derivatives d, and with kl those at the argument
// slope, to the argument dst by Factors at f, and notes at bad what is not finite.
func (k *kernel) narrowed(size int, kl bool) (setup func(), narrow func(d operand.Op), finish func()) {
	dst, f, bad := pointer("dst"), pointer("f"), pointer("bad")
	share, c := k.broadcast(f, 0), k.broadcast(f, 1)
	var slope reg.GPVirtual
	if kl {
		slope = pointer("slope")
	}
	var s reg.VecVirtual
	place := func() operand.Mem { return operand.Mem{Base: bad, Disp: size * k.part * k.width()} }
	register := func() reg.VecVirtual { // of as many elements
		if size == 8 {
			return k.vec()
		} else if k.avx512 {
			return YMM()
		}
		return XMM()
	}
	setup = func() { s = register(); VMOVUPS(place(), s) }
	narrow = func(d operand.Op) {
		g := k.vec()
		k.prefetch(dst, size)
		VMULPD(d, share, g)
		if kl {
			VFMADD231PD(k.at(slope, 8), c, g)
		}
		if size == 8 {
			VMOVUPD(g, k.at(dst, 8))
			k.note(g, s)
			return
		}
		y := register()
		if k.avx512 {
			VCVTPD2PS(g, y)
		} else {
			VCVTPD2PSY(g, y)
		}
		VMOVUPS(y, k.at(dst, 4))
		VSUBPS(y, y, y)
		VORPS(y, s, s)
	}
	return setup, narrow, func() { VMOVUPS(s, place()) }
}

func narrow(tier string, size int, kl bool) {
	F, name, args := float(size), "narrow", "dloss *float64"
	if kl {
		name, args = "narrowSum", "dloss, slope *float64"
	}
	write(tier, name+F[5:], fmt.Sprintf("dst *%s, %s, f *float64, bad *%s", F, args, F), "narrowTwin", func(k *kernel) (setup, vector, finish func()) {
		dloss := pointer("dloss")
		setup, narrow, finish := k.narrowed(size, kl)
		return setup, func() { narrow(k.at(dloss, 8)) }, finish
	})
}
