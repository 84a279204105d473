"""TRL: GRPOTrainer's loss, on a trainer that was never initialised.

The trainer's method for per-token log-probabilities returns ours; everything else in
the loss is TRL's own code.
"""

import types
from collections import defaultdict

import torch
from trl.experimental.gmpo.gmpo_trainer import GMPOTrainer
from trl.trainer.grpo_trainer import GRPOTrainer

from cases import File
from inputs import Dense
from objectives import *

FUNCTION = "trl.trainer.grpo_trainer.GRPOTrainer._compute_loss"


class Accelerator:
    """One process."""

    num_processes, process_index, sync_gradients = 1, 0, True
    device = torch.device("cpu")

    def gather(self, x):
        return x

    gather_for_metrics = gather

    def reduce(self, x, reduction):
        return x

    def pad_across_processes(self, x, dim, pad_index):
        return x


ARGS = dict(
    use_bias_correction_kl=True,
    delta=None,
    steps_per_generation=1,
    gradient_accumulation_steps=1,
    sapo_temperature_pos=1.0,
    sapo_temperature_neg=1.05,
    vespo_k_pos=2.0,
    vespo_lambda_pos=3.0,
    vespo_k_neg=3.0,
    vespo_lambda_neg=2.0,
    entropy_target=0.2,
)

FIELDS = dict(
    aux_loss_enabled=False,
    top_entropy_quantile=1.0,
    off_policy_mask_threshold=None,
    importance_sampling_level="token",
    beta=0.0,
    loss_type="dapo",
    epsilon_low=0.2,
    epsilon_high=0.2,
    use_vllm=False,
    vllm_importance_sampling_correction=True,
    current_gradient_accumulation_steps=1,
    max_completion_length=256,
    entropy_coef=0.0,
    use_adaptive_entropy=False,
)

AGGREGATIONS = {
    "grpo": response_mean(all=True),
    "sapo": response_mean(all=True),
    "bnpo": TOKEN_MEAN,
    "dr_grpo": constant_length(256, all=True),
    "dapo": TOKEN_MEAN,
    "cispo": TOKEN_MEAN,
    "vespo": TOKEN_MEAN,
    "luspo": response_sum(all=True),
}


def trainer(d, cls=GRPOTrainer, **fields):
    t = cls.__new__(cls)
    for k, v in (FIELDS | {k: v for k, v in fields.items() if k not in ARGS}).items():
        setattr(t, k, v)
    t.args = types.SimpleNamespace(**(ARGS | {k: v for k, v in fields.items() if k in ARGS}))
    t.model = types.SimpleNamespace(training=True)
    t.accelerator = Accelerator()
    t._metrics = {"train": defaultdict(list), "eval": defaultdict(list)}
    t._entropy_bonus_enabled = t.entropy_coef != 0
    t._get_per_token_logps_and_entropies = lambda *a, **k: (d.log_probs, d.entropies, None)
    return t


def batch(d):
    mask = d.mask.long()
    ids = torch.zeros_like(mask)
    inputs = {
        "prompt_ids": ids[:, :1],
        "prompt_mask": torch.ones_like(ids[:, :1]),
        "completion_ids": ids,
        "completion_mask": mask,
        "advantages": d.token_advantages if d.per_token else d.advantages,
        "num_items_in_batch": mask.sum(),
        "ref_per_token_logps": d.ref_log_probs,
    }
    if d.old_log_probs is not None:
        inputs["old_per_token_logps"] = d.old_log_probs
    return inputs


def loss_of(d, cls=GRPOTrainer, **fields):
    return run(d, trainer(d, cls, **fields), batch(d))


def run(d, t, inputs):
    """The loss, and what was logged with it."""
    loss = t._compute_loss(None, inputs)
    d.metrics |= {k: v[-1] for k, v in t._metrics["train"].items()}
    return loss


