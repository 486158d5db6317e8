"""Commands that read results import nothing from the working directory; others look there last."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import harness
from harness.cli.main import COMMANDS
from harness.cli.search_path import children_do_not_look_here
from tests.report.synthetic import make_record, write_run

ROOT = Path(harness.__file__).parents[1]

EVIL = "from pathlib import Path\nPath(__file__).with_name('imported').open('a').write(__name__ + '\\n')\n"

READ = """
import sys
del sys.path[0]
import os, runpy
from harness.report import draw_all  # before the working directory comes first, as installed code does
draw_all.figures_of = lambda data: ()
here = os.getcwd()
for arguments in (["--version"], ["report", "."], ["runs", "results_dir=."], ["compare", ".", "."], ["list"],
                  ["export", ".", "--to", "csv"], ["report", "nowhere"]):
    sys.argv = ["-m", *arguments]
    sys.path.insert(0, here)  # as `python -m` does
    del sys.modules["harness"]
    try:
        runpy.run_module("harness", run_name="__main__")
    except SystemExit as end:
        print(arguments[0], end.code, here in sys.path, file=sys.stderr)
"""


def test_reading_results_imports_nothing_from_the_working_directory(tmp_path):
    write_run(tmp_path, make_record())
    (tmp_path / "hydra_plugins").mkdir()
    for name in (
        "torch", "pandas", "numpy", "matplotlib", "hydra", "omegaconf", "jinja2", "json", "csv", "textwrap",
        "statistics", "colorsys", "webbrowser", "hydra_plugins/evil", "conf", "usercustomize",
    ):  # fmt: skip
        (tmp_path / f"{name}.py").write_text(EVIL)
    done = subprocess.run(
        [sys.executable, "-c", READ], cwd=tmp_path, capture_output=True, text=True,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
    )  # fmt: skip
    assert not (tmp_path / "imported").exists(), (tmp_path / "imported").read_text()
    said = [line.split() for line in done.stderr.splitlines() if line.split()[-1:] in (["True"], ["False"])]
    assert [line[:2] for line in said] == [
        ["--version", "0"], ["report", "0"], ["runs", "0"], ["compare", "0"], ["list", "0"], ["export", "0"],
        ["report", "2"],
    ], done.stderr  # fmt: skip
    assert {line[2] for line in said} == {"False"}


def test_modules_of_python_itself_do_not_come_from_the_working_directory(tmp_path):
    for name in ("typing", "argparse", "json", "gc", "signal"):
        (tmp_path / f"{name}.py").write_text(EVIL)
    done = subprocess.run(
        [sys.executable, "-m", "harness", "--version"], cwd=tmp_path, capture_output=True, text=True,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.stdout == f"harness {harness.__version__}\n", done.stderr
    assert not (tmp_path / "imported").exists(), (tmp_path / "imported").read_text()


def test_commands_that_run_cells_look_there_last(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry not in ("", str(tmp_path))])
    monkeypatch.chdir(tmp_path)
    assert {name for name, command in COMMANDS.items() if not command.runs_code} == {
        "report", "runs", "compare", "export", "fetch", "list", "doctor",
    }  # fmt: skip
    from harness.cli.main import main

    before = list(sys.path)
    assert main(["runs", "results_dir=nowhere"]) == 2
    assert sys.path == before
    assert main(["run", "nonsense"]) == 2
    assert sys.path == [*before, str(tmp_path)]


def test_processes_of_a_reading_command_do_not_look_there_either(tmp_path, monkeypatch):
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    (tmp_path / "evil.py").write_text(EVIL)
    start = [sys.executable, "-m", "evil"]  # as joblib starts its workers
    with children_do_not_look_here():
        assert subprocess.run(start, cwd=tmp_path, capture_output=True).returncode == 1
    assert not (tmp_path / "imported").exists() and "PYTHONSAFEPATH" not in os.environ
    assert subprocess.run(start, cwd=tmp_path).returncode == 0
    assert (tmp_path / "imported").read_text() == "__main__\n"
