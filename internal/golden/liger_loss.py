"""liger-kernel: the chunked GRPO loss in float64, and the Triton kernels in float32.

The Triton kernels take logits. Over a vocabulary of two, logits (x, 0) have
log pi = log sigmoid(x), so x carries the token's log-probability and dL/dlog pi =
dL/dx / (1 - pi).
"""

import torch
from liger_kernel.chunked_loss.grpo_loss import LigerFusedLinearGRPOFunction
from liger_kernel.transformers.grpo_loss import triton_grpo_loss

from cases import File
from inputs import Dense
from objectives import *
from trl_loss import AGGREGATIONS, VESPO, VESPO_RATIO

CHUNKED = "liger_kernel.chunked_loss.grpo_loss.LigerFusedLinearGRPOFunction.ppo_loss_fn"
TRITON = "liger_kernel.transformers.grpo_loss.triton_grpo_loss"
SAPO = part("sapo", positive=1, negative=1.05)


def chunked(d, **fields):
    loss, _ = LigerFusedLinearGRPOFunction.ppo_loss_fn(
        d.log_probs, d.mask, d.advantages, d.mask, ref_per_token_logps=d.ref_log_probs, old_per_token_logps=d.old_log_probs,
        max_completion_length=256, **fields)
    return loss


class Logits:
    """log pi as a function of logits over a vocabulary of two."""

    def __init__(self, d):
        p = d.log_probs.detach().double().exp()
        p = torch.where(p < 1, p, 0.5)  # padding
        self.x = (p.log() - torch.log1p(-p)).to(d.dtype).requires_grad_(True)
        self.rest = 1 - p
        zero = torch.zeros_like(self.x)
        row = torch.stack([self.x, zero], -1)
        self.logits = torch.cat([row, torch.zeros_like(row[:, :1])], 1).contiguous()


def triton(d, **fields):
    z = Logits(d)
    names = {"epsilon_low": "eps_low", "epsilon_high": "eps_high"}
    loss, _ = triton_grpo_loss(
        z.logits, d.old_log_probs, d.ref_log_probs, torch.zeros_like(d.mask, dtype=torch.long), d.advantages.float(), d.mask.long(),
        temperature=1.0, inplace=False, reduce=True, max_completion_length=256, **{names.get(k, k): v for k, v in fields.items()})
    loss.backward()
    # The rest is a function of log_probs with the gradient that came back.
    g = (z.x.grad.double() / z.rest).to(d.dtype) * d.mask
    return (g * (d.log_probs - d.log_probs.detach())).sum() + loss.detach()


def rows():
    """name, key, surrogate, ratio, penalty, arguments, batches"""
    sequence = dict(importance_sampling_level="sequence", epsilon_low=3e-4, epsilon_high=4e-4)
    tight = clip(3e-4, 4e-4)
    for t in ("grpo", "bnpo", "dr_grpo", "dapo"):
        yield t, "clip", clip(), None, None, dict(loss_type=t, beta=0.0), ("ragged", "holes")
    for t in ("grpo", "dapo"):
        yield f"delta/{t}", "clip", clip(0.2, 0.28, 1.5), None, None, dict(loss_type=t, beta=0.0, epsilon_high=0.28, delta=1.5), ("ragged", "drift")
        yield f"gspo/{t}", "gspo", tight, ratio("sequence"), None, dict(loss_type=t, beta=0.0) | sequence, ("tight", "ragged")
        yield f"kl/{t}", "kl", clip(), None, kl(0.04), dict(loss_type=t, beta=0.04), ("ragged",)
        yield f"kl-corrected/{t}", "kl", clip(), None, kl(0.04, factor={"mode": "differentiable"}), dict(loss_type=t, beta=0.04, use_bias_correction_kl=True), ("ragged",)
        yield f"kl-sequence/{t}", "kl", tight, ratio("sequence"), kl(0.04, factor={"mode": "differentiable", "level": "sequence"}), dict(
            loss_type=t, beta=0.04, use_bias_correction_kl=True) | sequence, ("ragged",)
    yield "cispo", "cispo", part("cispo", max=5), None, None, dict(loss_type="cispo", beta=0.0, epsilon_high=5.0), ("ragged", "drift")
    yield "sapo", "sapo", SAPO, None, None, dict(loss_type="sapo", beta=0.0), ("ragged", "drift")
    yield "vespo", "vespo", VESPO, VESPO_RATIO, None, dict(loss_type="vespo", beta=0.0), ("ragged", "tight")
    yield "luspo", "luspo", tight, ratio("sequence"), None, dict(loss_type="luspo", beta=0.0) | sequence, ("tight", "ragged")


def file():
    f = File("liger-kernel")
    for name, key, surrogate, r, penalty, arguments, batches in rows():
        loss_type = arguments["loss_type"]
        for b in batches:
            for path, function, dtype in (("chunked", CHUNKED, torch.float64), ("triton", TRITON, torch.float32)):
                if path == "triton" and loss_type == "luspo":
                    continue  # divides by the padded width too: see compat.NotMatched
                d = Dense(b, dtype)
                args = arguments if path == "chunked" else {"epsilon_low": 0.2, "epsilon_high": 0.2} | arguments
                f.add(f"{path}/{name}", key=key, function=function, arguments=args, dense=d,
                      objective=objective(surrogate, AGGREGATIONS[loss_type], r, kl=penalty),
                      loss={"chunked": chunked, "triton": triton}[path](d, **args))
    return f
