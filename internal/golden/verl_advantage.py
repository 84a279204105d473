"""verl: the advantage estimators."""

import numpy as np
import torch
from verl.trainer.config import AlgoConfig
from verl.trainer.ppo import core_algos

from cases import Advantages
from rewards import Dense

MODULE = "verl.trainer.ppo.core_algos."
WHITENING = {"DDof": 1, "Epsilon": 1e-8, "EpsilonPlace": "add-to-variance"}
EVERY = ("binary", "binary-8", "real", "real-masked", "pairs", "uneven", "singleton", "singleton-masked", "zero-one", "far")
TOGETHER = tuple(n for n in EVERY if "singleton" not in n)


def index(d):
    return np.array(d.groups)


def per_response(f, name, function, estimator, options, steps, single=False, uses=(), **arguments):
    for s in steps:
        d = Dense(s)
        kwargs = dict(arguments)
        if "config" in kwargs:
            kwargs["config"] = AlgoConfig(**kwargs["config"])
        x, _ = getattr(core_algos, function)(token_level_rewards=d.last(), response_mask=d.mask, index=index(d), **kwargs)
        f.add(name, function=MODULE + function, arguments=arguments, dense=d, estimator=estimator, options=options,
              advantages=d.per_response(x), uses=uses, single=single)


def file():
    f = Advantages("verl")
    raw = {"Singleton": "reward"}
    grpo = {"DDof": 1, "Epsilon": 1e-6} | raw
    center = {"Scale": "none"} | raw
    # of a response that is alone verl gives reward / (1 + 1e-6): compat.NotMatched
    per_response(f, "grpo", "compute_grpo_outcome_advantage", "GroupRelative", grpo, TOGETHER)
    per_response(f, "dr_grpo", "compute_grpo_outcome_advantage", "GroupRelative", center, EVERY, norm_adv_by_std_in_grpo=False)
    near = tuple(n for n in EVERY if n != "far")  # a float32 mean of rewards near 1000 has few digits left
    per_response(f, "grpo_vectorized", "compute_grpo_vectorized_outcome_advantage", "GroupRelative", grpo, near, single=True)
    per_response(f, "rloo", "compute_rloo_outcome_advantage", "GroupRelative", {"Baseline": "leave-one-out", "Scale": "none"} | raw, EVERY)
    per_response(f, "rloo_vectorized", "compute_rloo_vectorized_outcome_advantage", "GroupRelative", {"Baseline": "leave-one-out", "Scale": "none"}, EVERY)
    per_response(f, "opo", "compute_opo_outcome_advantage", "GroupRelative", {"Baseline": "length-weighted-mean", "Scale": "none"} | raw, EVERY, uses=["lengths"])
    per_response(f, "gpg", "compute_gpg_outcome_advantage", "GPG", raw, EVERY)
    per_response(f, "gpg-norm", "compute_gpg_outcome_advantage", "GPG", {"Norm": 2.5} | raw, ("zero-one", "real"), f_norm=2.5)
    per_response(f, "grpo_passk", "compute_grpo_passk_outcome_advantage", "PassKArgmax", {"DDof": 1, "Epsilon": 1e-6}, TOGETHER, config={})
    per_response(f, "grpo_passk-unscaled", "compute_grpo_passk_outcome_advantage", "PassKArgmax", {"Unscaled": True}, TOGETHER,
                 config={"norm_adv_by_std_in_grpo": False})
    per_response(f, "reinforce_plus_plus_baseline", "compute_reinforce_plus_plus_baseline_outcome_advantage", "Whitened",
                 {"Of": center, "Whitening": WHITENING, "ByLength": True}, EVERY, uses=["lengths"])
    gdpo(f)
    per_token(f)
    return f


def gdpo(f):
    """With components, which verl reads from a batch and keeps in float32."""
    for weights in (None, [1.0, 0.5]):
        for s in ("binary", "real-masked", "uneven"):
            d = Dense(s)
            keys = ["a", "b"]
            width = d.width
            attention = torch.cat([torch.ones(len(d.counts), 1), d.mask], 1)
            # verl puts a component at column (tokens attended to) - 1, inside or outside the mask: only its sum is read
            config = AlgoConfig(gdpo_reward_keys=keys, gdpo_reward_weights=weights)
            x, _ = core_algos.compute_gdpo_outcome_advantage(
                token_level_rewards=d.last(), response_mask=d.mask, index=index(d), config=config,
                non_tensor_batch={k: d.components[:, i].numpy() for i, k in enumerate(keys)},
                batch={"prompts": torch.zeros(len(d.counts), 1), "attention_mask": attention.long()})
            f.add(f"gdpo/{weights or 1}", function=MODULE + "compute_gdpo_outcome_advantage", arguments={"gdpo_reward_weights": weights}, dense=d,
                  estimator="GDPO", options={"Of": {"DDof": 1, "Epsilon": 1e-6, "Singleton": "reward"}, "Weights": weights, "Whitening": WHITENING, "ByLength": True},
                  advantages=d.per_response(x), uses=["components", "lengths"], single=True)
    for s in ("real", "real-masked", "uneven"):
        d = Dense(s)
        x, _ = core_algos.compute_gdpo_outcome_advantage(token_level_rewards=d.last(), response_mask=d.mask, index=index(d))
        f.add("gdpo/one", function=MODULE + "compute_gdpo_outcome_advantage", arguments={}, dense=d, estimator="Whitened",
              options={"Of": {"DDof": 1, "Epsilon": 1e-6, "Singleton": "reward"}, "Whitening": WHITENING, "ByLength": True},
              advantages=d.per_response(x), uses=["lengths"])


