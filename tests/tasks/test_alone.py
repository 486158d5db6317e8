"""`harness.tasks` can be used alone: it needs only torch and NumPy."""

import subprocess
import sys

HEAVY = ("hydra", "omegaconf", "pandas", "matplotlib", "mlxtend", "torchvision", "scipy", "sklearn", "rich")

# Every top-level package that is neither Python's own, nor the harness, nor needed by torch itself.
BLOCK = """
import sys

class Bare:
    needed = {"harness", "torch", "numpy", "torchgen", "functorch", "typing_extensions", "sympy", "networkx",
              "jinja2", "filelock", "fsspec", "mpmath", "markupsafe", "setuptools", "triton", "nvidia"}
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in self.needed and top not in sys.stdlib_module_names and not top.startswith("_"):
            raise ModuleNotFoundError(f"{name} is not installed here", name=name)
        return None

sys.meta_path.insert(0, Bare())
"""


def run(code, **env):
    import os

    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env=os.environ | env
    )


def test_importing_the_tasks_imports_no_heavy_package():
    done = run(f"import sys, harness.tasks; print([name for name in {HEAVY} if name in sys.modules])")
    assert done.stdout.strip() == "[]", done.stderr


def test_loaders_work_where_only_torch_and_numpy_are_installed(tmp_path):
    code = BLOCK + (
        "from harness.tasks import *\n"
        "for make in (make_adding, make_temporal_order, make_delayed_recall):\n"
        "    task = make(seq_len=12, n_train=6, n_val=2, n_test=2)\n"
        "    x, y, lengths = next(iter(task.train.loader(4, shuffle=True)))\n"
        "    print(task.spec.name, tuple(x.shape), len(task.fingerprint))\n"
        "try:\n"
        "    load_mnist()\n"
        "except FileNotFoundError as error:\n"
        "    print(error)\n"
        "try:\n"
        "    import pandas\n"
        "except ModuleNotFoundError:\n"
        "    print('blocked')\n"
    )
    done = run(code, XDG_CACHE_HOME=str(tmp_path))
    lines = done.stdout.splitlines()
    assert lines[:3] == ["adding (4, 12, 2) 64", "temporal_order (4, 12) 64", "delayed_recall (4, 12) 64"], (
        done.stderr
    )
    assert "pip install mlxtend" in lines[3]
    assert lines[4] == "blocked"
