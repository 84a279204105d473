"""The step of BenchmarkEval in PyTorch: clip 0.2/0.28, k3 KL 0.04, token mean, 1000
x 1000 tokens, float32, forward and backward, one thread. Prints ns a token, the
median of 20 runs. Run by hand, beside the Go benchmark:

    python eager.py && go test -run xxx -bench Eval ./grpo        # torch 2.15.0
"""

import statistics
import sys
import time

import torch

torch.set_num_threads(1)
torch.manual_seed(0)
B, L = 1000, 1000
logp = -torch.empty(B, L).exponential_()
old = logp + 0.1 * torch.randn(B, L)
ref = logp + 0.2 * torch.randn(B, L)
advantage = torch.randn(B, 1)
mask = torch.ones(B, L)


def loss(lp, kl):
    ratio = torch.exp(lp - old)
    surrogate = -torch.min(ratio * advantage, torch.clamp(ratio, 0.8, 1.28) * advantage)
    if kl:
        x = ref - lp
        surrogate = surrogate + 0.04 * (torch.exp(x) - x - 1)
    return (surrogate * mask).sum() / mask.sum()


def run(f, kl):
    times = []
    for _ in range(23):
        lp = logp.detach().requires_grad_()
        start = time.perf_counter()
        f(lp, kl).backward()
        times.append(time.perf_counter() - start)
    return statistics.median(times[3:]) / (B * L) * 1e9


for name, f in [("eager", loss)] + ([("compile", torch.compile(loss))] if "compile" in sys.argv else []):
    print(f"torch {torch.__version__} {name}: clip+k3 {run(f, True):.1f} ns/token, clip {run(f, False):.1f} ns/token")
