"""Tuned before compared: for each setting of a grid, values are chosen on validation data, on other seeds."""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from harness.experiment.combinations import Combination, Job, JobPlanner, combinations_of
from harness.experiment.errors import ConfigError
from harness.experiment.identity import short_hash
from harness.experiment.tune_options import TuneOptions, tune_options
from harness.results import store
from harness.results.schema import FINAL_STATUSES

log = logging.getLogger("harness.grid")


@dataclass(frozen=True)
class Candidate:
    """Values of the tuned keys, and the runs of the first stage that try them for one setting."""

    values: Combination
    jobs: tuple[Job, ...]
    """One a tuning seed."""
    final: Job
    """The first run that the second stage makes if these values are chosen."""


@dataclass(frozen=True)
class TunedSetting:
    """A setting whose tuned keys are chosen: the runs of both stages."""

    candidates: tuple[Candidate, ...]
    combinations: tuple[Combination, ...]
    """Of the second stage, one a seed, without the values that are to be chosen."""


@dataclass(frozen=True)
class Result:
    """What a candidate reached on validation data: means over the seeds that did not diverge."""

    candidate: Candidate
    diverged: int
    accuracy: float | None
    loss: float | None

    @property
    def merit(self) -> tuple[float, ...]:
        """The larger, the better: no divergence first, then accuracy and loss; of value targets the loss."""
        loss = -math.inf if self.loss is None else -self.loss
        accuracy = -math.inf if self.accuracy is None else self.accuracy
        measured = (loss,) if self.chosen_by == "val_loss" else (accuracy, loss)
        return -self.diverged, *measured

    @property
    def chosen_by(self) -> str:
        """The column that decides first among candidates of which no run diverged."""
        return "val_loss" if self.candidate.final.plan.task.spec.target == "value" else "val_accuracy"


@dataclass(frozen=True)
class Choice:
    """The end of the first stage for one setting."""

    setting: TunedSetting
    results: tuple[Result, ...]

    @property
    def chosen(self) -> Candidate:
        """The candidate with the best mean validation result, the first of equal ones."""
        return max(self.results, key=lambda result: result.merit).candidate

    @property
    def all_diverged(self) -> bool:
        """Whether each candidate has a seed that diverged."""
        return all(result.diverged for result in self.results)


@dataclass(frozen=True)
class Stages:
    """A grid with a node `tune`: its settings, planned whole before the first run."""

    options: TuneOptions
    settings: tuple[TunedSetting, ...]
    planner: JobPlanner

    @property
    def tuning(self) -> list[Job]:
        """The runs of the first stage, each once."""
        jobs = [job for s in self.settings for candidate in s.candidates for job in candidate.jobs]
        return list({job.folder: job for job in jobs}.values())


def plan_stages(master: DictConfig, arguments: Sequence[str]) -> Stages | None:
    """The stages of a grid; None where nothing is tuned, which a line says if the command line decided it.

    Args:
        master: the config of the grid.
        arguments: those of its sweeper, of the command line.

    Raises:
        ConfigError: `tune` is malformed, or a run of one of the stages cannot be made.
    """
    options = tune_options(master, arguments)
    if options is None:
        return None
    for key in options.given:
        log.warning("%s is given on the command line and is not tuned", key)
    if not options.axes:
        return None
    planner = JobPlanner(master)
    combinations = combinations_of(master.hydra.sweeper.get("params"), arguments)
    settings = tuned_settings(options, combinations, planner)
    planner.mention_meaningless()
    return Stages(options, tuple(settings), planner)


def tuned_settings(
    options: TuneOptions, combinations: Sequence[Combination], planner: JobPlanner
) -> list[TunedSetting]:
    """The settings of a grid with the runs that choose their values.

    Raises:
        ConfigError: a run of either stage cannot be made, or a seed is used in both.
    """
    groups: dict[Combination, dict[Combination, None]] = {}
    for combination in combinations:
        groups.setdefault(_without_seed(combination), {})[combination] = None
    settings: dict[tuple[Path, ...], TunedSetting] = {}
    for base, finals in groups.items():
        candidates = [
            candidate
            for values in itertools.product(*(_lines(*axis) for axis in options.axes.items()))
            if (candidate := _candidate(values, base, next(iter(finals)), options, planner)) is not None
        ]
        if candidates:
            setting = TunedSetting(tuple(candidates), tuple(finals))
            _check(setting, options, planner)
            runs = tuple(job.folder for candidate in candidates for job in candidate.jobs)
            settings.setdefault(runs, setting)  # keys that make no other run make no other setting
    return list(settings.values())


def choose(setting: TunedSetting) -> Choice | str:
    """The choice for a setting from the rows on disk, or why there is none yet."""
    results = []
    for candidate in setting.candidates:
        rows = []
        for job in candidate.jobs:
            try:
                row = store.read_row(job.folder)
            except store.CorruptRowError as error:
                return str(error)
            if row is None or row["status"] not in FINAL_STATUSES:
                return f"{job.plan.run_id}: {'not run' if row is None else row['status']}"
            rows.append(row)
        ok = [row for row in rows if row["status"] == "ok"]
        accuracy, loss = (_mean([row[name] for row in ok]) for name in ("val_accuracy", "val_loss"))
        results.append(Result(candidate, len(rows) - len(ok), accuracy, loss))
    return Choice(setting, tuple(results))


