package dataset

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"iter"
	"slices"

	"github.com/grouprl/grouprl/rollout"
)

// Mix is a training set drawn from several sources.
//
// Which problems of a source are taken, and their order, depend on the seed and on
// the problems' IDs alone: not on the order of rows, and not on what else is in the
// mix.
type Mix struct {
	Seed     uint64
	MinTests int // problems with fewer tests are left out; 0: those without any
	Sources  []Source
}

// Source is a part of a Mix.
type Source struct {
	Name     string // for errors
	Problems iter.Seq2[*rollout.Problem, error]
	Quota    int // how many problems to take; 0: all
}

// A QuotaError says that a source has too few problems.
type QuotaError struct {
	Source     string
	Want, Have int
}

// Error implements error.
func (e *QuotaError) Error() string {
	return fmt.Sprintf("dataset: source %q has %d problems for a quota of %d", e.Source, e.Have, e.Want)
}

// Problems yields the mix in random order. All sources are ranged over before the
// first problem comes out, and the problems (not their tests) are held in memory.
// Errors of sources come first, each in place of its problem, then a *QuotaError
// for each quota that is not met; whoever goes on ranging gets the rest.
func (m Mix) Problems() iter.Seq2[*rollout.Problem, error] {
	return func(yield func(*rollout.Problem, error) bool) {
		var mix []*rollout.Problem
		for _, source := range m.Sources {
			var all []*rollout.Problem
			for p, err := range source.Problems {
				if err == nil {
					all = append(all, p)
				} else if !yield(nil, err) {
					return
				}
			}
			shuffle(all, m.Seed)
			taken := 0
			for _, p := range all {
				if source.Quota > 0 && taken == source.Quota {
					break
				}
				ok, err := hasTests(p, max(1, m.MinTests))
				if err != nil && !yield(nil, err) {
					return
				}
				if ok && err == nil {
					mix = append(mix, p)
					taken++
				}
			}
			if taken < source.Quota && !yield(nil, &QuotaError{source.Name, source.Quota, taken}) {
				return
			}
		}
		shuffle(mix, ^m.Seed)
		for _, p := range mix {
			if !yield(p, nil) {
				return
			}
		}
	}
}

// shuffle orders problems by a hash of the seed and their ID.
func shuffle(problems []*rollout.Problem, seed uint64) {
	key := func(p *rollout.Problem) uint64 {
		h := fnv.New64a()
		h.Write([]byte(p.ID))
		// FNV's last bytes stir too little; the finaliser is SplitMix64's.
		x := h.Sum64() + seed*0x9e3779b97f4a7c15
		x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
		x = (x ^ x>>27) * 0x94d049bb133111eb
		return x ^ x>>31
	}
	slices.SortStableFunc(problems, func(a, b *rollout.Problem) int { return cmp.Compare(key(a), key(b)) })
}

// hasTests reports whether a problem has so many tests, reading no more of them.
func hasTests(p *rollout.Problem, n int) (bool, error) {
	if p.Tests == nil {
		return false, nil
	}
	for _, err := range p.Tests {
		if err != nil {
			return false, err
		}
		if n--; n == 0 {
			return true, nil
		}
	}
	return false, nil
}
