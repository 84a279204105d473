package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/reg"

	"github.com/grouprl/grouprl/internal/vexp/_generate/exp"
)

func estimate(tier string) {
	write(tier, "estimate", "value, slope, x, table *float64", "vexp.Excess", func(k *kernel) (setup, vector, finish func()) {
		value, slope, x := pointer("value"), pointer("slope"), pointer("x")
		var excess func(x reg.VecVirtual) (v, d reg.VecVirtual)
		if k.avx512 {
			e := exp.AVX512Excess(table(), 0)
			excess = func(x reg.VecVirtual) (v, d reg.VecVirtual) { vs, ds := e(x); return vs[0], ds[0] }
		} else {
			excess = exp.AVX2Excess(table())
		}
		return func() {}, func() {
			v, d := excess(k.load(x, 8))
			VMOVUPD(v, k.at(value, 8))
			VMOVUPD(d, k.at(slope, 8))
		}, func() {}
	})
}

func k3(size int) {
	F := float(size)
	groups("k3"+F[5:], fmt.Sprintf("value, slope *float64, other, lp *%s, sums, table *float64", F), "K3", 3, func(k *kernel) (setup func(), group func(size int), finish func()) {
		value, slope, other, lp, sums := pointer("value"), pointer("slope"), pointer("other"), pointer("lp"), pointer("sums")
		excess := exp.AVX512Excess(table(), 0)
		s := make([]reg.VecVirtual, 2)
		return k.open(sums, s), func(n int) {
			x := make([]reg.VecVirtual, n)
			k.each(n, func(j int) {
				k.prefetch(other, size)
				x[j] = k.difference(other, lp, size)
			})
			v, d := excess(x...)
			k.each(n, func(j int) {
				VMOVUPD(v[j], k.at(value, 8))
				VMOVUPD(d[j], k.at(slope, 8))
				VADDPD(v[j], s[0], s[0])
				VADDPD(d[j], s[1], s[1])
			})
		}, k.close(sums, s)
	})
}
