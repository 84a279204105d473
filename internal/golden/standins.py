"""Empty modules in the place of what verl and OpenRLHF import beside their losses.

deepspeed, vllm and their like are never reached by a loss or an advantage function.
"""

import importlib.machinery
import importlib.util
import sys
import types

NAMES = ("deepspeed", "vllm", "peft", "torchdata", "PIL", "flash_attn", "datasets", "accelerate", "tensorboard", "pylatexenc", "loguru", "wandb", "math_verify", "aiohttp", "optree")


class Anything(types.ModuleType):
    """A module of which every attribute exists, and does nothing."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {"__init__": lambda self, *a, **k: None})


class Finder:
    """Finds every module below a name that is not installed."""

    def __init__(self, names):
        self.names = names

    def find_spec(self, fullname, path=None, target=None):
        if fullname.split(".")[0] in self.names:
            return importlib.machinery.ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec):
        return Anything(spec.name)

    def exec_module(self, module):
        module.__path__ = []


def install():
    missing = {n for n in NAMES if importlib.util.find_spec(n) is None}
    sys.meta_path.append(Finder(missing))
