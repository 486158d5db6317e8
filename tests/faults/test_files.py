"""200 damages of the files of finished runs, and disks of several sizes: `make test-faults`."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.cli.main import main
from harness.experiment.config import compose
from harness.experiment.finished import why_not_finished
from harness.experiment.plan import plan
from harness.experiment.run import execute
from harness.results import load_runs, load_steps, store
from tests.conftest import TINY
from tests.processes import run_harness

pytestmark = pytest.mark.faults

TRIALS = 25
"""Of each of the eight ways."""

NUMBERS = ["test_loss", "val_loss", "grad_norm_mean", "best_step", "data_fingerprint"]


def flip(raw, chance):
    place = chance.randrange(len(raw))
    return raw[:place] + bytes([raw[place] ^ (1 << chance.randrange(8))]) + raw[place + 1 :]


def swap_digit(raw, chance):
    """Another digit in the place of one, as an edit by hand."""
    places = [place for place, byte in enumerate(raw) if byte in b"0123456789"]
    place = chance.choice(places)
    return raw[:place] + str((raw[place] - 47) % 10).encode() + raw[place + 1 :]


DAMAGES = {
    "a bit": flip,
    "a digit": swap_digit,
    "cut off": lambda raw, chance: raw[: chance.randrange(len(raw))],
    "a hole": lambda raw, chance: raw[: (cut := chance.randrange(len(raw) - 1))] + raw[cut + 1 :],
    "zero bytes": lambda raw, chance: raw[: (cut := chance.randrange(len(raw)))] + b"\0" * (len(raw) - cut),
    "noise": lambda raw, chance: chance.randbytes(max(1, len(raw) - chance.randrange(len(raw)))),
    "doubled": lambda raw, chance: raw + raw[chance.randrange(len(raw)) :],
    "removed": lambda raw, chance: None,
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The overrides of a finished run with weights, and its plan."""
    folder = tmp_path_factory.mktemp("finished")
    overrides = [*TINY, "keep_weights=true", "task.seq_len=9"]
    run = plan(compose([*overrides, f"results_dir={folder / 'results'}"]))
    execute(run)
    return overrides, run


@pytest.mark.parametrize("way", DAMAGES)
def test_damaged_files_are_named_and_never_trusted(finished, tmp_path, caplog, way):
    """Each trial damages one file; the run counts as not finished, and no table shows a changed number."""
    overrides, run = finished
    whole_runs, whole_steps = load_runs(run.results_dir), load_steps(run.results_dir)
    names = sorted(store.read_row(run.folder)["files"])
    chance = random.Random(way)
    for trial in range(TRIALS):
        copy = tmp_path / str(trial)
        shutil.copytree(run.results_dir, copy)
        planned = plan(compose([*overrides, f"results_dir={copy}"]))
        name = names[trial % len(names)]
        path = planned.folder / name
        raw = path.read_bytes()
        damaged = DAMAGES[way](raw, chance)
        if damaged is None:
            path.unlink()
        elif damaged != raw:
            path.write_bytes(damaged)
        else:
            continue
        reason, caplog_before = why_not_finished(planned), len(caplog.records)
        runs = load_runs(copy)
        if reason is None:  # what was changed is no content: a space, or the order of a key's quotes
            assert name == "row.json" and runs.equals(whole_runs), (way, trial, name)
            continue
        assert name in reason or "it has no row" in reason, (way, trial, name, reason)
        if name == "row.json":
            assert runs.empty
            assert way == "removed" or len(caplog.records) > caplog_before
        else:
            assert runs.equals(whole_runs)
            steps = load_steps(copy)
            assert steps.empty if name == "steps.csv" else steps.equals(whole_steps)
        shutil.rmtree(copy)


@pytest.mark.parametrize("way", DAMAGES)
def test_the_same_command_makes_a_damaged_run_again(finished, tmp_path, way):
    overrides, run = finished
    shutil.copytree(run.results_dir, tmp_path / "results")
    folder = tmp_path / "results" / "runs" / run.run_id
    path, chance = folder / "steps.csv", random.Random(way)
    damaged = DAMAGES[way](path.read_bytes(), chance)
    path.unlink() if damaged is None else path.write_bytes(damaged)
    assert main([*overrides, f"results_dir={tmp_path / 'results'}"]) == 0
    before, after = store.read_row(run.folder), store.read_row(folder)
    assert {name: after[name] for name in NUMBERS} == {name: before[name] for name in NUMBERS}
    assert (folder / "attempt-1" / "row.json").exists()


@contextlib.contextmanager
def small_disk(folder: Path, size: str):
    """A file system of `size` at `folder`; skips without the right to mount one."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting a small file system needs root")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("size", ["8k", "16k", "32k", "64k", "128k", "256k"])
def test_a_full_disk_is_a_message_and_leaves_no_half_of_a_file(tmp_path, size):
    """The earlier row stays whole, no temporary file is left, and with space the numbers are the same."""
    disk, filler = tmp_path / "disk", tmp_path / "disk" / "filler"
    arguments = [*TINY, "keep_weights=true", f"results_dir={disk}"]
    reference = run_harness(*TINY, f"results_dir={tmp_path / 'reference'}", "-m", "seed=1,2")
    assert reference.returncode == 0, reference.stderr
    with small_disk(disk, "8m"):
        assert run_harness(*arguments, "seed=1").returncode == 0
        (first,) = disk.glob("runs/*/row.json")
        before = first.read_bytes()
        free = os.statvfs(disk)
        left = int(size[:-1]) * 1024
        filler.write_bytes(b"\0" * max(0, free.f_bavail * free.f_frsize - left))
        done = run_harness("-m", *arguments, "seed=1,2")
        assert "Traceback" not in done.stderr, done.stderr
        assert first.read_bytes() == before
        assert not [path for path in disk.rglob("*") if ".tmp" in path.name]
        for row in disk.glob("runs/*/row.json"):
            assert store.read_row(row.parent) is not None
        filler.unlink()
        again = run_harness("-m", *arguments, "seed=1,2")
        assert again.returncode == 0, again.stderr
        mine, theirs = (
            load_runs(folder).set_index("seed")[NUMBERS] for folder in (disk, tmp_path / "reference")
        )
        assert mine.equals(theirs)
