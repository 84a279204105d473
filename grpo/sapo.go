package grpo

import (
	"fmt"

	"github.com/grouprl/grouprl/internal/vexp"
)

func init() { Register("sapo", SAPO{}) }

// SAPO replaces the clip by a smooth gate (Qwen, arXiv 2511.20347):
//
//	l = -(4/tau) sigmoid(tau (r-1)) A,    tau = Positive where A > 0, else Negative
//
//	dl/dLogRatio = -4 g (1-g) r A,        g = sigmoid(tau (r-1))
//
// At r = 1 the derivative is -A, as with any other surrogate; far from 1 it goes to
// 0 as a Gaussian does. A = 0 gives exactly 0. TRL, verl, SkyRL, AReaL and Liger
// compute this with 1.0 and 1.05; verl ignores its aggregation mode and takes the
// mean of response means.
type SAPO struct {
	Positive, Negative float64 // temperatures, > 0 and at most 700
}

// Loss implements Surrogate.
func (s SAPO) Loss(loss, dloss []float64, r *Response) {
	ratio, dloss, e := r.Ratio[:len(loss)], dloss[:len(loss)], r.spare.tmp[:len(loss)]
	advantage := r.Advantage[:len(loss)]
	for t, a := range advantage {
		tau := s.Negative
		if a > 0 {
			tau = s.Positive
		}
		dloss[t] = tau
		e[t] = tau * (1 - ratio[t]) // at most tau
	}
	vexp.Exp(e, e)
	for t, a := range advantage {
		if a == 0 {
			loss[t], dloss[t] = 0, 0
			continue
		}
		gate := 1 / (1 + e[t])
		loss[t], dloss[t] = -4/dloss[t]*gate*a, -4*gate*gate*e[t]*ratio[t]*a
	}
}

// Held implements Holder: nothing is, the gate is smooth.
func (SAPO) Held(held []bool, _ *Response) { clear(held) }

func (SAPO) tokenwise() bool { return true }

// Needs implements Needer: nothing.
func (SAPO) Needs() Fields { return 0 }

// Validate implements Validator.
func (s SAPO) Validate() error {
	if !(s.Positive > 0 && s.Positive <= 700) || !(s.Negative > 0 && s.Negative <= 700) {
		return fmt.Errorf("temperatures %v and %v: want them in (0, 700]", s.Positive, s.Negative)
	}
	return nil
}

// String returns the formula.
func (s SAPO) String() string {
	return fmt.Sprintf("-4/tau sigmoid(tau (r-1)) A, tau = (A > 0 ? %v : %v)", s.Positive, s.Negative)
}

// NewSAPO returns the SAPO objective with the paper's temperatures 1.0 and 1.05 and
// the mean of response means:
//
//	L = 1/S sum_i 1/len_i sum_t -(4/tau) sigmoid(tau (r_t - 1)) A_i
func NewSAPO() Objective {
	return Objective{Surrogate: SAPO{Positive: 1, Negative: 1.05}, Aggregation: ResponseMean{}}
}
