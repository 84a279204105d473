package advantage

import "math"

// SignWeighted multiplies positive advantages by Positive and negative ones by
// Negative:
//
//	A_i = Positive a_i where a_i > 0, Negative a_i where a_i < 0
//
// Zhu et al., The Surprising Effectiveness of Negative Reinforcement, arXiv
// 2506.01347, over rewards of +1 and -1 (Of: RawReward).
type SignWeighted struct {
	Of                 GroupRelative
	Positive, Negative float64 // not negative
}

// PSR reinforces right answers only.
func PSR() SignWeighted { return SignWeighted{Of: RawReward(), Positive: 1} }

// NSR punishes wrong answers only.
func NSR() SignWeighted { return SignWeighted{Of: RawReward(), Negative: 1} }

// WeightedReinforce is W-REINFORCE: right answers at a tenth.
func WeightedReinforce() SignWeighted {
	return SignWeighted{Of: RawReward(), Positive: 0.1, Negative: 1}
}

// PerToken is false.
func (SignWeighted) PerToken() bool { return false }

// Estimate writes one advantage a response. It needs what Of needs.
func (o SignWeighted) Estimate(dst []float64, in *Input) error {
	for _, w := range []struct {
		field string
		value float64
	}{{"Positive", o.Positive}, {"Negative", o.Negative}} {
		if !(w.value >= 0) || math.IsInf(w.value, 0) {
			return &OptionError{"SignWeighted", w.field, "must be finite and not negative"}
		}
	}
	if err := o.Of.Estimate(dst, in); err != nil {
		return err
	}
	for i, a := range dst {
		if a > 0 {
			dst[i] = o.Positive * a
		} else if a < 0 {
			dst[i] = o.Negative*a + 0 // 0 and not -0
		}
	}
	return written(dst, nil)
}
