package grpo

// A Surrogate writes each token's loss and its derivative with respect to that
// token's LogRatio, for one response: loss [n] and dloss [n], overwritten whole.
//
// That one number serves every level: the engine applies the weights and then the
// level's chain rule, so a rule that looks at one token at a time and a rule that
// couples the tokens of a response have the same interface. Rules are used from
// several goroutines and keep no state; built-in ones are comparable structs.
//
// Where the advantage is 0, a rule that is proportional to it writes exactly 0,
// whatever the ratio (Inf times 0 is NaN).
//
// A rule may implement Needer, Leveler, Detacher, Holder, Planner, Validator and
// fmt.Stringer (its formula) beside this.
type Surrogate interface {
	Loss(loss, dloss []float64, r *Response)
}

// A Weight multiplies detached factors >= 0 into w [n]: corrections and masks
// alike, 0 drops a token's surrogate. Weights never change the counts that the
// loss divides by (see Reject for that), nor the KL and entropy terms.
type Weight interface {
	Weigh(w []float64, r *Response)
}

// Fields is a set of optional batch fields.
type Fields uint

// Optional fields that a rule can need.
const (
	FieldOld      Fields = 1 << iota // OldLogProbs; never missing: nil means on-policy
	FieldRollout                     // RolloutLogProbs
	FieldRef                         // RefLogProbs
	FieldEntropy                     // Entropies
	FieldRewards                     // Rewards
	FieldGroups                      // Groups
	FieldEpisodes                    // Episodes
	FieldKeys                        // Keys
)

// A Needer says which optional fields a rule reads. A missing one is then a
// *FieldError by name, a non-finite one a *ValueError by name. A rule without
// this method is given whatever the batch has, and nil for what it lacks.
type Needer interface{ Needs() Fields }

// A Leveler says at which ratio levels a rule makes sense; Validate enforces it.
type Leveler interface{ DefinedAt(l Level) bool }

// A Detacher with Detached() true is a surrogate of the form -sg(w) A log pi: its
// derivative goes to the own token's log-probability, past Clamp, Cap and level.
type Detacher interface{ Detached() bool }

// A Holder marks the tokens whose ratio the rule holds at a bound, for the clip
// fractions of Stats. Without it a token with an advantage other than 0 and a
// derivative of exactly 0 counts as held.
type Holder interface {
	Held(held []bool, r *Response)
}

// A Validator checks a part's own parameters. The reason of its error becomes
// that of an *ObjectiveError.
type Validator interface{ Validate() error }

// SurrogateFunc is a surrogate written a token at a time, for prototypes: it
// returns the loss and its derivative with respect to the token's LogRatio.
type SurrogateFunc func(t Token) (loss, dloss float64)

// Loss implements Surrogate.
func (f SurrogateFunc) Loss(loss, dloss []float64, r *Response) {
	for i := range loss {
		loss[i], dloss[i] = f(Token{r, i})
	}
}

// PolicyGradient is the surrogate
//
//	l_t = -sg(w_t) A_t log pi_t        d l_t / d log pi_t = -w_t A_t
//
// from its weight alone: REINFORCE (w = 1), CISPO, VESPO, TOPR and truncated
// importance sampling are one line each. It is not called where A_t is 0.
type PolicyGradient func(t Token) (weight float64)

// Loss implements Surrogate.
func (f PolicyGradient) Loss(loss, dloss []float64, r *Response) {
	for i, a := range r.Advantage[:len(loss)] {
		w := 0.0
		if a != 0 {
			w = f(Token{r, i})
		}
		loss[i], dloss[i] = detachedLoss(w, a, r.LogProb[i])
	}
}

// Detached implements Detacher.
func (PolicyGradient) Detached() bool { return true }

// DefinedAt implements Leveler: where the derivative goes to the own token.
func (PolicyGradient) DefinedAt(l Level) bool { return !l.Shared() }

// detachedLoss is -sg(w) a lp and its derivative with respect to lp; exactly 0
// where a is 0.
func detachedLoss(w, a, lp float64) (loss, dloss float64) {
	if a == 0 {
		return 0, 0
	}
	return -w * a * lp, -w * a
}

// WeightFunc is a weight written a token at a time, for prototypes.
type WeightFunc func(t Token) float64

// Weigh implements Weight.
func (f WeightFunc) Weigh(w []float64, r *Response) {
	for i := range w {
		w[i] *= f(Token{r, i})
	}
}
