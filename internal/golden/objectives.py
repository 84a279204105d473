"""The JSON of grpo.Objective, as the package's MarshalJSON writes it."""


def part(type, **fields):
    return {"type": type} | {k: v for k, v in fields.items() if v not in (0, False, None)}


def objective(surrogate, aggregation, ratio=None, weights=None, kl=None, entropy=None):
    o = {}
    if ratio:
        o["ratio"] = ratio
    o["surrogate"] = surrogate
    if weights:
        o["weights"] = weights
    if kl:
        o["kl"] = kl
    if entropy:
        o["entropy"] = entropy
    o["aggregation"] = aggregation
    return o


def ratio(level=None, anchor=None, clamp=None, cap=None):
    r = {"level": level, "anchor": anchor, "clamp": clamp, "cap": cap}
    return {k: v for k, v in r.items() if v is not None}


def clamp(low=None, high=None, pessimistic=None):
    c = {"low": low, "high": high, "pessimistic": pessimistic}
    return {k: v for k, v in c.items() if v is not None}


def clip(low=0.2, high=0.2, cap=None):
    return part("clip", low=low, high=high, cap=cap)


TOKEN_MEAN = part("token_mean")
SUM = part("sum")


def response_mean(all=False):
    return part("response_mean", all=all)


def response_mean_epsilon(all=False):
    """1/(S (len + 1e-8)): verl and OpenRLHF add an epsilon to a length."""
    return part("compat_response_mean", epsilon=1e-8, all=all)


def response_sum(all=False):
    return part("response_sum", all=all)


def constant_length(length, all=False):
    return part("constant_length", length=length, all=all)


def kl(coefficient, estimator=None, **fields):
    k = {"coefficient": coefficient}
    if estimator:
        k["estimator"] = estimator
    return k | {k: v for k, v in fields.items() if v is not None}


def entropy(coefficient, aggregation=None):
    e = {"coefficient": coefficient}
    if aggregation:
        e["aggregation"] = aggregation
    return e


# Weights: corrections between trainer and sampler, and masks.


def mismatch(level, low=None, high=None, mode="truncate"):
    """pi_old/pi_rollout at a level, truncated to [low, high] or 0 outside."""
    return part("mismatch", level=level, mode=mode, low=low, high=high)


def divergence(estimator, reduce=None, low=None, high=None):
    """0 where an estimate of the divergence between old and rollout is out of bounds."""
    return part("divergence", estimator=estimator, reduce=reduce, low=low, high=high)


def gate(level, statistic, high=None, low=None):
    """1 where a statistic of old against rollout is within bounds, else 0."""
    return part("gate", level=level, statistic=statistic, low=low, high=high)
