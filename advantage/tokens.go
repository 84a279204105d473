package advantage

import (
	"iter"
	"math"
)

// layout checks Offsets and what hangs on them.
func (in *Input) layout(estimator string) error {
	if len(in.Offsets) == 0 {
		return &MissingError{estimator, "Offsets"}
	}
	s := in.size()
	for i, at := range in.Offsets {
		if at < 0 || i > 0 && at < in.Offsets[i-1] {
			return &ValueError{"Offsets", max(i-1, 0), -1, float64(at), "offsets are not negative and never decrease"}
		}
	}
	if in.Mask != nil && len(in.Mask) < in.Offsets[s] {
		return &LengthError{"Mask", len(in.Mask), in.Offsets[s]}
	}
	return first(optional("Rewards", in.Rewards, s), optional("Groups", in.Groups, s), optional("Truncated", in.Truncated, s))
}

// tokens checks what every estimator with one number a token relies on.
func (in *Input) tokens(estimator string, dst []float64) error {
	if err := in.layout(estimator); err != nil {
		return err
	}
	if total := in.Offsets[in.size()]; len(dst) < total {
		return &LengthError{"dst", len(dst), total}
	}
	return nil
}

// size is the number of responses of a packed step.
func (in *Input) size() int { return len(in.Offsets) - 1 }

// counted reports whether token t counts.
func (in *Input) counted(t int) bool { return in.Mask == nil || in.Mask[t] }

// perToken checks a field that must be given for every token: its counted tokens
// must be finite.
func (in *Input) perToken(estimator, field string, x []float64) error {
	total := in.Offsets[in.size()]
	if x == nil && total > in.Offsets[0] {
		return &MissingError{estimator, field}
	}
	if len(x) < total {
		return &LengthError{field, len(x), total}
	}
	return in.finiteTokens(field, x)
}

// finiteTokens checks the counted tokens of a field that is long enough.
func (in *Input) finiteTokens(field string, x []float64) error {
	for i := range in.size() {
		for t := in.Offsets[i]; t < in.Offsets[i+1]; t++ {
			if in.counted(t) && (math.IsNaN(x[t]) || math.IsInf(x[t], 0)) {
				return &ValueError{field, i, t, x[t], "not finite"}
			}
		}
	}
	return nil
}

// tokenRewards checks Rewards and TokenRewards, of which one at least is needed.
func (in *Input) tokenRewards(estimator string) error {
	if in.Rewards == nil && in.TokenRewards == nil && in.size() > 0 {
		return &MissingError{estimator, "Rewards"}
	}
	if in.TokenRewards != nil {
		if err := in.perToken(estimator, "TokenRewards", in.TokenRewards); err != nil {
			return err
		}
	}
	return finite("Rewards", in.Rewards)
}

// backward yields the counted tokens of response i, last first, with the reward at
// each: TokenRewards, and at the last counted token also Rewards.
func (in *Input) backward(i int) iter.Seq2[int, float64] {
	return func(yield func(int, float64) bool) {
		reward := 0.0
		if in.Rewards != nil {
			reward = in.Rewards[i]
		}
		for t := in.Offsets[i+1] - 1; t >= in.Offsets[i]; t-- {
			if !in.counted(t) {
				continue
			}
			if in.TokenRewards != nil {
				reward += in.TokenRewards[t]
			}
			if !yield(t, reward) {
				return
			}
			reward = 0
		}
	}
}

// countedTokens is the number of counted tokens of response i.
func (in *Input) countedTokens(i int) int {
	n := 0
	for t := in.Offsets[i]; t < in.Offsets[i+1]; t++ {
		if in.counted(t) {
			n++
		}
	}
	return n
}

// whiten whitens the counted tokens of the step.
func (in *Input) whiten(dst []float64, w *Whitening, overlong Overlong) {
	g := pool.Get().(*workspace)
	defer pool.Put(g)
	g.values = g.values[:0]
	for i := range in.size() {
		if overlong == Exclude && in.truncated(i) {
			continue
		}
		for t := in.Offsets[i]; t < in.Offsets[i+1]; t++ {
			if in.counted(t) {
				g.values = append(g.values, dst[t])
			}
		}
	}
	w.apply(dst[in.Offsets[0]:in.Offsets[in.size()]], g, nil)
}

// mute zeroes the masked tokens of dst and all of the truncated responses.
func (in *Input) mute(dst []float64) {
	for i := range in.size() {
		for t := in.Offsets[i]; t < in.Offsets[i+1]; t++ {
			if !in.counted(t) || in.truncated(i) {
				dst[t] = 0
			}
		}
	}
}

// writtenTokens is written for the part of dst that a packed step owns.
func (in *Input) writtenTokens(dst []float64, err error) error {
	part := dst[in.Offsets[0]:in.Offsets[in.size()]]
	if err == nil {
		if err = in.finiteTokens("dst", dst); err != nil {
			err.(*ValueError).Reason = overflowed
		}
	}
	if _, ok := err.(*ValueError); ok {
		clear(part)
	}
	return err
}
