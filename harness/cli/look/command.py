"""`harness look RUN`: one sequence of the test set through a trained run, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.cli.arguments import take_option, whole_number_of
from harness.experiment.errors import ConfigError

HELP = """\
usage: harness look RUN [--sample N] [--layer N] [--csv FILE] [--figure FILE] [results_dir=FOLDER]

Runs one sequence of the test set through the weights that a run has kept: inputs, gates, states, the
gradient of the loss with respect to each state, and the answer so far. Prints a table, draws a picture.

RUN is a folder, a run_id or the beginning of one. The run needs keep_weights=true.

keys:
  results_dir=FOLDER               where a run_id is looked for; without it: results
  data_dir=FOLDER  task.KEY=VALUE  where the task's data lies now
flags:
  --sample N                       of the test set, from 0; without it: 0
  --layer N                        whose gates and states are shown, from 0; without it: the top layer
  --csv FILE                       every number, one a row
  --figure FILE                    where to draw; without it: RUN/look-N.png

examples:
  harness look adding-lstm-h32
  harness look results/runs/adding-gru-h64-T50-s1-0a1b2c3d --sample 7 --csv numbers.csv"""


def main(arguments: list[str]) -> int:
    """Prints the table and writes the picture, and the numbers where they are asked for."""
    sample, rest = take_option(arguments, "--sample", "0")
    layer, rest = take_option(rest, "--layer", "top")
    numbers, rest = take_option(rest, "--csv", "")
    figure, rest = take_option(rest, "--figure", "")
    name, results_dir, changes = _arguments(rest)
    from harness.experiment.task_of_run import task_of_run
    from harness.experiment.weights import WEIGHTS_NAME, load_model
    from harness.results.find_run import RunNotFoundError, find_run

    try:
        folder = find_run(name, results_dir)
    except RunNotFoundError as error:
        raise ConfigError(str(error)) from None
    if not (folder / WEIGHTS_NAME).is_file():
        raise ConfigError(_without_weights(folder))
    from harness.cli.look.figure import draw_inside
    from harness.cli.look.table import write_numbers
    from harness.cli.look.text import inside_as_text
    from harness.training.inside import look_inside

    if numbers and Path(numbers).suffix != ".csv":
        raise ConfigError(f"--csv takes a file that ends in .csv, not {numbers}")
    task, model = task_of_run(folder, changes), load_model(folder)
    place = whole_number_of("--sample", sample, 0, len(task.test) - 1)
    x, y, length = task.test[place]
    inside = look_inside(model, x, y, int(length))
    known = [one.layer for one in inside.layers]
    chosen = known[-1] if layer == "top" else whole_number_of("--layer", layer, known[0], known[-1])
    title = f"{folder.name}, test sample {place}"
    print(title)
    print(inside_as_text(inside, task.spec, chosen))
    path = Path(figure) if figure else folder / f"look-{place}.png"
    try:
        print(draw_inside(inside, task.spec, chosen, f"{title}, layer {chosen}", path))
    except ValueError as error:
        raise ConfigError(f"--figure {path}: {error}") from None
    if numbers:
        print(write_numbers(inside, Path(numbers)))
    return 0


def _arguments(arguments: Sequence[str]) -> tuple[str, Path, dict[str, Any]]:
    """The run, the results folder, and arguments of the task."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    names, results_dir, changes = [], Path("results"), {}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if key == "results_dir" and equals:
            results_dir = Path(value)
        elif (key == "data_dir" or key.startswith("task.")) and equals:
            try:
                parsed = OverridesParser.create().parse_override(argument)
            except HydraException as error:
                raise ConfigError(f"{argument!r} is no KEY=VALUE: {str(error).splitlines()[0]}") from None
            changes[key.removeprefix("task.")] = parsed.value()
        elif argument.startswith("-") or (equals and not Path(argument).exists()):
            raise ConfigError(f"look takes a run, --sample, --layer, --csv, --figure, not {argument!r}")
        else:
            names.append(argument)
    if len(names) != 1:
        raise ConfigError(f"look takes one run, its folder or the beginning of its run_id, not {names}")
    return names[0], results_dir, changes


def _without_weights(folder: Path) -> str:
    from harness.experiment.command import command_of
    from harness.results import store

    try:
        row = store.read_row(folder)
    except store.CorruptRowError as error:
        return str(error)
    if row is None:
        return f"{folder} has no row.json: the run has not ended"
    if row["status"] != "ok":
        return f"{folder.name} ended {row['status']}; only runs that end ok keep weights"
    command = command_of(row["config"])
    again = f"make it again with them: {command} keep_weights=true" if command else (
        "make it again with keep_weights=true"
    )  # fmt: skip
    return f"{folder.name} has kept no weights; {again} results_dir={folder.parents[1]}"
