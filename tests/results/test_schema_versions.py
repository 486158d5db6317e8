from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from harness.report import summary_markdown, summary_table, write_report
from harness.results import SCHEMA_VERSION, gather, load_gradflow, load_runs, load_steps
from harness.results.repeats import labelled
from harness.results.store import NewerSchemaError, is_final, status_of

from .rows import record, rewrite, write

V01 = Path(__file__).parent / "data" / "v01"


@pytest.fixture
def mixed(tmp_path):
    """Runs of 0.1, and the same settings run again since."""
    folder = tmp_path / "mixed"
    shutil.copytree(V01, folder)
    for path in sorted((folder / "runs").glob("*/row.json")):
        row = json.loads(path.read_text())
        row["config"]["train"] |= {"a_new_key": 1}
        again = {name: row[name] for name in ("task", "variant", "data_source", "cell", "hidden_size")}
        again |= {name: row[name] for name in ("seq_len", "seed", "lr", "batch_size", "setting", "config")}
        write(folder, record(**again, test_accuracy=0.9, harness="0.2.0", train_cpu_s=3.9))
    return folder


def test_the_folder_of_0_1_reads_as_its_own_tables_say():
    runs = load_runs(V01)
    assert len(runs) == 4
    assert runs["schema_version"].eq(1).all() and runs["harness"].eq("0.1.0").all()
    assert set(runs["code"]) == set(runs["data_hash"]) == {""}
    assert runs["train_cpu_s"].isna().all()
    with open(V01 / "runs.csv", newline="") as file:
        accuracy = {row["run_id"]: float(row["test_accuracy"]) for row in csv.DictReader(file)}
    assert dict(zip(runs["run_id"], runs["test_accuracy"], strict=True)) == accuracy
    for load, name in ((load_steps, "steps"), (load_gradflow, "gradflow")):
        table = load(V01)
        for run_id, rows in table.groupby("run_id"):
            with open(V01 / "runs" / str(run_id) / f"{name}.csv", newline="") as file:
                expected = list(csv.DictReader(file))
            assert list(table.columns) == ["run_id", "task", "cell", "seed", *expected[0]]
            column = "val_loss" if name == "steps" else "norm"
            assert rows[column].tolist() == pytest.approx([float(row[column]) for row in expected])


def test_the_table_of_0_1_reads_like_its_folder():
    runs = load_runs(V01 / "runs.csv")
    assert runs["schema_version"].eq(1).all()
    assert runs["test_loss"].tolist() == load_runs(V01)["test_loss"].tolist()


def test_a_row_of_before_a_column_existed_means_its_default(tmp_path):
    write(tmp_path, record(seed=1, memoryless_test_loss=0.2), record(seed=2))
    for path in tmp_path.glob("runs/*-s2-*/row.json"):
        row = json.loads(path.read_text())
        del row["readout"], row["match_params"], row["memoryless_test_loss"]  # as 0.2.0 wrote it
        rewrite(path, row)
    runs = load_runs(tmp_path)
    assert runs["readout"].tolist() == ["last", "last"] and runs["match_params"].isna().all()
    assert runs.set_index("seed")["memoryless_test_loss"].isna().to_dict() == {1: False, 2: True}
    assert load_runs(V01)["chance_test_accuracy"].isna().all()
    assert set(load_runs(V01)["init"]) == {"torch"}
    runs.to_csv(tmp_path / "runs.csv", index=False)
    assert load_runs(tmp_path / "runs.csv")["readout"].tolist() == ["last", "last"]


def test_tests_at_other_lengths_of_0_1_are_read(tmp_path):
    shutil.copytree(V01, tmp_path / "v01")
    path = min((tmp_path / "v01" / "runs").glob("*/row.json"))
    row = json.loads(path.read_text())
    path.write_text(json.dumps(row | {"longer": {"test_accuracy_2x": 0.25}}))
    assert load_runs(tmp_path / "v01")["test_accuracy_2x"].dropna().tolist() == [0.25]


def test_runs_of_0_1_do_not_count_as_finished():
    for folder in (V01 / "runs").iterdir():
        assert status_of(folder) == "ok"
        assert not is_final(folder)


def test_results_of_0_1_are_never_pooled_with_newer_ones(mixed):
    runs = load_runs(mixed)
    table = summary_table(runs)
    assert sorted(zip(table["cell"], table["results"], table["n"], strict=True)) == [
        ("gru", "", 2), ("gru", "of 0.1", 2), ("rnn", "", 2), ("rnn", "of 0.1", 2),
    ]  # fmt: skip
    known = labelled(runs)
    by_version = known.groupby("schema_version")["condition"].unique()
    assert by_version[1].tolist() == ["results of 0.1"]
    assert by_version[SCHEMA_VERSION].tolist() == [""]
    text = summary_markdown(runs)
    assert "- results of 0.1: 4 of 8 runs; never pooled with newer ones" in text
    assert "differs between repeats" not in text.split("## Settings")[0]


def test_figures_of_mixed_versions_are_separate_files(mixed):
    names = {path.name for path in write_report(mixed)}
    assert {
        "learning_curves-delayed_recall-results-of-0.1.png",
        "learning_curves-delayed_recall.png",
    } <= names


def test_a_folder_of_0_1_alone_is_reported(tmp_path):
    shutil.copytree(V01, tmp_path / "v01")
    assert "accuracy_by_cell.png" in {path.name for path in write_report(tmp_path / "v01")}
    text = (tmp_path / "v01" / "summary.md").read_text()
    assert "results of 0.1: 4 of 4 runs" in text
    assert "share of a core during training: not measured" in text


def test_rows_of_a_later_version_are_refused_with_the_version_that_is_needed(tmp_path):
    one = record(schema_version=SCHEMA_VERSION + 1, harness="0.9.4")
    folder = write(tmp_path, record(seed=1), one) / "runs" / one.run_id
    for read in (load_runs, load_steps, gather, write_report):
        with pytest.raises(NewerSchemaError) as error:
            read(tmp_path)
        for text in (str(folder), "0.9.4", "upgrade seqharness to at least that version"):
            assert text in str(error.value)
    with pytest.raises(NewerSchemaError):
        is_final(folder)


def test_a_table_of_a_later_version_is_refused(tmp_path):
    gather(write(tmp_path, record()))
    path = tmp_path / "runs.csv"
    header, row = path.read_text().splitlines()
    at = header.split(",").index("schema_version")
    values = row.split(",")
    values[at] = str(SCHEMA_VERSION + 1)
    path.write_text(f"{header}\n{','.join(values)}\n")
    with pytest.raises(NewerSchemaError, match="runs.csv"):
        load_runs(path)


@pytest.mark.parametrize("version", ["two", None, 1.5])
def test_a_schema_version_that_is_no_whole_number_is_a_corrupt_row(tmp_path, version):
    one = record()
    path = write(tmp_path, one) / "runs" / one.run_id / "row.json"
    rewrite(path, json.loads(path.read_text()) | {"schema_version": version})
    assert load_runs(tmp_path).empty
