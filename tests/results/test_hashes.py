"""A row holds the hashes of its files: what was changed after the run is named, and the run is made again."""

from __future__ import annotations

import hashlib
import json
import os
import shutil

import pytest

from harness.experiment.config import compose
from harness.experiment.finished import why_not_finished
from harness.experiment.plan import plan
from harness.experiment.run import execute
from harness.results import load_gradflow, load_steps, store
from harness.results.hashes import damaged_files

from .rows import record, write

DAMAGE = {
    "one bit": lambda raw: raw[:-9] + bytes([raw[-9] ^ 1]) + raw[-8:],
    "cut in half": lambda raw: raw[: len(raw) // 2],
    "cut by a line": lambda raw: raw[: raw.rstrip(b"\n").rfind(b"\n") + 1],
    "empty": lambda raw: b"",
    "zero bytes": lambda raw: b"\0" * len(raw),
    "doubled": lambda raw: raw + raw,
    "other text": lambda raw: b"\xff\xfe not a table",
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run with weights, and the overrides that made it."""
    folder = tmp_path_factory.mktemp("finished")
    overrides = [
        "task=delayed_recall", "task.seq_len=5", "task.n_train=60", "task.n_val=10", "task.n_test=10",
        "cell.hidden_size=4", "train.steps=2", "train.batch_size=20", "keep_weights=true",
    ]  # fmt: skip
    run = plan(compose([*overrides, f"results_dir={folder}"]))
    execute(run)
    return overrides, run


@pytest.fixture
def copied(finished, tmp_path):
    """The plan of a copy of that run, which a test may damage."""
    overrides, run = finished
    shutil.copytree(run.results_dir, tmp_path / "results")
    return plan(compose([*overrides, f"results_dir={tmp_path / 'results'}"]))


def test_the_row_holds_the_hash_of_each_file_beside_it_and_its_own(finished):
    _, run = finished
    row = json.loads((run.folder / "row.json").read_text())
    names = {"config.yaml", "steps.csv", "gradflow.csv", "gates.csv", "weights.pt"} & set(
        os.listdir(run.folder)
    )
    assert {"config.yaml", "steps.csv", "gradflow.csv", "weights.pt"} <= names
    own = row["files"].pop("row.json")
    assert own == hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()
    assert row["files"] == {n: hashlib.sha256((run.folder / n).read_bytes()).hexdigest() for n in names}
    assert why_not_finished(run) is None


@pytest.mark.parametrize("name", ["row.json", "steps.csv", "gradflow.csv", "config.yaml", "weights.pt"])
@pytest.mark.parametrize("damage", [*DAMAGE, "a folder"])
def test_a_damaged_file_is_named_and_the_run_counts_as_not_finished(copied, name, damage):
    path = copied.folder / name
    if damage == "a folder":
        path.unlink()
        path.mkdir()
    else:
        path.write_bytes(DAMAGE[damage](path.read_bytes()))
    assert name in why_not_finished(copied)


def test_a_damaged_run_is_made_again_with_the_same_digits_and_the_damaged_files_are_kept(copied):
    before = store.read_row(copied.folder)
    (copied.folder / "gradflow.csv").write_text("step\n")
    execute(copied)
    after = store.read_row(copied.folder)
    assert why_not_finished(copied) is None
    assert (after["test_loss"], after["best_step"]) == (before["test_loss"], before["best_step"])
    assert (copied.folder / "attempt-1" / "gradflow.csv").read_text() == "step\n"


def test_missing_weights_are_no_damage_and_a_missing_table_is(copied):
    row = store.read_row(copied.folder)
    (copied.folder / "weights.pt").unlink()
    assert damaged_files(copied.folder, row) == {}
    (copied.folder / "steps.csv").unlink()
    assert list(damaged_files(copied.folder, row)) == ["steps.csv"]


def test_a_number_changed_by_hand_in_a_table_leaves_that_table_out_of_every_frame(tmp_path, caplog):
    good, bad = record(seed=0), record(seed=1)
    path = write(tmp_path, good, bad) / "runs" / bad.run_id / "steps.csv"
    path.write_text(path.read_text().replace("2.3", "0.3"))
    assert set(load_steps(tmp_path)["run_id"]) == {good.run_id}
    assert "damaged or truncated" in caplog.text and str(path) in caplog.text
    assert set(load_gradflow(tmp_path)["run_id"]) == {good.run_id, bad.run_id}


def test_a_row_of_before_there_were_hashes_is_read_as_it_is(tmp_path):
    one = record()
    folder = write(tmp_path, one) / "runs" / one.run_id
    row = json.loads((folder / "row.json").read_text())
    del row["files"]
    (folder / "row.json").write_text(json.dumps(row | {"test_loss": 0.125}))
    assert store.read_row(folder)["test_loss"] == 0.125
    assert damaged_files(folder, store.read_row(folder)) == {}
