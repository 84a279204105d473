package compat

import (
	"github.com/grouprl/grouprl/advantage"
	"github.com/grouprl/grouprl/grpo"
)

// Frameworks that no package index has: read from their sources, and not compared
// number by number.

// nemoRL is NVIDIA NeMo-RL.
func nemoRL() []Recipe {
	estimator := advantage.GroupRelative{
		Baseline: advantage.LeaveOneOut, Scale: advantage.LeaveOneOutStd, DDof: 1, Epsilon: 1e-6, ZeroSpread: advantage.ZeroSpreadCenter,
	}
	clip := grpo.Clip{Low: 0.2, High: 0.2}
	k3 := grpo.KL{
		Coefficient: 0.01, InputBound: 20, OutputBound: 10,
		Factor: grpo.KLFactor{Mode: grpo.Differentiable, Anchor: grpo.Current},
	}
	rows := []Recipe{
		{Name: "grpo", Objective: grpo.Objective{Surrogate: clip, KL: k3, Aggregation: grpo.TokenMean{}}},
		{Name: "gspo", Objective: grpo.Objective{Ratio: grpo.Ratio{Level: grpo.SequenceLevel}, Surrogate: clip, KL: k3, Aggregation: grpo.ResponseMean{}},
			Note: "sequence_level_importance_ratios; the bounds are not the paper's 3e-4/4e-4"},
		{Name: "cispo", Objective: grpo.Objective{Surrogate: grpo.CISPO{Min: 0.8, Max: 1.2}, KL: k3, Aggregation: grpo.TokenMean{}}},
		{Name: "reinforce", Objective: grpo.Objective{Surrogate: grpo.Reinforce{}, KL: k3, Aggregation: grpo.TokenMean{}},
			Note: "disable_ppo_ratio"},
	}
	for i := range rows {
		r := &rows[i]
		r.Framework, r.Advantage = "nemo-rl", estimator
		r.Source = "nemo_rl/algorithms/loss/loss_functions.py: ClippedPGLossFn; nemo_rl/algorithms/advantage_estimator.py"
		r.Metrics = map[string]string{
			"loss": "loss", "ratio/mean": "probs_ratio", "ratio/min": "probs_ratio_min", "ratio/max": "probs_ratio_max",
			"kl": "kl_penalty", "entropy": "approx_entropy", "weight/mean": "sampling_importance_ratio",
		}
		if r.Note == "" {
			r.Note = "counts have 1e-8 added; the KL term has its score term, which versions before mid-2026 lack (no Factor); " +
				"use_importance_sampling_correction is off unless training is asynchronous"
		}
	}
	return rows
}

// openInstruct is AllenAI's open-instruct.
func openInstruct() []Recipe {
	k3 := grpo.KL{Coefficient: 0.05, InputBound: 40} // kl_estimator 2
	rows := []Recipe{
		{Name: "dapo", Objective: grpo.Objective{Surrogate: grpo.Clip{Low: 0.2, High: 0.272}, KL: k3, Aggregation: grpo.TokenMean{}}},
		{Name: "cispo", Objective: grpo.Objective{Surrogate: grpo.CISPO{Max: 1.272}, KL: k3, Aggregation: grpo.TokenMean{}}},
	}
	for i := range rows {
		r := &rows[i]
		r.Framework, r.Advantage = "open-instruct", advantage.DrGRPO()
		r.Source = "open_instruct/grpo_utils.py; open_instruct/data_loader.py"
		r.Correction = []grpo.Weight{grpo.Mismatch{High: 2, Bound: 10}}
		r.Metrics = map[string]string{
			"loss": "loss/total_avg", "surrogate": "loss/policy_avg", "kl_term": "loss/kl_avg", "clip/fraction": "policy/clipfrac_avg",
			"ratio/mean": "val/ratio", "entropy": "policy/entropy_avg",
		}
		r.Note = "advantages are centred by default; advantage_normalization_type \"standard\" divides by the deviation with ddof 0 and epsilon 1e-8"
	}
	return rows
}

