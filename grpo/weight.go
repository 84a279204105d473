package grpo

import (
	"fmt"
	"math"
)

// Reject clears mask [T] at the counted tokens of b whose weights multiply to 0:
// for those who want rejected tokens out of the counts, as verl's rejection
// sampling has it, where a 0 in Objective.Weights leaves the counts alone. Use the
// result as Batch.Mask, before Count; mask may be b.Mask itself. Tokens outside b's
// offsets and tokens that do not count are left as they are.
//
// The weights see the token-level ratio against OldLogProbs. Step-wide weights are
// resolved first (Objective.Resolve).
func Reject[F Float](mask []bool, b *Batch[F], w ...Weight) error {
	o := Objective{Surrogate: Linear{}, Weights: w, Aggregation: Sum{}}
	rd, err := read(&o, b)
	if err != nil {
		return err
	}
	if o.NeedsStep() {
		return &ObjectiveError{"Weights", "a rule waits for a statistic of the whole step: Observe it and Resolve first"}
	}
	if last := b.Offsets[b.Len()]; len(mask) < last {
		return &BatchError{"mask", fmt.Sprintf("length %d, but the batch's tokens end at %d", len(mask), last)}
	}
	var s scratch[F]
	for pass := range 2 { // first for errors, so that nothing is half-written
		for i := range b.Len() {
			n, err := rd.whole(&s, i)
			if err != nil {
				return err
			}
			if n == 0 {
				continue
			}
			if err := s.weigh(w, i); err != nil {
				return err
			}
			if pass == 0 {
				continue
			}
			for t, x := range s.weight {
				if x == 0 {
					mask[s.at(t)] = false
				}
			}
		}
	}
	return nil
}

// weigh fills s.weight with the product of the weights, each finite and >= 0.
func (s *scratch[F]) weigh(weights []Weight, i int) error {
	for t := range s.weight {
		s.weight[t] = 1
	}
	for _, w := range weights {
		w.Weigh(s.weight, &s.r)
	}
	for _, x := range s.weight {
		if !(x >= 0 && x <= math.MaxFloat64) {
			return s.badToken("Weight", i, s.weight, func(t int) bool { return !(s.weight[t] >= 0) || !finite(s.weight[t]) })
		}
	}
	return nil
}
