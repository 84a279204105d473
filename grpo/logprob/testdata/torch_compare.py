"""The vocabulary hot loop in PyTorch, to set beside BenchmarkVocabulary.

    python3 -m venv v && v/bin/pip install torch==2.15.0 numpy==2.4.6
    v/bin/python torch_compare.py [--threads 1] [--rows 8] [--go logprob.test]

Times, in nanoseconds a logit (median of --repeat), of log_softmax + gather with and
without the entropy, and of forward and backward to the logits (of g log p, and with e H), eager
and compiled.
With --go, a test binary (go test -c -o logprob.test ./grpo/logprob), its figures are
taken in turns with PyTorch's, on the same number of threads, and ratios are printed;
beside each stands the largest ratio that the machine's memory would allow, which is
PyTorch's time over that of reading (or scaling in place) the same logits.
Everything runs on the same rows of float32 logits, fresh from memory: the chunk moves
through --memory bytes.
"""

import argparse
import re
import statistics
import subprocess
import time

import torch

VOCAB = 151936

parser = argparse.ArgumentParser()
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--rows", type=int, default=8, help="rows of a chunk")
parser.add_argument("--memory", type=int, default=256 << 20)
parser.add_argument("--repeat", type=int, default=7)
parser.add_argument("--rounds", type=int, default=3, help="turns of PyTorch and Go")
parser.add_argument("--go", help="the package's test binary")
args = parser.parse_args()
assert torch.__version__.split("+")[0] == "2.15.0", torch.__version__
torch.set_num_threads(args.threads)
torch.manual_seed(1)
chunks = max(2, args.memory // (4 * VOCAB * args.rows))
logits = 2 * torch.randn(chunks, args.rows, VOCAB)
targets = torch.randint(VOCAB, (args.rows, 1))
g = torch.full((args.rows,), -1e-3)


def log_prob(x):
    return torch.log_softmax(x, -1).gather(-1, targets).squeeze(-1)


def log_prob_entropy(x):
    logp = torch.log_softmax(x, -1)
    return logp.gather(-1, targets).squeeze(-1), -(logp.exp() * logp).sum(-1)


def forward(f):
    def run(x):
        with torch.no_grad():
            f(x)

    return run


def forward_backward(f):
    def run(x):
        x = x.detach().requires_grad_()
        f(x).backward()
        return x.grad

    return run


def loss(x):
    return (g * log_prob(x)).sum()


def loss_entropy(x):
    logp, entropy = log_prob_entropy(x)
    return (g * logp).sum() + 1e-5 * entropy.sum()


def tasks(wrap):
    return {
        "forward": forward(wrap(log_prob)),
        "forward, entropy": forward(wrap(log_prob_entropy)),
        "forward+backward": forward_backward(wrap(loss)),
        "forward+backward, entropy": forward_backward(wrap(loss_entropy)),
    }


eager, compiled = tasks(lambda f: f), tasks(torch.compile)
place = 0


def measure(run):
    global place
    times = []
    for _ in range(args.repeat):
        place = (place + 1) % chunks
        x = logits[place]
        start = time.perf_counter()
        run(x)
        times.append((time.perf_counter() - start) * 1e9 / x.numel())
    return statistics.median(times)


def measure_go():
    """Forward with entropy, and forward and backward in place, on the highest tier."""
    out = subprocess.run(
        [args.go, "-test.run=xxx", "-test.benchtime=30x", f"-test.cpu={args.threads}",
         f"-test.bench=Vocabulary/avx512/cores={args.threads}$"],
        check=True, capture_output=True, text=True).stdout  # fmt: skip
    figure = lambda name: float(re.search(rf"([\d.]+) {re.escape(name)}-ns", out)[1])
    return {"forward, entropy": figure("forward"), "forward+backward": figure("forward+backward"),
            "forward+backward, entropy": figure("forward+backward-entropy"),
            "read": figure("read"), "scale": figure("scale")}


for run in (*eager.values(), *compiled.values()):  # compile and warm up
    run(logits[0])
    run(logits[1])
figures = {}
for _ in range(args.rounds):
    for kind, runs in (("eager", eager), ("compile", compiled)):
        for name, run in runs.items():
            figures.setdefault((name, kind), []).append(measure(run))
    if args.go:
        for name, value in measure_go().items():
            figures.setdefault((name, "grouprl"), []).append(value)

print(f"torch {torch.__version__}, {args.threads} threads, rows of {VOCAB} float32, ns a logit")
for (name, kind), values in figures.items():
    line = f"{name:26} {kind:8} {statistics.median(values):7.3f}"
    if args.go and kind != "grouprl" and (name, "grouprl") in figures:
        ratios = [v / w for v, w in zip(values, figures[name, "grouprl"])]
        ceiling = figures["scale" if "backward" in name else "read", "grouprl"]
        most = [v / w for v, w in zip(values, ceiling)]
        line += f"   {statistics.median(ratios):6.1f} x grouprl's, at most {statistics.median(most):6.1f}"
    print(line)
