"""A run that is stopped or killed resumes from its checkpoint, and ends with the bits of one that is not."""

from __future__ import annotations

import io
import json
import os
import signal
import time

import pytest
import torch

from harness.experiment import checkpoints
from harness.experiment.config import compose
from harness.experiment.errors import ConfigError
from harness.experiment.plan import plan
from harness.experiment.run import execute
from harness.experiment.time_limit import seconds_used
from harness.results import store
from harness.results.locks import Lock
from harness.results.store import CHECKPOINT_NAME
from harness.training import checkpoint, loop
from harness.training.checkpoint import BrokenCheckpointError, read_about, read_checkpoint
from harness.workers.stop import Stopped
from tests.conftest import TINY

TIMES = {
    "train_s", "train_cpu_s", "eval_s", "cpu_s", "samples_per_s", "peak_rss_mb", "started_at", "files",
    "gradflow_overhead_s",
}  # fmt: skip
ALWAYS = "train.checkpoint_minutes=1e-9"


def planned(folder, *more):
    return plan(compose([*TINY, "cell.num_layers=2", "cell.dropout=0.5", f"results_dir={folder}", *more]))


def outcome(run):
    """What a run measured, without what a clock says."""
    row = {name: value for name, value in store.read_row(run.folder).items() if name not in TIMES}
    row["config"] = {name: value for name, value in row["config"].items() if name != "results_dir"}
    tables = {}
    for name in row["tables"]:
        lines = [line.split(",") for line in (run.folder / f"{name}.csv").read_text().splitlines()]
        kept = [k for k, title in enumerate(lines[0]) if title not in TIMES]
        tables[name] = [[line[k] for k in kept] for line in lines]
    return row, tables


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    run = planned(tmp_path_factory.mktemp("undisturbed"))
    execute(run, echo=False)
    assert not (run.folder / CHECKPOINT_NAME).exists()
    return outcome(run)


def stop_after(monkeypatch, steps):
    """Checkpoints that stop the run, as from outside, once they have written so many."""
    take, count = checkpoints.Checkpoints.take, []

    def taken(self, state):
        take(self, state)
        count.append(state.step)
        if len(count) == steps:
            raise Stopped(signal.SIGTERM)

    monkeypatch.setattr(checkpoints.Checkpoints, "take", taken)


def interrupted(monkeypatch, folder, steps=4):
    """A run of which nothing but a checkpoint and its `interrupted` row is left."""
    run = planned(folder, ALWAYS)
    with monkeypatch.context() as patch:
        stop_after(patch, steps)
        with pytest.raises(KeyboardInterrupt):
            execute(run, echo=False)
    assert store.read_row(run.folder)["status"] == "interrupted"
    assert (run.folder / CHECKPOINT_NAME).is_file()
    return run


@pytest.mark.parametrize("steps", range(1, 8))
def test_a_run_stopped_at_any_step_ends_with_the_same_bits(monkeypatch, tmp_path, undisturbed, steps):
    run = interrupted(monkeypatch, tmp_path, steps)
    torch.manual_seed(99)
    execute(planned(tmp_path), echo=False)
    assert outcome(run) == undisturbed
    assert not (run.folder / CHECKPOINT_NAME).exists()
    assert not list(run.folder.glob("attempt-*"))
    assert "resumed from the checkpoint at step" in (run.folder / "log.txt").read_text()


def test_a_killed_process_leaves_no_row_and_its_run_resumes(monkeypatch, tmp_path, undisturbed):
    run = interrupted(monkeypatch, tmp_path)
    (run.folder / "row.json").unlink()  # what a kill leaves
    execute(planned(tmp_path), echo=False)
    assert outcome(run) == undisturbed
    assert not list(run.folder.glob("attempt-*"))


@pytest.mark.parametrize(
    "damage", ["cut", "flipped", "no header", "other torch", "other note", "other training"]
)
def test_a_checkpoint_that_cannot_be_used_is_named_and_the_run_starts_again(
    monkeypatch, tmp_path, undisturbed, damage
):
    run = interrupted(monkeypatch, tmp_path)
    path = run.folder / CHECKPOINT_NAME
    header, _, content = path.read_bytes().partition(b"\n")
    if damage == "other training":
        state = torch.load(io.BytesIO(content), weights_only=True)
        state["of"]["training samples"] = "others"
        monkeypatch.setattr(
            checkpoints,
            "read_checkpoint",
            lambda path: checkpoints.Checkpoint(state, json.loads(header)["about"]),
        )
    else:
        about = json.loads(header)
        about["about"]["made_with"]["torch"] = "1.0"
        about["sha256"] = checkpoint._hash(content, about["about"])
        path.write_bytes({
            "cut": header + b"\n" + content[:-100],
            "flipped": header + b"\n" + content[:500] + bytes([content[500] ^ 1]) + content[501:],
            "no header": content,
            "other note": header.replace(b"cpu_s", b"cpu_t") + b"\n" + content,
            "other torch": json.dumps(about).encode() + b"\n" + content,
        }[damage])  # fmt: skip
    execute(planned(tmp_path), echo=False)
    assert outcome(run) == undisturbed
    log = (run.folder / "log.txt").read_text()
    assert CHECKPOINT_NAME in log and "the run starts again" in log
    assert (run.folder / "attempt-1").is_dir() is (damage != "other training")


def test_rerun_begins_at_step_0(monkeypatch, tmp_path, undisturbed):
    run = interrupted(monkeypatch, tmp_path)
    execute(planned(tmp_path, "rerun=true"), echo=False)
    assert outcome(run) == undisturbed
    assert "resumed" not in (run.folder / "log.txt").read_text()
    assert not (run.folder / "attempt-1" / CHECKPOINT_NAME).exists()


