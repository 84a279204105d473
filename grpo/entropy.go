package grpo

import (
	"fmt"
	"math"
)

// Entropy is a bonus for keeping the policy's distribution wide:
//
//	-Coefficient * sum_i Share_i sum_t H_t        dL/dH_t = -Coefficient Share_i
//
// H is Batch.Entropies. The zero value is no bonus.
type Entropy struct {
	Coefficient float64     // >= 0 rewards entropy; < 0 punishes it
	Aggregation Aggregation // nil: the objective's
}

func (e *Entropy) on() bool { return e.Coefficient != 0 }

func (e *Entropy) validate() error {
	if !(math.Abs(e.Coefficient) <= maxBound) {
		return &ObjectiveError{"Entropy.Coefficient", fmt.Sprintf("%v: want a finite number", e.Coefficient)}
	}
	if e.Aggregation != nil {
		return validatePart("Entropy.Aggregation", e.Aggregation)
	}
	return nil
}

// String returns the formula, "" for no bonus.
func (e Entropy) String() string {
	if !e.on() {
		return ""
	}
	s := fmt.Sprintf("%v H", e.Coefficient)
	if e.Aggregation != nil {
		s += fmt.Sprintf(" by %v", e.Aggregation)
	}
	return s
}
