// Package simd says which vector instructions the kernels of this module use.
//
// The environment variable GROUPRL_SIMD (generic, avx2 or avx512) lowers the choice
// for a whole process, so that any test can be run on any tier; it never raises it.
// Build tags noasm and purego leave only Generic.
package simd

import "os"

// A Tier is a set of instructions that kernels are written for.
type Tier int

// The tiers, each a superset of the one before.
const (
	Generic Tier = iota // plain Go
	AVX2                // AVX2, FMA and F16C
	AVX512              // AVX-512 F, BW, DQ and VL
)

var names = [...]string{Generic: "generic", AVX2: "avx2", AVX512: "avx512"}

func (t Tier) String() string { return names[t] }

// Best is the highest tier of this machine and build.
var Best = detect()

// Chosen is Best unless the environment lowers it.
var Chosen = lower(Best, os.Getenv("GROUPRL_SIMD"))

// Tiers lists every tier that runs here, the plainest first.
func Tiers() []Tier {
	tiers := []Tier{Generic, AVX2, AVX512}
	return tiers[:Best+1]
}

// lower returns the tier called name, or best where there is none at or below it.
func lower(best Tier, name string) Tier {
	for t := Generic; t < best; t++ {
		if t.String() == name {
			return t
		}
	}
	return best
}
