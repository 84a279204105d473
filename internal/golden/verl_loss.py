"""verl: policy losses, KL penalties, aggregations and rollout corrections."""

import torch
from verl.trainer.ppo import core_algos
from verl.trainer.ppo.rollout_corr_helper import compute_rollout_correction_weights, compute_rollout_rejection_mask
from verl.workers.config import ActorConfig, PolicyLossConfig

from cases import File
from inputs import Dense
from objectives import *

MODULE = "verl.trainer.ppo.core_algos."
BOUND = clamp(-20, 20)  # of the log-ratio, where verl bounds it

AGGREGATIONS = {
    "token-mean": TOKEN_MEAN,
    "token-sum": SUM,
    "seq-mean-token-sum": response_sum(),
    "seq-mean-token-mean": response_mean_epsilon(),
    "seq-mean-token-sum-norm": constant_length(16),
}


def config(info=None, **fields):
    c = ActorConfig(strategy="fsdp", rollout_n=1, ppo_micro_batch_size_per_gpu=1, **fields)
    c.global_batch_info.update(info or {})
    if c.loss_agg_mode == "seq-mean-token-sum-norm":
        c.global_batch_info["loss_scale_factor"] = 16
    return c


def loss_of(mode, d, agg="token-mean", info=None, weights=None, mask=None, **fields):
    c = config(info, loss_agg_mode=agg, **fields)
    loss, _ = core_algos.get_policy_loss_fn(mode)(
        old_log_prob=d.old,
        log_prob=d.log_probs,
        advantages=d.tiled_advantages,
        response_mask=d.mask if mask is None else mask,
        loss_agg_mode=agg,
        config=c,
        rollout_is_weights=weights,
    )
    return loss, c


def plain(x):
    """Arguments as JSON: dataclasses by their text."""
    return {k: v if isinstance(v, (int, float, str, bool, type(None), dict, list)) else str(v) for k, v in x.items()}


def policy(f, mode, function, key, surrogate, r, batches, aggs=("token-mean",), name=None, recipe=None, **fields):
    """One loss mode on several batches and aggregations."""
    for agg in aggs:
        for b in batches:
            d = Dense(b)
            loss, _ = loss_of(mode, d, agg, **fields)
            f.add(
                f"{name or mode}/{agg}",
                key=key,
                function=MODULE + function,
                arguments=plain({"loss_agg_mode": agg} | fields),
                dense=d,
                objective=objective(surrogate, AGGREGATIONS[agg], r),
                loss=loss,
                recipe=recipe if agg == "token-mean" else None,
            )


def losses(f):
    token = ratio(cap=BOUND)
    policy(f, "vanilla", "compute_policy_loss_vanilla", "clip", clip(cap=3), token,
           ("ragged", "drift", "holes", "on-policy", "tokens", "extreme"), AGGREGATIONS, recipe="verl/vanilla")
    policy(f, "vanilla", "compute_policy_loss_vanilla", "clip", clip(0.2, 0.28, 10), token,
           ("ragged", "drift", "tokens"), ("token-mean", "seq-mean-token-sum-norm"), name="dapo", clip_ratio_low=0.2, clip_ratio_high=0.28, clip_ratio_c=10.0)
    policy(f, "gspo", "compute_policy_loss_gspo", "gspo-token", clip(3e-4, 4e-4),
           ratio("sequence_token", cap=clamp(high=10)), ("tight", "ragged", "holes"),
           ("token-mean", "seq-mean-token-mean"), clip_ratio_low=3e-4, clip_ratio_high=4e-4)
    policy(f, "cispo", "compute_policy_loss_cispo", "cispo", part("cispo", min=0.8, max=1.2), token,
           ("ragged", "drift", "holes", "tokens", "extreme"), ("token-mean", "seq-mean-token-sum"), recipe="verl/cispo")


def penalties(f):
    """The loss as ppo_loss puts it together: policy, KL, entropy."""
    kinds = {
        "k1": kl(0.1, "k1"),
        "abs": kl(0.1, "abs_k1"),
        "k2": kl(0.1, "k2"),
        "k3": kl(0.1, input_bound=20, output_bound=10),
        "k1+": kl(0.1, "k1", gradient="k2"),
        "k3+": kl(0.1, gradient="k2", input_bound=20, output_bound=10),
    }
    for kind, expected in kinds.items():
        for agg in ("token-mean", "seq-mean-token-mean"):
            d = Dense("ragged")
            loss, c = loss_of("vanilla", d, agg)
            penalty = core_algos.kl_penalty(d.log_probs, d.ref_log_probs, kind)
            loss = loss + 0.1 * core_algos.agg_loss(penalty, d.mask, agg, **c.global_batch_info)
            f.add(f"kl-{kind}/{agg}", key="kl", function=MODULE + "kl_penalty",
                  arguments={"kl_penalty": kind, "kl_loss_coef": 0.1, "loss_agg_mode": agg}, dense=d,
                  objective=objective(clip(cap=3), AGGREGATIONS[agg], ratio(cap=BOUND), kl=expected), loss=loss)
    for agg in AGGREGATIONS:
        d = Dense("ragged")
        loss, c = loss_of("vanilla", d, agg)
        loss = loss - 0.01 * core_algos.agg_loss(d.entropies, d.mask, agg, **c.global_batch_info)
        f.add(f"entropy/{agg}", key="entropy", function=MODULE + "agg_loss",
              arguments={"entropy_coeff": 0.01, "loss_agg_mode": agg}, dense=d,
              objective=objective(clip(cap=3), AGGREGATIONS[agg], ratio(cap=BOUND), entropy=entropy(0.01)), loss=loss)


def file():
    f = File("verl")
    losses(f)
    penalties(f)
    return f
