package compat

import (
	"github.com/grouprl/grouprl/advantage"
	"github.com/grouprl/grouprl/grpo"
)

// openRLHF is OpenRLHF's PolicyLoss with the advantages of its estimator
// "group_norm" (the default, gae, needs a critic). The named corrections are points
// of its grid level x mode x statistic: TIS is "token clip", IcePop "token mask".
func openRLHF() []Recipe {
	estimator := advantage.GroupRelative{DDof: 1, Epsilon: 1e-9}
	bounded := grpo.Ratio{Cap: grpo.Clamp{Low: -20, High: 20}}
	clip := grpo.Clip{Low: 0.2, High: 0.2}
	plain := grpo.Objective{Ratio: bounded, Surrogate: clip, Aggregation: grpo.TokenMean{}}
	with := func(w ...grpo.Weight) grpo.Objective { o := plain; o.Weights = w; return o }
	rows := []Recipe{
		{Name: "ppo", Objective: plain},
		{Name: "gspo", Objective: grpo.Objective{Ratio: grpo.Ratio{Level: grpo.SequenceLevel}, Surrogate: clip, Aggregation: ResponseMean{Epsilon: 1e-8}},
			Note: "with a correction on, the ratio is against the sampler and no weight is applied: Ratio.Anchor Rollout"},
		{Name: "tis", Objective: with(grpo.Mismatch{Low: 0.5, High: 5})},
		{Name: "icepop", Objective: with(grpo.Mismatch{Mode: grpo.Mask, Low: 0.5, High: 5})},
		{Name: "seq-mask-tis", Objective: with(grpo.Gate{Level: grpo.SequenceLevel, Low: 0.5, High: 5}, grpo.Mismatch{}),
			Note: "what is kept has the weight of its own tokens, without a bound"},
	}
	for i := range rows {
		r := &rows[i]
		r.Framework, r.Advantage, r.From = "openrlhf", estimator, "0.11"
		r.Source = "openrlhf/models/loss.py: PolicyLoss; openrlhf/trainer/ppo_utils/experience_maker.py"
		// algo.kl.use_loss is off; where it is on, its term is always a token mean.
		r.Objective.KL = grpo.KL{InputBound: 10, OutputBound: 10, Aggregation: grpo.TokenMean{}}
		r.Metrics = map[string]string{
			"surrogate": "policy_loss", "clip/fraction": "ppo_clip_ratio", "approx_kl/k1": "ppo_kl",
			"kl": "kl", "entropy": "entropy_loss", "weight/zero": "is_filter_ratio",
		}
	}
	return rows
}
