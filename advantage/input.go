package advantage

import "math"

// Estimator turns a step's rewards into advantages. Estimators are plain values:
// copy one, edit a field, compare it, store it as JSON. One value may be used by
// several goroutines at once; scratch memory is pooled, so a call allocates nothing
// in steady state.
type Estimator interface {
	// Estimate overwrites dst: one number a response, or one a token if PerToken.
	// dst must not overlap a field of in. After a *ValueError dst is all zeros;
	// after any other error it is as it was.
	Estimate(dst []float64, in *Input) error

	// PerToken reports whether dst is [T] and goes to grpo.Batch.TokenAdvantages
	// (true), or [S] and goes to Advantages.
	PerToken() bool
}

// Input is what is known about the responses of a step. Rewards is always needed;
// an estimator that needs another field and finds nil returns a *MissingError.
// Fields that an estimator does not use are not looked at, Truncated excepted.
type Input struct {
	Rewards   []float64 // [S] one a response
	Groups    []int     // [S] prompt of each response: any ints, groups of any size, in any order
	Truncated []bool    // [S] cut by the window: see Overlong; nil: none
	Lengths   []int     // [S] length of each response in tokens
	Baselines []float64 // [S] one a response, from outside: the greedy response's reward, an EMA
}

// responses checks what every estimator with one number a response relies on.
func (in *Input) responses(estimator string, dst []float64, groups bool) error {
	s := len(in.Rewards)
	if groups && in.Groups == nil && s > 0 {
		return &MissingError{estimator, "Groups"}
	}
	if in.Groups != nil && len(in.Groups) != s {
		return &LengthError{"Groups", len(in.Groups), s}
	}
	if in.Truncated != nil && len(in.Truncated) != s {
		return &LengthError{"Truncated", len(in.Truncated), s}
	}
	if len(dst) != s {
		return &LengthError{"dst", len(dst), s}
	}
	return nil
}

// lengths checks Lengths for an estimator that needs it.
func (in *Input) lengths(estimator string) error {
	if in.Lengths == nil && len(in.Rewards) > 0 {
		return &MissingError{estimator, "Lengths"}
	}
	if len(in.Lengths) != len(in.Rewards) {
		return &LengthError{"Lengths", len(in.Lengths), len(in.Rewards)}
	}
	for i, n := range in.Lengths {
		if n < 0 {
			return &ValueError{"Lengths", i, -1, float64(n), "a length is never negative"}
		}
	}
	return nil
}

// baselines checks Baselines for an estimator that needs it.
func (in *Input) baselines(estimator string) error {
	if in.Baselines == nil && len(in.Rewards) > 0 {
		return &MissingError{estimator, "Baselines"}
	}
	if len(in.Baselines) != len(in.Rewards) {
		return &LengthError{"Baselines", len(in.Baselines), len(in.Rewards)}
	}
	return finite("Baselines", in.Baselines)
}

// truncated reports whether response i was cut by the window.
func (in *Input) truncated(i int) bool { return in.Truncated != nil && in.Truncated[i] }

// counts reports whether the reward of response i enters baselines and spreads.
func (in *Input) counts(i int, overlong Overlong) bool {
	return !math.IsNaN(in.Rewards[i]) && !(overlong == Exclude && in.truncated(i))
}

// silent reports whether the advantage of response i is 0 whatever its group: it was
// cut by the window, or has no reward.
func (in *Input) silent(i int) bool { return in.truncated(i) || math.IsNaN(in.Rewards[i]) }

// finite checks numbers that come one a response.
func finite(field string, x []float64) error {
	for i, v := range x {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return &ValueError{field, i, -1, v, "not finite"}
		}
	}
	return nil
}

// written returns err after zeroing dst for a *ValueError, and looks itself for
// numbers in dst that overflowed.
func written(dst []float64, err error) error {
	if err == nil {
		err = finite("dst", dst)
	}
	if v, ok := err.(*ValueError); ok {
		if v.Field == "dst" {
			v.Reason = "finite rewards overflowed"
		}
		clear(dst)
	}
	return err
}
