package grpo

import (
	"math"
	"slices"
)

// Metric is a row of the table of what Stats measures, with the names that TRL
// 1.16.0 and verl 0.9.1 log the same thing under; "" where they do not. Peers
// average these over micro-batches, so their numbers agree with ours only where a
// step is one micro-batch.
//
// Golden cases compare them (package grpotest), and show where a name means more: TRL
// averages clip_ratio at sequence level, and sequence weights, over responses;
// clip_ratio/region_mean and pg_clipfrac leave the dual clip out; verl's cispo,
// geo_mean, dppo and clip_cov count other tokens under pg_clipfrac, and its kl_cov
// logs the mean of |old - lp| as ppo_kl.
type Metric struct {
	Name    string
	Meaning string
	TRL     string
	Verl    string
	value   func(s *Stats) float64 // NaN: nothing to measure
}

// Metrics returns the table, in the order of Stats.All.
func Metrics() []Metric { return slices.Clone(metrics) }

var metrics = []Metric{
	{"loss", "L: surrogate + kl_term + entropy_term", "loss", "actor/loss", (*Stats).Loss},
	{"surrogate", "sum_i Share_i sum_t w_t l_t", "", "actor/pg_loss", (*Stats).Surrogate},
	{"kl_term", "the KL penalty in L, coefficient included", "", "", func(s *Stats) float64 {
		return s.ifAny(countKL, s.KLTerm())
	}},
	{"entropy_term", "the entropy bonus in L, coefficient and sign included", "", "", func(s *Stats) float64 {
		return s.ifAny(countEntropy, s.EntropyTerm())
	}},
	{"kl", "mean of the KL term's estimator with its factor, over tokens", "kl", "actor/kl_loss", func(s *Stats) float64 {
		return s.mean(sumKL, countKL)
	}},
	{"entropy", "mean entropy over tokens, in nats; measured with an entropy term", "entropy", "actor/entropy", func(s *Stats) float64 {
		return s.mean(sumEntropy, countEntropy)
	}},
	{"ratio/mean", "mean ratio, at the objective's level, over tokens", "", "", func(s *Stats) float64 {
		return s.mean(sumRatio, countMeasured)
	}},
	{"ratio/min", "smallest ratio", "", "", func(s *Stats) float64 { low, _, _ := s.RatioRange(); return low }},
	{"ratio/max", "largest ratio", "", "", func(s *Stats) float64 { _, _, high := s.RatioRange(); return high }},
	{"ratio/ess", "effective sample size of the ratios: (sum r)^2 / (n sum r^2)", "", "", func(s *Stats) float64 {
		return s.ess(sumRatio, sumRatioSquared, countMeasured)
	}},
	{"approx_kl/k1", "mean of anchor - lp over tokens: KL(anchor || policy) of the update", "", "actor/ppo_kl", func(s *Stats) float64 {
		return s.mean(sumK1, countMeasured)
	}},
	{"approx_kl/k2", "mean of (lp - anchor)^2 / 2", "", "", func(s *Stats) float64 { return s.mean(sumK2, countMeasured) }},
	{"approx_kl/k3", "mean of exp(d) - d - 1, d = lp - anchor", "", "", func(s *Stats) float64 { return s.mean(sumK3, countMeasured) }},
	{"clip/fraction", "share of tokens held at a bound", "clip_ratio/region_mean", "actor/pg_clipfrac", func(s *Stats) float64 {
		all, _, _ := s.ClipFraction()
		return all
	}},
	{"clip/low_negative", "share of tokens held below, A < 0", "clip_ratio/low_mean", "", func(s *Stats) float64 {
		return s.fraction(s.counts[countLowNegative], countTokens)
	}},
	{"clip/low_positive", "share of tokens held below, A > 0", "", "", func(s *Stats) float64 {
		return s.fraction(s.counts[countLowPositive], countTokens)
	}},
	{"clip/high_negative", "share of tokens held above, A < 0: dual clip, two-sided cap", "", "actor/pg_clipfrac_lower", func(s *Stats) float64 {
		return s.fraction(s.counts[countHighNegative], countTokens)
	}},
	{"clip/high_positive", "share of tokens held above, A > 0", "clip_ratio/high_mean", "", func(s *Stats) float64 {
		return s.fraction(s.counts[countHighPositive], countTokens)
	}},
	{"clip/responses", "share of responses with a held token", "", "", (*Stats).ClippedResponses},
	{"weight/mean", "mean of the product of weights, over tokens", "sampling/importance_sampling_ratio/mean", "rollout_corr/rollout_is_mean", func(s *Stats) float64 {
		return s.mean(sumWeight, countWeighted)
	}},
	{"weight/ess", "effective sample size of the weights: (sum w)^2 / (n sum w^2)", "", "rollout_corr/rollout_is_eff_sample_size", func(s *Stats) float64 {
		return s.ess(sumWeight, sumWeightSquared, countWeighted)
	}},
	{"weight/zero", "share of tokens whose weights multiply to 0", "", "rollout_corr/rollout_rs_masked_fraction", func(s *Stats) float64 {
		return s.fraction(s.counts[countZeroWeight], countWeighted)
	}},
	{"tokens", "counted tokens", "", "", func(s *Stats) float64 { return float64(s.counts[countTokens]) }},
	{"tokens/dropped", "counted tokens that NonFinite dropped", "", "", func(s *Stats) float64 {
		return float64(s.counts[countDropped])
	}},
	{"tokens/unmeasured", "counted tokens left out of ratio and approx_kl since a square or exponential of theirs overflows", "", "", func(s *Stats) float64 {
		return float64(s.counts[countTokens] - s.counts[countDropped] - s.counts[countMeasured])
	}},
	{"responses", "responses with a counted token", "", "", func(s *Stats) float64 { return float64(s.counts[countResponses]) }},
	{"responses/empty", "responses without a counted token", "", "", func(s *Stats) float64 {
		return float64(s.counts[countAll] - s.counts[countResponses])
	}},
}

func (s *Stats) ifAny(count int, x float64) float64 {
	if s.counts[count] == 0 {
		return math.NaN()
	}
	return x
}
