package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/reg"
)

// side is what a token's advantage makes of the Bounds.
type side struct {
	a, low, high reg.VecVirtual // the advantage, and what the ratio is held in
	any          reg.Register   // lanes whose advantage is not 0
}

// clipped returns what turns advantages into a side, with Bounds at the argument
// bounds, and what turns ratios x and a side into losses y and their derivatives d.
func (k *kernel) clipped() (of func(a reg.VecVirtual) side, clipped func(x reg.VecVirtual, s side) (y, d reg.VecVirtual)) {
	bounds := pointer("bounds")
	low, high, limit := k.broadcast(bounds, 0), k.broadcast(bounds, 1), k.broadcast(bounds, 2)
	zero, none := k.zero(), k.vec()
	VMOVUPD(constant(math.Inf(-1)), none)
	of = func(a reg.VecVirtual) side {
		positive := k.compare(greater, a, zero)
		s := side{a, k.vec(), k.vec(), k.compare(other, a, zero)}
		k.pick(positive, high, limit, s.high)
		k.pick(positive, none, low, s.low)
		return s
	}
	return of, func(x reg.VecVirtual, s side) (y, d reg.VecVirtual) {
		y, d = k.vec(), k.vec()
		Comment("The data last, or NaN would be lost.")
		VMINPD(x, s.high, y)
		VMAXPD(y, s.low, y)
		inside := k.compareIn(s.any, equal, y, x)
		Comment("-(y a) - 0 is -y a, with its sign where it is 0.")
		if k.avx512 {
			VFNMSUB213PD_Z(zero, s.a, s.any, y)
		} else {
			VFNMSUB213PD(zero, s.a, y)
			VANDPD(s.any, y, y)
		}
		k.keep(inside, y, d)
		return y, d
	}
}

func clip(tier string) {
	write(tier, "clip", "loss, dloss, ratio, advantage *float64, bounds *float64", "clipTwin", func(k *kernel) (setup, vector, finish func()) {
		loss, dloss, ratio, advantage := pointer("loss"), pointer("dloss"), pointer("ratio"), pointer("advantage")
		of, clipped := k.clipped()
		vector = func() {
			y, d := clipped(k.load(ratio, 8), of(k.load(advantage, 8)))
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
		of, clipped := k.clipped()
		setup, units, held, s, finish := k.held()
		return setup, func() {
			a := k.load(advantage, 8)
			y, d := clipped(k.load(ratio, 8), of(a))
			VMOVUPD(y, k.at(loss, 8))
			VMOVUPD(d, k.at(dloss, 8))
			VADDPD(y, s[0], s[0])
			VADDPD(d, s[1], s[1])
			held(d, k.load(side, 8), a, units(a))
		}, finish
	})
}

// clipGradient is clipLosses and narrow for tokens that have one advantage.
func clipGradient(size int, kl bool) {
	F, name, args := float(size), "clipGradient", ""
	if kl {
		name, args = "clipGradientSum", ", slope"
	}
	write("AVX512", name+F[5:], fmt.Sprintf("dst *%s, sums *float64, counts *uint64, ratio, side%s, advantage, bounds, f *float64, bad *%s", F, args, F), "clipTwin, addTwin, heldTwin and narrowTwin", func(k *kernel) (setup, vector, finish func()) {
		ratio, side := pointer("ratio"), pointer("side")
		of, clipped := k.clipped()
		openSums, units, held, s, closeSums := k.held()
		openBad, narrow, closeBad := k.narrowed(size, kl)
		a := k.broadcast(pointer("advantage"), 0)
		as, us := of(a), units(a)
		return func() { openSums(); openBad() }, func() {
			y, d := clipped(k.load(ratio, 8), as)
			VADDPD(y, s[0], s[0])
			VADDPD(d, s[1], s[1])
			held(d, k.load(side, 8), a, us)
			narrow(d)
		}, func() { closeSums(); closeBad() }
	})
}
