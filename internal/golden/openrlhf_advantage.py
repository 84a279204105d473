"""OpenRLHF: shaped rewards, advantages and returns of a batch of experiences."""

import types

import torch
from openrlhf.trainer.ppo_utils.experience_maker import RemoteExperienceMaker

from cases import Advantages
from rewards import Dense

FUNCTION = "openrlhf.trainer.ppo_utils.experience_maker.RemoteExperienceMaker.compute_advantages_and_returns"


def space(**fields):
    return types.SimpleNamespace(**fields)


def advantages(d, estimator, gamma=1.0, lam=1.0, no_std_norm=False, kl_coef=0.0):
    """[B, L] of a step of rewards.py, in one experience."""
    maker = RemoteExperienceMaker.__new__(RemoteExperienceMaker)
    maker.strategy = space(args=space(
        rollout=space(n_samples_per_prompt=d.group), reward=space(clip_range=None),
        algo=space(advantage=space(estimator=estimator, gamma=gamma, lambd=lam, no_std_norm=no_std_norm))))
    maker.advantage_estimator, maker.kl_ctl = estimator, space(value=kl_coef)
    e = space(rewards=d.rewards.clone(), index=list(range(len(d.counts))), action_mask=d.mask, values=d.values,
              kl=d.log_probs - d.ref_log_probs, info={})
    return maker.compute_advantages_and_returns([e])[0].advantages


def file():
    f = Advantages("openrlhf")
    even = ("binary", "binary-8", "real", "pairs", "zero-one", "real-masked")
    center, whitening = {"Scale": "none"}, {"Epsilon": 1e-8, "EpsilonPlace": "floor-variance"}
    for name, estimator, options in (
        ("group_norm", "GroupRelative", {"DDof": 1, "Epsilon": 1e-9}),
        ("dr_grpo", "GroupRelative", center),
        ("rloo", "GroupRelative", {"Baseline": "leave-one-out", "Scale": "none"}),
        ("flash_reinforce", "GroupRelative", {"Baseline": "batch-mean", "Scale": "none"}),
        ("reinforce_baseline", "Whitened", {"Of": center, "Whitening": whitening, "ByLength": True}),
    ):
        for s in even:
            d = Dense(s)
            f.add(name, function=FUNCTION, arguments={"estimator": name}, dense=d, estimator=estimator, options=options,
                  advantages=d.per_response(advantages(d, name)), uses=["lengths"] if estimator == "Whitened" else [],
                  single=estimator == "Whitened")
    for gamma in (1.0, 0.9):
        for kl_coef in (0.0, 0.1):
            for s in ("real", "binary", "pairs"):  # without masked tokens inside, which count as steps there
                d = Dense(s)
                f.add(f"reinforce/{gamma}-{kl_coef}", function=FUNCTION, arguments={"estimator": "reinforce", "gamma": gamma, "kl_coef": kl_coef}, dense=d,
                      estimator="TokenReturns", options={"Gamma": gamma, "Whitening": whitening}, advantages=advantages(d, "reinforce", gamma, kl_coef=kl_coef),
                      kl_reward={"Coefficient": kl_coef} if kl_coef else None, uses=["log_probs", "ref_log_probs"], single=True)
    for gamma, lam in ((1.0, 1.0), (0.99, 0.95)):
        for s in ("real", "binary", "pairs"):
            d = Dense(s)
            f.add(f"gae/{gamma}-{lam}", function=FUNCTION, arguments={"estimator": "gae", "gamma": gamma, "lambd": lam}, dense=d, estimator="GAE",
                  options={"Gamma": gamma, "Lambda": lam, "Whitening": whitening}, advantages=advantages(d, "gae", gamma, lam), uses=["values"], single=True)
    return f
