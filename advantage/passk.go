package advantage

import "math"

// PassKArgmax rewards the best of a group by how far it leads, and nothing else:
//
//	A_best = (r_best - r_second) / (std + Epsilon), A = 0 for the others
//
// with std over the group. A tie for the best has no lead, so all are 0. It makes no
// assumption about the rewards: with +1 and -1, a lone right answer leads by 2. Tang
// et al., Optimizing Language Models for Inference Time Objectives, arXiv 2503.19595;
// verl 0.9.1's grpo_passk, which has DDof 1 and Epsilon 1e-6.
type PassKArgmax struct {
	Unscaled bool     // no division
	DDof     int      // 0 (default) or 1
	Epsilon  float64  // default 0
	Overlong Overlong // default ZeroAfter
	NaN      NaN      // default NaNError
}

// PerToken is false.
func (PassKArgmax) PerToken() bool { return false }

// Estimate writes one advantage a response. It needs Rewards and Groups. A group of
// one has advantage 0; verl raises an error.
func (o PassKArgmax) Estimate(dst []float64, in *Input) error {
	const t = "PassKArgmax"
	scale := Whitening{DDof: o.DDof, Epsilon: o.Epsilon}
	if err := first(scale.validate(t), validPolicies(t, o.Overlong, o.NaN), in.responses(t, dst, true)); err != nil {
		return err
	}
	g := pool.Get().(*workspace)
	defer pool.Put(g)
	if err := g.gather(in, true, false, o.NaN, o.Overlong); err != nil {
		return written(dst, err)
	}
	// A line is "A = mean where r == low": the lead of the best.
	g.lines = grow(g.lines, g.count)
	for p := range g.lines {
		values, buffer := g.group(p)
		s := describe(values, buffer, o.DDof, !o.Unscaled)
		second, best := math.Inf(-1), 0
		for _, v := range values {
			if v == s.high {
				best++
			} else {
				second = max(second, v)
			}
		}
		if best != 1 || s.n == 1 {
			g.lines[p] = line{kind: zero}
			continue
		}
		lead := s.high - second
		if !o.Unscaled {
			lead /= divisor(s.std, o.Epsilon, AddToStd)
		}
		g.lines[p] = line{low: s.high, mean: lead}
	}
	for i, r := range in.Rewards {
		l := &g.lines[g.of[i]]
		if l.kind == zero || r != l.low || in.silent(i) {
			dst[i] = 0
		} else {
			dst[i] = l.mean
		}
	}
	return written(dst, nil)
}

// PassK is the advantage of pass@k over all subsets of K responses of a group of n,
// neg of them wrong:
//
//	R   = 1 - C(neg, K)/C(n, K)          share of subsets with a right answer
//	s   = sqrt(R (1 - R))
//	A   = (1 - R)/s                                           of a right answer
//	A   = (1 - R - C(neg-1, K-1)/C(n-1, K-1))/s               of a wrong one
//
// A right answer is a reward above 0: 0 and -1 are both wrong, and sizes are not
// looked at. With K = 1 this is GroupRelative. Groups in which every subset, or none,
// has a right answer have advantage 0, and so have groups of less than K. Chen et al.,
// Pass@k Training, arXiv 2508.10751.
type PassK struct {
	K        int      // size of the subsets; default (0): 1
	Overlong Overlong // default ZeroAfter
	NaN      NaN      // default NaNError
}

// PerToken is false.
func (PassK) PerToken() bool { return false }

// Estimate writes one advantage a response. It needs Rewards and Groups.
func (o PassK) Estimate(dst []float64, in *Input) error {
	if o.K < 0 {
		return &OptionError{"PassK", "K", "must not be negative"}
	}
	if err := first(validPolicies("PassK", o.Overlong, o.NaN), in.responses("PassK", dst, true)); err != nil {
		return err
	}
	g := pool.Get().(*workspace)
	defer pool.Put(g)
	if err := g.gather(in, true, false, o.NaN, o.Overlong); err != nil {
		return written(dst, err)
	}
	// A line is "A = low if wrong, mean if right".
	g.lines = grow(g.lines, g.count)
	for p := range g.lines {
		values, _ := g.group(p)
		wrong := 0
		for _, v := range values {
			if v <= 0 {
				wrong++
			}
		}
		n, k := len(values), max(o.K, 1)
		none := subsets(wrong, n, k) // 1 - R
		if n < k || none == 0 || none == 1 {
			g.lines[p] = line{kind: zero}
			continue
		}
		s := math.Sqrt(none * (1 - none))
		g.lines[p] = line{low: (none - subsets(wrong-1, n-1, k-1)) / s, mean: none / s}
	}
	for i, r := range in.Rewards {
		l := &g.lines[g.of[i]]
		switch {
		case l.kind == zero || in.silent(i):
			dst[i] = 0
		case r > 0:
			dst[i] = l.mean
		default:
			dst[i] = l.low
		}
	}
	return written(dst, nil)
}

// subsets is C(m, k)/C(n, k): the share of k-subsets of n that lie within m of them.
func subsets(m, n, k int) float64 {
	if m < k {
		return 0
	}
	share := 1.0
	for j := range k {
		share *= float64(m-j) / float64(n-j)
	}
	return share
}