// skyRL is NovaSky's SkyRL.
func skyRL() []Recipe {
	estimator := advantage.GroupRelative{DDof: 1, Epsilon: 1e-6, Singleton: advantage.SingletonReward}
	bounded := grpo.Ratio{Cap: grpo.Clamp{Low: -20, High: 20}}
	clip := grpo.Clip{Low: 0.2, High: 0.2}
	k3 := grpo.KL{Coefficient: 0.001}
	rows := []Recipe{
		{Name: "regular", Objective: grpo.Objective{Ratio: bounded, Surrogate: clip, KL: k3, Aggregation: grpo.TokenMean{}}},
		{Name: "dual_clip", Objective: grpo.Objective{Ratio: bounded, Surrogate: grpo.Clip{Low: 0.2, High: 0.2, Cap: 3}, KL: k3, Aggregation: grpo.TokenMean{}}},
		{Name: "gspo", Objective: grpo.Objective{
			Ratio: grpo.Ratio{Level: grpo.SequenceTokenLevel, Cap: grpo.Clamp{High: 10}}, Surrogate: clip, KL: k3, Aggregation: grpo.ResponseMean{},
		}, Note: "with loss_reduction sequence_mean, which SkyRL recommends here"},
		{Name: "cispo", Objective: grpo.Objective{Ratio: bounded, Surrogate: grpo.CISPO{Max: 5}, KL: k3, Aggregation: grpo.TokenMean{}},
			Note: "cispo_eps_clip_low 1 and _high 4 are offsets from 1"},
		{Name: "sapo", Objective: grpo.Objective{Ratio: bounded, Surrogate: grpo.SAPO{Positive: 1, Negative: 1.05}, KL: k3, Aggregation: grpo.ResponseMean{}},
			Note: "with loss_reduction sequence_mean, which SkyRL recommends here"},
		{Name: "prompt_mean", Objective: grpo.Objective{Ratio: bounded, Surrogate: clip, KL: k3, Aggregation: grpo.PromptMean{}},
			Note: "loss_reduction prompt_mean"},
	}
	for i := range rows {
		r := &rows[i]
		r.Framework, r.Advantage = "skyrl", estimator
		r.Source = "skyrl/backends/skyrl_train/utils/ppo_utils.py"
		r.Metrics = map[string]string{"clip/fraction": "clip_ratio"}
	}
	return rows
}

// slime is THUDM's slime.
func slime() []Recipe {
	estimator := advantage.GroupRelative{DDof: 1, Epsilon: 1e-6}
	clip := grpo.Clip{Low: 0.2, High: 0.2}
	rows := []Recipe{
		{Name: "grpo", Objective: grpo.Objective{Surrogate: clip, Aggregation: grpo.ResponseMean{}}},
		{Name: "grpo-tokens", Objective: grpo.Objective{Surrogate: clip, Aggregation: grpo.TokenMean{}},
			Note: "calculate_per_token_loss"},
		{Name: "grpo-rollouts", Objective: grpo.Objective{Surrogate: clip, Aggregation: grpo.EpisodeMean{}},
			Note: "where one rollout is split over several samples, they share a denominator"},
		{Name: "gspo", Objective: grpo.Objective{Ratio: grpo.Ratio{Level: grpo.SequenceLevel}, Surrogate: clip, Aggregation: grpo.ResponseMean{}}},
	}
	for i := range rows {
		r := &rows[i]
		r.Framework, r.Advantage = "slime", estimator
		r.Source = "slime/utils/ppo_utils.py; slime/backends/megatron_utils/loss.py; slime/ray/rollout.py"
		r.Objective.KL.OutputBound = 10 // kl_loss_type low_var_kl; use_kl_loss is off
		r.Metrics = map[string]string{
			"loss": "loss", "surrogate": "pg_loss", "entropy": "entropy_loss", "clip/fraction": "pg_clipfrac", "approx_kl/k1": "ppo_kl", "kl": "kl_loss",
			"weight/mean": "tis",
		}
	}
	return rows
}

// primeRL is Prime Intellect's prime-rl.
func primeRL() []Recipe {
	rows := []Recipe{
		{Name: "default", Objective: grpo.NewPrimeDPPO()},
		{Name: "ipo", Objective: grpo.NewIPO()},
	}
	for i := range rows {
		r := &rows[i]
		r.Framework, r.Advantage = "prime-rl", advantage.DrGRPO()
		r.Source = "src/prime_rl/trainer/rl/loss.py; src/prime_rl/orchestrator/algo/grpo.py"
		r.Metrics = map[string]string{"loss": "loss", "weight/zero": "is_masked", "approx_kl/k3": "mismatch_kl"}
		r.Note = "the older policy is the sampler's; there is no trainer's"
	}
	return rows
}

// nousCoder is the reinforcement learning branch of Nous Research's torchtitan, whose
// sequence ratio matches what is public of NousCoder-14B's GSPO+.
func nousCoder() []Recipe {
	return []Recipe{{
		Framework: "nouscoder",
		Name:      "gspo+",
		Objective: grpo.Objective{
			Ratio:       grpo.Ratio{Level: grpo.SequenceLevel},
			Surrogate:   grpo.Clip{Low: 0.003, High: 0.004},
			Aggregation: grpo.TokenMean{},
		},
		Advantage: advantage.GroupRelative{Epsilon: 1e-8, EpsilonPlace: advantage.FloorStd},
		Correction: []grpo.Weight{
			grpo.Mismatch{Level: grpo.ProductLevel, High: 4},
			grpo.Gate{Any: true, Low: 1e-4},
		},
		Scale:   2,
		Metrics: map[string]string{},
		Source:  "torchtitan/grpo/grpo_step.py, data_handling.py, configs/qwen25-7b-math.toml",
		Note: "the ratio's derivative passes through the token and through the mean, which is twice the gradient of the loss: " +
			"Scale. The trainer's token total is a mean over ranks; here it is exact.",
	}}
}
