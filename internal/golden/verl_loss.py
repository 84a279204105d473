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
    loss, metrics = core_algos.get_policy_loss_fn(mode)(
        old_log_prob=d.old,
        log_prob=d.log_probs,
        advantages=d.tiled_advantages,
        response_mask=d.mask if mask is None else mask,
        loss_agg_mode=agg,
        config=c,
        rollout_is_weights=weights,
    )
    d.metrics |= metrics | {"actor/pg_loss": loss.item()}
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
                recipe=recipe if agg in ("token-mean", aggs[0] if isinstance(aggs, tuple) else None) else None,
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
    policy(f, "sapo", "compute_policy_loss_sapo", "sapo", SAPO, token, ("ragged", "drift", "holes", "tokens", "extreme"),
           ("seq-mean-token-mean",), recipe="verl/sapo")
    policy(f, "sapo", "compute_policy_loss_sapo", "sapo", SAPO | {"positive": 0.7, "negative": 2.5}, token, ("ragged", "drift"),
           ("seq-mean-token-mean",), name="sapo-sharp", tau_pos=0.7, tau_neg=2.5)
    policy(f, "gpg", "compute_policy_loss_gpg", "reinforce", part("reinforce"), None, ("ragged", "holes", "tokens"),
           AGGREGATIONS, recipe="verl/gpg")
    policy(f, "dro", "compute_policy_loss_dro", "dro", part("dro", beta=0.5), None, ("ragged", "drift", "holes", "tokens"),
           ("token-mean", "seq-mean-token-sum"), policy_loss=PolicyLossConfig(dro_beta=0.5))
    policy(f, "gspo", "compute_policy_loss_gspo", "gspo-token", clip(), ratio("sequence_token", cap=clamp(high=10)), ("ragged", "drift", "tokens"),
           name="gspo-default", recipe="verl/gspo@0.9.1")
    policy(f, "gspo", "compute_policy_loss_gspo", "gspo-token", clip(), ratio("sequence_token", cap=clamp(high=10)), ("ragged", "drift", "tokens"),
           ("seq-mean-token-mean",), name="gspo-default", recipe="verl/gspo@0.9.0")
    for low, high in ((0.4, 0.4), (0.1, 0.2), (0.2, 0.2)):
        d = Dense("long")
        loss, _ = loss_of("geo_mean", d, clip_ratio_low=low, clip_ratio_high=high)
        f.add(f"geo_mean/{low}-{high}", key="gmpo", function=MODULE + "compute_policy_loss_geo_mean",
              arguments={"clip_ratio_low": low, "clip_ratio_high": high}, dense=d, loss=loss,
              recipe="verl/geo_mean" if (low, high) == (0.2, 0.2) else None,
              objective=objective(part("linear"), response_mean(all=True), ratio("sequence", clamp=clamp(-low, high, True))))
    for kind in ("tv", "kl"):
        policy(f, "dppo_" + kind, "compute_policy_loss_dppo_" + kind, "dppo", part("dppo", divergence="binary_kl" if kind == "kl" else None, low=0.2, high=0.2, max=3),
               token, ("drift", "confident"), name=f"dppo_{kind}/default", recipe="verl/dppo_" + kind)
        for low, high, cap in ((0.05, 0.1, 3), (0.02, 0.02, 20)):
            policy(f, "dppo_" + kind, "compute_policy_loss_dppo_" + kind, "dppo",
                   part("dppo", divergence="binary_" + kind if kind == "kl" else None, low=low, high=high, max=cap), token,
                   ("ragged", "confident", "tokens", "holes"), ("token-mean", "seq-mean-token-mean")[: 1 if cap == 3 else 2],
                   name=f"dppo_{kind}/{low}-{high}-{cap}", clip_ratio_low=low, clip_ratio_high=high, clip_ratio_c=float(cap))
    policy(f, "kl_cov", "compute_policy_loss_kl_cov", "kl-cov", part("kl_cov", share=2e-4, coefficient=0.1), None, ("ragged", "drift"),
           name="kl_cov/default", recipe="verl/kl_cov")
    for share in (0.1, 0.3):
        policy(f, "kl_cov", "compute_policy_loss_kl_cov", "kl-cov", part("kl_cov", share=share, coefficient=0.5), None,
               ("ragged", "drift", "holes", "tokens"), name=f"kl_cov/{share}",
               policy_loss=PolicyLossConfig(kl_cov_ratio=share, ppo_kl_coef=0.5))
    # The tokens are drawn at random among those inside; a share that takes them all needs no draw.
    for lower, upper in ((0.1, 5.0), (0.3, 0.9)):
        policy(f, "clip_cov", "compute_policy_loss_clip_cov", "clip-cov",
               part("clip_cov", clip=clip(), share=1, low=lower, high=upper), None,
               ("ragged", "drift", "holes", "tokens"), name=f"clip_cov/{lower}-{upper}",
               policy_loss=PolicyLossConfig(clip_cov_ratio=1.0, clip_cov_lb=lower, clip_cov_ub=upper))


