from __future__ import annotations

import csv
import json
import logging
import shutil
import time
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from harness.results import (
    COLUMNS,
    EvalRow,
    Table,
    column,
    columns_of,
    gather,
    load_gradflow,
    load_runs,
    load_steps,
    load_table,
    require_runs,
)
from harness.results.tables import RUN_COLUMNS, table_names

from .rows import FLOW, STEPS, FlowRow, record, rewrite, tables_of, write

STEP_COLUMNS, FLOW_COLUMNS = tuple(columns_of(EvalRow)), tuple(columns_of(FlowRow))


def test_rows_come_back_with_the_columns_of_the_record_and_their_values(tmp_path):
    one = record(clip=None, solved_step=50, config={"train": {"lr": 0.001}})
    runs = load_runs(write(tmp_path, one))
    assert tuple(runs.columns) == COLUMNS
    row = runs.iloc[0]
    assert (row["run_id"], row["seq_len"], row["lr"], row["solved_step"]) == (one.run_id, 28, 0.001, 50)
    assert np.isnan(row["clip"])
    assert json.loads(row["config"])["train"] == {"lr": 0.001}


def test_numbers_are_numeric_even_where_no_run_has_one(tmp_path):
    runs = load_runs(write(tmp_path, record(solved_step=None, memoryless_loss=None)))
    assert pd.api.types.is_integer_dtype(runs["solved_step"])
    assert pd.api.types.is_float_dtype(runs["memoryless_loss"])
    assert runs["solved_step"].isna().all()


def test_missing_columns_are_na_and_unknown_ones_dropped(tmp_path):
    one = record()
    path = write(tmp_path, one) / "runs" / one.run_id / "row.json"
    row = json.loads(path.read_text())
    del row["test_loss"], row["kernel"]
    rewrite(path, row | {"from_the_future": 1})
    runs = load_runs(tmp_path)
    assert tuple(runs.columns) == COLUMNS
    assert runs["test_loss"].isna().all()


def test_the_order_is_natural_and_not_that_of_the_folders(tmp_path):
    write(
        tmp_path,
        *(record(cell=c, seq_len=T, seed=s) for c in ("rnn", "gru") for T in (112, 28) for s in (10, 2)),
    )
    runs = load_runs(tmp_path)
    expected = [(T, c, s) for T in (28, 112) for c in ("gru", "rnn") for s in (2, 10)]
    assert list(zip(runs["seq_len"], runs["cell"], runs["seed"], strict=True)) == expected


def test_runs_csv_says_the_same_as_the_folder(tmp_path):
    odd = record(
        seed=1,
        status="failed",
        error='a "quoted", long\nmessage',
        variant="none",
        test_accuracy=None,
        lr=0.1 + 0.2,
    )
    runs = gather(write(tmp_path, record(variant="none"), odd))
    pd.testing.assert_frame_equal(load_runs(tmp_path / "runs.csv"), runs)
    pd.testing.assert_frame_equal(load_steps(tmp_path / "steps.csv"), load_steps(tmp_path))
    assert set(runs["variant"]) == {"none"}


@pytest.mark.parametrize(
    "text", ["", '{"run_id": "x', "[1]", '{"run_id": "another", "status": "ok"}', "\x00"]
)
def test_a_corrupt_row_counts_as_not_run_and_is_named_once(tmp_path, caplog, text):
    good, bad = record(seed=0), record(seed=1)
    write(tmp_path, good, bad)
    path = tmp_path / "runs" / bad.run_id / "row.json"
    path.write_text(text)
    with caplog.at_level(logging.WARNING, logger="harness.results"):
        runs = gather(tmp_path)
    assert list(runs["run_id"]) == [good.run_id]
    named = [r.getMessage() for r in caplog.records if str(path) in r.getMessage()]
    assert len(named) == len(caplog.records) == 1
    assert "\n" not in named[0]
    assert set(load_steps(tmp_path, runs)["run_id"]) == {good.run_id}


def test_a_run_that_has_not_ended_is_no_row(tmp_path):
    (tmp_path / "runs" / "begun").mkdir(parents=True)
    (tmp_path / "runs" / "begun" / "config.yaml").write_text("seed: 0\n")
    (tmp_path / "runs" / "stray.txt").write_text("not a run")
    runs = load_runs(tmp_path)
    assert runs.empty
    assert tuple(runs.columns) == COLUMNS
    assert load_steps(tmp_path).empty
    with pytest.raises(
        FileNotFoundError, match=r"no finished runs under .*; run `harness -m experiment=smoke` first"
    ):
        require_runs(runs, tmp_path)


