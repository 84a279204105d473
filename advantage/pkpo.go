package advantage

import (
	"math"
	"slices"
)

// PKPO has the unbiased gradient of the expected best of K: with g_1..g_n the rewards
// of a group, over the subsets of K that contain response i,
//
//	s_i = 1/C(n,K) sum_{I with i} (max g(I) - b)
//
// and b by Baseline. sum_i s_i grad log pi(y_i) is unbiased for every b offered here.
// The magnitude is that of a sum over the group: an objective that averages over
// responses wants n times as much, which is Scale.
//
// Walder and Karkhanis, Pass@K Policy Optimization, arXiv 2505.15201. Rewards may be
// any numbers; +1 and -1 give twice what 1 and 0 give, but for PKPOPlain.
type PKPO struct {
	K        int          // size of the subsets; default (0): 1
	Baseline PKPOBaseline // default PKPOLeaveOneOutMinusOne
	Scale    float64      // factor; default (0): 1
	Overlong Overlong     // default ZeroAfter
	NaN      NaN          // default NaNError
}

// PKPOBaseline is what is subtracted from the best of each subset.
type PKPOBaseline int

// The values of PKPOBaseline; the first is the default.
const (
	PKPOLeaveOneOutMinusOne PKPOBaseline = iota // the best of the K-1 others of the subset; with K = 1 as PKPOLeaveOneOut
	PKPOLeaveOneOut                             // the mean best of the K-subsets of the other n-1
	PKPOPlain                                   // 0
)

var pkpoBaselineNames = []string{"leave-one-out-minus-one", "leave-one-out", "plain"}

func (b PKPOBaseline) String() string { return name(b, pkpoBaselineNames) }

// MarshalText writes the name that String returns.
func (b PKPOBaseline) MarshalText() ([]byte, error) { return marshal(b, pkpoBaselineNames) }

// UnmarshalText reads what MarshalText wrote.
func (b *PKPOBaseline) UnmarshalText(text []byte) error { return unmarshal(b, text, pkpoBaselineNames) }

// PerToken is false.
func (PKPO) PerToken() bool { return false }

// Estimate writes one advantage a response. It needs Rewards and Groups, and takes
// O(n log n) for a group of n. A group of less than K, or for PKPOLeaveOneOut of less
// than K+1, has advantage 0.
func (o PKPO) Estimate(dst []float64, in *Input) error {
	switch {
	case o.K < 0:
		return &OptionError{"PKPO", "K", "must not be negative"}
	case o.Baseline < 0 || int(o.Baseline) >= len(pkpoBaselineNames):
		return &OptionError{"PKPO", "Baseline", "unknown value"}
	case !(o.Scale >= 0) || math.IsInf(o.Scale, 0):
		return &OptionError{"PKPO", "Scale", "must be finite and not negative"}
	}
	if err := first(validPolicies("PKPO", o.Overlong, o.NaN), in.responses("PKPO", dst, true)); err != nil {
		return err
	}
	g := pool.Get().(*workspace)
	defer pool.Put(g)
	if err := g.gather(in, true, true, o.NaN, o.Overlong); err != nil {
		return written(dst, err)
	}
	clear(dst)
	for p := range g.count {
		o.group(dst, g, p)
	}
	for i := range dst {
		if in.silent(i) {
			dst[i] = 0
		}
	}
	return written(dst, nil)
}

// group writes the advantages of group p.
func (o *PKPO) group(dst []float64, g *workspace, p int) {
	values, sorted := g.group(p)
	copy(sorted, values)
	slices.Sort(sorted)
	n, k := len(sorted), max(o.K, 1)
	baseline := o.Baseline
	if k == 1 && baseline == PKPOLeaveOneOutMinusOne {
		baseline = PKPOLeaveOneOut
	}
	if n < k || n == k && baseline == PKPOLeaveOneOut {
		return
	}
	scale := float64(k) / float64(n)
	if o.Scale != 0 {
		scale *= o.Scale
	}
	low := sorted[0] // differences from it are exact under a common offset
	// Number the other n-1 responses in ascending order. Of their subsets of K-1, a
	// share with[q] has number q as its best; without[q] is the same for subsets of K.
	scratch := grow(g.scratch, 5*n)
	g.scratch = scratch
	with, without := scratch[:n-1], scratch[n:2*n-1]
	bestOf(with, k-1)
	bestOf(without, k)
	// From position p up, number q is sorted[q+1]: sums of share * reward over q >= p.
	withTail, withoutTail := scratch[2*n:3*n], scratch[3*n:4*n]
	withTail[n-1], withoutTail[n-1] = 0, 0
	for q := n - 2; q >= 0; q-- {
		x := sorted[q+1] - low
		withTail[q] = withTail[q+1] + float64(with[q]*x)
		withoutTail[q] = withoutTail[q+1] + float64(without[q]*x)
	}
	result := scratch[4*n:]
	share, withHead, withoutHead := 0.0, 0.0, 0.0 // sums of share, and of share * reward, over q < p
	for p, x := range sorted {
		own := x - low
		best := float64(share*own) + withTail[p] // mean best of a subset with p in it
		if k == 1 {
			best = own
		}
		switch baseline { // of equal rewards the first one's result is taken
		case PKPOLeaveOneOutMinusOne:
			result[p] = scale * (float64(share*own) - withHead)
		case PKPOLeaveOneOut:
			result[p] = scale * (best - (withoutHead + withoutTail[p]))
		case PKPOPlain:
			result[p] = scale * (best + low)
		}
		if p < n-1 {
			share += with[p]
			withHead += float64(with[p] * own)
			withoutHead += float64(without[p] * own)
		}
	}
	for k, v := range values {
		at, _ := slices.BinarySearch(sorted, v)
		dst[g.member[g.start[p]+k]] = result[at]
	}
}

// bestOf sets share[q] = C(q, size-1)/C(n, size), n = len(share): of the subsets of
// that size of 0..n-1, the share whose largest element is q.
func bestOf(share []float64, size int) {
	n := len(share)
	clear(share)
	if size == 0 || size > n {
		return
	}
	share[n-1] = float64(size) / float64(n)
	for q := n - 1; q > 0; q-- {
		share[q-1] = share[q] * float64(q-size+1) / float64(q)
	}
}
