"""`harness doctor`: it names what is wrong, mends it with --fix, and deletes no finished run."""

from __future__ import annotations

import json
import os

import pytest

from harness.cli.main import main
from harness.experiment.config import compose
from harness.experiment.finished import why_not_finished
from harness.experiment.plan import plan
from harness.experiment.run import execute
from harness.results import locks, store
from harness.results.doctor import examine
from harness.results.locks import hold
from tests.conftest import TINY
from tests.results.rows import rewrite
from tests.results.test_locks import left_behind


@pytest.fixture
def made(tmp_path):
    """A finished run, as the harness makes it."""
    run = plan(compose([*TINY, f"results_dir={tmp_path / 'results'}"]))
    execute(run)
    return run


def said(run, capsys, *flags):
    code = main(["doctor", str(run.results_dir), *flags])
    return code, capsys.readouterr().out


def change(run, **columns):
    path = run.folder / "row.json"
    rewrite(path, json.loads(path.read_text()) | columns)


def test_a_whole_folder_has_nothing_wrong_and_nothing_is_changed(made, capsys):
    main(["report", str(made.results_dir)])
    before = sorted(os.walk(made.results_dir))
    capsys.readouterr()
    assert said(made, capsys, "--fix") == (0, f"{made.results_dir}: nothing is wrong\n")
    assert sorted(os.walk(made.results_dir)) == before


@pytest.mark.parametrize("damage", [b"", b"{", b"\0" * 99, "folder", "pipe", "loop"])
def test_a_damaged_row_is_set_aside_and_the_run_is_made_again(made, capsys, damage):
    path = made.folder / "row.json"
    path.unlink()
    {"folder": path.mkdir, "pipe": lambda: os.mkfifo(path), "loop": lambda: path.symlink_to(path)}.get(
        damage, lambda: path.write_bytes(damage)
    )()
    code, text = said(made, capsys)
    assert code == 1 and "damaged row" in text and "would: moves its files to attempt-N/" in text
    assert os.path.lexists(path)
    code, text = said(made, capsys, "--fix")
    assert code == 0 and "done: moves its files" in text
    assert (made.folder / "attempt-1" / "steps.csv").exists() and not os.path.lexists(path)
    execute(made)
    assert why_not_finished(made) is None


def test_a_damaged_table_is_named_and_left_to_the_grid(made, capsys):
    (made.folder / "gradflow.csv").write_text("step\n1\n")
    code, text = said(made, capsys, "--fix")
    assert code == 1 and "gradflow.csv: damaged or truncated" in text and "makes it again" in text
    assert (made.folder / "row.json").exists()


@pytest.mark.parametrize(
    ("columns", "what"),
    [
        ({"setting": "00000000"}, "its setting is 00000000"),
        ({"seed": 9}, "its run_id must end in"),
        ({"code": "other 1.0"}, "its run_id must end in"),
        ({"revisions": "task 2"}, "its setting is"),
        ({"schema_version": 1}, "of seqharness 0.1"),
        ({"schema_version": 99, "harness": "9.9"}, "upgrade seqharness"),
    ],
)
def test_rows_that_no_command_makes_are_named_and_kept(made, capsys, columns, what):
    change(made, **columns)
    code, text = said(made, capsys, "--fix")
    assert code == 1 and what in text and "done" not in text
    assert (made.folder / "row.json").exists()


def test_what_killed_processes_leave_is_removed(made, capsys):
    folder = made.folder
    old = [
        folder / ".steps.csv.123.tmp.csv",
        made.results_dir / ".runs.csv.9.tmp",
        folder / ".row.json.77.tmp",
    ]
    for path in old:
        path.write_text("half")
        os.utime(path, (0, 0))
    young = folder / ".row.json.4.tmp.json"
    young.write_text("half")
    empty = made.folder.parent / "empty"
    empty.mkdir()
    (empty / ".lock").touch()
    begun = made.folder.parent / "begun"
    begun.mkdir()
    (begun / "config.yaml").write_text("seed: 1")
    (begun / ".lock").touch()
    code, text = said(made, capsys)
    assert code == 1 and text.count("would: removes it") == 5 and "--fix mends 5 of them" in text
    assert all(path.exists() for path in old)
    said(made, capsys, "--fix")
    assert not any(path.exists() for path in (*old, empty, begun / ".lock"))
    assert young.exists() and (begun / "config.yaml").exists() and store.is_final(folder)


def test_a_run_that_a_process_is_making_is_left_alone(made):
    begun = made.folder.parent / "begun"
    begun.mkdir()
    (begun / "config.yaml").write_text("seed: 1")
    with hold(begun, timeout=0):
        assert list(examine(made.results_dir)) == []
    assert [problem.what for problem in examine(made.results_dir)] == ["begun and not ended"]


def test_a_lock_of_a_machine_that_is_gone_is_taken_over(made, monkeypatch, capsys):
    monkeypatch.setattr(locks, "LEASE_S", 0.3)
    monkeypatch.setattr(locks, "BEAT_S", 0.1)
    begun = made.folder.parent / "begun"
    begun.mkdir()
    (begun / "config.yaml").write_text("seed: 1")
    left = left_behind(begun)
    assert "a lock that no process holds" in said(made, capsys)[1] and left.exists()
    said(made, capsys, "--fix")
    assert not left.exists()


def test_odd_entries_are_named_and_left(made, capsys):
    runs = made.folder.parent
    (runs / "loop").symlink_to(runs / "loop")
    (runs / "stray.txt").write_text("not a run")
    os.mkdir(os.fsencode(runs) + b"/bad\xff\x1b[31m")
    (runs / os.fsdecode(b"bad\xff\x1b[31m") / "row.json").write_text("{}")
    code, text = said(made, capsys)
    assert code == 1 and "loop: no folder of a run" in text and "stray.txt: no folder" in text
    assert "bad\\udcff\\x1b[31m/row.json: damaged row" in text


def test_wrong_input_is_named(tmp_path, capsys):
    assert main(["doctor", str(tmp_path / "nowhere")]) == 2
    assert main(["doctor", "a", "b"]) == 2
    assert "nowhere" in capsys.readouterr().err