def policy(f, name, key, surrogate, batches, r=None, recipe=None, loss_types=("dapo",), penalty=None, weights=None, **fields):
    for loss_type in loss_types:
        for b in batches:
            d = Dense(b)
            f.add(
                f"{name}/{loss_type}" if name != loss_type else name,
                key=key,
                function=FUNCTION,
                arguments={"loss_type": loss_type} | fields,
                dense=d,
                objective=objective(surrogate, AGGREGATIONS[loss_type], r, weights, kl=penalty),
                loss=loss_of(d, loss_type=loss_type, **fields),
                recipe=recipe,
            )


def losses(f):
    for loss_type in ("grpo", "bnpo", "dr_grpo", "dapo"):
        policy(f, loss_type, "clip", clip(), ("ragged", "drift", "holes", "on-policy", "tokens"), loss_types=(loss_type,),
               recipe="trl/" + loss_type)
    policy(f, "delta", "clip", clip(0.2, 0.28, 1.5), ("ragged", "drift"), loss_types=("grpo", "dapo"), epsilon_high=0.28, delta=1.5)
    policy(f, "gspo", "gspo", clip(3e-4, 4e-4), ("tight", "ragged", "on-policy"), ratio("sequence"),
           loss_types=("grpo", "dapo", "dr_grpo"), importance_sampling_level="sequence", epsilon_low=3e-4, epsilon_high=4e-4)
    policy(f, "luspo", "luspo", clip(3e-4, 4e-4), ("tight", "ragged"), ratio("sequence"), loss_types=("luspo",),
           importance_sampling_level="sequence", epsilon_low=3e-4, epsilon_high=4e-4)
    policy(f, "cispo", "cispo", part("cispo", max=5), ("ragged", "drift", "on-policy", "tokens"), loss_types=("cispo",),
           epsilon_high=5.0, recipe="trl/cispo")
    policy(f, "sapo", "sapo", part("sapo", positive=1, negative=1.05), ("ragged", "drift", "holes", "on-policy", "tokens"),
           loss_types=("sapo",), recipe="trl/sapo")
    policy(f, "sapo-sequence", "sapo", part("sapo", positive=1, negative=1.05), ("ragged", "tight"), ratio("sequence"),
           loss_types=("sapo",), importance_sampling_level="sequence")
    policy(f, "luspo-token", "clip", clip(), ("ragged", "holes"), loss_types=("luspo",))


VESPO = part("vespo", k_positive=2, lambda_positive=3, k_negative=3, lambda_negative=2)
VESPO_RATIO = ratio("product_token", clamp=clamp(-20, 20), cap=clamp(-8 * 2.302585092994046, 20))


def penalties(f):
    rho = {"mode": "differentiable"}
    sequence = dict(importance_sampling_level="sequence", epsilon_low=3e-4, epsilon_high=4e-4)
    tight = clip(3e-4, 4e-4)
    rows = [(t, t, clip(), None, {}) for t in ("grpo", "bnpo", "dr_grpo", "dapo")] + [
        ("gspo", "grpo", tight, ratio("sequence"), sequence),
        ("luspo", "luspo", tight, ratio("sequence"), sequence),
        ("cispo", "cispo", part("cispo", max=5), None, dict(epsilon_high=5.0)),
        ("sapo", "sapo", part("sapo", positive=1, negative=1.05), None, {}),
        ("vespo", "vespo", VESPO, VESPO_RATIO, {}),
    ]
    for name, loss_type, surrogate, r, fields in rows:
        level = {"level": "sequence"} if fields.get("importance_sampling_level") else {}
        for corrected in (False, True):
            if name == "vespo" and not corrected:
                continue
            for b in ("ragged", "holes"):
                d = Dense(b)
                args = {"beta": 0.04, "use_bias_correction_kl": corrected} | fields
                f.add(f"kl-{'from' if corrected else 'before'}-1.10/{name}", key="kl", function=FUNCTION, arguments={"loss_type": loss_type} | args, dense=d,
                      objective=objective(surrogate, AGGREGATIONS[loss_type], r, kl=kl(0.04, factor=rho | level if corrected else None)),
                      loss=loss_of(d, loss_type=loss_type, **args), recipe=f"trl/{name}@{'1.16.0' if corrected else '1.9.0'}")
    for loss_type in ("grpo", "dapo"):
        policy(f, "kl", "kl", clip(), ("ragged", "drift", "on-policy"), loss_types=(loss_type,),
               penalty=kl(0.04, factor=rho), beta=0.04)
        policy(f, "kl-plain", "kl", clip(), ("ragged", "drift"), loss_types=(loss_type,),
               penalty=kl(0.04), beta=0.04, use_bias_correction_kl=False)
        policy(f, "kl-sequence", "kl", clip(3e-4, 4e-4), ("tight", "ragged"), ratio("sequence"), loss_types=(loss_type,),
               penalty=kl(0.04, factor=rho | {"level": "sequence"}), beta=0.04,
               importance_sampling_level="sequence", epsilon_low=3e-4, epsilon_high=4e-4)


