package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// unit is what counts a token that is held, at each side of the ratio: 1 in the sixteen
// bits of its class.
type unit struct{ high, low reg.VecVirtual }

// held returns the sums of losses s at the argument sums, and what counts the tokens
// that are held at the argument counts. It overwrites side.
func (k *kernel) held() (setup func(), units func(a reg.VecVirtual) unit, held func(slope operand.Op, side, a reg.VecVirtual, u unit), s []reg.VecVirtual, finish func()) {
	sums, counts := pointer("sums"), pointer("counts")
	zero, one, sixteen := k.zero(), k.vec(), k.vec()
	VMOVUPD(constant(math.Float64frombits(1)), one)
	VMOVUPD(constant(math.Float64frombits(16)), sixteen)
	s, c := make([]reg.VecVirtual, 2), make([]reg.VecVirtual, 1)
	openSums, openCounts := k.open(sums, s), k.open(counts, c)
	closeSums, closeCounts := k.close(sums, s), k.close(counts, c)
	setup = func() { openSums(); openCounts() }
	units = func(a reg.VecVirtual) unit {
		u := unit{k.vec(), k.vec()}
		VPSRLQ(operand.U8(59), a, u.high) // the sign, sixteen times
		if k.avx512 {
			VPANDQ(sixteen, u.high, u.high)
		} else {
			VPAND(sixteen, u.high, u.high)
		}
		VPSLLVQ(u.high, one, u.high)
		VPSLLQ(operand.U8(32), u.high, u.low)
		return u
	}
	held = func(slope operand.Op, side, a reg.VecVirtual, u unit) {
		p := k.vec()
		VMULPD(side, a, p)
		still := k.compare(equal, zero, slope)
		still = k.compareIn(still, other, p, zero)
		if k.avx512 {
			VPSRAQ(operand.U8(63), side, side)
			VPTERNLOGQ(operand.U8(0xca), u.high, u.low, side) // side < 0 ? low : high
			VPADDQ(side, c[0], still, c[0])
		} else {
			VBLENDVPD(side, u.low, u.high, side)
			VPAND(still, side, side)
			VPADDQ(side, c[0], c[0])
		}
	}
	return setup, units, held, s, func() { closeSums(); closeCounts() }
}

func losses(tier string) {
	write(tier, "losses", "sums *float64, counts *uint64, loss, dloss, slope, side, advantage *float64", "addTwin and heldTwin", func(k *kernel) (setup, vector, finish func()) {
		loss, dloss := pointer("loss"), pointer("dloss")
		slope, side, advantage := pointer("slope"), pointer("side"), pointer("advantage")
		setup, units, held, s, finish := k.held()
		return setup, func() {
			VADDPD(k.at(loss, 8), s[0], s[0])
			VADDPD(k.at(dloss, 8), s[1], s[1])
			a := k.load(advantage, 8)
			held(k.at(slope, 8), k.load(side, 8), a, units(a))
		}, finish
	})
}
