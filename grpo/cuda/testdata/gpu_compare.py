"""The vocabulary kernels beside torch eager, torch.compile and Liger's Triton kernels.

    python3 gpu_compare.py [--out FILE.json] [--seconds N]

on a machine with an NVIDIA GPU, torch and, for the last part, liger_kernel. It loads the
committed PTX by the driver's own call, checks every kernel against float64, and measures
in one run: a copy (what the memory can do), forward, backward in place, and the whole
GRPO step as each of the others does it. Times are medians of CUDA events. A kernel that
is wrong is never a figure. The last table repeats all lines; --out gets them as JSON.

Several PTX files may be given, to compare variants: gpu_compare.py a.ptx b.ptx.
"""

import argparse
import ctypes as C
import json
import math
import os
import statistics
import time

import torch

here = os.path.dirname(os.path.abspath(__file__))
arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("ptx", nargs="*", default=[os.path.join(here, "..", "internal", "kernels", "vocab.ptx")])
arguments.add_argument("--out", help="a file for the figures, as JSON")
arguments.add_argument("--seconds", type=float, default=420, help="begin no other shape after this long")
arguments = arguments.parse_args()

began = time.time()
torch.manual_seed(0)
device = torch.device("cuda")
torch.zeros(1, device=device)  # the context that the driver's calls below use
driver = C.CDLL("libcuda.so.1")
processors = torch.cuda.get_device_properties(0).multi_processor_count

THREADS, BLOCKS = 512, 2  # of vocab.cu
TEMPERATURE = 0.7
scale = torch.tensor(math.log2(math.e) / TEMPERATURE, dtype=torch.float32).double().item()  # as vocab.go passes it
DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}
SHAPES = [("bf16", 8192, 151936), ("bf16", 8192, 50257), ("f32", 4096, 151936), ("f16", 8192, 128256)]


def ok(code, call):
    if code:
        name = C.c_char_p()
        driver.cuGetErrorName(code, C.byref(name))
        raise RuntimeError(f"{call}: {name.value} ({code})")


class Module:
    """A PTX file; kernel(name) launches with one 8-byte parameter for each argument."""

    def __init__(self, path):
        text = open(path, "rb").read() + b"\0"
        log = C.create_string_buffer(8192)
        options = (C.c_int * 2)(5, 6)  # CU_JIT_ERROR_LOG_BUFFER and its size
        values = (C.c_void_p * 2)(C.cast(log, C.c_void_p), C.c_void_p(8192))
        self.module = C.c_void_p()
        code = driver.cuModuleLoadDataEx(C.byref(self.module), text, 2, options, values)
        if code:
            raise RuntimeError(f"{path}: {code} {log.value.decode()}")

    def kernel(self, name):
        function = C.c_void_p()
        ok(driver.cuModuleGetFunction(C.byref(function), self.module, name.encode()), name)

        def attribute(number):
            value = C.c_int()
            ok(driver.cuFuncGetAttribute(C.byref(value), number, function), name)
            return value.value

        def launch(grid, *arguments):
            slots = []
            for a in arguments:
                if torch.is_tensor(a):
                    slots.append(C.c_uint64(a.data_ptr()))
                elif isinstance(a, float):
                    slots.append(C.c_double(a))
                else:
                    slots.append(C.c_int64(a or 0))
            parameters = (C.c_void_p * len(slots))(*[C.cast(C.byref(s), C.c_void_p) for s in slots])
            stream = C.c_void_p(torch.cuda.current_stream().cuda_stream)
            ok(driver.cuLaunchKernel(function, grid, 1, 1, THREADS, 1, 1, 0, stream, parameters, None), name)

        launch.registers, launch.local = attribute(4), attribute(3)
        return launch


def milliseconds(f, setup=None, n=15):
    for _ in range(3):
        if setup:
            setup()
        f()
    times = []
    for _ in range(n):
        if setup:
            setup()
        a, b = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        a.record()
        f()
        b.record()
        b.synchronize()
        times.append(a.elapsed_time(b))
    return statistics.median(times)


