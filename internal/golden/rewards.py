"""Seeded steps of rewards that every advantage estimator is run on, as inputs.py has batches for losses."""

import random

import torch

from inputs import UNIT, grid, log_prob


def step(seed, sizes, reward, holes=0.0, lengths=(2, 9), unscored=()):
    """One step in packed form.

    sizes     responses of each prompt
    reward    random number generator -> one reward
    holes     share of masked tokens inside a response (never its first or last)
    unscored  responses without a reward (None)
    """
    rng = random.Random(seed)
    s = {k: [] for k in ("rewards", "groups", "baselines", "lengths", "mask", "token_rewards", "values",
                         "log_probs", "ref_log_probs", "squared_probs", "rollout_weights")}
    s["offsets"], s["components"] = [0], [[], []]
    for group, size in enumerate(sizes):
        for _ in range(size):
            i, n = len(s["rewards"]), rng.randint(*lengths)
            s["rewards"].append(None if i in unscored else reward(rng))
            s["groups"].append(7 - group)
            s["baselines"].append(grid(rng.gauss(0, 0.5)))
            s["components"][0].append(float(rng.randint(0, 1)))
            s["components"][1].append(grid(rng.gauss(1, 2)))
            s["offsets"].append(s["offsets"][-1] + n)
            mask = [not (0 < t < n - 1 and rng.random() < holes) for t in range(n)]
            s["mask"] += mask
            s["lengths"].append(sum(mask))
            for t in range(n):
                lp = log_prob(-2 * rng.random())
                s["token_rewards"].append(grid(rng.gauss(0, 0.3)))
                s["values"].append(grid(rng.gauss(0, 1)))
                s["log_probs"].append(lp)
                s["ref_log_probs"].append(log_prob(lp + 0.4 * rng.gauss(0, 1)))
                p = 2.718281828459045**lp
                s["squared_probs"].append(grid(p * p + 0.5 * (1 - p) ** 2))
                s["rollout_weights"].append(grid(0.5 + rng.random()))
    return s


def binary(rng):
    return float(rng.choice((-1, 1)))


def real(rng):
    return grid(rng.gauss(0, 1))


STEPS = {
    "binary": step(1, [4] * 6, binary),
    "binary-8": step(2, [8] * 3, binary),
    "real": step(3, [4] * 5, real),
    "real-masked": step(4, [4] * 5, real, holes=0.3),
    "pairs": step(5, [2] * 8, real),
    "uneven": step(6, [3, 2, 5, 4, 2], real),
    "singleton": step(7, [4, 1, 3, 1, 5], real),
    "singleton-masked": step(8, [4, 1, 3, 1, 5], real, holes=0.3),
    "zero-one": step(9, [4] * 5, lambda rng: float(rng.randint(0, 1))),
    "far": step(10, [4] * 4, lambda rng: 1000 + grid(rng.gauss(0, 0.01))),
    "unscored": step(11, [4] * 5, real, unscored=(1, 6, 7, 12)),
}


class Dense:
    """A step padded to [B, L] tensors."""

    def __init__(self, name, dtype=torch.float64):
        self.name, self.packed = name, STEPS[name]
        o = self.packed["offsets"]
        self.counts = [o[i + 1] - o[i] for i in range(len(o) - 1)]
        self.width = max(self.counts)
        for f in ("mask", "token_rewards", "values", "log_probs", "ref_log_probs", "squared_probs", "rollout_weights"):
            setattr(self, f, self.pad(f, dtype))
        nan = float("nan")
        self.rewards = torch.tensor([nan if r is None else r for r in self.packed["rewards"]], dtype=dtype)
        self.baselines = torch.tensor(self.packed["baselines"], dtype=dtype)
        self.components = torch.tensor(self.packed["components"], dtype=dtype).T.contiguous()
        self.groups = self.packed["groups"]
        self.group = self.groups.count(self.groups[0])

    def pad(self, field, dtype):
        o, x = self.packed["offsets"], self.packed[field]
        out = torch.zeros(len(o) - 1, self.width, dtype=dtype)
        for i in range(len(o) - 1):
            out[i, : o[i + 1] - o[i]] = torch.tensor(x[o[i] : o[i + 1]], dtype=dtype)
        return out

    def pack(self, x):
        """The [B, L] tensor as a flat list, 0 at masked tokens."""
        return [v for row, n in zip((torch.where(self.mask.bool(), x, 0.0)).tolist(), self.counts) for v in row[:n]]

    def last(self, rewards=None):
        """[B, L]: the reward at each response's last counted token."""
        out = torch.zeros_like(self.mask)
        at = self.width - 1 - self.mask.flip(1).argmax(1)
        out[torch.arange(len(self.counts)), at] = self.rewards if rewards is None else rewards
        return out

    def per_response(self, x):
        """[B] from [B, L]: the number that all counted tokens of a response share."""
        rows = []
        for row, mask in zip(x, self.mask.bool()):
            v = row[mask]
            if not torch.all(v == v[0]):
                raise ValueError(f"tokens differ: {v}")
            rows.append(v[0].item())
        return rows
