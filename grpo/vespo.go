package grpo

import (
	"fmt"
	"math"
)

func init() { Register("vespo", VESPO{}) }

// VESPO weighs log pi by a gamma-shaped function of the likelihood ratio of the
// whole response (arXiv 2602.10693):
//
//	l = -sg(phi(w)) A lp,      phi(w) = e^lambda w^k e^(-lambda w)
//	dl/dlp = -phi(w) A,        w = exp(LogRatio + correction)
//
// with k and lambda by the sign of the advantage, A >= 0 being positive. phi(1) = 1.
//
// The sampler's correction sits inside phi: sum_t log of the token weights of
// Correction at TokenLevel, or the logarithm of its one weight a response, each
// weight at least 1e-8. The zero Correction is none. TRL (loss_type "vespo") computes
// this; it clamps token log-ratios to +-20 (Ratio.Clamp) and the sum, correction
// included, to [log 1e-8, 20]: without a correction that is Ratio.Cap, with one
// Bound, behind a Ratio.Cap so wide that it only keeps the ratio finite.
type VESPO struct {
	KPositive, LambdaPositive float64 // >= 0
	KNegative, LambdaNegative float64 // >= 0
	Correction                Mismatch
	Bound                     Clamp // of log w with its correction
}

// Loss implements Surrogate.
func (v VESPO) Loss(loss, dloss []float64, r *Response) {
	correction := v.correction(r)
	lp, logRatio, dloss := r.LogProb[:len(loss)], r.LogRatio[:len(loss)], dloss[:len(loss)]
	last, sign, phi := math.NaN(), false, 0.0
	for t, a := range r.Advantage[:len(loss)] {
		if a == 0 {
			loss[t], dloss[t] = 0, 0
			continue
		}
		if x := logRatio[t]; x != last || sign != (a > 0) { // once a response but for token advantages
			last, sign = x, a > 0
			phi = v.phi(x+correction, a)
		}
		loss[t], dloss[t] = -phi*a*lp[t], -phi*a
	}
}

// phi is the weight at log w.
func (v VESPO) phi(logW, advantage float64) float64 {
	logW, _ = v.Bound.apply(logW, advantage)
	k, lambda := v.KNegative, v.LambdaNegative
	if advantage >= 0 {
		k, lambda = v.KPositive, v.LambdaPositive
	}
	return math.Exp(lambda + float64(k*logW) - float64(lambda*math.Exp(logW)))
}

// correction is what the sampler adds to log w.
func (v VESPO) correction(r *Response) float64 {
	if v.Correction == (Mismatch{}) {
		return 0
	}
	if v.Correction.Level != TokenLevel {
		return math.Log(max(v.Correction.weight(v.Correction.response(r)), 1e-8))
	}
	return v.Correction.logs(r.Old, r.Rollout)
}

// Held implements Holder: nothing is, phi is smooth.
func (VESPO) Held(held []bool, _ *Response) { clear(held) }

// Detached implements Detacher.
func (VESPO) Detached() bool { return true }

// DefinedAt implements Leveler: where the derivative goes to the own token.
func (VESPO) DefinedAt(l Level) bool { return !l.Shared() }

// Needs implements Needer: the correction's fields.
func (v VESPO) Needs() Fields {
	if v.Correction == (Mismatch{}) {
		return 0
	}
	return v.Correction.Needs()
}

// Validate implements Validator.
func (v VESPO) Validate() error {
	for _, x := range [...]float64{v.KPositive, v.LambdaPositive, v.KNegative, v.LambdaNegative} {
		if !(x >= 0) || x > 700 {
			return fmt.Errorf("shape %v: want k and lambda in [0, 700]", x)
		}
	}
	if err := v.Correction.Validate(); err != nil {
		return fmt.Errorf("correction: %w", err)
	}
	if err := v.Bound.validate("Bound"); err != nil {
		return err
	}
	return nil
}

// String returns the formula.
func (v VESPO) String() string {
	w := "w = r"
	if v.Correction != (Mismatch{}) {
		w = fmt.Sprintf("w = r prod(%v)", v.Correction)
	}
	return fmt.Sprintf("-sg(e^l w^k e^(-l w)) A lp, %s, (k, l) = (A >= 0 ? (%v, %v) : (%v, %v))",
		w, v.KPositive, v.LambdaPositive, v.KNegative, v.LambdaNegative)
}

// NewVESPO returns the VESPO objective with the paper's shape, TRL's bounds and the
// token mean:
//
//	L = 1/T sum_t -sg(phi(w_i)) A_i lp_t,    w_i = exp(clamp(sum_t clamp(d_t, +-20), log 1e-8, 20))
func NewVESPO() Objective {
	return Objective{
		Ratio: Ratio{
			Level: ProductTokenLevel,
			Clamp: Clamp{Low: -20, High: 20},
			Cap:   Clamp{Low: math.Log(1e-8), High: 20},
		},
		Surrogate:   VESPO{KPositive: 2, LambdaPositive: 3, KNegative: 3, LambdaNegative: 2},
		Aggregation: TokenMean{},
	}
}
