package grpo

import (
	"fmt"
	"math"
)

func init() {
	Register("token_mean", TokenMean{})
	Register("response_mean", ResponseMean{})
	Register("response_sum", ResponseSum{})
	Register("constant_length", ConstantLength{})
	Register("sum", Sum{})
	Register("prompt_mean", PromptMean{})
	Register("episode_mean", EpisodeMean{})
	Register("scaled", Scaled{})
}

// An Aggregation turns token losses into the step's loss:
//
//	L = sum_i Share_i sum_t l_t
//
// Share is a function of integer counts over the whole optimiser step, so
// micro-batches, workers and ranks add up to the same step however it is cut. A
// rule that reads a prompt's or an episode's counts declares FieldGroups or
// FieldEpisodes in Needs.
type Aggregation interface {
	Share(c Counts) float64
}

// Counts are the integers that a response's share is made of. "Counted" means
// not masked; a response, prompt or episode counts if one of its tokens does.
type Counts struct {
	Tokens       int64 // counted tokens of the step
	Responses    int64 // counted responses of the step
	AllResponses int64 // all responses of the step, fully masked ones included
	Prompts      int64 // counted prompts of the step
	Episodes     int64 // counted episodes of the step

	Length          int64 // counted tokens of this response
	PromptTokens    int64 // counted tokens of this response's prompt
	PromptResponses int64 // counted responses of this response's prompt
	EpisodeTokens   int64 // counted tokens of this response's episode
}

func (c Counts) responses(all bool) float64 {
	if all {
		return float64(c.AllResponses)
	}
	return float64(c.Responses)
}

// TokenMean is the mean over the step's counted tokens: 1/T. Every token weighs
// the same. DAPO as frameworks compute it (verl "token-mean", TRL "dapo",
// OpenRLHF token_level_loss, NeMo-RL TOKEN_LEVEL).
type TokenMean struct{}

// Share implements Aggregation.
func (TokenMean) Share(c Counts) float64 { return 1 / float64(c.Tokens) }

// Needs implements Needer: nothing.
func (TokenMean) Needs() Fields { return 0 }

// String returns the formula.
func (TokenMean) String() string { return "1/T sum_t" }

// ResponseMean is the mean over responses of their token means: 1/(S len_i). Every
// response weighs the same. GRPO's paper; verl "seq-mean-token-mean".
type ResponseMean struct {
	All bool // S counts fully masked responses too, as TRL does; else as verl and OpenRLHF do
}

// Share implements Aggregation.
func (a ResponseMean) Share(c Counts) float64 { return 1 / (c.responses(a.All) * float64(c.Length)) }

// Needs implements Needer: nothing.
func (ResponseMean) Needs() Fields { return 0 }

// String returns the formula.
func (ResponseMean) String() string { return "1/S sum_i 1/len_i sum_t" }

// ResponseSum is the mean over responses of their token sums: 1/S. verl
// "seq-mean-token-sum"; with a sequence-level ratio it is LUSPO.
type ResponseSum struct {
	All bool // as in ResponseMean
}

// Share implements Aggregation.
func (a ResponseSum) Share(c Counts) float64 { return 1 / c.responses(a.All) }

// Needs implements Needer: nothing.
func (ResponseSum) Needs() Fields { return 0 }

// String returns the formula.
func (ResponseSum) String() string { return "1/S sum_i sum_t" }

// ConstantLength divides by the responses and a constant length: 1/(S Length).
// Dr.GRPO; verl "seq-mean-token-sum-norm", TRL "dr_grpo". Length is a constant of
// the run, never the width of a batch.
type ConstantLength struct {
	Length float64 // tokens; > 0, required
	All    bool    // as in ResponseMean
}

// Share implements Aggregation.
func (a ConstantLength) Share(c Counts) float64 { return 1 / (c.responses(a.All) * a.Length) }

// Needs implements Needer: nothing.
func (ConstantLength) Needs() Fields { return 0 }

// Validate implements Validator.
func (a ConstantLength) Validate() error {
	if !(a.Length > 0) || a.Length > maxBound {
		return fmt.Errorf("field Length is %v: want a finite number of tokens > 0", a.Length)
	}
	return nil
}

// String returns the formula.
func (a ConstantLength) String() string { return fmt.Sprintf("1/(S %v) sum_i sum_t", a.Length) }

// Sum adds token losses up: 1. verl "token-sum", tinker.
type Sum struct{}

// Share implements Aggregation.
func (Sum) Share(Counts) float64 { return 1 }

// Needs implements Needer: nothing.
func (Sum) Needs() Fields { return 0 }

// String returns the formula.
func (Sum) String() string { return "sum_t" }

// PromptMean is the mean over prompts of the token mean over all the prompt's
// responses: 1/(P T_p). It is the equation of the DAPO paper (arXiv 2503.14476,
// equation 8, an expectation over questions of 1/sum|o_i| sum sum); SkyRL
// "prompt_mean".
type PromptMean struct{}

// Share implements Aggregation.
func (PromptMean) Share(c Counts) float64 {
	return 1 / (float64(c.Prompts) * float64(c.PromptTokens))
}

// Needs implements Needer.
func (PromptMean) Needs() Fields { return FieldGroups }

// String returns the formula.
func (PromptMean) String() string { return "1/P sum_p 1/T_p sum_{i in p} sum_t" }

// EpisodeMean is the mean over episodes of the token mean over all the episode's
// responses, where one rollout of several turns is split over several responses:
// 1/(E T_e). slime's per-rollout denominators.
type EpisodeMean struct{}

// Share implements Aggregation.
func (EpisodeMean) Share(c Counts) float64 {
	return 1 / (float64(c.Episodes) * float64(c.EpisodeTokens))
}

// Needs implements Needer.
func (EpisodeMean) Needs() Fields { return FieldEpisodes }

// String returns the formula.
func (EpisodeMean) String() string { return "1/E sum_e 1/T_e sum_{i in e} sum_t" }

// Scaled multiplies another aggregation: a trainer that divides by something of
// its own, such as accumulation steps, undoes it here. Evaluator.Scale scales the
// gradient and leaves the reported loss alone; Scaled scales both.
type Scaled struct {
	Factor float64 // finite, not 0
	Of     Aggregation
}

// Share implements Aggregation.
func (a Scaled) Share(c Counts) float64 { return a.Factor * a.Of.Share(c) }

// Needs implements Needer.
func (a Scaled) Needs() Fields { return needs(a.Of) }

// Validate implements Validator.
func (a Scaled) Validate() error {
	if a.Factor == 0 || !(math.Abs(a.Factor) <= maxBound) {
		return fmt.Errorf("field Factor is %v: want a finite number other than 0", a.Factor)
	}
	return nil
}

// String returns the formula.
func (a Scaled) String() string { return fmt.Sprintf("%v %v", a.Factor, a.Of) }
