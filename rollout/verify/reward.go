package verify

import "github.com/grouprl/grouprl/rollout"

// Reward maps a verdict to a number. The zero value is +1 for Accepted and -1 for
// everything else.
type Reward struct {
	Accepted, Rejected float64 // both 0: +1 and -1
	Fraction           bool    // Rejected + (Accepted - Rejected) * passed tests / tests, and not only all or nothing
}

// Of returns the reward of a verdict on a problem of so many tests.
func (r Reward) Of(v *rollout.Verdict, tests int) float64 {
	if r.Accepted == 0 && r.Rejected == 0 {
		r.Accepted, r.Rejected = 1, -1
	}
	switch {
	case v.Status == rollout.Accepted:
		return r.Accepted
	case r.Fraction && tests > 0:
		return r.Rejected + (r.Accepted-r.Rejected)*float64(v.Passed)/float64(tests)
	}
	return r.Rejected
}
