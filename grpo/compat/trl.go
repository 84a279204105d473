package compat

import (
	"math"

	"github.com/grouprl/grouprl/advantage"
	"github.com/grouprl/grouprl/grpo"
)

// trl is TRL's GRPOTrainer. Before 1.10 the KL term was the plain k3; from 1.10
// (use_bias_correction_kl) the ratio multiplies it, with its derivative, at the
// level of the ratio. beta is 0 by default, so only those who set it see this.
func trl() []Recipe {
	estimator := advantage.GroupRelative{DDof: 1, Epsilon: 1e-4, NaN: advantage.NaNExclude}
	const source = "trl/trainer/grpo_trainer.py: GRPOTrainer._compute_loss, _generate_and_score_completions"
	clip, tight := grpo.Clip{Low: 0.2, High: 0.2}, grpo.Clip{Low: 3e-4, High: 4e-4}
	sequence := grpo.Ratio{Level: grpo.SequenceLevel}
	rows := []Recipe{
		{Name: "dapo", Objective: grpo.Objective{Surrogate: clip, Aggregation: grpo.TokenMean{}},
			Note: "the default loss_type; bounds stay 0.2/0.2 unless epsilon_high is set"},
		{Name: "grpo", Objective: grpo.Objective{Surrogate: clip, Aggregation: grpo.ResponseMean{All: true}}},
		{Name: "bnpo", Objective: grpo.Objective{Surrogate: clip, Aggregation: grpo.TokenMean{}},
			Note: "the mean over the tokens of a micro-batch: evaluate each with Totals of its own and divide by their number"},
		{Name: "dr_grpo", Objective: grpo.Objective{Surrogate: clip, Aggregation: grpo.ConstantLength{Length: 256, All: true}},
			Note: "Length is max_completion_length, 256 unless set; scale_rewards stays \"group\" unless set to \"none\""},
		{Name: "gspo", Objective: grpo.Objective{Ratio: sequence, Surrogate: tight, Aggregation: grpo.ResponseMean{All: true}},
			Note: "importance_sampling_level \"sequence\" with the paper's epsilon 3e-4 and epsilon_high 4e-4, and loss_type \"grpo\""},
		{Name: "luspo", Objective: grpo.Objective{Ratio: sequence, Surrogate: tight, Aggregation: grpo.ResponseSum{All: true}},
			Note: "with importance_sampling_level \"sequence\" and GSPO's bounds; at token level it is the mean of token sums"},
		{Name: "cispo", Objective: grpo.Objective{Surrogate: grpo.CISPO{Max: 5}, Aggregation: grpo.TokenMean{}},
			Note: "epsilon_high is the raw bound of the ratio, 5 as TRL's documentation has it, and there is no lower one"},
		{Name: "sapo", Objective: grpo.Objective{Surrogate: grpo.SAPO{Positive: 1, Negative: 1.05}, Aggregation: grpo.ResponseMean{All: true}}},
		{Name: "vespo", From: "1.10", Objective: grpo.Objective{
			Ratio:       grpo.Ratio{Level: grpo.ProductTokenLevel, Clamp: grpo.Clamp{Low: -20, High: 20}, Cap: grpo.Clamp{Low: -8 * math.Ln10, High: 20}},
			Surrogate:   grpo.VESPO{KPositive: 2, LambdaPositive: 3, KNegative: 3, LambdaNegative: 2},
			Aggregation: grpo.TokenMean{},
		}, Note: "a correction for the sampler goes into VESPO.Correction, not into Weights"},
		{Name: "gmpo", From: "1.10", Objective: grpo.Objective{
			Ratio:     grpo.Ratio{Level: grpo.SequenceLevel, Clamp: grpo.Clamp{Low: -0.4, High: 0.4, Pessimistic: true}},
			Surrogate: grpo.Linear{}, Aggregation: grpo.ResponseMean{All: true},
		}, Source: "trl/experimental/gmpo/gmpo_trainer.py: GMPOTrainer._compute_loss"},
	}
	var all []Recipe
	for _, r := range rows {
		r.Framework, r.Advantage = "trl", estimator
		if r.Source == "" {
			r.Source = source
		}
		r.Metrics = metricNames(func(m grpo.Metric) string { return m.TRL })
		if r.Name != "vespo" && r.Name != "gmpo" { // gmpo corrects for no sampler, vespo inside its surrogate
			r.Correction = []grpo.Weight{grpo.Mismatch{Level: grpo.ProductLevel, Mode: grpo.Mask, High: 3}}
		}
		if r.Name == "gmpo" { // whose KL term no ratio multiplies
			all = append(all, r)
			continue
		}
		if r.From == "" {
			before := r
			before.Before = "1.10"
			all = append(all, before)
		}
		r.From = "1.10"
		level := grpo.TokenLevel
		if r.Objective.Ratio.Level == grpo.SequenceLevel {
			level = grpo.SequenceLevel
		}
		r.Objective.KL.Factor = grpo.KLFactor{Mode: grpo.Differentiable, Level: level}
		all = append(all, r)
	}
	return all
}

// metricNames is the table of grpo.Metrics in one framework's words.
func metricNames(name func(m grpo.Metric) string) map[string]string {
	names := map[string]string{}
	for _, m := range grpo.Metrics() {
		if n := name(m); n != "" {
			names[m.Name] = n
		}
	}
	return names
}
