"""The command line: one run, a grid, a report, a download, the catalogue."""

from __future__ import annotations

import atexit
import gc
import inspect
import logging
import os
import re
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tarfile import TarError
from zipfile import BadZipFile

import hydra
from hydra.core.global_hydra import GlobalHydra

from harness import __version__, tasks
from harness.cli.catalogue import catalogue
from harness.experiment.config import CONFIG_NAME, ConfigError, compose, conf_dir
from harness.experiment.grid import prepare, release_workers, run_grid
from harness.experiment.plan import Plan, plan
from harness.experiment.run import execute, job
from harness.results import store
from harness.tasks.common.arguments import did_you_mean

HELP = """\
usage: harness KEY=VALUE ...           one run, such as: harness task=adding task.seq_len=50 cell=gru
       harness -m KEY=V1,V2,... ...    a grid of runs, such as: harness -m experiment=default
       harness time KEY=V1,V2,... ...  how long a training step takes: harness time experiment=speed
       harness report [DIR]            tables and figures of what is in DIR (results)
       harness fetch NAME [data_dir=D] download a data set: mnist, fashion_mnist, cifar10, or
                                       harness fetch timeseries name=Wafer (any UCR/UEA problem)
       harness list                    the tasks, cells and experiments there are
       harness show task=NAME ...      some samples of a task, as text and as a picture
       harness --cfg job KEY=VALUE ... print the composed config and run nothing

A grid goes on where it was stopped: finished runs are skipped, failed ones tried again.
Exit code: 0 all runs ok, 1 a run did not end well, 2 wrong input, 130 stopped by the user."""

FETCHERS = {
    name.removeprefix("fetch_"): getattr(tasks, name) for name in tasks.__all__ if name.startswith("fetch_")
}

HYDRA_FLAGS = re.compile(
    r"^(--cfg|-c|--resolve|--package|-p|--info|-i|--hydra-help|--shell-completion|-sc)(=|$)"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)  # once: at the end, the collector need not go through all of torch
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())  # cell._target_ may name a module of the user's project
    try:
        return _dispatch(arguments)
    except ConfigError as error:
        print(f"harness: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("harness: stopped; the same command goes on from here", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print(f"harness: {error}; what has been run is kept", file=sys.stderr)
        return 1


def _dispatch(arguments: list[str]) -> int:
    commands = {"time": _time, "report": _report, "fetch": _fetch, "list": _list, "show": _show}
    if not arguments or arguments[0] in ("--help", "-h", "help"):
        print(HELP)
        return 0
    if arguments[0] == "--version":
        print(f"harness {__version__}")
        return 0
    if arguments[0] in commands:
        return commands[arguments[0]](arguments[1:])
    if any(HYDRA_FLAGS.match(argument) for argument in arguments):
        return _show_config(arguments)
    multirun = any(argument in ("-m", "--multirun") for argument in arguments)
    overrides = [argument for argument in arguments if argument not in ("-m", "--multirun")]
    for argument in overrides:
        if "=" not in argument and not argument.startswith("~"):
            names = ["-m", "--help", "--cfg", *commands]
            raise ConfigError(
                f"unknown command {argument!r}, there are {', '.join(commands)}, KEY=VALUE and -m"
                f"{did_you_mean(argument, names)}"
            )
    return _grid(overrides) if multirun else _single(overrides)


def _single(overrides: list[str]) -> int:
    from harness.results import gather

    config = compose(overrides)
    if config.hydra.sweeper.params:
        name = config.hydra.runtime.choices.experiment
        raise ConfigError(f"experiment={name} is a grid: harness -m experiment={name}")
    run = plan(config)
    logging.getLogger("harness").setLevel(logging.INFO)
    prepare(run.results_dir)
    if store.is_final(_folder(run)):
        print(f"{run.run_id} was run before: {_folder(run)}", file=sys.stderr)
    else:
        execute(run)
        gather(run.results_dir)
    return _say_result(run)


def _say_result(run: Plan) -> int:
    """Prints the row of a run in a few lines; returns the exit code that it deserves."""
    row = _row(_folder(run))
    print(f"{run.run_id}: {row['status']}" + (f", {row['error']}" if row["error"] else ""))
    if row["status"] == "ok":
        print(f"  test accuracy {row['test_accuracy']:.4f} (chance {row['chance_accuracy']:.4f})", end="")
        print(f", test loss {row['test_loss']:.4f}, best step {row['best_step']} of {row['steps']}")
        print(
            f"  gradient norm {row['grad_norm_mean']:.3g}, {row['train_s']:.1f} s of training; {_folder(run)}"
        )
    return 0 if row["status"] == "ok" else 1


def _grid(overrides: list[str]) -> int:
    jobs, _ = run_grid(overrides)
    release_workers()
    rows = {item.plan.run_id: _row(item.folder) for item in jobs}
    for results_dir in sorted({item.plan.results_dir for item in jobs}):
        if any(store.runs_dir(results_dir).glob("*/row.json")):
            _say_report(results_dir)
    counts = Counter(row["status"] for row in rows.values())
    print(f"{len(jobs)} runs: " + ", ".join(f"{n} {status}" for status, n in counts.most_common()))
    for run_id, row in rows.items():
        if row["status"] != "ok":
            print(f"  {run_id}: {row['status']}, {row['error']}")
    if counts.keys() & {"failed", "interrupted", "not run"}:
        print("the same command tries these again")
    return 0 if counts.keys() <= {"ok"} else 1


def _time(arguments: list[str]) -> int:
    """Measures training steps apart from any training; writes a table and its figures."""
    from harness.timing.figures import write_speed_figures
    from harness.timing.text import load_text, timing_text, warnings_of
    from harness.timing.timing_pass import time_grid

    overrides = [argument for argument in arguments if argument not in ("-m", "--multirun")]
    for argument in overrides:
        if "=" not in argument:
            raise ConfigError(f"time takes KEY=VALUE, such as experiment=speed, not {argument!r}")
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


def _say_report(results_dir: Path) -> None:
    """Prints the paths of tables and figures, made anew unless they are of these very rows."""
    from harness.report import is_current, write_report
    from harness.timing.figures import write_speed_figures

    if is_current(results_dir):
        print(f"tables and figures are up to date: {results_dir / 'summary.md'}, {results_dir / 'figures'}/")
        return
    for path in [*write_report(results_dir), *write_speed_figures(results_dir)]:
        print(path)


def _row(folder: Path) -> dict[str, str]:
    try:
        return store.read_row(folder) or {"status": "not run", "error": "it left no row"}
    except store.CorruptRowError as error:
        return {"status": "not run", "error": str(error)}


def _report(arguments: list[str]) -> int:
    from harness.report import write_report
    from harness.timing.figures import write_speed_figures

    if len(arguments) > 1:
        raise ConfigError(f"report takes one folder, not {' '.join(arguments)!r}")
    folder = Path(arguments[0] if arguments else "results")
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"report takes a results folder, {folder} is a file")
    try:
        for path in [*write_report(folder), *write_speed_figures(folder)]:
            print(path)
    except FileNotFoundError as error:
        raise ConfigError(str(error)) from None
    return 0


