// Package grouprl is a library of GRPO-family reinforcement-learning objectives
// and of what it takes to train with them: log-probabilities and rewards in;
// advantages, loss, exact gradient and metrics out. No tensors, no autograd, no
// framework. This package holds the notation and a map, and no code.
//
// # Notation
//
// Letters in every comment:
//
//	S  responses (completions) of one batch
//	T  tokens of all responses, packed one response after the other
//	P  prompts; the responses to one prompt are a group
//	V  vocabulary
//
// [S], [T] and [V] behind a slice give its length. Response i owns the tokens
// Offsets[i]:Offsets[i+1]. No padding is needed; a padded [B, L] tensor is also a
// batch as it stands (Offsets[i] = i*L, Mask = the completion mask), because a
// masked token is never read.
//
// # Map
//
//	advantage           rewards -> advantages, dynamic sampling's test, overlong policies
//	grpo                Batch, Objective and its parts, Totals, Evaluator, Stats: the core
//	grpo/grpotest       checks to run on an objective of your own; the catalogue; golden vectors
//	grpo/autodiff       an objective from its value alone
//	grpo/compat         recipes of TRL, verl, OpenRLHF, NeMo-RL, ..., by version
//	grpo/logprob        logits -> log-probability, log-sum-exp, entropy, and back
//	dapo                DAPO: objective, soft overlong punishment, the recipe as one value
//	gspo                GSPO, GSPO-token, GSPO+
//	rollout             Generator and Verifier, Groups, Refill, Pack
//	rollout/window      context schedule, token budget, YaRN
//	rollout/sandbox     run an untrusted program under limits
//	rollout/verify      judge a completion: extraction, comparison, verdict, reward
//	rollout/dataset     problems: the built-in set, public schemas; parquet is a module of its own
//	rollout/eval        pass@k, intervals, reports
//	rollout/journal     what is verified survives a crash
//	rollout/atropos     the Atropos wire format, client and server
//	examples            runnable programs, a module of its own: nouscoder first
//
// Imports point one way: examples -> rollout/... -> advantage, grpo -> internal.
// dapo and gspo import grpo (and advantage) only. Who wants loss maths compiles
// loss maths and nothing else.
package grouprl
