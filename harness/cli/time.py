"""`harness time KEY=VALUE …`: how long a training step takes, measured without training."""

from __future__ import annotations

import sys

from harness.cli.arguments import MULTIRUN_FLAGS, overrides_of

HELP = """\
usage: harness time KEY=VALUE1,VALUE2 ... [--config-dir FOLDER]

Measures forward, backward and whole training steps of each combination, in turn and in one process,
and writes a table and figures into the results folder. Quote its numbers from a quiet machine.

keys: every key of a run (harness run --help), each with one value or several, one seed; besides them
  experiment=NAME                  a grid from a yaml file
  timing.rounds=N                  visits to each combination; medians are over them
  timing.min_seconds=X             seconds of one visit
  timing.warmup=N                  steps before the first round
  timing.like_for_like=true        torch's kernels without oneDNN for all cells

examples:
  harness time experiment=speed
  harness time task=mnist cell=rnn,lstm,gru cell.hidden_size=64,128"""


def main(arguments: list[str]) -> int:
    """Measures the steps of a grid; prints the table, the load of the machine and the paths of the files."""
    overrides = overrides_of("time", [item for item in arguments if item not in MULTIRUN_FLAGS])
    from harness.timing.figures import write_speed_figures
    from harness.timing.text import load_text, timing_text, warnings_of
    from harness.timing.timing_pass import time_grid

    try:
        result = time_grid(overrides)
    except RuntimeError as error:
        print(f"harness: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("harness: stopped; nothing was written", file=sys.stderr)
        return 130
    print(timing_text(result.rows))
    print(load_text(result.rows))
    for path in [result.path, *write_speed_figures(result.path.parent)]:
        print(path)
    for line in warnings_of(result.rows):
        print(line, file=sys.stderr)
    return 1 if result.failed else 0
