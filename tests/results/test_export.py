"""Exported results say what the folder says, in each format."""

import pandas as pd
import pytest

from harness.report.latex_table import escaped, latex_table, write_latex
from harness.results import export, load_runs, load_steps, load_table
from harness.results.export import MissingPackageError, write_csv, write_parquet
from harness.results.tensorboard import HYPERPARAMETERS, write_tensorboard

from .rows import STEPS, record, write


@pytest.fixture
def folder(tmp_path):
    gone = record(
        cell="gru", status="diverged", error="x", test_accuracy=None, test_loss=None, best_step=None
    )
    rnn = {"best_step": 50, "started_at": "2026-01-01T00:00:00Z"}
    return write(tmp_path / "results", *(record(seed=seed, **rnn) for seed in range(2)), gone)


def test_csv_has_every_table_as_the_functions_read_it(folder, tmp_path):
    paths = write_csv(folder, tmp_path)
    assert [path.name for path in paths] == ["runs.csv", "steps.csv", "gradflow.csv"]
    pd.testing.assert_frame_equal(load_runs(tmp_path / "runs.csv"), load_runs(folder))
    for name in ("steps", "gradflow"):
        pd.testing.assert_frame_equal(
            load_table(tmp_path / f"{name}.csv", name), load_table(folder, name), check_dtype=False
        )


def test_parquet_has_the_same_values_and_numbers_stay_numbers(folder, tmp_path):
    pytest.importorskip("pyarrow", reason="pyarrow is in the extra parquet")
    paths = write_parquet(folder, tmp_path)
    assert [path.name for path in paths] == ["runs.parquet", "steps.parquet", "gradflow.parquet"]
    runs = pd.read_parquet(paths[0])
    assert pd.api.types.is_integer_dtype(runs["seed"]) and pd.api.types.is_float_dtype(runs["lr"])
    pd.testing.assert_frame_equal(pd.read_parquet(paths[1]), load_steps(folder), check_dtype=False)


def test_tensorboard_reads_the_curves_and_the_settings(folder, tmp_path):
    pytest.importorskip("tensorboard", reason="tensorboard is in the extra tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    paths = write_tensorboard(folder, tmp_path / "events")
    assert sorted(path.name for path in paths) == sorted(load_runs(folder)["run_id"])
    (path,) = [path for path in paths if path.name == record(seed=1).run_id]
    events = EventAccumulator(str(path)).Reload()
    losses = events.Scalars("val_loss")
    assert [(event.step, round(event.value, 6)) for event in losses] == [
        (row.step, row.val_loss) for row in STEPS
    ]
    assert losses[1].wall_time == 1767225600 + STEPS[1].train_s  # 2026-01-01T00:00:00Z
    assert [event.step for event in events.Scalars("train_loss")] == [50]  # none at step 0
    (tested,) = events.Scalars("test_accuracy")
    assert (tested.step, round(tested.value, 6)) == (50, 0.9)
    about = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    shown = HParamsPluginData.FromString(about).session_start_info.hparams
    assert {*shown} <= {*HYPERPARAMETERS} and shown["cell"].string_value == "rnn"
    assert shown["seed"].number_value == 1
    (gone,) = [path for path in paths if "gru" in path.name]
    assert "test_accuracy" not in EventAccumulator(str(gone)).Reload().Tags()["scalars"]


@pytest.mark.parametrize(
    ("write_it", "package"), [(write_parquet, "pyarrow"), (write_tensorboard, "tensorboard")]
)
def test_a_package_that_is_missing_is_named_with_its_extra(folder, tmp_path, monkeypatch, write_it, package):
    monkeypatch.setattr(export, "find_spec", lambda name: None)  # as if nothing were installed
    with pytest.raises(MissingPackageError, match=rf"{package}: pip install 'seqharness\[\w+\]'") as caught:
        write_it(folder, tmp_path)
    assert caught.value.name == package


def test_the_latex_table_has_a_row_for_each_setting(tmp_path):
    for seed, accuracy in enumerate((0.9, 0.912, 0.95)):
        write(tmp_path, record(seed=seed, test_accuracy=accuracy, test_loss=10.0 ** (-5 - seed), train_s=4.0))
    write(
        tmp_path, record(cell="rnn_relu", status="failed", test_accuracy=None, test_loss=None, train_s=None)
    )
    write(tmp_path, record(cell="lstm", stage="tune"))
    text = write_latex(tmp_path, tmp_path).read_text(encoding="utf-8")
    body = [line for line in text.splitlines() if not line.startswith("%")]
    assert body[:3] == [
        r"\begin{tabular}{@{}llrrrrr@{}}",
        r"\toprule",
        r"task & cell & $n$ & not ok & accuracy (\%) & loss & time (s) \\",
    ]
    tens = [rf"$1 \times 10^{{{power}}}$" for power in (-6, -7, -5)]
    assert body[3:] == [
        r"\midrule",
        rf"mnist & rnn & 3 & 0 & 92.1 [90.0, 95.0] & {tens[0]} [{tens[1]}, {tens[2]}] & 4 [4, 4] \\",
        r"mnist & rnn\_relu & 0 & 1 & -- & -- & -- \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]


def test_hostile_names_cannot_break_the_table(tmp_path):
    assert escaped("a_b & 50 % \\input{x} #1 -- $") == (
        r"a\_b \& 50 \% \textbackslash{}input\{x\} \#1 -{}- \$"
    )
    runs = load_runs(write(tmp_path, record()))
    text = latex_table(runs.assign(task=r"\end{tabular} & 1_2", cell="≈ <b>"))
    row = next(line for line in text.splitlines() if line.startswith(r"\textbackslash{}end"))
    assert row.count(" & ") == text.split(r"\toprule")[1].splitlines()[1].count(" & ")
    assert r"$\approx$ \textless{}b\textgreater{}" in row
