"""A grid of runs: every combination checked first, finished runs skipped, the others launched and watched."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra._internal.callbacks import Callbacks
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext
from omegaconf import DictConfig

from harness.experiment.combinations import Job, combinations_of, compose_master, plan_jobs
from harness.experiment.conf_files import CONFIG_NAME, OUR_SWEEPER, config_loader
from harness.experiment.config import has_tune
from harness.experiment.cost import expected_cost
from harness.experiment.errors import ConfigError, flat
from harness.experiment.finished import why_not_finished
from harness.experiment.job import job
from harness.experiment.launching import launch_jobs
from harness.experiment.others import wait_for_others
from harness.experiment.progress import show_progress
from harness.experiment.tuning import Stages, decide, final_jobs, plan_stages, record
from harness.results import store

log = logging.getLogger("harness.grid")


def run_grid(overrides: Sequence[str]) -> list[Path]:
    """Runs a grid through its sweeper and launcher, with Hydra's callbacks around it.

    Returns:
        The folders of its runs, finished before or made now. With a third-party sweeper only the runs
        made now are known.

    Raises:
        ConfigError: before the first run, as `expand` does; or sweeper or launcher cannot be made.
    """
    master, arguments = compose_master(overrides)
    results_dir = Path(master.results_dir)
    before = _row_stamps(results_dir)
    if has_tune(master) and master.hydra.sweeper._target_ != OUR_SWEEPER:
        raise ConfigError("tune needs hydra/sweeper=harness; choose it, or set tune=null")
    context = HydraContext(config_loader=config_loader(), callbacks=Callbacks(master))
    context.callbacks.on_multirun_start(config=master, config_name=CONFIG_NAME)
    try:
        sweeper = Plugins.instance().instantiate_sweeper(
            hydra_context=context, task_function=job, config=master
        )
    except ConfigError:
        raise
    except Exception as error:
        cause = error.__cause__ or error
        raise ConfigError(f"the sweeper or launcher cannot be made: {flat(str(cause))}") from error
    returned = sweeper.sweep(arguments=arguments)
    context.callbacks.on_multirun_end(config=master, config_name=CONFIG_NAME)
    if isinstance(returned, list) and all(isinstance(item, Job) for item in returned):
        return [item.folder for item in returned]
    return [row.parent for row, stamp in _row_stamps(results_dir).items() if before.get(row) != stamp]


def sweep(
    master: DictConfig, arguments: Sequence[str], launcher: Launcher, max_batch_size: int | None
) -> list[Job]:
    """Makes every run of a grid that has not finished; with a node `tune` in two stages, see `tuning`.

    Returns:
        The jobs of the whole grid, in its own order, those of the first stage first. Settings whose tuning
        runs have not all ended have none of the second stage.

    Raises:
        ConfigError: before the first run: a combination cannot be run, or a folder not be written.
    """
    if max_batch_size is not None and (not isinstance(max_batch_size, int) or max_batch_size < 1):
        raise ConfigError(f"hydra.sweeper.max_batch_size must be at least 1 or null, not {max_batch_size}")
    stages = plan_stages(master, arguments)
    if stages is None:
        jobs = plan_jobs(master, combinations_of(master.hydra.sweeper.get("params"), arguments))
        _make(jobs, launcher, max_batch_size)
        return jobs
    begun = _make(stages.tuning, launcher, max_batch_size, stage="tuning")
    final = _second_stage(stages)
    _make(final, launcher, max_batch_size, stage="final", first_index=begun)
    return [*stages.tuning, *final]


def _second_stage(stages: Stages) -> list[Job]:
    """The runs with the chosen values, which are recorded; says which settings have none."""
    choices, undecided = decide(stages.settings)
    record(choices)
    lost = [end for end in choices if end.all_diverged]
    if lost:
        log.warning(
            "%d of %d settings have no value that did not diverge while tuning, such as %s: the first is run",
            len(lost), len(stages.settings), lost[0].chosen.jobs[0].plan.run_id,
        )  # fmt: skip
    if undecided:
        log.error(
            "%d of %d settings are not begun, since a tuning run of theirs did not end: %s",
            len(undecided), len(stages.settings), undecided[0],
        )  # fmt: skip
    jobs = [item for end in choices for item in final_jobs(end.setting, end.chosen, stages)]
    return list({item.folder: item for item in jobs}.values())


def _make(
    jobs: Sequence[Job],
    launcher: Launcher,
    max_batch_size: int | None,
    *,
    stage: str = "",
    first_index: int = 0,
) -> int:
    """Makes the runs that have not finished, the long ones first, so that no core idles at the end.

    With joblib's launcher a worker that is killed takes the runs of the others with it: these become
    `interrupted` rows, and the rest is run in new workers.

    Returns:
        How many runs were begun.
    """
    for results_dir in {item.plan.results_dir for item in jobs}:
        prepare(results_dir)
        _mention_old_results(results_dir)
    to_do = [item for item in jobs if item.plan.rerun or why_not_finished(item.plan) is not None]
    count = f"{stage + ': ' if stage else ''}{len(jobs)} run{'' if len(jobs) == 1 else 's'}"
    print(f"{count}: {len(jobs) - len(to_do)} finished before, {len(to_do)} to do", file=sys.stderr)
    by_cost = sorted(to_do, key=lambda item: -expected_cost(item.plan))  # stable: ties in the grid's order
    size = max_batch_size or max(1, len(by_cost))
    made, to_others = 0, list[Job]()
    with show_progress({item.folder / "row.json": expected_cost(item.plan) for item in to_do}):
        for start in range(0, len(by_cost), size):
            pending = by_cost[start : start + size]
            while pending:
                done = launch_jobs(launcher, pending, first_index + made)
                pending, made, to_others = done.left, made + done.begun, [*to_others, *done.to_others]
        while pending := wait_for_others(to_do, to_others):
            done = launch_jobs(launcher, pending, first_index + made)
            made, to_others = made + done.begun, []  # once: a launcher may make nothing, for ever
    return made


def prepare(results_dir: Path) -> None:
    """Makes a results folder.

    Raises:
        ConfigError: it cannot be written.
    """
    try:
        store.make_writable(results_dir)
    except OSError as error:
        raise ConfigError(
            f"results_dir={results_dir} cannot be written ({error.strerror}); name another"
        ) from None


def _mention_old_results(results_dir: Path) -> None:
    """Says, before the first rows of this version are written, that those of 0.1 do not count as finished."""
    paths = [path for path in _row_stamps(results_dir) if path.is_file()]
    rows = [path.read_text(encoding="utf-8", errors="replace") for path in paths]
    old = sum('"schema_version"' not in row for row in rows)
    if old and old == len(rows):
        print(
            f"{results_dir}: {old} runs of seqharness 0.1 are shown as settings of their own and do not "
            "count as finished",
            file=sys.stderr,
        )


def _row_stamps(results_dir: Path) -> dict[Path, Any]:
    """The rows in a results folder, with what changes when one is written again."""
    return {row: store.file_stamp(row) for row in store.runs_dir(results_dir).glob("*/row.json")}
