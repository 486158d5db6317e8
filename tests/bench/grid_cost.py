"""The cost of a grid besides training: skipping finished runs, gathering rows, making the summary.

    python -m tests.bench.grid_cost [RUNS [ROWS]]     500 finished runs and 10,000 rows by default

The rows are synthetic, in a temporary folder; nothing is trained.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.experiment.combinations import expand
from harness.experiment.plan import Plan
from harness.report import write_report, write_summary
from harness.results import RunRecord, gather
from harness.results.store import finish, runs_dir
from tests.results.rows import FlowRow, eval_row, tables_of

ROOT = Path(__file__).resolve().parents[2]
CELLS = ("rnn", "lstm", "gru")
SETTINGS = ("task=adding", "task.seq_len=10", "cell=lstm,gru", "cell.hidden_size=8,16,32,64,128")
STEPS_A_RUN = 12
PROBES = [FlowRow(1, 0, "h", t, 1e-5 * (t + 1), -5.0) for t in range(16)]


def skip_seconds(n_runs: int = 500) -> float:
    """Seconds of a `harness -m` whose runs are finished and whose tables and figures exist.

    2 cells × 5 hidden sizes × seeds: `n_runs` is a multiple of 10.
    """
    with tempfile.TemporaryDirectory() as folder:
        seeds = f"seed=range(1,{1 + n_runs // 10})"
        grid = [*SETTINGS, seeds, f"results_dir={folder}"]
        _, jobs = expand(grid)
        for job in jobs:
            _write(Path(folder), _finished(job.plan))
        write_report(folder)
        command = [sys.executable, "-m", "harness", "-m", *grid]
        seconds, done = _timed(
            lambda: subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        )
    if f"{n_runs} finished before, 0 to do" not in done.stderr or "up to date" not in done.stdout:
        raise RuntimeError(f"not skipped: {done.stderr} {done.stdout}")
    return seconds


def gather_seconds(n_rows: int = 10_000) -> tuple[float, float, float]:
    """Seconds of gathering so many runs, of making their summary, and of `harness report`."""
    with tempfile.TemporaryDirectory() as folder:
        make_rows(Path(folder), n_rows)
        gathering, runs = _timed(lambda: gather(folder))
        if len(runs) != n_rows:
            raise RuntimeError(f"{len(runs)} of {n_rows} rows were gathered")
        summarising, _ = _timed(lambda: write_summary(folder, runs))
        command = [sys.executable, "-m", "harness", "report", folder]
        reporting, _ = _timed(lambda: subprocess.run(command, cwd=ROOT, capture_output=True, check=True))
    return gathering, summarising, reporting


def make_rows(results_dir: Path, n_rows: int) -> None:
    """Writes `n_rows` finished runs: 3 cells × 4 hidden sizes × 6 lengths × as many seeds as needed."""
    [job] = expand(["task=temporal_order", f"results_dir={results_dir}"])[1]
    planned = job.plan
    sizes, lengths = (16, 32, 64, 128), (10, 20, 50, 100, 200, 400)
    seeds = range(1, 2 + n_rows // (len(CELLS) * len(sizes) * len(lengths)))
    places = itertools.product(seeds, CELLS, sizes, lengths)
    for seed, cell, hidden_size, seq_len in itertools.islice(places, n_rows):
        config = planned.identity.config | {
            "seed": seed,
            "cell": {
                **planned.identity.config["cell"],
                "_target_": f"torch.nn.{cell.upper()}",
                "hidden_size": hidden_size,
            },
            "task": {**planned.identity.config["task"], "seq_len": seq_len},
        }
        setting = f"{cell[0]}{hidden_size:03}{seq_len:03}0"
        changes = {
            "run_id": f"temporal_order-{cell}-h{hidden_size}-T{seq_len}-s{seed}-{setting}",
            "setting": setting, "cell": cell, "hidden_size": hidden_size, "seq_len": seq_len, "seed": seed,
            "config": config,
        }  # fmt: skip
        _write(results_dir, _finished(planned, **changes))


def _finished(run: Plan, **changes: Any) -> RunRecord:
    """The row of a successful run, with synthetic measurements that depend on its seed."""
    spec, options = run.task.spec, run.cell_options
    columns: dict[str, Any] = {
        "run_id": run.run_id, "status": "ok", "setting": run.identity.setting, "task": spec.name,
        "variant": spec.variant, "data_source": spec.data_source, "cell": run.cell_name,
        "hidden_size": options["hidden_size"], "seq_len": spec.seq_len, "seed": run.seed,
        "batch_size": run.train.batch_size, "lr": run.train.lr, "optimizer": run.train.optimizer,
        "clip": run.train.clip, "chance_accuracy": spec.chance_accuracy,
        "memoryless_loss": spec.memoryless_loss, "solved_rule": spec.solved_rule,
        "config": run.identity.config,
    } | changes  # fmt: skip
    level = (columns["seed"] * 0.6180339887) % 1
    measured = {
        "n_params": 1000, "steps": 600, "epochs": 6.0, "best_step": 550, "val_loss": level,
        "val_accuracy": 1 - level / 2, "test_loss": level, "test_accuracy": 1 - level / 2,
        "grad_norm_mean": level, "grad_norm_max": 3 * level, "clip_rate": level / 3,
        "gradflow_reach_end": 5 * level, "train_s": 1 + level, "eval_s": level, "cpu_s": 2 + level,
    }  # fmt: skip
    return RunRecord(**columns, **measured)


def _write(results_dir: Path, record: RunRecord) -> None:
    value = record.test_accuracy
    rows = [
        eval_row(50 * i, i / 2, 1.0, value, 1.0, value, value, 2.0, 0.1, 9000.0, float(i))
        for i in range(STEPS_A_RUN)
    ]
    folder = runs_dir(results_dir) / record.run_id
    folder.mkdir(parents=True)
    finish(folder, record, tables_of(rows, PROBES))


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def main(n_runs: int = 500, n_rows: int = 10_000) -> None:
    """Prints the seconds of each part."""
    print(f"{n_runs} finished runs skipped: {skip_seconds(n_runs):.2f} s")
    gathering, summarising, reporting = gather_seconds(n_rows)
    print(f"{n_rows} rows gathered: {gathering:.2f} s, summary made: {summarising:.2f} s", end="")
    print(f", harness report: {reporting:.2f} s")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
