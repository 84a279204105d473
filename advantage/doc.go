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
