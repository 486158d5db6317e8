from __future__ import annotations

import csv
import dataclasses
import json
from dataclasses import dataclass

import pandas as pd
import pytest

from harness.results import (
    SCHEMA_VERSION,
    EvalRow,
    RunRecord,
    Table,
    column,
    columns_of,
    load_runs,
    load_table,
)
from harness.results.schema import SCHEMA_1_TABLES, markdown_columns
from harness.results.store import begin, finish, is_final, read_row, table_csv
from harness.timing.table import TimingRow

from .rows import STEPS, FlowRow, eval_row, record, rewrite, write


@dataclass(frozen=True)
class GateRow:
    """A row of a probe that the package does not know."""

    step: int = column("training step")
    gate: str = column("name of the gate")
    open_share: float | None = column("share of units above 0.5")
    scratch: int = 0


GATES = Table(
    "gates",
    GateRow,
    [GateRow(1, "forget, of c", 0.25), GateRow(2, 'a "quoted" name', None)],
    settings={"points": 16},
    note="every second step",
)


def written_table(tmp_path, table):
    finish(tmp_path, dataclasses.replace(record(), run_id=tmp_path.name), [table])
    with open(tmp_path / f"{table.name}.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_value_is_written_under_the_name_of_its_field(tmp_path):
    names = list(columns_of(EvalRow))
    row = EvalRow(**{name: float(i) for i, name in enumerate(names)})
    [read] = written_table(tmp_path, Table("steps", EvalRow, [row]))
    assert {name: float(text) for name, text in read.items()} == {n: float(i) for i, n in enumerate(names)}


def test_the_order_of_the_fields_does_not_matter_to_the_values(tmp_path):
    fields = [(f.name, f.type, column(f.metadata["about"])) for f in dataclasses.fields(EvalRow)]
    swapped = dataclasses.make_dataclass("Swapped", fields[::-1], frozen=True, kw_only=True)
    forward = written_table(tmp_path, Table("steps", EvalRow, STEPS))
    backward = written_table(tmp_path, Table("steps", swapped, STEPS))
    assert list(forward[0]) == list(backward[0])[::-1]
    assert forward == backward


def test_a_row_without_one_of_the_columns_is_an_error(tmp_path):
    with pytest.raises(AttributeError, match="epoch"):
        table_csv(Table("steps", EvalRow, [FlowRow(1, 0, "h", 0, 1.0, 0.0)]))


def test_an_evaluation_cannot_be_made_by_position():
    with pytest.raises(TypeError):
        EvalRow(*range(11))
    assert list(columns_of(EvalRow)) == [f.name for f in dataclasses.fields(EvalRow)]


def test_numbers_are_written_so_that_they_read_back_the_same(tmp_path):
    numpy = pytest.importorskip("numpy")
    value = numpy.float64(0.1) + 0.2
    [read] = written_table(tmp_path, Table("steps", EvalRow, [eval_row(1, value, float("inf"))]))
    assert read["epoch"] == repr(0.1 + 0.2)
    assert (read["train_loss"], read["val_loss"]) == ("inf", "")


def test_a_new_table_is_described_in_the_row_and_read_from_there(tmp_path):
    one, other = record(seed=0), record(seed=1)
    write(tmp_path, one, tables=[GATES])
    write(tmp_path, other, tables=[])
    row = read_row(tmp_path / "runs" / one.run_id)
    assert row["tables"] == {
        "gates": {
            "columns": {
                "step": "training step",
                "gate": "name of the gate",
                "open_share": "share of units above 0.5",
            },
            "settings": {"points": 16},
            "note": "every second step",
        }
    }
    for runs in (None, load_runs(tmp_path)):
        table = load_table(tmp_path, "gates", runs)
        assert list(table.columns) == ["run_id", "task", "cell", "seed", "step", "gate", "open_share"]
        assert table["run_id"].tolist() == [one.run_id] * 2
        assert table["gate"].tolist() == [row.gate for row in GATES.rows]
        assert pd.api.types.is_numeric_dtype(table["open_share"])
        assert table["open_share"].iloc[0] == 0.25 and table["open_share"].isna().tolist() == [False, True]


def test_runs_whose_tables_have_different_columns_are_joined_by_name(tmp_path):
    later = dataclasses.make_dataclass(
        "Later",
        [("gate", str, column("gate")), ("mean", float, column("mean")), ("step", int, column("step"))],
    )
    write(tmp_path, record(seed=0), tables=[GATES])
    write(tmp_path, record(seed=1), tables=[Table("gates", later, [later("input", 0.5, 7)])])
    table = load_table(tmp_path, "gates")
    assert list(table.columns) == ["run_id", "task", "cell", "seed", "step", "gate", "open_share", "mean"]
    assert table["step"].tolist() == [1, 2, 7]
    assert table["gate"].tolist()[-1] == "input"


def test_two_tables_of_one_name_are_refused(tmp_path):
    with pytest.raises(ValueError, match="gates"):
        finish(tmp_path, record(), [GATES, GATES])


def test_nan_becomes_null_and_infinity_stays_infinite(tmp_path):
    infinite = float("inf")
    one = record(
        val_loss=float("nan"), grad_norm_max=infinite, lyapunov_end=-infinite,
        other_lengths={"test_loss_2x": infinite, "test_accuracy_2x": 0.5},
    )  # fmt: skip
    write(tmp_path, one)
    row = json.loads((tmp_path / "runs" / one.run_id / "row.json").read_text())
    assert row["val_loss"] is None
    assert row["grad_norm_max"] == "Infinity"  # JSON has no number for it
    read = read_row(tmp_path / "runs" / one.run_id)
    assert (read["grad_norm_max"], read["lyapunov_end"], read["val_loss"]) == (infinite, -infinite, None)
    assert read["other_lengths"] == {"test_loss_2x": infinite, "test_accuracy_2x": 0.5}
    table = load_runs(tmp_path)
    assert table["test_accuracy_2x"].tolist() == [0.5]
    assert table["grad_norm_max"].tolist() == table["test_loss_2x"].tolist() == [infinite]


@pytest.mark.parametrize("row_type", [RunRecord, EvalRow, TimingRow])
def test_every_column_has_a_meaning_that_a_table_can_hold(row_type):
    for name, about in columns_of(row_type).items():
        assert len(about) > 4 and not about.endswith("."), name
    lines = markdown_columns(row_type)
    assert len(lines) == 2 + len(columns_of(row_type))
    assert all(line.replace("\\|", "").count("|") == 3 for line in lines)


def test_a_record_has_the_columns_that_identify_it():
    columns = columns_of(RunRecord)
    assert {"schema_version", "setting", "code", "data_hash", "revisions", "train_cpu_s"} <= set(columns)
    assert not {"concurrent", "tables", "other_lengths", "longer"} & set(columns)
    assert RunRecord(run_id="x", status="ok").schema_version == SCHEMA_VERSION


def test_only_rows_of_todays_identity_count_as_finished(tmp_path):
    one = record()
    folder = write(tmp_path, one) / "runs" / one.run_id
    assert is_final(folder)
    path = folder / "row.json"
    row = json.loads(path.read_text())
    rewrite(path, row | {"status": "failed"})
    assert not is_final(folder)
    del row["schema_version"]
    rewrite(path, row)
    assert not is_final(folder)
    begin(folder, "seed: 0\n")
    assert (folder / "attempt-1" / "row.json").exists() and not path.exists()


def test_the_tables_of_schema_1_are_those_of_that_time():
    assert set(SCHEMA_1_TABLES) == {"steps", "gradflow"}
    assert SCHEMA_1_TABLES["steps"][0] == "step" and SCHEMA_1_TABLES["steps"][-1] == "train_s"