def gmpo(f):
    bounds = clamp(-0.4, 0.4, True)
    for beta in (0.0, 0.04):
        for b in ("ragged", "drift", "on-policy"):
            d = Dense(b)
            f.add(f"gmpo/beta-{beta}", key="gmpo", function="trl.experimental.gmpo.gmpo_trainer.GMPOTrainer._compute_loss",
                  arguments={"epsilon_low": 0.4, "epsilon_high": 0.4, "beta": beta}, dense=d,
                  objective=objective(part("linear"), response_mean(all=True), ratio("sequence", clamp=bounds),
                                      kl=kl(beta) if beta else None),
                  recipe="trl/gmpo", loss=loss_of(d, GMPOTrainer, epsilon_low=0.4, epsilon_high=0.4, beta=beta))


def sampler(d, mode, low=None, high=None):
    """importance_sampling_ratio, as TRL computes it while it scores completions."""
    from trl_advantage import score

    return score(d, vllm_importance_sampling_mode=mode, vllm_importance_sampling_clip_min=low,
                 vllm_importance_sampling_clip_max=high)["importance_sampling_ratio"]


MODES = {
    "token_truncate": ("token", "truncate"),
    "token_mask": ("token", "mask"),
    "sequence_truncate": ("product", "truncate"),
    "sequence_mask": ("product", "mask"),
}


def corrections(f):
    """Importance weights between trainer and sampler."""
    for mode, (level, kind) in MODES.items():
        for low, high in ((None, 3.0), (0.5, 2.0), (0.9, 1.1)):
            for loss_type, batches in (("dapo", ("mismatch", "holes")), ("grpo", ("mismatch",)), ("cispo", ("mismatch",))):
                for b in batches:
                    d = Dense(b)
                    inputs = batch(d) | {"importance_sampling_ratio": sampler(d, mode, low, high)}
                    eps = 5.0 if loss_type == "cispo" else 0.2
                    t = trainer(d, loss_type=loss_type, use_vllm=True, epsilon_high=eps)
                    f.add(f"importance_sampling/{mode}-{low}-{high}/{loss_type}", key="mismatch", function=FUNCTION,
                          arguments={"loss_type": loss_type, "vllm_importance_sampling_mode": mode,
                                     "vllm_importance_sampling_clip_min": low, "vllm_importance_sampling_clip_max": high},
                          dense=d, loss=run(d, t, inputs),
                          objective=objective(part("cispo", max=5) if loss_type == "cispo" else clip(), AGGREGATIONS[loss_type],
                                              weights=[mismatch(level, low, high, kind)]))


def vespo(f):
    names = {"k_positive": "vespo_k_pos", "lambda_positive": "vespo_lambda_pos", "k_negative": "vespo_k_neg", "lambda_negative": "vespo_lambda_neg"}
    r = VESPO_RATIO
    for shape in ((2, 3, 3, 2), (1, 1.5, 2, 0.5)):
        p = dict(zip(names, shape))
        for b in ("ragged", "tight", "holes", "on-policy", "extreme"):
            d = Dense(b)
            args = {names[k]: float(v) for k, v in p.items()}
            f.add(f"vespo/{'-'.join(map(str, shape))}", key="vespo", function=FUNCTION, arguments={"loss_type": "vespo"} | args, dense=d,
                  objective=objective(part("vespo", **p), TOKEN_MEAN, r), loss=loss_of(d, loss_type="vespo", **args))
    for mode in ("token_truncate", "token_mask"):
        d = Dense("mismatch")
        inputs = batch(d) | {"importance_sampling_ratio": sampler(d, mode, 0.5, 2.0)}
        t = trainer(d, loss_type="vespo", use_vllm=True)
        f.add(f"vespo/{mode}", key="vespo", function=FUNCTION,
              arguments={"loss_type": "vespo", "vllm_importance_sampling_mode": mode,
                         "vllm_importance_sampling_clip_min": 0.5, "vllm_importance_sampling_clip_max": 2.0},
              dense=d, loss=run(d, t, inputs),
              objective=objective(part("vespo", **dict(zip(names, (2, 3, 3, 2))), correction=mismatch("token", 0.5, 2, MODES[mode][1])),
                                  TOKEN_MEAN, r))


