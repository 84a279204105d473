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

// at returns the statistic of a token with log-probabilities over and under; of the
// ratio its logarithm. Probabilities are held in [floor, 1-floor] in the KLs.
func (s Statistic) at(over, under, floor float64) float64 {
	switch s {
	case TVStatistic:
		return math.Abs(math.Exp(over) - math.Exp(under))
	case BinaryKL:
		return binaryKL(under, over, floor)
	case SymmetricKL:
		return max(binaryKL(under, over, floor), binaryKL(over, under, floor))
	case AbsRatio:
		return math.Abs(math.Expm1(over - under))
	}
	return over - under
}

// binaryKL is KL(p||q) of "this token" against "any other", from log-probabilities:
// p ln(p/q) + (1-p) ln((1-p)/(1-q)), with 0 ln 0 = 0 and both kept in [floor,
// 1-floor].
func binaryKL(lp, lq, floor float64) float64 {
	p, q := math.Exp(lp), math.Exp(lq)
	rp, rq := -math.Expm1(lp), -math.Expm1(lq)
	if floor > 0 {
		p, q = min(max(p, floor), 1-floor), min(max(q, floor), 1-floor)
		rp, rq = 1-p, 1-q
		lp, lq = math.Log(p), math.Log(q)
	}
	kl := 0.0
	if p > 0 {
		kl += float64(p * (lp - lq))
	}
	if rp > 0 {
		kl += float64(rp * math.Log(rp/rq))
	}
	return max(kl, 0)
}
