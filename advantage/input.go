package advantage

import "math"

// Estimator turns a step's rewards into advantages. Estimators are plain values:
// copy one, edit a field, compare it, store it as JSON. One value may be used by
// several goroutines at once; scratch memory is pooled, so a call allocates nothing
// in steady state.
type Estimator interface {
	// Estimate overwrites dst: one number a response, or one a token if PerToken
	// (dst[Offsets[0]:Offsets[S]]; masked tokens there become 0). dst must not overlap
	// a field of in. After a *ValueError all of that is zero; after any other error
	// dst is as it was.
	Estimate(dst []float64, in *Input) error

	// PerToken reports whether dst is [T] and goes to grpo.Batch.TokenAdvantages
	// (true), or [S] and goes to Advantages.
	PerToken() bool
}

// Input is what is known about the responses of a step. An estimator that needs a
// field and finds nil returns a *MissingError. Fields that an estimator does not use
// are not looked at; masked tokens are never read in any field.
type Input struct {
	Rewards   []float64 // [S] one a response
	Groups    []int     // [S] prompt of each response: any ints, groups of any size, in any order
	Truncated []bool    // [S] cut by the window: see Overlong; nil: none
	Lengths   []int     // [S] length of each response in counted tokens
	Baselines []float64 // [S] one a response, from outside: the greedy response's reward, an EMA

	Components [][]float64 // [K][S] the rewards that GDPO keeps apart

	Offsets         []int     // [S+1] response i owns tokens Offsets[i]:Offsets[i+1]
	Mask            []bool    // [T] tokens that count; nil: all
	TokenRewards    []float64 // [T] reward at each token, beside Rewards or instead
	Values          []float64 // [T] a critic's values
	LogProbs        []float64 // [T] of the sampled tokens, by the trainer before the step
	RefLogProbs     []float64 // [T] by the reference model
	TeacherLogProbs []float64 // [T] by a teacher
	SquaredProbs    []float64 // [T] sum over the vocabulary of squared probabilities
	RolloutWeights  []float64 // [T] importance weights against the sampler; nil: all 1
}

// required checks a field that an estimator cannot do without.
func required[E any](estimator, field string, s []E, want int) error {
	if s == nil && want > 0 {
		return &MissingError{estimator, field}
	}
	return optional(field, s, want)
}

// optional checks the length of a field that may be nil.
func optional[E any](field string, s []E, want int) error {
	if s != nil && len(s) != want {
		return &LengthError{field, len(s), want}
	}
	return nil
}

// first returns the first error there is.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// responses checks what every estimator with one number a response relies on.
func (in *Input) responses(estimator string, dst []float64, groups bool) error {
	s := len(in.Rewards)
	err := first(optional("Groups", in.Groups, s), optional("Truncated", in.Truncated, s))
	if groups && err == nil {
		err = required(estimator, "Groups", in.Groups, s)
	}
	if err == nil && len(dst) != s {
		err = &LengthError{"dst", len(dst), s}
	}
	return err
}

// lengths checks Lengths for an estimator that needs it.
func (in *Input) lengths(estimator string) error {
	if err := required(estimator, "Lengths", in.Lengths, len(in.Rewards)); err != nil {
		return err
	}
	for i, n := range in.Lengths {
		if n < 0 {
			return &ValueError{"Lengths", i, -1, float64(n), "a length is never negative"}
		}
	}
	return nil
}

// baselines checks Baselines for an estimator that needs it, for s responses.
func (in *Input) baselines(estimator string, s int) error {
	return first(required(estimator, "Baselines", in.Baselines, s), finite("Baselines", in.Baselines))
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

// overflowed is the reason of a ValueError of Field dst.
const overflowed = "finite input overflowed"

// written returns err after zeroing dst for a *ValueError, and looks itself for
// numbers in dst that overflowed.
func written(dst []float64, err error) error {
	if err == nil {
		err = finite("dst", dst)
	}
	if v, ok := err.(*ValueError); ok {
		if v.Field == "dst" {
			v.Reason = overflowed
		}
		clear(dst)
	}
	return err
}

// validPolicies checks the policies that estimators have in common.
func validPolicies(estimator string, o Overlong, n NaN) error {
	if o < 0 || int(o) >= len(overlongNames) {
		return &OptionError{estimator, "Overlong", "unknown value"}
	}
	if n < 0 || int(n) >= len(nanNames) {
		return &OptionError{estimator, "NaN", "unknown value"}
	}
	return nil
}
