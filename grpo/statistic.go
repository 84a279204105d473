package grpo

import "math"

// Statistic measures how far apart two policies are at one sampled token. With p
// and q the probabilities of the token under the policies over and under (see
// Pair):
type Statistic int

// Statistics.
const (
	RatioStatistic Statistic = iota // p/q: the importance weight; its means are geometric
	TVStatistic                     // |p - q|: total variation of the token against the rest
	BinaryKL                        // KL(q||p) of the token against the rest
	SymmetricKL                     // max(KL(q||p), KL(p||q)) of the token against the rest: KPop
	AbsRatio                        // |p/q - 1|: VACO's, an estimate of twice the total variation
)

var statisticNames = names{"ratio", "tv", "binary_kl", "symmetric_kl", "abs_ratio"}

func (s Statistic) String() string { return statisticNames.text(int(s)) }

// MarshalText writes the name.
func (s Statistic) MarshalText() ([]byte, error) { return statisticNames.marshal("statistic", int(s)) }

// UnmarshalText reads the name.
func (s *Statistic) UnmarshalText(b []byte) error {
	return statisticNames.unmarshal("statistic", b, (*int)(s))
}

// at returns the statistic of a token with the log-ratio d and the probabilities p
// and q, each held in [floor, 1-floor] in the KLs; of the ratio its logarithm.
func (s Statistic) at(d, p, q, floor float64) float64 {
	if floor > 0 && (s == BinaryKL || s == SymmetricKL) {
		p, q = min(max(p, floor), 1-floor), min(max(q, floor), 1-floor)
	}
	switch s {
	case TVStatistic:
		return math.Abs(p - q)
	case BinaryKL:
		return binaryKL(q, p)
	case SymmetricKL:
		return max(binaryKL(q, p), binaryKL(p, q))
	case AbsRatio:
		return math.Abs(math.Expm1(d))
	}
	return d
}

// probabilities reports whether the statistic reads p and q.
func (s Statistic) probabilities() bool {
	return s == TVStatistic || s == BinaryKL || s == SymmetricKL
}

// binaryKL is KL(p||q) of "this token" against "any other": p ln(p/q) + (1-p)
// ln((1-p)/(1-q)), with 0 ln 0 = 0.
func binaryKL(p, q float64) float64 {
	kl := 0.0
	if p > 0 {
		kl += float64(p * math.Log(p/q))
	}
	if p < 1 {
		kl += float64((1 - p) * math.Log((1-p)/(1-q)))
	}
	return max(kl, 0)
}
