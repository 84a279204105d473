package grpo

import (
	"errors"
	"fmt"
)

func init() { Register("by_sign", BySign{}) }

// BySign uses one surrogate where the advantage is positive and another where it is
// not:
//
//	l = Positive(r, A) where A > 0, else Negative(r, A)
//
// Bounds by sign are BySign{Clip{...}, Clip{...}}; UP, ASPO and DISPO are the other
// published ones. Both sides declare what they read (Needer), neither is a Planner
// or a BySign. Where one side is detached, the level must be one whose derivative
// goes to the own token, and a token held by Ratio.Clamp or Ratio.Cap has
// derivative 0 unless both sides are detached.
type BySign struct {
	Positive, Negative Surrogate
}

// Loss implements Surrogate.
func (b BySign) Loss(loss, dloss []float64, r *Response) {
	switch positive, rest := signs(r.Advantage[:len(loss)]); {
	case !rest:
		b.Positive.Loss(loss, dloss, r)
	case !positive:
		b.Negative.Loss(loss, dloss, r)
	default:
		b.Positive.Loss(loss, dloss, r)
		l, d := r.spare.side[0][:len(loss)], r.spare.side[1][:len(loss)]
		b.Negative.Loss(l, d, r)
		for t, a := range r.Advantage[:len(loss)] {
			if !(a > 0) {
				loss[t], dloss[t] = l[t], d[t]
			}
		}
	}
}

// signs reports whether some advantages are positive, and whether some are not.
func signs(advantages []float64) (positive, rest bool) {
	for _, a := range advantages {
		if a > 0 {
			positive = true
		} else {
			rest = true
		}
	}
	return positive, rest
}

// Held implements Holder: what the side of each token holds.
func (b BySign) Held(held []bool, r *Response) {
	switch positive, rest := signs(r.Advantage[:len(held)]); {
	case !rest:
		heldBy(b.Positive, held, r)
	case !positive:
		heldBy(b.Negative, held, r)
	default:
		heldBy(b.Negative, held, r)
		negative := r.spare.held[:len(held)]
		for t, h := range held {
			negative[t] = 0
			if h {
				negative[t] = 1
			}
		}
		heldBy(b.Positive, held, r)
		for t, a := range r.Advantage[:len(held)] {
			if !(a > 0) {
				held[t] = negative[t] == 1
			}
		}
	}
}

// heldBy marks what a surrogate holds, by its own word or by a derivative of 0.
func heldBy(s Surrogate, held []bool, r *Response) {
	if h, ok := s.(Holder); ok {
		h.Held(held, r)
		return
	}
	l, d := r.spare.side[0][:len(held)], r.spare.side[1][:len(held)]
	s.Loss(l, d, r)
	for t := range held {
		held[t] = d[t] == 0
	}
}

// Detached implements Detacher: if both sides are.
func (b BySign) Detached() bool { return detached(b.Positive) && detached(b.Negative) }

// DefinedAt implements Leveler: where both sides are.
func (b BySign) DefinedAt(l Level) bool {
	for _, side := range [...]Surrogate{b.Positive, b.Negative} {
		if d, ok := side.(Leveler); ok && !d.DefinedAt(l) || l.Shared() && detached(side) {
			return false
		}
	}
	return true
}

func (b BySign) tokenwise() bool { return isTokenwise(b.Positive) && isTokenwise(b.Negative) }

// Needs implements Needer: what the sides need.
func (b BySign) Needs() Fields { return needs(b.Positive) | needs(b.Negative) }

// Validate implements Validator.
func (b BySign) Validate() error {
	for _, side := range [...]Surrogate{b.Positive, b.Negative} {
		if _, ok := side.(Planner); ok {
			return fmt.Errorf("%s waits for a statistic of the whole step, which can't be one of two sides", text(side))
		}
		if _, ok := side.(BySign); ok {
			return errors.New("a BySign in a BySign: one of its sides is never used")
		}
	}
	return nil
}

// Freeze returns the surrogate with what a detached side has under its
// stop-gradient held as at the response at, as package grpotest needs it.
func (b BySign) Freeze(at *Response) Surrogate {
	freeze := func(side Surrogate) Surrogate {
		if detached(side) {
			return frozenSide{side, at}
		}
		return side
	}
	return BySign{freeze(b.Positive), freeze(b.Negative)}
}

// frozenSide is a detached surrogate at another response but for its log pi.
type frozenSide struct {
	Surrogate
	at *Response
}

// Loss implements Surrogate.
func (f frozenSide) Loss(loss, dloss []float64, r *Response) {
	at := *f.at
	at.LogProb = r.LogProb
	f.Surrogate.Loss(loss, dloss, &at)
}

// String returns the formula.
func (b BySign) String() string {
	return fmt.Sprintf("(A > 0 ? %s : %s)", text(b.Positive), text(b.Negative))
}
