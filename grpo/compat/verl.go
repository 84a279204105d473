package compat

import (
	"github.com/grouprl/grouprl/advantage"
	"github.com/grouprl/grouprl/grpo"
)

// verl is verl's policy losses with the defaults of its ActorConfig and with the
// advantages of adv_estimator "grpo". Log-ratios are held in +-20.
func verl() []Recipe {
	estimator := advantage.GroupRelative{DDof: 1, Epsilon: 1e-6, Singleton: advantage.SingletonReward}
	bounded := grpo.Ratio{Cap: grpo.Clamp{Low: -20, High: 20}}
	sequence := grpo.Ratio{Level: grpo.SequenceTokenLevel, Cap: grpo.Clamp{High: 10}}
	clip := grpo.Clip{Low: 0.2, High: 0.2}
	rows := []Recipe{
		{Name: "vanilla", Source: "compute_policy_loss_vanilla",
			Objective: grpo.Objective{Ratio: bounded, Surrogate: grpo.Clip{Low: 0.2, High: 0.2, Cap: 3}, Aggregation: grpo.TokenMean{}},
			Note:      "the dual clip is always on; clip_ratio alone does nothing, clip_ratio_low and _high win"},
		{Name: "gspo", Before: "0.9.1", Source: "compute_policy_loss_gspo",
			Objective: grpo.Objective{Ratio: sequence, Surrogate: clip, Aggregation: ResponseMean{Epsilon: 1e-8}},
			Note:      "the aggregation was forced to seq-mean-token-mean; the bounds are not the paper's 3e-4/4e-4"},
		{Name: "gspo", From: "0.9.1", Source: "compute_policy_loss_gspo",
			Objective: grpo.Objective{Ratio: sequence, Surrogate: clip, Aggregation: grpo.TokenMean{}},
			Note:      "loss_agg_mode counts now, and its default token-mean makes this GSPO+ in effect; the bounds are not the paper's 3e-4/4e-4"},
		{Name: "cispo", Source: "compute_policy_loss_cispo",
			Objective: grpo.Objective{Ratio: bounded, Surrogate: grpo.CISPO{Min: 0.8, Max: 1.2}, Aggregation: grpo.TokenMean{}}},
		{Name: "sapo", Source: "compute_policy_loss_sapo",
			Objective: grpo.Objective{Ratio: bounded, Surrogate: grpo.SAPO{Positive: 1, Negative: 1.05}, Aggregation: ResponseMean{Epsilon: 1e-8}},
			Note:      "whatever loss_agg_mode says"},
		{Name: "gpg", Source: "compute_policy_loss_gpg, compute_gpg_outcome_advantage",
			Objective: grpo.Objective{Surrogate: grpo.Reinforce{}, Aggregation: grpo.TokenMean{}},
			Advantage: advantage.GPG{Singleton: advantage.SingletonReward}},
		{Name: "geo_mean", Source: "compute_policy_loss_geo_mean",
			Objective: grpo.Objective{
				Ratio:     grpo.Ratio{Level: grpo.SequenceLevel, Clamp: grpo.Clamp{Low: -0.2, High: 0.2, Pessimistic: true}},
				Surrogate: grpo.Linear{}, Aggregation: grpo.ResponseMean{All: true},
			},
			Note: "the mean over the responses of a micro-batch, whatever the totals; the paper's bounds are 0.4"},
		{Name: "dppo_tv", Source: "compute_policy_loss_dppo_tv",
			Objective: grpo.Objective{Ratio: bounded, Surrogate: grpo.DPPO{Low: 0.2, High: 0.2, Max: 3}, Aggregation: grpo.TokenMean{}},
			Note:      "the weight is meant to be held at 20, but clip_ratio_c is 3 by default"},
		{Name: "dppo_kl", Source: "compute_policy_loss_dppo_kl",
			Objective: grpo.Objective{Ratio: bounded, Surrogate: grpo.DPPO{Divergence: grpo.DivergenceKL, Low: 0.2, High: 0.2, Max: 3}, Aggregation: grpo.TokenMean{}},
			Note:      "the weight is meant to be held at 20, but clip_ratio_c is 3 by default"},
		{Name: "kl_cov", Source: "compute_policy_loss_kl_cov",
			Objective: grpo.Objective{Surrogate: grpo.KLCov{Share: 2e-4, Coefficient: 0.1}, Aggregation: grpo.TokenMean{}},
			Note:      "verl takes the top share of a micro-batch, here it is of the step"},
	}
	for i := range rows {
		r := &rows[i]
		r.Framework = "verl"
		r.Source = "verl/trainer/ppo/core_algos.py: " + r.Source
		if r.Advantage == nil {
			r.Advantage = estimator
		}
		r.Objective.KL.InputBound, r.Objective.KL.OutputBound = 20, 10 // kl_loss_type low_var_kl, use_kl_loss off
		r.Metrics = metricNames(func(m grpo.Metric) string { return m.Verl })
	}
	return rows
}
