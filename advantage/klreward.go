package advantage

import "math"

// KLEstimator is how a divergence from the reference is estimated at one token, with
// d = LogProbs - RefLogProbs. Only its value matters here: a reward has no gradient.
type KLEstimator int

// The values of KLEstimator; the first is the default.
const (
	K1    KLEstimator = iota // d
	AbsK1                    // |d|
	K2                       // d^2/2
	K3                       // exp(-d) - 1 + d
)

var klEstimatorNames = []string{"k1", "abs-k1", "k2", "k3"}

func (k KLEstimator) String() string { return name(k, klEstimatorNames) }

// MarshalText writes the name that String returns.
func (k KLEstimator) MarshalText() ([]byte, error) { return marshal(k, klEstimatorNames) }

// UnmarshalText reads what MarshalText wrote.
func (k *KLEstimator) UnmarshalText(text []byte) error { return unmarshal(k, text, klEstimatorNames) }

// value is the estimate for a difference.
func (k KLEstimator) value(d float64) float64 {
	switch k {
	case AbsK1:
		return math.Abs(d)
	case K2:
		return d * d / 2
	case K3:
		return math.Expm1(-d) + d
	}
	return d
}

// KLReward puts the divergence from the reference model into the reward:
//
//	r_t <- r_t - Coefficient k_t       (AddToTokens: verl, OpenRLHF, slime, AReaL)
//	r_i <- r_i - Coefficient sum_t k_t (AddTo: TRL's RLOO)
//
// over counted tokens. In the loss it is grpo.KL instead.
type KLReward struct {
	Coefficient float64
	Estimator   KLEstimator // default K1
	Cap         float64     // |k_t| at most this (AReaL, slime: 10); default (0): no bound
}

// AddTo changes rewards [S]. It needs Offsets, LogProbs and RefLogProbs. After an error
// rewards are as they were.
func (k KLReward) AddTo(rewards []float64, in *Input) error {
	if err := k.check(in); err != nil {
		return err
	}
	if len(rewards) != in.size() {
		return &LengthError{"rewards", len(rewards), in.size()}
	}
	for i := range rewards {
		total := 0.0
		for t := in.Offsets[i]; t < in.Offsets[i+1]; t++ {
			if in.counted(t) {
				total += k.at(in, t)
			}
		}
		rewards[i] -= float64(k.Coefficient * total)
	}
	return nil
}

// AddToTokens changes tokenRewards [T] at counted tokens. It needs Offsets, LogProbs
// and RefLogProbs. After an error tokenRewards are as they were.
func (k KLReward) AddToTokens(tokenRewards []float64, in *Input) error {
	if err := k.check(in); err != nil {
		return err
	}
	if total := in.Offsets[in.size()]; len(tokenRewards) < total {
		return &LengthError{"tokenRewards", len(tokenRewards), total}
	}
	for i := range in.size() {
		for t := in.Offsets[i]; t < in.Offsets[i+1]; t++ {
			if in.counted(t) {
				tokenRewards[t] -= float64(k.Coefficient * k.at(in, t))
			}
		}
	}
	return nil
}

// at is k_t.
func (k *KLReward) at(in *Input, t int) float64 {
	v := k.Estimator.value(in.LogProbs[t] - in.RefLogProbs[t])
	if k.Cap > 0 {
		v = max(-k.Cap, min(v, k.Cap))
	}
	return v
}

func (k *KLReward) check(in *Input) error {
	const t = "KLReward"
	switch {
	case math.IsNaN(k.Coefficient) || math.IsInf(k.Coefficient, 0):
		return &OptionError{t, "Coefficient", "must be finite"}
	case !(k.Cap >= 0):
		return &OptionError{t, "Cap", "must not be negative"}
	case k.Estimator < 0 || int(k.Estimator) >= len(klEstimatorNames):
		return &OptionError{t, "Estimator", "unknown value"}
	}
	if err := in.layout(t); err != nil {
		return err
	}
	if err := first(in.perToken(t, "LogProbs", in.LogProbs), in.perToken(t, "RefLogProbs", in.RefLogProbs)); err != nil {
		return err
	}
	for i := range in.size() {
		for at := in.Offsets[i]; at < in.Offsets[i+1]; at++ {
			if in.counted(at) {
				if v := k.at(in, at); math.IsInf(v, 0) {
					return &ValueError{"LogProbs - RefLogProbs", i, at, in.LogProbs[at] - in.RefLogProbs[at], "its " + k.Estimator.String() + " overflows"}
				}
			}
		}
	}
	return nil
}
