"""Results as event files of TensorBoard: the curves of each run, and its settings as hyperparameters."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from harness.results.export import require_package
from harness.results.tables import load_runs, load_steps, require_runs

HYPERPARAMETERS = (
    "task", "variant", "data_source", "seq_len", "cell", "hidden_size", "num_layers", "init", "readout",
    "optimizer", "lr", "schedule", "batch_size", "seed",
)  # fmt: skip
"""The columns of a run that TensorBoard's tab HPARAMS shows."""

TESTED = ("test_accuracy", "test_loss")
"""Columns of a run that become one point each, at `best_step`."""


def write_tensorboard(results_dir: str | Path, out: Path) -> list[Path]:
    """Writes a folder of event files for each run into `out`, an existing folder; returns their paths.

    A column of `steps.csv` is a curve by training step; its wall time is the start of the run plus `train_s`.

    Raises:
        MissingPackageError: tensorboard is not installed.
        FileNotFoundError: the folder does not exist or holds no finished run.
        NewerSchemaError: a later version of this package wrote one of the rows.
    """
    require_package("export to tensorboard", "tensorboard", "tensorboard")
    runs = require_runs(load_runs(results_dir), results_dir)
    steps = dict(list(load_steps(results_dir, runs).groupby("run_id")))
    paths = []
    for run in runs.to_dict("records"):
        paths.append(out / run["run_id"])
        _write_run(paths[-1], run, steps.get(run["run_id"], pd.DataFrame()))
    return paths


def _write_run(folder: Path, run: dict[Any, Any], steps: pd.DataFrame) -> None:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams.summary_v2 import hparams_pb
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    start = _seconds(run["started_at"])
    writer = EventFileWriter(str(folder))
    values = {name: _plain(run[name]) for name in HYPERPARAMETERS if not pd.isna(run[name])}
    about = hparams_pb(values, trial_id=run["run_id"], start_time_secs=start)
    writer.add_event(Event(wall_time=start, step=0, summary=about))

    def add(step: int, seconds: float, scalars: dict[str, Any]) -> None:
        known = [
            Summary.Value(tag=name, simple_value=float(value))
            for name, value in scalars.items()
            if not pd.isna(value)
        ]
        writer.add_event(Event(wall_time=start + seconds, step=step, summary=Summary(value=known)))

    curves = [name for name in steps if name not in ("run_id", "task", "cell", "seed", "step")]
    for row in steps.to_dict("records"):
        add(int(row["step"]), float(row["train_s"]), {str(name): row[name] for name in curves})
    if not pd.isna(run["best_step"]):
        seconds = 0.0 if pd.isna(run["train_s"]) else float(run["train_s"])
        add(int(run["best_step"]), seconds, {name: run[name] for name in TESTED})
    writer.close()


def _seconds(started_at: str) -> float:
    """The start of a run in seconds since 1970; 0 where it is not recorded."""
    return datetime.fromisoformat(started_at.replace("Z", "+00:00")).timestamp() if started_at else 0.0


def _plain(value: Any) -> bool | int | float | str:
    """A value of a data frame as Python's own."""
    plain: bool | int | float | str = value.item() if hasattr(value, "item") else value
    return plain
