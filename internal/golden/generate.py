"""Writes the golden vectors: python generate.py [package ...]

See README.md for what to install, and what the files hold. Each package has a process
of its own, as some need stand-ins for modules that others look for.
"""

import importlib
import os
import subprocess
import sys
import warnings

os.environ["TRITON_INTERPRET"] = "1"  # Liger's kernels on a CPU
os.environ["HF_HUB_OFFLINE"] = "1"
warnings.filterwarnings("ignore")

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OBJECTIVES = os.path.join(ROOT, "grpo", "grpotest", "testdata", "golden")
ADVANTAGES = os.path.join(ROOT, "advantage", "testdata")
PACKAGES = ("trl", "verl", "openrlhf", "liger")


def one(package):
    import torch

    torch.set_default_dtype(torch.float64)  # constants too
    torch.manual_seed(0)
    torch.set_num_threads(1)
    if package in ("verl", "openrlhf"):
        import standins

        standins.install()
    f = importlib.import_module(package + "_loss").file()
    f.write(OBJECTIVES)
    print(f"{f.package}: {len(f.cases)} losses")
    if package != "liger":
        a = importlib.import_module(package + "_advantage").file()
        a.write(ADVANTAGES)
        print(f"{a.package}: {len(a.cases)} advantages")


def main(packages):
    if len(packages) == 1:
        return one(packages[0])
    import cases
    import inputs

    import rewards

    os.makedirs(ADVANTAGES, exist_ok=True)
    for folder, name, rows in ((OBJECTIVES, "batches", inputs.BATCHES), (ADVANTAGES, "steps", rewards.STEPS)):
        cases.write(os.path.join(folder, name + ".json"), {"unit": inputs.UNIT}, name, [{"name": k} | v for k, v in rows.items()])
    for p in packages or PACKAGES:
        subprocess.run([sys.executable, os.path.abspath(__file__), p], check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