def _fetch(arguments: list[str]) -> int:
    if not arguments or arguments[0] not in FETCHERS:
        name = arguments[0] if arguments else ""
        names = ", ".join(FETCHERS)
        raise ConfigError(f"unknown data set {name!r}, there are: {names}{did_you_mean(name, FETCHERS)}")
    name, *settings = arguments
    given = _fetch_settings(name, settings)
    try:
        print(FETCHERS[name](**given))
    except (RuntimeError, OSError, ValueError, EOFError, BadZipFile, TarError) as error:
        print(f"harness: fetching {name} failed: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    return 0


def _fetch_settings(name: str, settings: list[str]) -> dict[str, str]:
    """KEY=VALUE, each one a parameter of the function that fetches, and none missing that it needs."""
    parameters = inspect.signature(FETCHERS[name]).parameters
    wanted = ", ".join(f"{key}={'FOLDER' if key == 'data_dir' else key.upper()}" for key in parameters)
    given = {}
    for setting in settings:
        key, _, value = setting.partition("=")
        if key not in parameters or not value:
            raise ConfigError(f"fetch {name} takes {wanted}, not {setting!r}")
        given[key] = value
    for key, parameter in parameters.items():
        if parameter.default is parameter.empty and key not in given:
            raise ConfigError(f"fetch {name} needs {key}={key.upper()}, such as {key}=Wafer")
    return given


def _list(arguments: list[str]) -> int:
    if arguments:
        raise ConfigError(f"list takes no arguments, not {' '.join(arguments)!r}")
    print(catalogue())
    return 0


def _show(arguments: list[str]) -> int:
    """Prints some samples of a task and draws them into the results folder."""
    from harness.cli.show import show, show_figure

    run = plan(compose(arguments))
    print(show(run.task))
    prepare(run.results_dir)
    name = f"{run.task.spec.name}-{run.task.spec.variant}-T{run.task.spec.seq_len}.png"
    print(show_figure(run.task, run.results_dir / "samples" / re.sub(r"[^A-Za-z0-9._-]+", "-", name)))
    return 0


def _show_config(arguments: list[str]) -> int:
    """Leaves Hydra's own flags, which run nothing, to Hydra, once the keys are known to be right."""
    if not any(argument in ("-m", "--multirun") for argument in arguments):
        compose([argument for argument in arguments if "=" in argument and not argument.startswith("-")])
    GlobalHydra.instance().clear()  # Hydra's own main starts from nothing
    sys.argv = ["harness", *arguments]
    hydra.main(config_path=str(conf_dir()), config_name=CONFIG_NAME, version_base="1.3")(job)()
    return 0


def _folder(run: Plan) -> Path:
    return store.runs_dir(run.results_dir) / run.run_id
