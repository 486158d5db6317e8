"""`harness KEY=VALUE …`: one run."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli.arguments import overrides_of, take_flag
from harness.cli.terminal import say
from harness.experiment.errors import short_path

if TYPE_CHECKING:
    from harness.experiment.plan import Plan

HELP = """\
usage: harness [run] KEY=VALUE ... [--dry-run] [--config-dir FOLDER]

Trains a cell on a task, tests it once, and writes the run's folder below results/runs/. A run that finished
before is not made again. `harness config` prints all keys with their values.

keys:
  task=NAME  cell=NAME             the names that `harness list` prints
  task.seq_len=N  task.…           arguments of the task: `harness show NAME` prints them
  cell.hidden_size=N  cell.num_layers=N  cell.dropout=P
  match_params=N                   instead of cell.hidden_size: the size whose model has about N parameters
  model.readout=last|mean|max|all  what the head reads of the cell's states
  cell=custom cell._target_=package.Class          a third-party cell
  train.steps=N  train.epochs=N  train.batch_size=N  train.lr=X  train.weight_decay=X  train.clip=X
  train.optimizer=adam|adamw|rmsprop|sgd  train.schedule=constant|cosine|warmup_cosine
  train.eval_every=N               steps between evaluations; null: a twentieth of all steps
  train.stop_when_solved=true      end at the first evaluation that meets the task's threshold
  seed=N  device=cpu|cuda  kernel=auto|torch|fused  threads=N  results_dir=FOLDER  data_dir=FOLDER
  tf32=true                        TF32 in matrix products and cuDNN; with device=cuda only
flags:
  --dry-run                        say what would run and how long it would take; write nothing
  --config-dir FOLDER              look for task/, cell/ and experiment/ yaml files there too

examples:
  harness task=adding task.seq_len=50 cell=gru
  harness task=mnist cell=lstm train.lr=0.003 seed=2"""


def main(arguments: list[str]) -> int:
    """Makes one run and prints its result."""
    dry, rest = take_flag(arguments, "--dry-run")
    overrides = overrides_of("run", rest, ["--dry-run"])
    from harness.experiment.cell_check import checked_plan
    from harness.experiment.combinations import Job
    from harness.experiment.config import compose_run
    from harness.experiment.finished import why_not_finished
    from harness.experiment.grid import prepare
    from harness.experiment.job import execute_within_limit
    from harness.results import gather

    config = compose_run(overrides)
    run = checked_plan(config)
    if dry:
        from harness.cli.dry_run import dry_run_text

        say(dry_run_text([Job(tuple(overrides), run)]))
        return 0
    logging.getLogger("harness").setLevel(logging.INFO)
    prepare(run.results_dir)
    if why_not_finished(run) is None and not run.rerun:
        say(f"{run.run_id} finished before: {short_path(run.folder)}", file=sys.stderr)
    else:
        execute_within_limit(run, config)
        gather(run.results_dir)
    return _print_result(run)


def row_of(folder: Path) -> dict[str, Any]:
    """The row of a run; with status `not run` where it left none that can be read."""
    from harness.results import store

    try:
        return store.read_row(folder) or {"status": "not run", "error": "it left no row"}
    except store.CorruptRowError as error:
        return {"status": "not run", "error": str(error)}


def _print_result(run: Plan) -> int:
    row = row_of(run.folder)
    say(f"{run.run_id}: {row['status']}" + (f", {row['error']}" if row["error"] else ""))
    if row["status"] != "ok":
        return 1
    accuracy, chance = _number(row, "test_accuracy", ".4f"), _number(row, "chance_accuracy", ".4f")
    say(
        f"  test accuracy {accuracy} (chance {chance}), test loss {_number(row, 'test_loss', '.4f')}, "
        f"best step {row['best_step']} of {row['steps']}"
    )
    norm, seconds = _number(row, "grad_norm_mean", ".3g"), _number(row, "train_s", ".1f")
    say(f"  gradient norm {norm}, {seconds} s of training; {short_path(run.folder)}")
    return 0


def _number(row: dict[str, Any], column: str, spec: str) -> str:
    """A number of a row; a dash where it was not measured, as the norm of a run without a training step."""
    return "–" if row[column] is None else format(row[column], spec)
