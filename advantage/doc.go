// Package advantage turns the rewards of a step into advantages.
//
// S responses come with rewards [S] and the prompt each of them answers, Groups [S]:
// any ints, groups of any size, in any order. An Estimator is a plain value whose
// zero value is useful; it writes one number a response, [S], or one a token, [T].
//
//	err := advantage.GroupRelative{}.Estimate(batch.Advantages, &advantage.Input{
//		Rewards:   rewards,
//		Groups:    batch.Groups,
//		Truncated: truncated,
//	})
//
// What frameworks disagree on is a field with a documented default: the divisor of
// the variance, epsilon and its place, singleton groups, groups of equal rewards,
// NaN rewards, truncated responses.
//
// # Estimators
//
//	GroupRelative      (r - baseline)/scale: GRPO; DrGRPO, RLOO, BatchScaled, OPO, AsymRE, FlashReinforce, ReMax, RawReward
//	Whitened           the same, whitened over responses or tokens: ReinforcePlusPlusBaseline
//	SignWeighted       the same, scaled by sign: PSR, NSR, WeightedReinforce
//	GPG, MaxRL         centred, scaled by the share of rewarded responses
//	PassKArgmax, PassK, PKPO  the best of k counts
//	GDPO               several rewards, each normalised on its own
//	TokenReturns       [T] discounted returns: ReinforcePlusPlus
//	GAE, OTB           [T] with a critic's values; with a baseline for each position
//	Teacher, RLSD, CenteredKL  [T] a GroupRelative shaped by another model's log-probabilities
//
// Beside them stand Informative (dynamic sampling's test), KLReward (a divergence in the
// reward), Whitening, and EMA (a baseline with a memory). Step-level grouping (GiGPO,
// hierarchical GRPO) is a sum of two calls with different Groups.
//
// # What holds for every estimator
//
//   - The result of a response has the same bits in whatever order the responses come.
//   - Variances take two passes, relative to the smallest reward: neither cancellation
//     nor a common offset costs digits.
//   - Rewards that are equal are found by max - min, before any division.
//   - A number that is not finite never passes silently: *ValueError names it.
//   - No allocation in steady state, and any number of goroutines at once.
//
// # Truncated responses
//
//	what                     where                                             reward in the baseline   advantage   tokens
//	overlong filtering       Input.Truncated, Overlong ZeroAfter (default)     yes                      0           stay in the loss's counts
//	                         Input.Truncated, Overlong Exclude                 no                       0           stay in the loss's counts
//	overlong masking         grpo.MaskResponses, before grpo.Count             yes                      any         leave the counts
//	soft overlong punishment dapo.Overlong, on the rewards, after Informative  yes, lowered             computed    stay
//
// Dynamic sampling, which drops prompts without a signal, asks Informative.
package advantage
