package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/reg"

	"github.com/grouprl/grouprl/internal/vexp/_generate/exp"
)

// Rows of RatioSums.
const (
	logRatioRow = iota
	ratioRow
	squareRow
	minRow
	maxRow
	k2Row
	k3Row
	ratioRows
)

// moments adds a vector of ratios, log-ratios and exp(log-ratio), which it overwrites,
// to the sums but for that of the log-ratio.
func (k *kernel) moments(s []reg.VecVirtual, r, d, e reg.VecVirtual, one reg.VecVirtual) {
	VADDPD(r, s[ratioRow], s[ratioRow])
	VFMADD231PD(r, r, s[squareRow])
	VMINPD(s[minRow], r, s[minRow])
	VMAXPD(s[maxRow], r, s[maxRow])
	VFMADD231PD(d, d, s[k2Row])
	VFMSUB132PD(one, one, e)
	VSUBPD(d, e, e)
	VADDPD(e, s[k3Row], s[k3Row])
}

func ratio(size int) {
	F := float(size)
	groups("ratio"+F[5:], fmt.Sprintf("d, ratio *float64, lp, anchor *%s, sums, table *float64", F), "Ratio", 3, func(k *kernel) (setup func(), group func(size int), finish func()) {
		pd, ratio, lp, anchor, sums := pointer("d"), pointer("ratio"), pointer("lp"), pointer("anchor"), pointer("sums")
		exp := exp.AVX512(table(), 5)
		s := make([]reg.VecVirtual, ratioRows)
		one := k.vec()
		VMOVUPD(constant(1), one)
		return k.open(sums, s), func(n int) {
			d, r := make([]reg.VecVirtual, n), make([]reg.VecVirtual, n)
			k.each(n, func(j int) {
				k.prefetch(lp, size)
				k.prefetch(anchor, size)
				d[j], r[j] = k.difference(lp, anchor, size), k.vec()
				VMOVUPD(d[j], k.at(pd, 8))
				VADDPD(d[j], s[logRatioRow], s[logRatioRow])
				VMOVAPD(d[j], r[j])
			})
			exp(r...)
			k.each(n, func(j int) {
				VMOVUPD(r[j], k.at(ratio, 8))
				e := k.vec()
				VMOVAPD(r[j], e)
				k.moments(s, r[j], d[j], e, one)
			})
		}, k.close(sums, s)
	})
}

func measure(tier string) {
	write(tier, "measure", "sums *float64, ratio, e, d *float64", "measureTwin", func(k *kernel) (setup, vector, finish func()) {
		sums, ratio, pe, pd := pointer("sums"), pointer("ratio"), pointer("e"), pointer("d")
		s := make([]reg.VecVirtual, ratioRows)
		one := k.vec()
		VMOVUPD(constant(1), one)
		return k.open(sums, s), func() {
			k.moments(s, k.load(ratio, 8), k.load(pd, 8), k.load(pe, 8), one)
		}, k.close(sums, s)
	})
}
