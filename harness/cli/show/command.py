"""`harness show NAME`: what a task asks, and some of its samples."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.cli.arguments import overrides_of, with_task
from harness.experiment.errors import as_config_error

if TYPE_CHECKING:
    from harness.tasks import TaskSpec

HELP = """\
usage: harness show NAME [KEY=VALUE ...] [--config-dir FOLDER]

Prints what a task asks, its numbers (chance, loss without memory, classes, source), its keys, and some
validation samples; draws samples into results/samples/.

keys:
  task.seq_len=N  task.…           arguments of the task, as listed by `harness show NAME`
  seed=N  data_dir=FOLDER  results_dir=FOLDER

examples:
  harness show adding
  harness show temporal_order task.seq_len=50 task.variant=6b-fractions"""

NO_ARGUMENTS = ("_target_", "_identity_", "seed", "data_dir")
"""Entries of a task's config that are no arguments, or follow other keys."""


def main(arguments: list[str]) -> int:
    """Prints a task and its samples and draws them into the results folder."""
    overrides = overrides_of("show", with_task("show", arguments))
    from harness.cli.show.figure import draw_samples
    from harness.cli.show.text import samples_as_text
    from harness.experiment.conf_files import comments
    from harness.experiment.config import compose
    from harness.experiment.grid import prepare
    from harness.experiment.plan import plan

    config = compose(overrides)
    run = plan(config)
    try:
        run.task.val  # noqa: B018
    except Exception as error:  # the samples of a third-party task may fail in any way
        raise as_config_error(error) from error
    head, _, samples = samples_as_text(run.task).partition("\n\n")
    searchpath = [item for item in overrides if item.startswith("hydra.searchpath=")]
    said = comments("task", str(config.hydra.runtime.choices.task), searchpath)
    print("\n".join([head, *numbers(run.task.spec), *_keys(config.task, said)]))
    print(f"\n{samples}")
    prepare(run.results_dir)
    name = f"{run.task.spec.name}-{run.task.spec.variant}-T{run.task.spec.seq_len}.png"
    print(draw_samples(run.task, run.results_dir / "samples" / re.sub(r"[^A-Za-z0-9._-]+", "-", name)))
    return 0


def numbers(spec: TaskSpec) -> list[str]:
    """Symbols and classes by name, the loss without memory, how far back the answer lies, the source."""
    from harness.cli.show.samples import listed

    unit = "squared error" if spec.target == "value" else "nats"
    memoryless = "not known" if spec.memoryless_loss is None else f"{spec.memoryless_loss:.4f} ({unit})"
    low, high = spec.lag or (None, None)
    lag = "not known, or no step alone decides" if low is None else f"{low}{f' to {high}' * (low != high)}"
    named = {"symbols": spec.symbols, "classes": spec.class_names}
    return [
        *(f"  {what}: {listed(names)}" for what, names in named.items() if names),
        f"  lowest loss without memory: {memoryless}",
        f"  steps back to what decides the label: {lag}",
        f"  solved: {f'validation {spec.solved_rule}' if spec.solved_rule else 'no threshold'}",
        f"  source: {' '.join(spec.citation.split())}",
    ]


def _keys(task: Any, said: dict[str, str]) -> list[str]:
    """The keys of the task with their values, and the comments of its yaml."""
    lines = []
    for name in map(str, task):
        if name not in NO_ARGUMENTS:
            text = f"task.{name}={_as_typed(task[name])}"
            lines.append(f"  {text:28}  # {said[name]}" if name in said else f"  {text}")
    return lines


def _as_typed(value: Any) -> str:
    """A value of a config as it is written on the command line."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{','.join(map(_as_typed, value))}]"
    return str(value)
