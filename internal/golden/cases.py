"""Cases: what a package computed, with where it came from and what it should equal."""

import json
import math
import os
from importlib.metadata import version

import torch


class File:
    """All cases of one package, written as one JSON file."""

    def __init__(self, package):
        self.package, self.cases = package, []

    def add(self, name, *, key, function, arguments, dense, objective, loss, recipe=None, reject=None, totals=None, scale=None, mixed=False):
        """Records a loss and its gradients.

        name        unique within the file; the batch's name is added to it
        key         row of the grid that the case is about
        function    the public function that was called
        arguments   what it was told, beside the batch
        dense       the batch; loss depends on its log_probs (and entropies), and its
                    metrics are what the package logged
        objective   JSON of the grpo.Objective that should give the same numbers
        recipe      name of the compat recipe that is this objective
        reject      JSON of weights whose zeros leave the counts (grpo.Reject)
        totals      counts of the whole step, where the batch is a part of one
        scale       gradient scale (grpo.Evaluator.Scale)
        mixed       the function rounds to float32 on the way, whatever it is given
        """
        loss.backward()
        single = dense.dtype == torch.float32
        case = {
            "name": f"{name}/{dense.name}" + ("/float32" if single else ""),
            "key": key,
            "function": function,
            "arguments": arguments,
            "batch": dense.name,
            "objective": objective,
        }
        for field, value in (("recipe", recipe), ("reject", reject), ("totals", totals), ("scale", scale)):
            if value is not None:
                case[field] = value
        case["dtype"] = "float32" if single or mixed else "float64"
        case["tolerance"] = 2e-6 if single or mixed else 1e-9
        case["loss"] = loss.item()
        if dense.metrics:
            case["metrics"] = {k: v for k, v in dense.metrics.items() if math.isfinite(v)}
        gradient = dense.log_probs.grad
        case["gradient"] = dense.pack(torch.zeros_like(dense.log_probs) if gradient is None else gradient)
        if dense.entropies.grad is not None and dense.entropies.grad.any():
            case["entropy_gradient"] = dense.pack(dense.entropies.grad)
        for x in [case["loss"], *case["gradient"]]:
            if not math.isfinite(x):
                raise ValueError(f"{case['name']}: {x}")
        for counted, x in zip(dense.packed["mask"], case["gradient"]):
            if not counted and x != 0:
                raise ValueError(f"{case['name']}: a masked token has gradient {x}")
        if any(c["name"] == case["name"] for c in self.cases):
            raise ValueError(f"{case['name']} is there twice")
        self.cases.append(case)

    def write(self, folder):
        head = {"package": self.package, "version": version(self.package), "torch": version("torch").split("+")[0]}
        write(os.path.join(folder, self.package + ".json"), head, "cases", self.cases)


def write(path, head, key, rows):
    """One row a line, numbers as the shortest text that parses to the same double."""
    with open(path, "w", encoding="ascii", newline="\n") as f:
        f.write("{\n")
        for k, v in head.items():
            f.write(f" {json.dumps(k)}: {json.dumps(v)},\n")
        f.write(f" {json.dumps(key)}: [\n")
        f.write(",\n".join(text(r) for r in rows))
        f.write("\n ]\n}\n")


def text(x):
    """Compact JSON in which a whole float is written as an int."""
    if isinstance(x, bool) or x is None or isinstance(x, (str, int)):
        return json.dumps(x)
    if isinstance(x, float):
        if not math.isfinite(x):
            raise ValueError(x)
        return repr(int(x)) if x == int(x) and abs(x) < 1e15 and not (x == 0 and math.copysign(1, x) < 0) else repr(x)
    if isinstance(x, dict):
        return "{" + ",".join(f"{json.dumps(k)}:{text(v)}" for k, v in x.items()) + "}"
    return "[" + ",".join(text(v) for v in x) + "]"


class Advantages:
    """Advantage cases of one package, written as one JSON file."""

    def __init__(self, package):
        self.package, self.cases = package, []

    def add(self, name, *, function, arguments, dense, estimator, options, advantages, uses=(), kl_reward=None, single=False):
        """Records advantages: one a response [S], or one a token [T].

        estimator   type in package advantage
        options     its fields
        uses        fields of the step that the estimator may see, beside Rewards and Groups
        kl_reward   fields of advantage.KLReward that is applied first
        single      the function works in float32
        """
        if not isinstance(advantages, list):
            advantages = dense.pack(advantages) if advantages.dim() == 2 else advantages.tolist()
        case = {"name": f"{name}/{dense.name}", "function": function, "arguments": arguments, "step": dense.name,
                "estimator": estimator, "options": options, "uses": list(uses)}
        if kl_reward is not None:
            case["kl_reward"] = kl_reward
        case["dtype"] = "float32" if single else "float64"
        case["tolerance"] = 2e-6 if single else 1e-9
        case["advantages"] = advantages
        if any(c["name"] == case["name"] for c in self.cases):
            raise ValueError(f"{case['name']} is there twice")
        self.cases.append(case)

    write = File.write
