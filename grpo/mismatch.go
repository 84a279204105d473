package grpo

import (
	"fmt"
	"math"
)

func init() { Register("mismatch", Mismatch{}) }

// Mismatch corrects for a sampler that does not compute what the trainer computes:
// the importance weight of the trainer's old policy over the sampler's,
//
//	x = exp(d_t)             Level TokenLevel
//	x = exp(mean_u d_u)      Level SequenceLevel, the geometric mean
//	x = exp(sum_u d_u)       Level ProductLevel,          d = old - rollout
//
//	w = clamp(x, Low, High)                  Mode Truncate
//	w = x where Low <= x <= High, else 0     Mode Mask
//
// Truncate at TokenLevel is TIS (High 2 in verl and slime, 3 in TRL); at
// ProductLevel sequence TIS. Mask at TokenLevel is IcePop (0.5 and 5 in NeMo-RL and
// OpenRLHF); at ProductLevel MIS, TRL's default with High 3; at SequenceLevel the
// geometric mask. Without bounds it is the plain weight of decoupled PPO.
//
// The product over a long response is large or small for a tiny difference a token:
// at 0.005 nats a token and 300 tokens it is 4.5.
type Mismatch struct {
	Level     Level        // TokenLevel, SequenceLevel or ProductLevel
	Mode      MismatchMode // Truncate or Mask
	Low, High float64      // raw bounds of the weight; 0: none
	Bound     float64      // the log-weight is held in +-Bound before exp; 0: none; verl and SkyRL 20, open-instruct 10
}

// MismatchMode says what a Mismatch does outside its bounds.
type MismatchMode int

// Mismatch modes.
const (
	Truncate MismatchMode = iota // hold the weight at the bound
	Mask                         // weight 0
)

var mismatchModeNames = names{"truncate", "mask"}

func (m MismatchMode) String() string { return mismatchModeNames.text(int(m)) }

// MarshalText writes the name.
func (m MismatchMode) MarshalText() ([]byte, error) {
	return mismatchModeNames.marshal("mismatch mode", int(m))
}

// UnmarshalText reads the name.
func (m *MismatchMode) UnmarshalText(b []byte) error {
	return mismatchModeNames.unmarshal("mismatch mode", b, (*int)(m))
}

// Weigh implements Weight.
func (m Mismatch) Weigh(w []float64, r *Response) {
	if m.Level == TokenLevel {
		for t := range w {
			w[t] *= m.weight(r.Old[t] - r.Rollout[t])
		}
		return
	}
	x := m.weight(m.response(r))
	for t := range w {
		w[t] *= x
	}
}

// response returns the log-weight of a whole response.
func (m Mismatch) response(r *Response) float64 {
	x := sumDifference(r.Old, r.Rollout)
	if m.Level == SequenceLevel {
		x /= float64(r.Len())
	}
	return x
}

// sumDifference returns sum_t a_t - b_t, in the order of sum.
func sumDifference(a, b []float64) float64 {
	var lanes [4]float64
	b = b[:len(a)]
	for t, x := range a {
		lanes[t&3] += x - b[t]
	}
	return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])
}

// weight turns a log-weight into a weight.
func (m Mismatch) weight(d float64) float64 {
	d = within(d, m.Bound)
	x := math.Exp(d)
	switch {
	case m.High != 0 && x > m.High:
		x = m.High
	case m.Low != 0 && x < m.Low:
		x = m.Low
	default:
		return x
	}
	if m.Mode == Mask {
		return 0
	}
	return x
}

// logs returns the sum of the logarithms of token weights, each of at least 1e-8,
// in log space.
func (m Mismatch) logs(over, under []float64) float64 {
	const least = -18.420680743952367
	low, high := math.Inf(-1), math.Inf(1)
	if m.Low != 0 {
		low = math.Log(m.Low)
	}
	if m.High != 0 {
		high = math.Log(m.High)
	}
	sum := 0.0
	for t, x := range over {
		d := within(x-under[t], m.Bound)
		if m.Mode == Mask && (d < low || d > high) {
			sum += least
		} else {
			sum += max(min(max(d, low), high), least)
		}
	}
	return sum
}

// within holds d in +-bound; 0 is no bound.
func within(d, bound float64) float64 {
	if bound == 0 {
		return d
	}
	return min(max(d, -bound), bound)
}

// Needs implements Needer.
func (Mismatch) Needs() Fields { return FieldOld | FieldRollout }

// Validate implements Validator.
func (m Mismatch) Validate() error {
	switch {
	case m.Level != TokenLevel && m.Level != SequenceLevel && m.Level != ProductLevel:
		return fmt.Errorf("level %v: want token, sequence or product", m.Level)
	case !mismatchModeNames.has(int(m.Mode)):
		return fmt.Errorf("%d is not a mode", m.Mode)
	case m.Mode == Mask && m.Low == 0 && m.High == 0:
		return fmt.Errorf("mode %v without a bound", m.Mode)
	}
	if err := checkBounds(m.Low, m.High); err != nil {
		return err
	}
	return checkExponent(m.Bound)
}

// checkBounds checks raw bounds of which 0 is none.
func checkBounds(low, high float64) error {
	if !(low >= 0) || !(high >= 0) || low > maxBound || high > maxBound || high != 0 && low > high {
		return fmt.Errorf("bounds [%v, %v]: want finite 0 <= Low <= High, 0 for none", low, high)
	}
	return nil
}

func checkExponent(bound float64) error {
	if !(bound >= 0) || bound > maxBound {
		return fmt.Errorf("bound %v of an exponent: want a finite number of nats > 0, or 0 for none", bound)
	}
	return nil
}

// String returns the formula.
func (m Mismatch) String() string {
	x := "old - rollout"
	switch m.Level {
	case SequenceLevel:
		x = "mean(" + x + ")"
	case ProductLevel:
		x = "sum(" + x + ")"
	}
	if m.Bound > 0 {
		x = fmt.Sprintf("clamp(%s, -%v, %v)", x, m.Bound, m.Bound)
	}
	x = "exp(" + x + ")"
	switch {
	case m.Low == 0 && m.High == 0:
		return x
	case m.Mode == Mask:
		return fmt.Sprintf("%s if in [%v, %v] else 0", x, m.Low, bound(m.High, "inf"))
	}
	return fmt.Sprintf("clamp(%s, %v, %v)", x, m.Low, bound(m.High, "inf"))
}