def test_a_signal_stops_a_run_between_two_steps(monkeypatch, tmp_path, undisturbed):
    """It arrives in the middle of the fourth step; the checkpoint holds all of it."""
    run, made = planned(tmp_path), []
    plain = loop.training_step

    def signalled(*args, **more):
        made.append(1)
        if len(made) == 4:
            signal.raise_signal(signal.SIGINT)
        return plain(*args, **more)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "training_step", signalled)
        with pytest.raises(KeyboardInterrupt):
            execute(run, echo=False)
    state = read_checkpoint(run.folder / CHECKPOINT_NAME).state
    assert len(state["segment"]["losses"]) + len(state["history"]["norms"]) == 4
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    execute(planned(tmp_path), echo=False)
    assert outcome(run) == undisturbed


def test_a_step_that_takes_too_long_is_left_at_once(monkeypatch, tmp_path):
    def slow(*args, **more):
        signal.raise_signal(signal.SIGINT)
        time.sleep(60)

    monkeypatch.setattr(checkpoints, "_patience_s", 0.05)
    monkeypatch.setattr(loop, "training_step", slow)
    began, run = time.monotonic(), planned(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        execute(run, echo=False)
    assert time.monotonic() - began < 30
    assert store.read_row(run.folder)["status"] == "interrupted"
    assert not (run.folder / CHECKPOINT_NAME).exists()


def test_a_full_disk_costs_the_checkpoint_and_not_the_run(monkeypatch, tmp_path, undisturbed):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "write_checkpoint", full)
    run = planned(tmp_path, ALWAYS)
    execute(run, echo=False)
    assert outcome(run) == undisturbed
    assert "No space left on device" in (run.folder / "log.txt").read_text()


def test_the_time_of_all_processes_of_an_attempt_counts(monkeypatch, tmp_path):
    run = interrupted(monkeypatch, tmp_path)
    config = run.folder / "config.yaml"
    os.utime(config, (config.stat().st_atime, time.time() - 100))
    assert seconds_used(run.folder) == pytest.approx(100, abs=5)
    begun = checkpoints.start(planned(tmp_path))
    assert begun.used_s == pytest.approx(100, abs=5)
    log = run.folder / "log.txt"
    os.utime(config, (log.stat().st_atime, time.time() - 30))
    log.touch()
    path = run.folder / CHECKPOINT_NAME
    assert read_about(path)["used_s"] == begun.used_s
    assert seconds_used(run.folder) == pytest.approx(130, abs=6)


def test_the_interval_is_no_part_of_the_identity_and_is_checked(tmp_path):
    assert planned(tmp_path, ALWAYS).run_id == planned(tmp_path, "train.checkpoint_minutes=null").run_id
    for wrong in ("0", "-1", "nan"):
        with pytest.raises(ConfigError, match=r"train\.checkpoint_minutes must be a number above 0"):
            planned(tmp_path, f"train.checkpoint_minutes={wrong}")


def test_no_file_is_no_checkpoint_and_a_folder_is_a_broken_one(tmp_path):
    assert read_checkpoint(tmp_path / "absent") is None
    assert read_about(tmp_path / "absent") == {}
    with pytest.raises(BrokenCheckpointError, match="cannot be read"):
        read_checkpoint(tmp_path)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_fork_that_a_cell_made_in_a_step_does_not_train_on(tmp_path):
    pause = checkpoints.Checkpoints(planned(tmp_path), checkpoints.Start(), Lock(tmp_path / store.LOCK_NAME))
    assert not pause.due()
    child = os.fork()
    if child == 0:
        pause.due()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1


def test_probes_that_are_asked_for_now_are_measured_from_the_first_step(monkeypatch, tmp_path):
    run = planned(tmp_path, ALWAYS, "train.gradflow=false")
    with monkeypatch.context() as patch:
        stop_after(patch, 4)
        with pytest.raises(KeyboardInterrupt):
            execute(run, echo=False)
    execute(planned(tmp_path), echo=False)
    assert "gradflow" in (log := (run.folder / "log.txt").read_text()) and "the run starts again" in log
    assert store.read_row(run.folder)["gradflow_decades_init"] is not None


def test_a_checkpoint_of_another_run_or_beside_a_finished_row_is_not_resumed(monkeypatch, tmp_path):
    run = interrupted(monkeypatch, tmp_path)
    other = planned(tmp_path, "seed=5")
    other.folder.mkdir(parents=True)
    (other.folder / CHECKPOINT_NAME).write_bytes((run.folder / CHECKPOINT_NAME).read_bytes())
    execute(other, echo=False)
    assert "the run starts again" in (other.folder / "log.txt").read_text()
    kept = (run.folder / CHECKPOINT_NAME).read_bytes()
    execute(planned(tmp_path), echo=False)
    (run.folder / CHECKPOINT_NAME).write_bytes(kept)
    execute(planned(tmp_path, "keep_weights=true"), echo=False)
    assert "resumed" not in (run.folder / "log.txt").read_text()
    assert (run.folder / "attempt-1" / "row.json").is_file()


def test_a_module_that_refuses_its_own_state_starts_again(monkeypatch, tmp_path, undisturbed):
    run = interrupted(monkeypatch, tmp_path)
    load = checkpoints.TrainingState.load_state_dict

    def half(self, state):
        load(self, state)
        raise RuntimeError("size mismatch for cell.pos")

    monkeypatch.setattr(checkpoints.TrainingState, "load_state_dict", half)
    execute(planned(tmp_path), echo=False)
    assert outcome(run) == undisturbed
    assert "size mismatch for cell.pos; the run starts again" in (run.folder / "log.txt").read_text()
