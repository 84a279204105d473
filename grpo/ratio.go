package grpo

import (
	"fmt"
	"math"
)

// Ratio turns log-probabilities into what the surrogate sees. With d_t = LogProbs
// - Anchor at each counted token and n counted tokens in the response:
//
//	q_t = Clamp(d_t)
//	LogRatio_t = Cap(Level(q)_t)
//	Ratio_t = exp(LogRatio_t)
//
// The zero value is GRPO's ratio: token level against OldLogProbs, no bounds.
type Ratio struct {
	Level  Level
	Anchor Anchor
	Clamp  Clamp // of each token's log-ratio, before Level
	Cap    Clamp // of the log-ratio at its level
}

// Level says over what a ratio is taken, and to which log-probabilities its
// derivative goes. The levels with two words have the value of the sequence and
// the derivative of the token.
type Level int

// Ratio levels.
const (
	TokenLevel         Level = iota // exp(d_t): PPO, GRPO, DAPO
	SequenceLevel                   // exp(mean_u d_u), the geometric mean: GSPO. d LogRatio/d LogProbs_u = 1/n
	SequenceTokenLevel              // value of SequenceLevel, derivative 1 to the own token: GSPO-token
	ProductLevel                    // exp(sum_u d_u), the likelihood ratio of the whole response
	ProductTokenLevel               // value of ProductLevel, derivative 1 to the own token: VESPO
)

var levelNames = names{"token", "sequence", "sequence_token", "product", "product_token"}

func (l Level) String() string { return levelNames.text(int(l)) }

// MarshalText writes the level's name.
func (l Level) MarshalText() ([]byte, error) { return levelNames.marshal("level", int(l)) }

// UnmarshalText reads the level's name.
func (l *Level) UnmarshalText(b []byte) error { return levelNames.unmarshal("level", b, (*int)(l)) }

// Shared reports whether all tokens of a response share one ratio and its
// derivative is spread over them: SequenceLevel and ProductLevel.
func (l Level) Shared() bool { return l == SequenceLevel || l == ProductLevel }

// Anchor is the policy in the ratio's denominator.
type Anchor int

// Anchors.
const (
	Old     Anchor = iota // OldLogProbs; nil: on-policy, every ratio is 1
	Rollout               // RolloutLogProbs: what the sampler reported
	Current               // LogProbs themselves, held constant: every ratio is 1
)

var anchorNames = names{"old", "rollout", "current"}

func (a Anchor) String() string { return anchorNames.text(int(a)) }

// MarshalText writes the anchor's name.
func (a Anchor) MarshalText() ([]byte, error) { return anchorNames.marshal("anchor", int(a)) }

// UnmarshalText reads the anchor's name.
func (a *Anchor) UnmarshalText(b []byte) error { return anchorNames.unmarshal("anchor", b, (*int)(a)) }

// Clamp bounds a log-ratio to [Low, High], in nats: Low < 0 < High. A bound of 0
// is no bound. Where a bound holds, the derivative is 0; on the bound itself it is
// 1.
//
// Pessimistic bounds only the side that would help: q = min(d, High) where the
// advantage is >= 0 and max(d, Low) where it is negative. That is GMPO's clip
// (arXiv 2507.20673), whose bounds are in log space.
type Clamp struct {
	Low, High   float64
	Pessimistic bool
}

func (c Clamp) on() bool { return c.Low != 0 || c.High != 0 }

func (c Clamp) validate(part string) error {
	if !(c.Low <= 0) || !(c.High >= 0) || math.IsInf(c.Low, 0) || math.IsInf(c.High, 0) {
		return &ObjectiveError{part, fmt.Sprintf("bounds [%v, %v]: want finite Low <= 0 <= High, 0 for no bound", c.Low, c.High)}
	}
	if c.Pessimistic && !c.on() {
		return &ObjectiveError{part, "Pessimistic without a bound"}
	}
	return nil
}

// apply returns the bounded log-ratio and whether d was inside.
func (c Clamp) apply(d, advantage float64) (q float64, inside bool) {
	if c.High != 0 && d > c.High && !(c.Pessimistic && advantage < 0) {
		return c.High, false
	}
	if c.Low != 0 && d < c.Low && !(c.Pessimistic && advantage >= 0) {
		return c.Low, false
	}
	return d, true
}

func (c Clamp) formula(x string) string {
	switch {
	case !c.on():
		return x
	case c.Pessimistic:
		return fmt.Sprintf("(A >= 0 ? min(%s, %v) : max(%s, %v))", x, bound(c.High, "inf"), x, bound(c.Low, "-inf"))
	}
	return fmt.Sprintf("clamp(%s, %v, %v)", x, bound(c.Low, "-inf"), bound(c.High, "inf"))
}

func bound(x float64, none string) string {
	if x == 0 {
		return none
	}
	return fmt.Sprint(x)
}

func (r Ratio) validate() error {
	if !levelNames.has(int(r.Level)) {
		return &ObjectiveError{"Ratio.Level", fmt.Sprintf("%d is not a level", r.Level)}
	}
	if !anchorNames.has(int(r.Anchor)) {
		return &ObjectiveError{"Ratio.Anchor", fmt.Sprintf("%d is not an anchor", r.Anchor)}
	}
	if err := r.Clamp.validate("Ratio.Clamp"); err != nil {
		return err
	}
	return r.Cap.validate("Ratio.Cap")
}

// String returns the formula of the ratio, such as "exp(mean(lp - old))".
func (r Ratio) String() string {
	d := "lp - old"
	switch r.Anchor {
	case Rollout:
		d = "lp - rollout"
	case Current:
		d = "lp - sg(lp)"
	}
	d = r.Clamp.formula(d)
	switch r.Level {
	case SequenceLevel:
		d = "mean(" + d + ")"
	case SequenceTokenLevel:
		d = "lp - sg(lp) + sg(mean(" + d + "))"
	case ProductLevel:
		d = "sum(" + d + ")"
	case ProductTokenLevel:
		d = "lp - sg(lp) + sg(sum(" + d + "))"
	}
	return "exp(" + r.Cap.formula(d) + ")"
}
