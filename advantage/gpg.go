package advantage

import "math"

// GPG is group policy gradient,
//
//	A_i = alpha (r_i - mean of the group) / Norm, alpha = S / max(1, number of rewards that are not 0)
//
// so that a batch with few rewarded responses keeps its gradient. Chu et al., GPG,
// arXiv 2504.02546; verl 0.9.1's gpg, which counts rewards that are not 0 and not, as
// the paper, groups without spread; it keeps the reward of a singleton. With rewards
// of +1 and -1 alpha is 1: map -1 to 0 first.
type GPG struct {
	Norm      float64   // F_norm; default (0): 1
	Singleton Singleton // default SingletonZero
	Overlong  Overlong  // default ZeroAfter; Exclude also takes it out of S and of the count
	NaN       NaN       // default NaNError; excluded ones are in neither count
}

// PerToken is false.
func (GPG) PerToken() bool { return false }

// Estimate writes one advantage a response. It needs Rewards and Groups.
func (o GPG) Estimate(dst []float64, in *Input) error {
	if !(o.Norm >= 0) || math.IsInf(o.Norm, 0) {
		return &OptionError{"GPG", "Norm", "must be finite and not negative"}
	}
	center := DrGRPO()
	center.Singleton, center.Overlong, center.NaN = o.Singleton, o.Overlong, o.NaN
	if err := center.Estimate(dst, in); err != nil {
		return err
	}
	counted, rewarded := 0, 0
	for i, r := range in.Rewards {
		if in.counts(i, o.Overlong) {
			counted++
			if r != 0 {
				rewarded++
			}
		}
	}
	alpha := float64(counted) / float64(max(1, rewarded))
	if o.Norm != 0 {
		alpha /= o.Norm
	}
	for i := range dst {
		dst[i] *= alpha
	}
	return written(dst, nil)
}