lines, best = [], {}


def say(what, dtype, shape, ms, rate, note):
    line = dict(what=what, dtype=dtype, shape=shape, ms=ms, gb_s=rate, of_copy=rate / copy, note=note)
    lines.append(line)
    print(show(line), flush=True)


def show(line):
    return "%-28s %-5s %-13s %9.3f ms %7.0f GB/s %5.1f%%  %s" % (
        line["what"], line["dtype"], line["shape"], line["ms"], line["gb_s"], 100 * line["of_copy"], line["note"])


def times_faster(ms, *keys):
    ours = sum(best.get(k, math.nan) for k in keys)
    return f"ours is {ms / ours:.2f}x faster"


def worse(a, b):
    return math.inf if b != b else max(a, b)  # NaN never passes


x = torch.empty(1 << 32, dtype=torch.uint8, device=device).random_()
y = torch.empty_like(x)
copy_ms = milliseconds(lambda: y.copy_(x))
copy = 2 * x.numel() / copy_ms / 1e6
del x, y
version = C.c_int()
driver.cuDriverGetVersion(C.byref(version))
print(torch.cuda.get_device_name(), "CUDA", version.value, "torch", torch.__version__)
say("copy", "u8", "4 GiB", copy_ms, copy, "")

for dtype, rows, columns in SHAPES:
    size = torch.empty(0, dtype=DTYPES[dtype]).element_size()
    shape, volume = f"{rows}x{columns}", rows * columns * size
    source = (torch.randn(rows, columns, device=device) * 4).to(DTYPES[dtype])
    source[:, :7] = -math.inf
    x = torch.empty_like(source)
    targets = torch.randint(7, columns, (rows,), device=device, dtype=torch.int64)
    g, e = torch.randn(rows, device=device), torch.randn(rows, device=device) * 0.01
    logp, entropy = torch.empty(rows, device=device), torch.empty(rows, device=device)
    lse = torch.empty(rows, device=device, dtype=torch.float64)
    slot = torch.full((2,), -1, device=device, dtype=torch.int64)
    grid = min(rows, processors * BLOCKS)

    for path in arguments.ptx:
        module = Module(path)
        forward, backward = module.kernel("forward_" + dtype), module.kernel("backward_" + dtype)
        name = os.path.basename(path)[:-4]
        common = (x, rows, columns, columns, targets, 1, None, 0, columns, TEMPERATURE, scale, slot)

        def run_forward():
            forward(grid, *common, logp, lse, entropy, None, None)

        def run_backward():
            backward(grid, *common, lse, entropy, g, e)

        x.copy_(source)
        for t in (logp, lse, entropy):
            t.fill_(math.nan)
        run_forward()
        run_backward()
        torch.cuda.synchronize()
        wrong = [0, 0, 0]
        for i in torch.randint(0, rows, (24,)).tolist():
            z = source[i].double() / TEMPERATURE
            total = z.logsumexp(0)
            p = (z - total).exp()
            log_p = torch.where(p > 0, z - total, 0)
            h = -(p * log_p).sum()
            d = -p * g[i].double() - e[i].double() * p * (log_p + h)
            d[targets[i]] += g[i].double()
            d /= TEMPERATURE
            wrong[0] = worse(wrong[0], (z[targets[i]] - total - logp[i].double()).abs().item())
            wrong[1] = worse(wrong[1], (h - entropy[i].double()).abs().item())
            wrong[2] = worse(wrong[2], ((d - x[i].double()).norm() / d.norm()).item())
        right = wrong[0] < 1e-5 and wrong[1] < 1e-5 and wrong[2] < {"f32": 1e-5, "bf16": 4e-3, "f16": 1e-3}[dtype] and slot.eq(-1).all().item()
        x.copy_(source)
        figures = {"forward": (milliseconds(run_forward), 1, forward), "backward": (milliseconds(run_backward, lambda: x.copy_(source)), 2, backward)}
        for what, (ms, passes, kernel) in figures.items():
            say(f"{name} {what}", dtype, shape, ms, passes * volume / ms / 1e6,
                f"{'right' if right else 'WRONG'} dlogp {wrong[0]:.1e} dH {wrong[1]:.1e} dx {wrong[2]:.1e} registers {kernel.registers} local {kernel.local}")
            if right:
                best[what] = min(best.get(what, math.inf), ms)

    # What others do with the same logits: the target's log-probability, and the entropy,
    # which ours gives in the same pass.
    index = targets[:, None]

    def log_probs(x):
        return torch.log_softmax(x.float() / TEMPERATURE, -1).gather(1, index)

    def with_entropy(x):
        l = torch.log_softmax(x.float() / TEMPERATURE, -1)
        return l.gather(1, index), -torch.where(l > -math.inf, l.exp() * l, 0).sum(-1)

    for what, f in {
        "torch eager logp": log_probs,
        "torch eager logp+H": with_entropy,
        "torch.compile logp": torch.compile(log_probs, dynamic=False),
        "torch.compile logp+H": torch.compile(with_entropy, dynamic=False),
    }.items():
        try:
            ms = milliseconds(lambda: f(source), n=7)
            say(what, dtype, shape, ms, volume / ms / 1e6, times_faster(ms, "forward"))
        except Exception as error:  # out of memory, say: the others go on
            print(what, repr(error)[:200])

    def loss(x, old):
        l = torch.log_softmax(x.float() / TEMPERATURE, -1).gather(1, index)[:, 0]
        r = (l - old).exp()
        return -torch.minimum(r * g, r.clamp(0.8, 1.28) * g).mean()

    old, leaf = logp.clone(), source.detach().requires_grad_(True)
    for what, f in {"torch eager step": loss, "torch.compile step": torch.compile(loss, dynamic=False)}.items():

        def step():
            leaf.grad = None
            f(leaf, old).backward()

        try:
            ms = milliseconds(step, n=5)
            say(what, dtype, shape, ms, 3 * volume / ms / 1e6, times_faster(ms, "forward", "backward"))
        except Exception as error:
            print(what, repr(error)[:200])
    leaf.grad = None
    del leaf

    try:
        from liger_kernel.ops.grpo_loss import GrpoLossFunction, fused_selective_log_softmax

        batch, length = 8, rows // 8 - 1
        used = batch * (length + 1)
        logits, ids = source[:used].view(batch, length + 1, columns), targets[: batch * length].view(batch, length).contiguous()
        part = batch * length * columns * size
        ms = milliseconds(lambda: fused_selective_log_softmax(logits, ids, TEMPERATURE, None))
        say("liger logp", dtype, f"{batch * length}x{columns}", ms, part / ms / 1e6, times_faster(ms, "forward"))
        leaf = x[:used].view(batch, length + 1, columns).detach().requires_grad_(True)
        advantages, mask = torch.randn(batch, device=device), torch.ones(batch, length, dtype=torch.int32, device=device)
        old = fused_selective_log_softmax(logits, ids, TEMPERATURE, None) + 0.1 * torch.randn(batch, length, device=device)

        def liger_step():
            leaf.grad = None
            GrpoLossFunction.apply(leaf, old, None, ids, advantages, mask, TEMPERATURE, 0.0, 0.2, 0.28, True, "dapo")[0].backward()

        ms = milliseconds(liger_step, lambda: x.copy_(source))
        say("liger step in place", dtype, f"{batch * length}x{columns}", ms, 3 * part / ms / 1e6, times_faster(ms, "forward", "backward"))
    except Exception as error:
        print("liger:", repr(error)[:300])
    leaf = old = None
    del source, x
    best.clear()
    torch.cuda.empty_cache()
    torch._dynamo.reset()
    if time.time() - began > arguments.seconds:
        print("out of time: other shapes are left out")
        break

if arguments.out:
    with open(arguments.out, "w") as f:
        json.dump(dict(device=torch.cuda.get_device_name(), cuda=version.value, torch=torch.__version__, lines=lines), f, indent=1)
print()
for line in lines:
    print(show(line))