def masks(f):
    for delta in (0.0, 0.02, 0.5):
        for b in ("ragged", "mismatch", "holes"):
            for use_sampler in (False, True):
                d = Dense(b)
                inputs = batch(d)
                if use_sampler:
                    inputs["sampling_per_token_logps"] = d.rollout_log_probs
                t = trainer(d, loss_type="dapo", off_policy_mask_threshold=delta)
                f.add(f"opsm/{delta}/{'sampler' if use_sampler else 'old'}", key="opsm", function=FUNCTION,
                      arguments={"loss_type": "dapo", "off_policy_mask_threshold": delta, "sampling_per_token_logps": use_sampler},
                      dense=d, loss=run(d, t, inputs),
                      objective=objective(clip(), TOKEN_MEAN, weights=[part("opsm", threshold=delta, anchor="rollout" if use_sampler else None)]))
    for quantile in (0.2, 0.5, 0.8):
        for loss_type in ("grpo", "dapo"):
            policy(f, f"top_entropy/{quantile}", "top-entropy", clip(), ("ragged", "holes", "long"), loss_types=(loss_type,),
                   weights=[part("top_entropy", share=quantile)], top_entropy_quantile=quantile)


def bonus(f):
    for loss_type in ("grpo", "dapo", "dr_grpo"):
        for b in ("ragged", "holes"):
            d = Dense(b)
            f.add(f"entropy/{loss_type}", key="entropy", function=FUNCTION,
                  arguments={"loss_type": loss_type, "entropy_coef": 0.01}, dense=d,
                  objective=objective(clip(), AGGREGATIONS[loss_type], entropy=entropy(0.01, TOKEN_MEAN)),
                  loss=loss_of(d, loss_type=loss_type, entropy_coef=0.01))


def parts(f):
    """A micro-batch of an accumulation window of 4."""
    for loss_type in ("grpo", "bnpo", "dr_grpo", "luspo"):
        d = Dense("ragged")
        f.add(f"accumulation/{loss_type}", key="scaled", function=FUNCTION,
              arguments={"loss_type": loss_type, "gradient_accumulation_steps": 4}, dense=d,
              objective=objective(clip(), part("scaled", factor=0.25, of=AGGREGATIONS[loss_type])),
              loss=loss_of(d, loss_type=loss_type, current_gradient_accumulation_steps=4))
    for loss_type in ("dapo", "cispo"):
        d = Dense("ragged")
        inputs = batch(d) | {"num_items_in_batch": torch.tensor(200)}
        t = trainer(d, loss_type=loss_type, epsilon_high=5.0 if loss_type == "cispo" else 0.2, steps_per_generation=4, current_gradient_accumulation_steps=4)
        f.add(f"accumulation/{loss_type}", key="totals", function=FUNCTION,
              arguments={"loss_type": loss_type, "gradient_accumulation_steps": 4, "num_items_in_batch": 200}, dense=d,
              objective=objective(part("cispo", max=5) if loss_type == "cispo" else clip(), TOKEN_MEAN),
              totals={"Tokens": 200, "Responses": 32, "AllResponses": 32}, loss=run(d, t, inputs))


def file():
    f = File("trl")
    losses(f)
    penalties(f)
    gmpo(f)
    corrections(f)
    vespo(f)
    masks(f)
    bonus(f)
    parts(f)
    return f