def test_a_folder_that_does_not_exist_is_an_error_that_names_it(tmp_path):
    for load in (load_runs, load_steps, load_gradflow, gather):
        with pytest.raises(FileNotFoundError, match="nowhere"):
            load(tmp_path / "nowhere")


def test_tables_equal_what_a_plain_loop_reads(tmp_path):
    write(tmp_path, *(record(seed=s) for s in range(3)))
    for load, name, columns, rows in (
        (load_steps, "steps.csv", STEP_COLUMNS, STEPS),
        (load_gradflow, "gradflow.csv", FLOW_COLUMNS, FLOW),
    ):
        frame = load(tmp_path)
        assert list(frame.columns) == ["run_id", "task", "cell", "seed", *columns]
        assert len(frame) == 3 * len(rows)
        for run_id, mine in frame.groupby("run_id"):
            with open(tmp_path / "runs" / run_id / name) as file:
                for (_, got), want in zip(mine.iterrows(), csv.DictReader(file), strict=True):
                    for column in columns:
                        text = want[column]
                        same = (
                            got[column] == text
                            if column == "state"
                            else np.isclose(float(text or "nan"), got[column], equal_nan=True)
                        )
                        assert same, (column, got[column], text)


def test_each_line_of_a_table_says_whose_it_is(tmp_path):
    write(tmp_path, *(record(cell=cell, seed=seed) for cell in ("rnn", "007") for seed in (0, 12)))
    runs = gather(tmp_path).set_index("run_id")
    for steps in (load_steps(tmp_path), load_steps(tmp_path / "steps.csv"), load_gradflow(tmp_path)):
        for name in RUN_COLUMNS:
            assert steps[name].dtype == runs[name].dtype
            assert list(steps[name]) == list(runs.loc[steps["run_id"], name]), name


def test_a_table_with_a_column_of_that_name_keeps_its_own(tmp_path):
    @dataclass(frozen=True)
    class OfCell:
        cell: int = column("number of the memory cell")
        norm: float = column("its norm")

    write(tmp_path, record(seed=3), tables=[Table("of_cell", OfCell, [OfCell(7, 0.5)])])
    table = load_table(tmp_path, "of_cell")
    assert list(table.columns) == ["run_id", "task", "seed", "cell", "norm"]
    assert table.iloc[0].tolist()[1:] == ["mnist", 3, 7, 0.5]
    assert table_names(tmp_path) == ["of_cell"]


@pytest.mark.parametrize(
    "damage",
    [
        "step,other\n1,2\n",
        None,
        ",".join(STEP_COLUMNS) + "\n1,2,3\n",
        ",".join(STEP_COLUMNS) + "\n1,0.0,,,2.3",
    ],
)
def test_a_damaged_table_is_left_out_with_one_warning(tmp_path, caplog, damage):
    good, bad = record(seed=0), record(seed=1)
    path = write(tmp_path, good, bad) / "runs" / bad.run_id / "steps.csv"
    path.unlink() if damage is None else path.write_text(damage)
    with caplog.at_level(logging.WARNING, logger="harness.results"):
        steps = load_steps(tmp_path)
    assert set(steps["run_id"]) == {good.run_id}
    assert [str(path) in r.getMessage() for r in caplog.records] == [True]


def test_a_gather_replaces_what_an_earlier_one_wrote(tmp_path):
    first, second = record(seed=0), record(seed=1)
    write(tmp_path, first, second)
    gather(tmp_path)
    shutil.rmtree(tmp_path / "runs" / second.run_id)
    gather(tmp_path)
    assert list(load_runs(tmp_path / "runs.csv")["run_id"]) == [first.run_id]
    assert not list(tmp_path.glob(".*.tmp"))


def test_a_thousand_runs_are_gathered_within_a_second(tmp_path):
    template = write(tmp_path / "template", record(), tables=tables_of(STEPS * 10, FLOW[:2] * 60))
    source = next((template / "runs").iterdir())
    texts = {path.name: path.read_text() for path in source.iterdir()}
    for seed in range(1000):
        run_dir = tmp_path / "runs" / record(seed=seed).run_id
        run_dir.mkdir(parents=True)
        row = json.loads(texts["row.json"]) | {"run_id": run_dir.name, "seed": seed}
        for name, text in texts.items():
            (run_dir / name).write_text(text)
        rewrite(run_dir / "row.json", row)
    start = time.process_time()
    runs = gather(tmp_path)
    flow = load_gradflow(tmp_path, runs)
    took = time.process_time() - start
    assert len(runs) == 1000
    assert len(flow) == 120_000
    assert took < 3.0  # 0.6 s on an idle machine: 10,000 runs stay under 10 s
