package grpo

// Pair names two policies whose log-ratio a weight looks at.
type Pair int

// Pairs of policies.
const (
	OldOverRollout    Pair = iota // OldLogProbs - RolloutLogProbs: trainer against sampler, at the same weights
	CurrentOverAnchor             // LogProbs - the ratio's anchor, whatever the ratio's level and bounds
)

var pairNames = names{"old_over_rollout", "current_over_anchor"}

func (p Pair) String() string { return pairNames.text(int(p)) }

// MarshalText writes the name.
func (p Pair) MarshalText() ([]byte, error) { return pairNames.marshal("pair of policies", int(p)) }

// UnmarshalText reads the name.
func (p *Pair) UnmarshalText(b []byte) error {
	return pairNames.unmarshal("pair of policies", b, (*int)(p))
}

// of returns the log-probabilities of the two policies.
func (p Pair) of(r *Response) (over, under []float64) {
	if p == CurrentOverAnchor {
		return r.LogProb, r.Anchor
	}
	return r.Old, r.Rollout
}

func (p Pair) needs() Fields {
	if p == CurrentOverAnchor {
		return 0
	}
	return FieldOld | FieldRollout
}

// formula is the log-ratio in words.
func (p Pair) formula() string {
	if p == CurrentOverAnchor {
		return "lp - anchor"
	}
	return "old - rollout"
}
