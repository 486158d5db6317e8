"""Commands of a user that faults are injected into, and what is compared afterwards."""

import contextlib
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
from tests.processes import COMMAND, ROOT, WITHOUT_FIGURES, start_code

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


def trials(count, *, usual=1):
    """Trials of a test: the first `usual` belong to the usual suite, the others to `make test-faults`."""
    marks = [[] if number < usual else [pytest.mark.faults] for number in range(count)]
    return pytest.mark.parametrize(
        "trial", [pytest.param(number, marks=mark) for number, mark in enumerate(marks)]
    )


@contextlib.contextmanager
def all_ended():
    """A list for commands that a test starts; what is left of them is killed at the end."""
    started = []
    yield started
    for command in started:
        for process in command.left():
            kill(process)
        command.wait()


class Command:
    """`harness ARGUMENTS` in a process of its own, whose reports have no figures."""

    def __init__(self, folder, *arguments, **env):
        folder.mkdir(exist_ok=True)
        self.mark = f"{os.getpid()}-{time.monotonic_ns()}"
        self.out, self.err = folder / f"stdout-{self.mark}", folder / f"stderr-{self.mark}"
        self.process = self.start(arguments, env | {"FAULT_TRIAL": self.mark})

    def start(self, arguments, env):
        """Forked from a process that has imported all that a command imports."""
        return start_code(WITHOUT_FIGURES + COMMAND, *arguments, out=self.out, err=self.err, **env)

    def errors(self):
        return self.err.read_text()

    def wait(self, timeout=PATIENCE_S):
        """Waits for the command to end, and returns its exit code; None: it has not ended."""
        self.process.join(timeout)
        return self.process.exitcode

    def wait_for(self, condition):
        """Polls until `condition()` holds, and returns what it returned."""
        give_up = time.monotonic() + PATIENCE_S
        while not (found := condition()):
            assert time.monotonic() < give_up, self.errors()
            assert self.process.exitcode is None, self.errors()
            time.sleep(0.01)
        return found

    def left(self):
        """The processes that the command started, itself included, by the variable that they inherit."""
        mark = f"FAULT_TRIAL={self.mark}".encode()
        found = [self.process.pid] if self.process.exitcode is None else []
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


class FreshCommand(Command):
    """`python -m harness ARGUMENTS` in a new interpreter, from its first import on."""

    def start(self, arguments, env):
        with open(self.out, "w") as out, open(self.err, "w") as err:
            process = subprocess.Popen(
                [sys.executable, "-m", "harness", *arguments],
                cwd=ROOT,
                env=os.environ | {"PYTHONPATH": str(ROOT)} | env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        return _LikeMultiprocessing(process)


class _LikeMultiprocessing:
    def __init__(self, process):
        self.process, self.pid = process, process.pid

    def join(self, timeout):
        self.process.wait(timeout)

    @property
    def exitcode(self):
        return self.process.poll()


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
