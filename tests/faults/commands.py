"""Commands of a user that faults are injected into, and what is compared afterwards."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

import harness
from harness.results import store
from tests.processes import COMMAND, ROOT, WITHOUT_FIGURES

ENDED_S = 5.0
"""Seconds in which processes have to be gone: the promise."""

PATIENCE_S = 120.0

TINY = [
    "task=delayed_recall", "task.seq_len=5", "task.num_classes=2", "task.n_train=60", "task.n_val=10",
    "task.n_test=10", "cell.hidden_size=4", "train.batch_size=20", "keep_weights=true",
]  # fmt: skip

NUMBERS = (
    "run_id status steps best_step val_loss val_accuracy test_loss test_accuracy grad_norm_mean "
    "grad_norm_max clip_rate gradflow_decades_end data_fingerprint"
).split()


def trials(count):
    """Trials of a test: the first belongs to the usual suite, the others to `make test-faults`."""
    return pytest.mark.parametrize(
        "trial", [0, *(pytest.param(number, marks=pytest.mark.faults) for number in range(1, count))]
    )


class Command:
    """`harness ARGUMENTS`, in a new interpreter."""

    def __init__(self, folder, *arguments, **env):
        folder.mkdir(exist_ok=True)
        self.mark = f"{os.getpid()}-{time.monotonic_ns()}"
        self.error_file = folder / f"stderr-{self.mark}"
        with open(self.error_file, "w") as errors, open(folder / f"stdout-{self.mark}", "w") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-c", self.code(), *arguments],
                cwd=ROOT,
                env=os.environ | {"FAULT_TRIAL": self.mark, "PYTHONPATH": str(ROOT)} | env,
                stdout=out,
                stderr=errors,
                stdin=subprocess.DEVNULL,
            )

    @staticmethod
    def code():
        return WITHOUT_FIGURES + COMMAND

    def errors(self):
        return self.error_file.read_text()

    def wait(self, timeout=PATIENCE_S):
        return self.process.wait(timeout)

    def wait_for(self, condition):
        """Polls until `condition()` holds, and returns what it returned."""
        give_up = time.monotonic() + PATIENCE_S
        while not (found := condition()):
            assert time.monotonic() < give_up, self.errors()
            assert self.process.poll() is None, self.errors()
            time.sleep(0.01)
        return found

    def left(self):
        """The processes that the command started, itself included, by the variable that they inherit."""
        mark = f"FAULT_TRIAL={self.mark}".encode()
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (path / "environ").read_bytes().split(b"\0"):
                    found.append(int(path.name))
            except OSError:
                pass
        return found

    def workers(self):
        """The workers: the children of the process that forks them, which is a child of the command."""
        return [child for server in children(self.process.pid) for child in children(server)]

    def seconds_until_all_ended(self):
        """Waits for every process of the command to be gone."""
        start = time.monotonic()
        while self.left():
            assert time.monotonic() - start < PATIENCE_S, self.left()
            time.sleep(0.05)
        return time.monotonic() - start


class ThroughMain(Command):
    """`python -m harness ARGUMENTS`, from its first import on."""

    @staticmethod
    def code():
        return "import runpy, sys; sys.argv[0] = 'harness'; runpy.run_module('harness', run_name='__main__')"


def children(process):
    try:
        return [int(one) for one in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except OSError:
        return []


def kill(process, number=signal.SIGKILL):
    try:
        os.kill(process, number)
    except ProcessLookupError:
        return False
    return True


def begun(results):
    """The runs in progress."""
    return [
        path.parent for path in results.glob("runs/*/config.yaml") if not (path.parent / "row.json").exists()
    ]


def rows(results):
    return sorted(results.glob("runs/*/row.json"))


def attempts(results):
    """The runs that were made more than once."""
    return sorted(path.parent.name for path in results.glob("runs/*/attempt-1"))


def statuses(results):
    return harness.load_runs(results)["status"].value_counts().to_dict()


def bits(results):
    """What a run's numbers and weights are, by its run_id: equal only where every bit is."""
    runs = harness.load_runs(results)
    found = {}
    for _, row in runs.iterrows():
        numbers = [repr(row[name]) for name in NUMBERS]
        path = store.runs_dir(results) / row["run_id"] / "weights.pt"
        if path.is_file():
            weights = torch.load(path, weights_only=True)
            tensors = sorted(_tensors(weights))
            numbers.append(hashlib.sha256(repr(tensors).encode()).hexdigest())
        found[row["run_id"]] = numbers
    return found


def _tensors(value, name=""):
    if isinstance(value, torch.Tensor):
        yield name, value.numpy().tobytes()
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _tensors(item, f"{name}.{key}")
