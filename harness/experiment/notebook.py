"""One run from Python, as in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.experiment.cell_check import checked_plan
from harness.experiment.config import compose_run
from harness.experiment.grid import prepare
from harness.experiment.job import execute_within_limit

if TYPE_CHECKING:
    import pandas as pd


def run(*overrides: str) -> pd.Series:
    """Makes one run in this process, unless it has finished before, and returns its row.

    Args:
        overrides: as on the command line: `run("task=adding", "cell=gru", "train.steps=200")`; a config
            folder of your own is `"hydra.searchpath=[file:///FOLDER]"`.

    Returns:
        The row of `load_runs`, with `folder`, the path of the run's folder, as a further entry. A run that
        failed or diverged has a row too: see `status` and `error`.

    Raises:
        ConfigError: the config cannot be run; nothing was trained.
        RuntimeError: another process is running this run.
        KeyboardInterrupt: after the row is written as `interrupted`.
    """
    from harness.results import load_runs

    config = compose_run(overrides)
    planned = checked_plan(config)
    prepare(planned.results_dir)
    execute_within_limit(planned, config)
    runs = load_runs(planned.results_dir)
    rows = [row for _, row in runs[runs["run_id"] == planned.run_id].iterrows()]
    if not rows:
        raise RuntimeError(f"{planned.run_id} has no row yet: another process is running it")
    rows[0]["folder"] = planned.folder
    return rows[0]