SAPO = part("sapo", positive=1, negative=1.05)


def corrections(f):
    """Importance weights between trainer and sampler."""
    modes = {
        "token-2.0": ("token", 2.0, False, mismatch("token", high=2)),
        "token-1.2": ("token", 1.2, False, mismatch("token", high=1.2)),
        "token-0.5_2.0": ("token", "0.5_2.0", False, mismatch("token", 0.5, 2, "mask")),
        "token-0.9_1.1": ("token", "0.9_1.1", False, mismatch("token", 0.9, 1.1, "mask")),
        "sequence-2.0": ("sequence", 2.0, False, mismatch("product", high=2)),
        "sequence-0.5_2.0": ("sequence", "0.5_2.0", False, mismatch("product", 0.5, 2, "mask")),
        "token-normalized": ("token", 2.0, True, part("mean_weight", of=mismatch("token", high=2), epsilon=1e-8)),
        "sequence-normalized": ("sequence", 2.0, True, part("mean_weight", of=mismatch("product", high=2), by_response=True, epsilon=1e-8)),
    }
    for name, (level, threshold, normalize, expected) in modes.items():
        for mode in ("vanilla", "gspo", "gpg"):
            for b in ("mismatch", "holes") if mode == "vanilla" else ("mismatch",):
                d = Dense(b)
                w, metrics = compute_rollout_correction_weights(d.old - d.rollout_log_probs, d.mask, level, threshold, normalize)
                if not normalize:  # they measure the weights before
                    d.metrics |= {"rollout_corr/" + k: v for k, v in metrics.items() if k in ("rollout_is_mean", "rollout_is_eff_sample_size")}
                loss, _ = loss_of(mode, d, weights=w)
                surrogate, r = {
                    "vanilla": (clip(cap=3), ratio(cap=BOUND)),
                    "gspo": (clip(), ratio("sequence_token", cap=clamp(high=10))),
                    "gpg": (part("reinforce"), None),
                }[mode]
                f.add(f"rollout_is/{name}/{mode}", key="mean-weight" if normalize else "mismatch",
                      function="verl.trainer.ppo.rollout_corr_helper.compute_rollout_correction_weights",
                      arguments={"rollout_is": level, "rollout_is_threshold": threshold, "rollout_is_batch_normalize": normalize, "loss_mode": mode},
                      dense=d, objective=objective(surrogate, TOKEN_MEAN, r, [expected]), loss=loss)