def decide(settings: Sequence[TunedSetting]) -> tuple[list[Choice], list[str]]:
    """The choices that the rows on disk allow, and why the other settings have none."""
    ends = [choose(setting) for setting in settings]
    return [end for end in ends if isinstance(end, Choice)], [end for end in ends if isinstance(end, str)]


def final_jobs(setting: TunedSetting, candidate: Candidate, stages: Stages) -> list[Job]:
    """The runs of the second stage of one setting, with the values of a candidate."""
    lines = [(*line, *candidate.values) for line in setting.combinations]
    return [job for line in lines if (job := stages.planner.job(line)) is not None]


def record(choices: Sequence[Choice]) -> None:
    """Writes what was tried and chosen into the `tuning.csv` of each results folder."""
    from harness.results.tuning import TuningRow, merge_tuning  # pandas, which planning does without

    rows: dict[Path, list[TuningRow]] = {}
    for choice in choices:
        rows.setdefault(choice.chosen.final.plan.results_dir, []).extend(
            TuningRow(
                **_place(result.candidate.final),
                group=group_of(choice.setting),
                axes=", ".join(_keys(result.candidate.values)),
                values=", ".join(result.candidate.values),
                final_setting=result.candidate.final.plan.identity.setting,
                tuning_setting=result.candidate.jobs[0].plan.identity.setting,
                chosen=result.candidate is choice.chosen,
                seeds=" ".join(str(job.plan.seed) for job in result.candidate.jobs),
                diverged=result.diverged,
                chosen_by=result.chosen_by,
                val_accuracy=result.accuracy,
                val_loss=result.loss,
            )
            for result in choice.results
        )
    for results_dir, of_folder in rows.items():
        merge_tuning(results_dir, of_folder)


def group_of(setting: TunedSetting) -> str:
    """8 hex digits, equal for settings that differ in the tuned keys only."""
    config = dict(setting.candidates[0].final.plan.identity.config)
    axes = sorted(_keys(setting.candidates[0].values))
    for key in (*axes, "seed"):
        config = _without(config, key.split("."))
    return short_hash({"config": config, "axes": axes})


def _place(job: Job) -> dict[str, Any]:
    """The columns that name the setting of a candidate."""
    names = ("task", "variant", "data_source", "seq_len", "cell", "hidden_size", "init")
    columns = job.plan.columns()
    return {name: columns[name] for name in names}


def _keys(values: Combination) -> list[str]:
    return [value.partition("=")[0] for value in values]


def _lines(key: str, values: Sequence[str]) -> list[str]:
    return [f"{key}={value}" for value in values]


def _without_seed(combination: Combination) -> Combination:
    return tuple(line for line in combination if line.partition("=")[0].lstrip("+") != "seed")


def _candidate(
    values: Combination, base: Combination, final: Combination, options: TuneOptions, planner: JobPlanner
) -> Candidate | None:
    """None where the values mean nothing with the setting, such as chrono with an RNN."""
    first = planner.job((*final, *values))
    jobs = [planner.job((*base, *values, f"seed={seed}", "stage=tune")) for seed in options.seeds]
    if first is None or any(job is None for job in jobs):
        return None
    return Candidate(values, tuple(job for job in jobs if job is not None), first)


def _check(setting: TunedSetting, options: TuneOptions, planner: JobPlanner) -> None:
    """Refuses axes that make no other run, and seeds that are used in both stages."""
    made = {candidate.final.plan.identity.setting for candidate in setting.candidates}
    if len(made) < len(setting.candidates):
        raise ConfigError(
            f"tune.axes: two values of {', '.join(options.axes)} make the same run, so there is nothing to "
            "choose; remove one"
        )
    if setting.candidates[0].final.plan.stage != "final":
        raise ConfigError(
            "stage=tune leaves nothing to compare in a grid with tune; leave one of the two out"
        )
    values = setting.candidates[0].values
    finals = [planner.job((*line, *values)) for line in setting.combinations]
    shared = sorted({job.plan.seed for job in finals if job is not None} & set(options.seeds))
    if shared:
        raise ConfigError(
            f"seed {shared[0]} is used in both stages, for tuning and for comparing; "
            "the seeds of tune.seeds must be others, such as [101, 102]"
        )


def _without(config: Mapping[str, Any], parts: Sequence[str]) -> dict[str, Any]:
    """A nested mapping without one key."""
    head, *rest = parts
    kept = {key: value for key, value in config.items() if key != head or rest}
    if rest and isinstance(kept.get(head), dict):
        kept[head] = _without(kept[head], rest)
    return kept


def _mean(values: Sequence[float | None]) -> float | None:
    numbers = [math.nan if value is None else value for value in values]
    return math.fsum(numbers) / len(numbers) if numbers else None
