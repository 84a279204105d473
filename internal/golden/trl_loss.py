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
    max_completion_length=16,
    entropy_coef=0.0,
    use_adaptive_entropy=False,
)

AGGREGATIONS = {
    "grpo": response_mean(all=True),
    "sapo": response_mean(all=True),
    "bnpo": TOKEN_MEAN,
    "dr_grpo": constant_length(16, all=True),
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
    return trainer(d, cls, **fields)._compute_loss(None, batch(d))


def policy(f, name, key, surrogate, batches, r=None, recipe=None, loss_types=("dapo",), penalty=None, **fields):
    for loss_type in loss_types:
        for b in batches:
            d = Dense(b)
            f.add(
                f"{name}/{loss_type}" if name != loss_type else name,
                key=key,
                function=FUNCTION,
                arguments={"loss_type": loss_type} | fields,
                dense=d,
                objective=objective(surrogate, AGGREGATIONS[loss_type], r, kl=penalty),
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


def penalties(f):
    rho = {"mode": "differentiable"}
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
                  loss=loss_of(d, GMPOTrainer, epsilon_low=0.4, epsilon_high=0.4, beta=beta))


def file():
    f = File("trl")
    losses(f)
    penalties(f)
    gmpo(f)
    return f
