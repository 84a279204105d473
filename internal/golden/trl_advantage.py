"""TRL: advantages and sampler corrections, from the trainers' own scoring of completions.

The trainer was never initialised: its methods that generate, run the model and call
reward functions return our numbers; the arithmetic between them is TRL's own code.
"""

import contextlib
import types
from collections import defaultdict

import torch
from trl.trainer import grpo_trainer
from trl.trainer.grpo_trainer import GRPOTrainer

FIELDS = dict(
    environment_factories=None,
    environments=None,
    tools=None,
    pad_to_multiple_of=None,
    mask_truncated_completions=False,
    use_vllm=True,
    vllm_importance_sampling_correction=True,
    vllm_importance_sampling_mode="token_truncate",
    vllm_importance_sampling_clip_min=None,
    vllm_importance_sampling_clip_max=3.0,
    num_iterations=1,
    beta=0.0,
    ref_model=None,
    multi_objective_aggregation="sum_then_normalize",
    scale_rewards="group",
    log_multimodal=False,
    _is_vlm=False,
    chat_template_kwargs={},
    _multi_environment=False,
    normalize_advantages=False,
    reward_clip_range=None,
    eos_token_ids=[1],
)


def trainer(cls, rewards, group, lengths, mask, old, rollout, ref=None, weights=None, **fields):
    """A trainer whose next completions have these rewards [B, K] and log-probabilities."""
    from trl_loss import Accelerator

    t = cls.__new__(cls)
    for k, v in (FIELDS | fields).items():
        setattr(t, k, v)
    t.accelerator = Accelerator()
    t.model = types.SimpleNamespace(training=True)
    t._tokenizer = types.SimpleNamespace(pad_token_id=0, eos_token_id=1)
    t.processing_class = t._tokenizer
    t.args = types.SimpleNamespace(per_device_train_batch_size=len(lengths), steps_per_generation=1,
                                   gradient_accumulation_steps=1, gradient_checkpointing_kwargs=None)
    t.num_generations = group
    t.reward_funcs = [None] * rewards.shape[1]
    t.reward_func_names = [str(k) for k in range(rewards.shape[1])]
    t.reward_weights = torch.ones(rewards.shape[1]) if weights is None else torch.tensor(weights)
    t._metrics = {"train": defaultdict(list)}
    t._logs = {k: [] for k in ("prompt", "completion", "images", "advantages")} | {k: defaultdict(list) for k in ("rewards", "extra")}
    t._pending_extra_logs, t._pending_metrics = defaultdict(list), defaultdict(list)
    ids = [[2] * n for n in lengths]

    def generate(prompts):
        if cls is not GRPOTrainer:
            return [[2]] * len(ids), ids, [""] * len(ids)
        tool_mask = [m[:n].long().tolist() for m, n in zip(mask, lengths)]
        logps = [x[:n].tolist() for x, n in zip(rollout, lengths)]
        return [[2]] * len(ids), ids, tool_mask, [""] * len(ids), logps, {}, None, None

    def log_probs(model, *a, **k):
        return (ref if model is t.ref_model and ref is not None else old), None, None

    t._generate = generate
    t._get_per_token_logps_and_entropies = log_probs
    t._calculate_rewards = lambda *a: rewards.clone()
    return t


@contextlib.contextmanager
def disabled(*a, **k):
    yield


def run(t, prompts):
    """Scores completions; gradient checkpointing has no model to be switched off in."""
    import sys

    module = sys.modules[type(t).__module__]
    saved = module.disable_gradient_checkpointing
    gather = getattr(module, "gather", None)
    module.disable_gradient_checkpointing = disabled
    if gather is not None:
        module.gather = lambda x: x
    try:
        return t._generate_and_score_completions([{"prompt": "x"} for _ in range(prompts)])
    finally:
        module.disable_gradient_checkpointing = saved
        if gather is not None:
            module.gather = gather


def score(d, **fields):
    """The output of GRPOTrainer for a batch of inputs.py."""
    rewards = d.rewards.unsqueeze(1)
    t = trainer(GRPOTrainer, rewards, len(d.lengths), d.lengths, d.mask, d.old, d.rollout_log_probs, **fields)
    out = run(t, len(d.lengths))
    d.metrics |= {k: v[-1] for k, v in t._metrics["train"].items() if k.startswith("sampling/")}
    return out


def scored(cls, d, rewards, **fields):
    """Advantages [B] of a step of rewards.py."""
    t = trainer(cls, rewards, d.group, d.counts, d.mask, d.log_probs, d.log_probs, d.ref_log_probs, **fields)
    return run(t, len(d.counts))["advantages"]


def file():
    from trl.trainer.rloo_trainer import RLOOTrainer

    from cases import Advantages
    from rewards import Dense

    f = Advantages("trl")
    function = "trl.trainer.{0}_trainer.{1}Trainer._generate_and_score_completions"
    grpo, rloo = function.format("grpo", "GRPO"), function.format("rloo", "RLOO")
    even = ("binary", "binary-8", "real", "pairs", "zero-one", "far", "unscored")
    std = {"DDof": 1, "Epsilon": 1e-4}
    skip = {"NaN": "exclude"}
    for scale, options in (("group", std), ("batch", {"Scale": "batch-std"} | std), ("none", {"Scale": "none"})):
        for s in even:
            d = Dense(s)
            f.add(f"grpo/{scale}", function=grpo, arguments={"scale_rewards": scale}, dense=d, estimator="GroupRelative", options=options | skip,
                  advantages=scored(GRPOTrainer, d, d.rewards.unsqueeze(1), scale_rewards=scale))
    for weights in ([1.0, 1.0], [1.0, 0.25]):
        for s in ("binary", "real", "pairs"):
            d = Dense(s)
            f.add(f"gdpo/{weights}", function=grpo, arguments={"multi_objective_aggregation": "normalize_then_sum", "reward_weights": weights}, dense=d,
                  estimator="GDPO", options={"Of": std, "Weights": weights, "Whitening": std}, uses=["components"],
                  advantages=scored(GRPOTrainer, d, d.components, weights=weights, multi_objective_aggregation="normalize_then_sum"))
    loo = {"Baseline": "leave-one-out", "Scale": "none"} | skip
    for s in even:
        d = Dense(s)
        f.add("rloo", function=rloo, arguments={}, dense=d, estimator="GroupRelative", options=loo,
              advantages=scored(RLOOTrainer, d, d.rewards.unsqueeze(1)))
        f.add("rloo-normalized", function=rloo, arguments={"normalize_advantages": True}, dense=d, estimator="Whitened",
              options={"Of": loo, "Whitening": std}, advantages=scored(RLOOTrainer, d, d.rewards.unsqueeze(1), normalize_advantages=True))
    for s in ("binary", "real", "pairs"):
        d = Dense(s)
        f.add("rloo-kl", function=rloo, arguments={"beta": 0.05}, dense=d, estimator="GroupRelative", options=loo, kl_reward={"Coefficient": 0.05},
              uses=["log_probs", "ref_log_probs"], advantages=scored(RLOOTrainer, d, d.rewards.unsqueeze(1), beta=0.05, ref_model="ref"))
    return f
