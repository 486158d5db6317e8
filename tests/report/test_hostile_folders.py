"""No content of a results folder stops a report: what cannot be a row is left out and named."""

from __future__ import annotations

import json
import logging
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.cli.main import main
from harness.results import load_runs, load_steps, load_table, store
from harness.results.store import CorruptRowError, NewerSchemaError, read_row
from tests.results.hostile_rows import (
    FILES,
    ODD_VALUES,
    WRONG_VALUES,
    new_run,
    odd_folders,
    with_file,
    with_value,
)
from tests.results.rows import rewrite


@pytest.mark.parametrize("case", range(len(WRONG_VALUES)), ids=lambda i: f"{i} {WRONG_VALUES[i][0]}")
def test_a_value_that_a_column_cannot_have_makes_no_row(tmp_path, case):
    folder = with_value(tmp_path, *WRONG_VALUES[case])
    with pytest.raises(CorruptRowError, match=r"row\.json"):
        read_row(folder)


@pytest.mark.parametrize("kind", FILES)
def test_what_is_no_row_file_makes_no_row(tmp_path, kind):
    folder = with_file(tmp_path, kind)
    with pytest.raises(CorruptRowError, match=r"row\.json"):
        read_row(folder)
    assert store.status_of(folder) == "begun" or kind  # no other error


@pytest.mark.parametrize("case", range(len(ODD_VALUES)), ids=lambda i: f"{i} {ODD_VALUES[i][0]}")
def test_an_odd_value_stays_and_no_field_takes_the_place_of_another(tmp_path, case):
    column, value = ODD_VALUES[case]
    row = read_row(with_value(tmp_path, column, value))
    plain = json.loads(json.dumps(value).replace("\\ud800", "?").replace("\\ud83d", "?"))
    assert row[column] == plain
    runs = load_runs(tmp_path)
    assert len(runs) == 1 and "test_loss_2x" not in runs and "unknown" not in runs


@pytest.mark.usefixtures("without_figures")
def test_one_report_over_all_of_them_names_each_that_it_leaves_out(tmp_path, caplog, monkeypatch, capsys):
    """One whole run, every wrong value, every odd file and folder, every odd value, in one folder."""
    good, _ = new_run(tmp_path, seed=7)
    wrong = [
        with_value(tmp_path, *case, run_id=f"wrong-{place}")
        for place, case in enumerate(WRONG_VALUES)
        if case[0] != "run_id"
    ]
    wrong += [with_file(tmp_path, kind, run_id=f"file-{place}") for place, kind in enumerate(FILES)]
    odd = [with_value(tmp_path, *case, run_id=f"odd-{place}") for place, case in enumerate(ODD_VALUES)]
    odd_folders(tmp_path)
    for name in ("timing.csv", "figures"):
        (tmp_path / name).write_bytes(b"\xff\0") if name != "figures" else (tmp_path / name).mkdir()
    os.mkfifo(tmp_path / "figures" / "pipe.png")
    with caplog.at_level(logging.WARNING):
        assert main(["report", str(tmp_path)]) == 0
    for folder in wrong:
        assert f"{folder}/row.json" in caplog.text, folder
    for name in ("bad\\udcff\\udcfe", "two lines", "$x$ <b> ${y}", "x" * 255):
        assert name in caplog.text
    assert set(load_runs(tmp_path)["run_id"]) == {good.name, *(folder.name for folder in odd)}
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script>alert(1)" not in page and good.name in page
    name = str(tmp_path)
    for arguments in (
        ["runs", f"results_dir={name}"],
        ["compare", name, name],
        ["export", name, "--to", "csv"],
        ["export", name, "--to", "latex"],
    ):
        capsys.readouterr()
        assert main(arguments) == 0, arguments
        said = capsys.readouterr().out
        assert all(letter.isprintable() or letter in "\n\N{NO-BREAK SPACE}" for letter in said), arguments
    assert main(["doctor", str(tmp_path)]) == 1


def test_a_table_cannot_take_the_place_of_columns_of_other_runs(tmp_path):
    good, _ = new_run(tmp_path, seed=1)
    evil, row = new_run(tmp_path, seed=2)
    (evil / "steps.csv").write_text("step,task,seed\n1,evil,9\n")
    row["tables"]["steps"]["columns"] = dict.fromkeys(["step", "task", "seed"], "text")
    del row["files"]
    rewrite(evil / "row.json", row)
    steps = load_steps(tmp_path)
    mine = steps[steps["run_id"] == good.name]
    assert set(mine["task"]) == {"mnist"} and set(mine["seed"]) == {1}
    assert set(load_table(tmp_path, "gradflow")["seed"]) == {1, 2}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return new_run(tmp_path_factory.mktemp("whole"))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_json_in_any_column_is_a_row_that_loads_or_is_named(whole, data):
    folder, row = whole
    changes = data.draw(st.dictionaries(st.sampled_from(sorted(row)), json_values, min_size=1, max_size=3))
    rewrite(folder / "row.json", {**row, **changes, "files": None})
    try:
        read = read_row(folder)
    except (CorruptRowError, NewerSchemaError):
        return
    finally:
        rewrite(folder / "row.json", json.loads(json.dumps(row)))
    assert read["run_id"] == folder.name