def per_token(f):
    steps = ("real", "real-masked", "uneven", "singleton-masked")
    for gamma in (1.0, 0.9):
        for s in steps:
            d = Dense(s)
            rewards = d.token_rewards * d.mask + d.last()
            x, _ = core_algos.compute_reinforce_plus_plus_outcome_advantage(rewards, d.mask, config=AlgoConfig(gamma=gamma))
            f.add(f"reinforce_plus_plus/{gamma}", function=MODULE + "compute_reinforce_plus_plus_outcome_advantage", arguments={"gamma": gamma}, dense=d,
                  estimator="TokenReturns", options={"Gamma": gamma, "Whitening": WHITENING}, advantages=x, uses=["token_rewards"])
    for s in steps:
        d = Dense(s)
        rewards = core_algos.compute_rewards(d.last(), d.log_probs, d.ref_log_probs, 0.1)
        x, _ = core_algos.compute_reinforce_plus_plus_outcome_advantage(rewards * d.mask, d.mask, config=AlgoConfig(gamma=1.0))
        f.add("kl-in-reward", function=MODULE + "compute_rewards", arguments={"kl_ratio": 0.1}, dense=d, estimator="TokenReturns",
              options={"Whitening": WHITENING}, kl_reward={"Coefficient": 0.1}, advantages=x, uses=["log_probs", "ref_log_probs"])
    for estimator in ("kl", "abs", "mse", "low_var_kl"):
        d = Dense("real-masked")
        penalty = core_algos.kl_penalty(d.log_probs, d.ref_log_probs, estimator)
        x, _ = core_algos.compute_reinforce_plus_plus_outcome_advantage((d.last() - 0.1 * penalty) * d.mask, d.mask, config=AlgoConfig(gamma=0.95))
        f.add(f"kl-in-reward/{estimator}", function=MODULE + "kl_penalty", arguments={"kl_penalty": estimator, "coefficient": 0.1, "gamma": 0.95}, dense=d,
              estimator="TokenReturns", options={"Gamma": 0.95, "Whitening": WHITENING},
              kl_reward={"Coefficient": 0.1, "Estimator": {"kl": "k1", "abs": "abs-k1", "mse": "k2", "low_var_kl": "k3"}[estimator]},
              advantages=x, uses=["log_probs", "ref_log_probs"])
    for s in steps:
        d = Dense(s)
        x, _ = core_algos.compute_remax_outcome_advantage(d.last(), d.baselines, d.mask)
        f.add("remax", function=MODULE + "compute_remax_outcome_advantage", arguments={}, dense=d, estimator="TokenReturns",
              options={"Baselines": True, "Raw": True}, advantages=x, uses=["baselines"])
        x, _ = core_algos.compute_remax_outcome_advantage(d.last() + d.token_rewards, d.baselines, d.mask)
        f.add("remax/token-rewards", function=MODULE + "compute_remax_outcome_advantage", arguments={}, dense=d, estimator="TokenReturns",
              options={"Baselines": True, "Raw": True}, advantages=x, uses=["baselines", "token_rewards"])
    for gamma, lam in ((1.0, 1.0), (0.99, 0.95), (0.9, 0.0)):
        for s in steps:
            d = Dense(s)
            rewards = (d.token_rewards + d.last()) * d.mask
            x, _ = core_algos.compute_gae_advantage_return(rewards, d.values, d.mask, torch.tensor(gamma), torch.tensor(lam))
            f.add(f"gae/{gamma}-{lam}", function=MODULE + "compute_gae_advantage_return", arguments={"gamma": gamma, "lam": lam}, dense=d, estimator="GAE",
                  options={"Gamma": gamma, "Lambda": lam, "Whitening": WHITENING}, advantages=x, uses=["token_rewards", "values"])
    for kind, function, names in (
        ("otb", "compute_optimal_token_baseline_advantage", ("real", "uneven", "singleton")),
        ("tir_otb", "compute_multi_turn_optimal_token_baseline_advantage", ("real", "uneven", "singleton", "real-masked", "singleton-masked")),
    ):
        for tail in (True, False):
            for weighted in (False, True):
                for s in names:
                    d = Dense(s)
                    x, _ = getattr(core_algos, function)(d.last() + d.token_rewards, d.mask, index(d), d.log_probs, d.squared_probs,
                                                         rollout_is_weights=d.rollout_weights if weighted else None, handle_zero_tail=tail)
                    f.add(f"{kind}/{'zero' if tail else 'keep'}-tail{'/weighted' if weighted else ''}", function=MODULE + function,
                          arguments={"handle_zero_tail": tail, "rollout_is_weights": weighted}, dense=d, estimator="OTB",
                          options={"Epsilon": 1e-8, "KeepTail": not tail, "Singleton": "reward"}, advantages=x,
                          uses=["token_rewards", "log_probs", "squared_probs"] + (["rollout_weights"] if weighted else []))
