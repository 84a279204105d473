package grpo

import (
	"math"
	"math/bits"
)

// Response is what a rule sees of one response: its counted tokens only, packed,
// in float64. Masked tokens have been taken out, so no rule can read one. Slices
// are the engine's and valid during the call only; a rule writes to none of them.
type Response struct {
	LogProb  []float64 // [n] log pi_theta
	Anchor   []float64 // [n] the ratio's denominator, as Ratio.Anchor says
	Old      []float64 // [n] OldLogProbs, or LogProb where the batch has none
	Rollout  []float64 // [n] RolloutLogProbs; nil where the batch has none
	Ref      []float64 // [n] RefLogProbs; nil where the batch has none
	Entropy  []float64 // [n] Entropies; nil where the batch has none
	LogRatio []float64 // [n] at the objective's level, bounded
	Ratio    []float64 // [n] exp(LogRatio)

	Advantage []float64 // [n] the response's, or one a token
	Reward    float64   // raw; NaN where the batch has none
	Group     int       // prompt; 0 where the batch has none
	Length    int       // counted tokens; more than n where NonFinite dropped some

	key   uint64
	plain bool // the ratio is exp(LogProb - Anchor) of each token
	spare scratchpad
}

// scratchpad is working memory that a built-in rule may use while it runs, [n] each.
type scratchpad struct {
	tmp  []float64    // of any rule
	side [2][]float64 // of BySign: loss and derivative of its other side
	held []float64    // of BySign: what its other side holds
}

// Len returns n, the number of tokens a rule sees.
func (r *Response) Len() int { return len(r.LogProb) }

// Uniform returns a number in [0, 1) for counted token t: a function of seed,
// the batch's Keys and t, so any split of a step draws alike. A rule that calls
// it declares FieldKeys in Needs.
func (r *Response) Uniform(seed uint64, t int) float64 {
	// Two rounds of a 64x64->128 multiply-xor, as in wyhash.
	hi, lo := bits.Mul64(seed^0xa0761d6478bd642f, r.key^0xe7037ed1a0b428db)
	hi, lo = bits.Mul64(hi^lo^0x8ebc6af09c88c6e3, uint64(t)^0x589965cc75374cc3)
	return float64((hi^lo)>>11) * 0x1p-53
}

// Token is a cursor on one counted token, for rules written a token at a time.
// A field that the batch does not have reads as NaN, which ends in a *ValueError;
// a rule with a Needs method gets a *FieldError that names the field instead.
type Token struct {
	r *Response
	i int
}

func (t Token) at(x []float64) float64 {
	if x == nil {
		return math.NaN()
	}
	return x[t.i]
}

// LogProb returns log pi_theta.
func (t Token) LogProb() float64 { return t.r.LogProb[t.i] }

// Anchor returns the log-probability in the ratio's denominator.
func (t Token) Anchor() float64 { return t.r.Anchor[t.i] }

// Old returns OldLogProbs, or LogProb where the batch has none.
func (t Token) Old() float64 { return t.at(t.r.Old) }

// Rollout returns RolloutLogProbs.
func (t Token) Rollout() float64 { return t.at(t.r.Rollout) }

// Ref returns RefLogProbs.
func (t Token) Ref() float64 { return t.at(t.r.Ref) }

// Entropy returns Entropies.
func (t Token) Entropy() float64 { return t.at(t.r.Entropy) }

// Advantage returns the token's advantage.
func (t Token) Advantage() float64 { return t.r.Advantage[t.i] }

// LogRatio returns the log-ratio at the objective's level.
func (t Token) LogRatio() float64 { return t.r.LogRatio[t.i] }

// Ratio returns exp(LogRatio).
func (t Token) Ratio() float64 { return t.r.Ratio[t.i] }

// Reward returns the raw reward of the response.
func (t Token) Reward() float64 { return t.r.Reward }

// Position returns the index among the response's counted tokens.
func (t Token) Position() int { return t.i }

// Response returns the response that the token belongs to.
func (t Token) Response() *Response { return t.r }
