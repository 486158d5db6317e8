"""Finds the command, and turns errors into one line and an exit code."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

from harness import __version__
from harness.cli import compare, config, doctor, export, fetch, generate, grid, report, run, runs
from harness.cli import list as list_files
from harness.cli import time as time_steps
from harness.cli.arguments import MULTIRUN_FLAGS, is_override
from harness.cli.check import command as check
from harness.cli.look import command as look
from harness.cli.search_path import children_do_not_look_here, look_here_last
from harness.cli.show import command as show
from harness.cli.terminal import prepare_streams, say
from harness.experiment.errors import ConfigError, full_traceback
from harness.results.store import DamagedTableError, NewerSchemaError
from harness.workers.stop import STOPPED, Stopped, stops_with_signals, undisturbed


class Command(NamedTuple):
    """A command: its function from arguments to an exit code, and what `--help` says."""

    function: Callable[[list[str]], int]
    about: str
    help: str
    runs_code: bool = True
    """Whether it may import code of the user; one that only reads results imports none."""


COMMANDS = {
    "run": Command(run.main, "train and test once; `run` may be left out", run.HELP),
    "grid": Command(grid.main, "a run for each combination of values; `-m` is short for `grid`", grid.HELP),
    "time": Command(time_steps.main, "measure how long a training step takes", time_steps.HELP),
    "report": Command(report.main, "write the page, tables and figures of finished runs", report.HELP, False),
    "runs": Command(runs.main, "list runs, or delete some", runs.HELP, False),
    "compare": Command(compare.main, "compare the runs of two results folders", compare.HELP, False),
    "doctor": Command(doctor.main, "check a results folder, and mend it", doctor.HELP, False),
    "export": Command(
        export.main, "write results for other tools: csv, parquet, latex, tensorboard", export.HELP, False
    ),
    "fetch": Command(fetch.main, "download a data set", fetch.HELP, False),
    "list": Command(list_files.main, "list the tasks, cells and experiments", list_files.HELP, False),
    "show": Command(show.main, "print and draw samples of a task", show.HELP),
    "check": Command(check.main, "whether the samples of a task allow a comparison", check.HELP),
    "look": Command(look.main, "show what a trained run does with one sequence, step by step", look.HELP),
    "generate": Command(generate.main, "let trained runs continue a text", generate.HELP),
    "config": Command(config.main, "print the composed config; takes Hydra's own flags", config.HELP),
}

HELP_FLAGS = ("--help", "-h")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)  # at exit the garbage collector then skips torch's many objects
    prepare_streams()
    try:
        with stops_with_signals():
            return _dispatch(arguments)
    except (ConfigError, DamagedTableError, NewerSchemaError) as error:
        if os.environ.get("HYDRA_FULL_ERROR") == "1":
            say(full_traceback(error), sys.stderr)
        say(f"harness: {error}", sys.stderr)
        return 2
    except KeyboardInterrupt as error:
        with undisturbed():
            print(STOPPED, file=sys.stderr, flush=True)
        return error.exit_code if isinstance(error, Stopped) else 130
    except BrokenPipeError:  # the reader of a pipe, such as `head`, has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        say(f"harness: {error}; finished runs are kept", sys.stderr)
        return 1


def help_text() -> str:
    """What `harness --help` prints."""
    commands = "\n".join(f"  {name:8} {command.about}" for name, command in COMMANDS.items())
    return f"""\
usage: harness KEY=VALUE ...             one run
       harness -m KEY=VALUE1,VALUE2 ...  a grid of runs
       harness COMMAND ...

Compares recurrent cells on sequence classification. `harness COMMAND --help` explains a command.

{commands}

examples:
  harness task=adding task.seq_len=50 cell=gru
  harness -m experiment=smoke

A grid resumes: finished runs are skipped, failed runs are tried again.
Exit code: 0 all ok, 1 a run did not end well, 2 wrong input, 130 after Ctrl-C, 143 after another signal."""


def _dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] in (*HELP_FLAGS, "help"):
        print(help_text())
        return 0
    if arguments[0] == "--version":
        print(f"harness {__version__}")
        return 0
    name, rest = _command_of(arguments)
    if any(argument in HELP_FLAGS for argument in rest):
        print(COMMANDS[name].help)
        return 0
    if COMMANDS[name].runs_code:
        look_here_last()
        return COMMANDS[name].function(rest)
    with children_do_not_look_here():
        return COMMANDS[name].function(rest)


def _command_of(arguments: list[str]) -> tuple[str, list[str]]:
    """The name of the command and its arguments; without a name the flags decide."""
    if arguments[0] in COMMANDS:
        return arguments[0], arguments[1:]
    if any(config.is_hydra_flag(argument) for argument in arguments):
        return "config", arguments
    if not (is_override(arguments[0]) or arguments[0].startswith("-")):
        raise ConfigError(_unknown_command(arguments[0]))
    rest = [argument for argument in arguments if argument not in MULTIRUN_FLAGS]
    return ("run" if len(rest) == len(arguments) else "grid"), rest


def _unknown_command(name: str) -> str:
    from harness.experiment.conf_files import entries
    from harness.experiment.suggestions import did_you_mean, nearest

    experiments = [entry.name for entry in entries("experiment")]
    if name in experiments:
        return f"unknown command {name!r}; did you mean -m experiment={name}?"
    hint = did_you_mean(nearest(name, COMMANDS))
    return f"unknown command {name!r}, there are {', '.join(COMMANDS)}, KEY=VALUE and -m{hint}"
