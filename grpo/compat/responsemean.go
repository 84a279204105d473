package compat

import (
	"fmt"

	"github.com/grouprl/grouprl/grpo"
)

func init() { grpo.Register("compat_response_mean", ResponseMean{}) }

// ResponseMean is grpo.ResponseMean with an epsilon beside each length:
//
//	1/(S (len_i + Epsilon))
//
// verl ("seq-mean-token-mean") and OpenRLHF (loss_agg_mode "seq-mean-token-mean",
// gspo) add 1e-8, which weighs a response of n tokens down by 1e-8/n. It matters to
// nobody but those who compare numbers.
type ResponseMean struct {
	Epsilon float64 // >= 0
	All     bool    // S counts fully masked responses too
}

// Share implements grpo.Aggregation.
func (a ResponseMean) Share(c grpo.Counts) float64 {
	s := c.Responses
	if a.All {
		s = c.AllResponses
	}
	return 1 / (float64(s) * (float64(c.Length) + a.Epsilon))
}

// Needs implements grpo.Needer: nothing.
func (ResponseMean) Needs() grpo.Fields { return 0 }

// Validate implements grpo.Validator.
func (a ResponseMean) Validate() error {
	if !(a.Epsilon >= 0 && a.Epsilon <= 1) {
		return fmt.Errorf("epsilon is %v: want a number in [0, 1]", a.Epsilon)
	}
	return nil
}

// String returns the formula.
func (a ResponseMean) String() string {
	return fmt.Sprintf("1/S sum_i 1/(len_i + %v) sum_t", a.Epsilon)
}
