"""OpenRLHF: PolicyLoss with its correction grid, KL estimators, aggregation."""

from openrlhf.models.loss import PolicyLoss, aggregate_loss
from openrlhf.models.utils import compute_approx_kl

from cases import File
from inputs import Dense
from objectives import *

POLICY = "openrlhf.models.loss.PolicyLoss.forward"
BOUND = clamp(-20, 20)
AGGREGATIONS = {"token-mean": TOKEN_MEAN, "seq-mean-token-mean": response_mean_epsilon()}


def loss_of(d, agg="token-mean", info=None, **fields):
    module = PolicyLoss(token_level_loss=agg == "token-mean", **fields)
    loss, clip_ratio, ppo_kl, _, _ = module(
        d.log_probs, d.old, d.tiled_advantages, action_mask=d.mask, rollout_log_probs=d.rollout_log_probs, **(info or {}))
    d.metrics |= {"policy_loss": loss.item(), "ppo_clip_ratio": clip_ratio.item(), "ppo_kl": ppo_kl.item()}
    return loss


def policy(f, name, key, surrogate, r, batches, aggs=("token-mean",), weights=None, recipe=None, totals=None, info=None, **fields):
    for agg in aggs:
        for b in batches:
            d = Dense(b)
            aggregation = AGGREGATIONS[agg]
            if info:
                aggregation = part("scaled", factor=info["dp_size"], of=aggregation)
            f.add(f"{name}/{agg}", key=key, function=POLICY, arguments={"loss_agg_mode": agg} | fields | (info or {}), dense=d,
                  objective=objective(surrogate, aggregation, r, weights), loss=loss_of(d, agg, info, **fields),
                  totals=totals, recipe=recipe if agg in ("token-mean", aggs[0]) else None)


def losses(f):
    token, both = ratio(cap=BOUND), tuple(AGGREGATIONS)
    policy(f, "ppo", "clip", clip(), token, ("ragged", "drift", "holes", "on-policy", "tokens", "extreme"), both, recipe="openrlhf/ppo")
    policy(f, "ppo-dual", "clip", clip(0.2, 0.28, 3), token, ("ragged", "drift", "tokens"), both, clip_eps_high=0.28, dual_clip=3.0)
    gspo = dict(policy_loss_type="gspo", clip_eps_low=3e-4, clip_eps_high=4e-4)
    policy(f, "gspo", "gspo", clip(3e-4, 4e-4), ratio("sequence"), ("tight", "ragged", "holes", "on-policy"), ("seq-mean-token-mean",), **gspo)
    policy(f, "gspo-rollout", "gspo", clip(3e-4, 4e-4), ratio("sequence", "rollout"), ("tight", "ragged", "mismatch"),
           ("seq-mean-token-mean",), is_correction_level="token", **gspo)
    policy(f, "gspo-default", "gspo", clip(), ratio("sequence"), ("ragged", "drift"), ("seq-mean-token-mean",), recipe="openrlhf/gspo", policy_loss_type="gspo")
    policy(f, "totals", "scaled", clip(), token, ("ragged", "holes"), both,
           totals={"Tokens": 200, "Responses": 24, "AllResponses": 24},
           info={"dp_size": 2, "batch_num_tokens": 200, "global_batch_size": 24})


NAMED = {
    ("token", "clip", "ratio", 0.5, 5.0): "openrlhf/tis",
    ("token", "mask", "ratio", 0.5, 5.0): "openrlhf/icepop",
    ("seq", "mask", "ratio", 0.5, 5.0): "openrlhf/seq-mask-tis",
}


def corrections(f):
    """level x mode x statistic; survivors keep the token's own weight."""
    rows = [
        ("token", "clip", "ratio", (0.5, 5.0)),
        ("token", "clip", "ratio", (0.9, 1.1)),
        ("token", "mask", "ratio", (0.5, 5.0)),
        ("token", "mask", "ratio", (0.8, 1.25)),
        ("seq", "mask", "ratio", (0.5, 5.0)),
        ("seq", "mask", "ratio", (0.95, 1.15)),
        ("token", "mask", "binary_kl", (0.0, 0.02)),
        ("token", "mask", "tv", (0.0, 0.1)),
        ("seq", "mask", "binary_kl", (0.0, 0.03)),
        ("seq", "mask", "tv", (0.0, 0.09)),
    ]
    for level, mode, gating, (low, high) in rows:
        unit = {"token": "token", "seq": "sequence"}[level]
        if gating != "ratio":
            expected = [gate(unit, gating, high), mismatch("token")]
        elif unit == "sequence":
            expected = [gate(unit, "ratio", high, low), mismatch("token")]
        else:
            expected = [mismatch(unit, low, high, {"clip": "truncate", "mask": "mask"}[mode])]
        policy(f, f"correction/{level}-{mode}-{gating}-{low}-{high}", "gate" if len(expected) == 2 else "mismatch", clip(), ratio(cap=BOUND),
               ("mismatch", "confident", "holes"), tuple(AGGREGATIONS), expected,
               recipe=NAMED.get((level, mode, gating, low, high)),
               is_correction_level=level, is_correction_mode=mode, is_correction_gating=gating, is_correction_threshold=[low, high])


def penalties(f):
    """compute_approx_kl works in float32 whatever it is given."""
    for estimator, bound in (("k1", None), ("k2", None), (None, 10)):
        for unbiased in (False, True):
            for b in ("ragged", "holes", "drift") if unbiased else ("ragged", "holes"):
                d = Dense(b)
                penalty = compute_approx_kl(d.log_probs, d.ref_log_probs, log_probs_old=d.old, kl_estimator=estimator or "k3", unbiased_gradient=unbiased)
                loss = loss_of(d) + 0.1 * aggregate_loss(penalty, d.mask)
                expected = kl(0.1, estimator, input_bound=bound, output_bound=10,
                              gradient="k2" if unbiased else None,
                              factor={"mode": "gradient_only", "cap": 10} if unbiased else None)
                f.add(f"kl/{estimator or 'k3'}{'-unbiased' if unbiased else ''}", key="kl", function="openrlhf.models.utils.compute_approx_kl",
                      arguments={"kl_estimator": estimator or "k3", "unbiased_gradient": unbiased, "init_coef": 0.1}, dense=d,
                      objective=objective(clip(), TOKEN_MEAN, ratio(cap=BOUND), kl=expected), loss=loss, mixed=True)
    for agg in AGGREGATIONS:
        d = Dense("ragged")
        loss = loss_of(d, agg) - 0.01 * aggregate_loss(d.entropies, d.mask)
        f.add(f"entropy/{agg}", key="entropy", function="openrlhf.models.loss.aggregate_loss",
              arguments={"entropy_coef": 0.01, "loss_agg_mode": agg}, dense=d,
              objective=objective(clip(), AGGREGATIONS[agg], ratio(cap=BOUND), entropy=entropy(0.01, TOKEN_MEAN)), loss=loss)


def file():
    f = File("openrlhf")
    losses(f)
    corrections(f)
    penalties(f)
    return f
