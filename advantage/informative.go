package advantage

import "math"

// Informative is dynamic sampling's test: keep[i] becomes true if the group of
// response i has outcomes that differ by more than tol, max - min > tol. Whole groups
// are kept or not, and a group of one never is.
//
// outcomes are the raw results of the task, before any shaping: a length penalty
// makes every group look varied. tol 0 keeps what is not all equal. Source: DAPO, arXiv
// 2503.14476. OpenRLHF keeps a group by its mean (0 < mean < 1), verl-recipe also
// keeps a group of one, NeMo RL drops single rows of a group.
//
// Errors: *LengthError, *OptionError (tol is negative or not finite), and for an
// outcome that is not finite *ValueError, after which keep is all false.
func Informative(keep []bool, outcomes []float64, groups []int, tol float64) error {
	switch {
	case len(groups) != len(outcomes):
		return &LengthError{"groups", len(groups), len(outcomes)}
	case len(keep) != len(outcomes):
		return &LengthError{"keep", len(keep), len(outcomes)}
	case !(tol >= 0) || math.IsInf(tol, 0):
		return &OptionError{"Informative", "tol", "must be finite and not negative"}
	}
	if err := finite("outcomes", outcomes); err != nil {
		clear(keep)
		return err
	}
	g := pool.Get().(*workspace)
	defer pool.Put(g)
	g.build(groups)
	g.ranges = grow(g.ranges, g.count)
	for p := range g.ranges {
		g.ranges[p] = [2]float64{math.Inf(1), math.Inf(-1)}
	}
	for i, r := range outcomes {
		a := &g.ranges[g.of[i]]
		a[0], a[1] = min(a[0], r), max(a[1], r)
	}
	for i := range keep {
		a := g.ranges[g.of[i]]
		keep[i] = a[1]-a[0] > tol
	}
	return nil
}
