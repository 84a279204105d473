//go:build amd64 && gc && !noasm && !purego

package simd

import "golang.org/x/sys/cpu"

// detect asks golang.org/x/sys/cpu, which also checks that the operating system
// saves the registers. It has no flag for F16C, which every processor with AVX2 has
// and GOAMD64=v3 takes for granted beside it.
func detect() Tier {
	x := &cpu.X86
	switch {
	case !x.HasAVX2 || !x.HasFMA:
		return Generic
	case x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL:
		return AVX512
	}
	return AVX2
}