def rejections(f):
    """Tokens and responses that leave the counts."""
    options = {
        # verl bounds -log ratio by log(low) and log(high): the inverse of the ratio.
        "token_k1": ("0.6_2.0", mismatch("token", 0.5, 1 / 0.6, "mask")),
        "seq_sum_k1": ("0.7_1.6", mismatch("product", 1 / 1.6, 1 / 0.7, "mask")),
        "seq_mean_k1": ("0.9_1.25", mismatch("sequence", 1 / 1.25, 1 / 0.9, "mask")),
        "token_k2": ("0.1", divergence("k2", high=0.1)),
        "token_k3": ("0.1", divergence("k3", high=0.1)),
        "seq_sum_k2": ("0.5", divergence("k2", "sum", high=0.5)),
        "seq_sum_k3": ("0.5", divergence("k3", "sum", high=0.5)),
        "seq_mean_k2": ("0.12", divergence("k2", "mean", high=0.12)),
        "seq_mean_k3": ("0.12", divergence("k3", "mean", high=0.12)),
        "seq_max_k2": ("0.4", divergence("k2", "max", high=0.4)),
        "seq_max_k3": ("0.4", divergence("k3", "max", high=0.4)),
    }
    rows = [(o, t, [w]) for o, (t, w) in options.items()]
    rows.append(("token_k3,seq_mean_k2", "0.1,0.12", [options["token_k3"][1], options["seq_mean_k2"][1]]))
    for option, threshold, expected in rows:
        for agg in ("token-mean", "seq-mean-token-sum"):
            d = Dense("mismatch")
            mask, _ = compute_rollout_rejection_mask(d.old - d.rollout_log_probs, d.mask, option, threshold)
            if not 0 < mask.sum() < d.mask.sum():
                raise ValueError(f"{option} keeps {mask.sum()} of {d.mask.sum()}")
            loss, _ = loss_of("vanilla", d, agg, mask=mask)
            f.add(f"rollout_rs/{option}/{agg}", key="mismatch" if option.endswith("k1") else "divergence",
                  function="verl.trainer.ppo.rollout_corr_helper.compute_rollout_rejection_mask",
                  arguments={"rollout_rs": option, "rollout_rs_threshold": threshold, "loss_agg_mode": agg}, dense=d,
                  objective=objective(clip(cap=3), AGGREGATIONS[agg], ratio(cap=BOUND)), reject=expected, loss=loss)


def bypass(f):
    """The sampler's log-probabilities in the place of the old ones."""
    for name, threshold, expected, anchor in (
        ("reinforce", 2.0, part("cispo", max=2), "rollout"),
        ("reinforce-off", None, part("reinforce"), None),
        ("ppo_clip", None, clip(cap=3), "rollout"),
    ):
        for b in ("mismatch", "tokens", "holes"):
            d = Dense(b)
            c = {"loss_type": name.split("-")[0], "rollout_is": "token" if threshold else None, "rollout_is_threshold": threshold or 2.0}
            cfg = config(loss_agg_mode="token-mean", policy_loss=PolicyLossConfig(rollout_correction=c))
            loss, _ = core_algos.compute_policy_loss_bypass_mode(
                d.rollout_log_probs, d.log_probs, d.tiled_advantages, d.mask, "token-mean", cfg)
            f.add(f"bypass/{name}", key="cispo" if threshold else "reinforce" if expected["type"] == "reinforce" else "clip",
                  function=MODULE + "compute_policy_loss_bypass_mode", arguments=c, dense=d, loss=loss,
                  objective=objective(expected, TOKEN_MEAN, ratio(anchor=anchor, cap=BOUND) if anchor else None))


def parts(f):
    """A micro-batch of a larger step: counts of the whole are given, and dp_size multiplies."""
    totals = {"Tokens": 200, "Responses": 24, "AllResponses": 24}
    info = {"batch_num_tokens": 200, "global_batch_size": 24, "dp_size": 2}
    for agg in ("token-mean", "seq-mean-token-mean", "seq-mean-token-sum", "seq-mean-token-sum-norm"):
        for b in ("ragged", "holes"):
            d = Dense(b)
            loss, _ = loss_of("vanilla", d, agg, info=dict(info))
            f.add(f"totals/{agg}", key="scaled", function=MODULE + "agg_loss", arguments=info | {"loss_agg_mode": agg}, dense=d,
                  objective=objective(clip(cap=3), part("scaled", factor=2, of=AGGREGATIONS[agg]), ratio(cap=BOUND)),
                  totals=totals, loss=loss)


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
            term = core_algos.agg_loss(penalty, d.mask, agg, **c.global_batch_info)
            loss = loss + 0.1 * term
            if agg == "token-mean":
                d.metrics["actor/kl_loss"] = term.item()
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
    corrections(f)
    rejections(f)
    bypass(f)
    parts(f)
    penalties(f)
    return f
