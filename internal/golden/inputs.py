"""Ragged, seeded batches that every case is computed on.

All numbers are multiples of 2**-14, so they are the same in float32 and float64 and
short as text. Masked tokens hold ordinary numbers: what a package reads there must
not show in its result.
"""

import random

import torch

UNIT = 2.0**-14

TOKEN_FIELDS = ("log_probs", "old_log_probs", "rollout_log_probs", "ref_log_probs", "entropies", "token_advantages")


def grid(x):
    return round(x / UNIT) * UNIT


def log_prob(x):
    """A log-probability: below 0, so that 1 - exp(x) is a probability too."""
    return min(grid(x), -8 * UNIT)


def batch(seed, lengths, drift, holes=0.15, dead=(), zero=(), rollout=0.1, ref=0.5, tokens=False, group=4, depth=2.5):
    """One batch in packed form: a dict of lists, as it is written to batches.json.

    lengths     tokens of each response
    drift       standard deviations of log pi - log pi_old, one a response in turn
    holes       share of masked tokens inside a response (never its first)
    dead        responses that are masked as a whole
    zero        responses with advantage 0
    rollout     standard deviation of log pi_rollout - log pi_old
    ref         standard deviation of log pi_ref - log pi
    tokens      advantages of tokens instead of responses
    group       responses of a prompt
    """
    rng = random.Random(seed)
    b = {"offsets": [0], "mask": []}
    for f in TOKEN_FIELDS:
        b[f] = []
    b["advantages"], b["rewards"], b["groups"], b["keys"] = [], [], [], []
    for i, n in enumerate(lengths):
        a = 0.0 if i in zero else grid(rng.gauss(0, 1))
        b["advantages"].append(a)
        b["rewards"].append(float(rng.choice((-1, 1))) if i else 1.0)
        b["groups"].append(i // group)
        b["keys"].append(rng.getrandbits(32))
        b["offsets"].append(b["offsets"][-1] + n)
        for t in range(n):
            b["mask"].append(not (i in dead or (t > 0 and rng.random() < holes)))
            lp = log_prob(-depth * rng.random())
            old = log_prob(lp + drift[i % len(drift)] * rng.gauss(0, 1))
            b["log_probs"].append(lp)
            b["old_log_probs"].append(old)
            b["rollout_log_probs"].append(log_prob(old + rollout * rng.gauss(0, 1)))
            b["ref_log_probs"].append(log_prob(lp + ref * rng.gauss(0, 1)))
            b["entropies"].append(abs(grid(3 * rng.random())))
            b["token_advantages"].append(0.0 if a == 0 else grid(a + 0.5 * rng.gauss(0, 1)))
    del b["advantages" if tokens else "token_advantages"]
    return b


def extreme():
    """A batch with log-ratios beyond +-20, where packages bound them."""
    b = batch(8, [4, 3, 5, 4], [0.3], holes=0.1)
    for at, d in ((0, 23), (2, -24), (4, 25), (8, -22), (13, 21.5)):
        lp, old = (-0.5, -0.5 - d) if d > 0 else (-0.5 + d, -0.5)
        b["log_probs"][at], b["old_log_probs"][at] = grid(lp), grid(old)
        b["rollout_log_probs"][at], b["ref_log_probs"][at] = grid(old), grid(lp)
        b["mask"][at] = True
    return b


def on_policy():
    b = batch(7, [4, 1, 6, 3], [0.0])
    del b["old_log_probs"]
    return b


BATCHES = {
    # everyday: bounds of all published sizes hold some tokens and not others
    "ragged": batch(1, [5, 1, 9, 3, 7, 2, 6, 4], [0.0, 0.05, 0.2, 0.4]),
    # far from the old policy: dual clip, caps
    "drift": batch(2, [4, 8, 2, 6, 5, 7, 3, 1], [0.8, 1.2]),
    # a response without a counted token, advantages of 0
    "holes": batch(3, [3, 5, 1, 6, 4, 2, 7, 5], [0.1, 0.5], holes=0.3, dead=(3,), zero=(1, 6)),
    # close to the old policy: sequence-level bounds of a few 1e-4
    "tight": batch(4, [6, 3, 9, 5, 8, 4, 7, 5], [4e-4, 2e-3]),
    # responses long enough that a package's epsilon beside a length is below 1e-9
    "long": batch(5, [32, 35, 40, 36], [0.1, 0.3], holes=0.1, group=2),
    # an advantage for each token
    "tokens": batch(6, [5, 2, 7, 3, 6, 4, 1, 8], [0.05, 0.3, 0.8], tokens=True),
    # the sampler is the old policy
    "on-policy": on_policy(),
    "extreme": extreme(),
    # the sampler far from the trainer: corrections hold, cut and reject
    "mismatch": batch(9, [5, 3, 8, 2, 6, 4, 7, 3], [0.1, 0.3], rollout=0.5),
    # probabilities near 1, where divergences in probability differ from ratios
    "confident": batch(10, [6, 4, 7, 3, 5, 6], [0.1, 0.4], depth=0.6, rollout=0.2),
}


class Dense:
    """A batch padded to [B, L] tensors, and the way back."""

    def __init__(self, name, dtype=torch.float64, width=None):
        self.name, self.packed, self.dtype = name, BATCHES[name], dtype
        o = self.packed["offsets"]
        self.lengths = [o[i + 1] - o[i] for i in range(len(o) - 1)]
        self.width = width or max(self.lengths)
        self.mask = self.pad("mask", torch.float64).to(dtype)
        for f in TOKEN_FIELDS:
            setattr(self, f, self.pad(f, dtype) if f in self.packed else None)
        self.log_probs.requires_grad_(True)
        self.entropies.requires_grad_(True)
        self.per_token = "token_advantages" in self.packed
        if not self.per_token:
            self.advantages = torch.tensor(self.packed["advantages"], dtype=dtype)
        else:
            self.advantages = None
        self.rewards = torch.tensor(self.packed["rewards"], dtype=dtype)
        self.metrics = {}  # what a package logged

    def pad(self, field, dtype):
        o, x = self.packed["offsets"], self.packed[field]
        out = torch.zeros(len(o) - 1, self.width, dtype=dtype)
        for i in range(len(o) - 1):
            out[i, : o[i + 1] - o[i]] = torch.tensor(x[o[i] : o[i + 1]], dtype=dtype)
        return out

    def pack(self, x):
        """The [B, L] tensor as a flat list in packed order."""
        return [v for row, n in zip(x.tolist(), self.lengths) for v in row[:n]]

    @property
    def tiled_advantages(self):
        """[B, L], as verl and OpenRLHF want them."""
        return self.token_advantages if self.per_token else self.advantages.unsqueeze(1).expand(-1, self.width).contiguous()

    @property
    def old(self):
        """Old log-probabilities; on-policy the current ones, held constant."""
        return self.log_probs.detach() if self.old_log_probs is None else self.old_log_probs
