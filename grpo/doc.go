// Package grpo is the core of grouprl: what a GRPO-family objective is, and its
// exact loss, gradient and statistics on a batch of log-probabilities.
//
//	objective := dapo.New() // or gspo.Plus(), or a literal of your own
//	stats, err := grpo.Eval(dst, &objective, &batch)
//	// stats.Loss(); dst.LogProbs is dL/dlogp: in any autograd, sum(stopgrad(g) * logp) has the right gradient
//
// A Batch is S ragged responses in packed form. An Objective is a plain value made
// of a Ratio, a Surrogate, Weights, a KL and an Entropy term, and an Aggregation.
// Where a step has several micro-batches, workers or ranks, Count each, Merge the
// Totals, and call one Evaluator per worker with them.
//
// # Contracts
//
// Each of these is a check in package grpotest, for an objective of your own too.
//
//  1. Any split is the same step. However a step is cut at response borders into
//     micro-batches, in any order, on any number of workers and ranks: gradients and
//     merged Stats are equal to the last bit, within one build of a program. Sums
//     across responses are exact; sums inside a response have one order; a statistic
//     of the whole step is a number in a resolved rule (Planner).
//  2. Masked tokens are never read: rules see counted tokens only.
//  3. A non-finite value at a counted token is a *ValueError naming field, response
//     and token, or dropped and counted where NonFinite says so. Nothing is clamped
//     silently: the bounds of papers and frameworks are parameters, off by default.
//     Only fields that the objective reads are looked at. A token whose advantage or
//     weight is 0 contributes exactly 0, whatever its ratio.
//  4. Derivatives are analytic and exact; on a kink the token counts as inside, and
//     of two equal branches the unclipped one is taken.
//  5. Impossible combinations are *ObjectiveErrors, missing fields *FieldErrors,
//     inconsistent batches *BatchErrors, a step without a counted token ErrEmptyStep.
//     After an error from Eval or Add the batch's rows of the gradient are zero and
//     Stats is empty.
//  6. Nothing is allocated in steady state.
//  7. Batch, Gradient and Evaluator take float32 or float64; all arithmetic is
//     float64, and a result is rounded once.
//  8. Each term divides by its own count.
//
// # What leaves the counts
//
//	what                                       tokens' gradient   counts that the loss divides by
//	Batch.Mask, MaskResponses, Reject          0                  leave (before Count)
//	a Weight of 0                              surrogate 0, KL    stay
//	                                           and entropy stay
//	advantage 0                                surrogate 0, KL    stay
//	                                           and entropy stay
//	NonFinite: Drop                            0                  stay
//	a fully masked response                    -                  its tokens leave; the response too,
//	                                                              but for aggregations with All
//
// # Objectives of your own
//
// A Surrogate is one method: token losses and their derivatives with respect to the
// log-ratio of each token. The engine applies weights and the level's chain rule.
// For prototypes there are SurrogateFunc, PolicyGradient and WeightFunc; a rule that
// needs a statistic of the whole step is a Planner.
package grpo
