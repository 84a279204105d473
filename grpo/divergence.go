package grpo

import (
	"fmt"
)

func init() { Register("divergence", Divergence{}) }

// Divergence drops tokens or responses where an estimate of the divergence KL(under
// || over) between sampler and trainer is out of bounds: w is 1 or 0.
//
//	x_t = Estimator(d_t),    d = over - under, so that K1 is under - over
//	w_t = 1 where Low <= x <= High, else 0
//
// with x the token's (Reduce Each), or the response's sum, mean or maximum. verl's
// rejection sampling has all of these (token_k2, seq_mean_k3, seq_max_k2, ...) with
// the log-ratio held in +-20; there rejected tokens leave the counts, which is
// Reject here. Its k1 forms compare -log ratio with log(low) and log(high) of the
// ratio, so they act on the inverse ratio: Mismatch with bounds 1/high and 1/low.
type Divergence struct {
	Of        Pair
	Estimator KLEstimator
	Reduce    Reduce
	Low, High float64 // of the estimate; 0: none
	Bound     float64 // the log-ratio is held in +-Bound before exp; 0: none; verl 20
}

// Reduce turns token numbers into one of the response.
type Reduce int

// Reductions.
const (
	Each       Reduce = iota // none: each token has its own
	ReduceMean               // over the response's tokens
	ReduceSum
	ReduceMax
)

var reduceNames = names{"each", "mean", "sum", "max"}

func (r Reduce) String() string { return reduceNames.text(int(r)) }

// MarshalText writes the name.
func (r Reduce) MarshalText() ([]byte, error) { return reduceNames.marshal("reduction", int(r)) }

// UnmarshalText reads the name.
func (r *Reduce) UnmarshalText(b []byte) error {
	return reduceNames.unmarshal("reduction", b, (*int)(r))
}

// Weigh implements Weight.
func (d Divergence) Weigh(w []float64, r *Response) {
	over, under := d.Of.of(r)
	x := 0.0
	for t := range w {
		y := within(over[t]-under[t], d.Bound)
		y, _ = d.Estimator.at(y)
		switch {
		case d.Reduce == Each:
			if !d.keeps(y) {
				w[t] = 0
			}
		case d.Reduce == ReduceMax && t > 0:
			x = max(x, y)
		case d.Reduce == ReduceMax:
			x = y
		default:
			x += y
		}
	}
	if d.Reduce == ReduceMean {
		x /= float64(len(w))
	}
	if d.Reduce != Each && !d.keeps(x) {
		clear(w)
	}
}

func (d Divergence) keeps(x float64) bool {
	return (d.Low == 0 || x >= d.Low) && (d.High == 0 || x <= d.High)
}

// Needs implements Needer.
func (d Divergence) Needs() Fields { return d.Of.needs() }

// Validate implements Validator.
func (d Divergence) Validate() error {
	switch {
	case !pairNames.has(int(d.Of)):
		return fmt.Errorf("%d is not a pair of policies", d.Of)
	case !estimatorNames.has(int(d.Estimator)):
		return fmt.Errorf("%d is not an estimator", d.Estimator)
	case !reduceNames.has(int(d.Reduce)):
		return fmt.Errorf("%d is not a reduction", d.Reduce)
	case d.Low == 0 && d.High == 0:
		return fmt.Errorf("a divergence without a bound")
	case !(d.Low >= -maxBound && d.Low <= maxBound) || !(d.High >= -maxBound && d.High <= maxBound) || d.Low != 0 && d.High != 0 && d.Low > d.High:
		return fmt.Errorf("bounds [%v, %v]: want finite Low <= High, 0 for none", d.Low, d.High)
	}
	return checkExponent(d.Bound)
}

// String returns the formula.
func (d Divergence) String() string {
	x := fmt.Sprintf("%v(%s)", d.Estimator, d.Of.formula())
	if d.Reduce != Each {
		x = fmt.Sprintf("%v %s", d.Reduce, x)
	}
	return fmt.Sprintf("1 if %s in [%v, %v] else 0", x, bound(d.Low, "-inf"), bound(d.High, "inf"))
}
