"""Code in a process of its own, forked from one that has imported torch and the harness and nothing else.

A fresh interpreter needs seconds of processor time to import them. A fork has no state of the tests: its
parent is a server that only imports. What a test says about imports, or about variables that libraries read
when they are imported, needs `subprocess`.
"""

import atexit
import multiprocessing
import os
import sys
import tempfile
import traceback
from pathlib import Path
from subprocess import CompletedProcess

import torch

ROOT = Path(__file__).parents[1]

WITHOUT_FIGURES = "from harness.report import draw_all; draw_all.figures_of = lambda data: ()\n"
COMMAND = "import sys; from harness.cli import main; sys.exit(main(sys.argv[1:]))\n"

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    "torch numba harness.cli.main harness.report harness.experiment.grid harness.timing.timing_pass".split()
)


def run_code(code: str, *arguments: str, cwd: Path = ROOT, timeout: float = 300.0, **env: str):
    """Runs `code` as `python -c CODE ARGUMENTS` would, with `cwd` and this checkout first on the path.

    Returns:
        A `CompletedProcess` with exit code, stdout and stderr.

    Raises:
        TimeoutError: after `timeout` seconds; the process is killed.
    """
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = start_code(code, *arguments, out=out, err=err, cwd=cwd, **env)
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise TimeoutError(f"not ended after {timeout} s: {err.read_text(encoding='utf-8')}")
        texts = [path.read_text(encoding="utf-8") for path in (out, err)]
        return CompletedProcess(["python", "-c", code, *arguments], process.exitcode, *texts)


def start_code(code: str, *arguments: str, out: Path, err: Path, cwd: Path = ROOT, **env: str):
    """As `run_code`, but returns the running process; what it prints goes to the files `out` and `err`."""
    for path in (out, err):
        path.touch()
    process = CONTEXT.Process(target=_child, args=(code, arguments, cwd, dict(os.environ) | env, out, err))
    process.start()
    return process


def run_harness(*arguments: str, cwd: Path = ROOT, **env: str):
    """Runs `harness ARGUMENTS` in a process of its own, as `run_code` does; its reports have no figures."""
    return run_code(WITHOUT_FIGURES + COMMAND, *arguments, cwd=cwd, **env)


def _child(code, arguments, cwd, env, out, err):
    """Takes the place of a fresh interpreter; the exit code is that of `SystemExit`."""
    for stream, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY), stream)
    sys.stdout, sys.stderr = (os.fdopen(stream, "w", encoding="utf-8", closefd=False) for stream in (1, 2))
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    sys.path[:0] = [str(cwd), str(ROOT)]
    sys.argv = ["-c", *arguments]
    torch.set_num_threads(1)  # as in tests/conftest.py
    try:
        exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
    except Exception:
        traceback.print_exc()
        raise SystemExit(1) from None
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
