import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli.main import _fetch_settings
from harness.experiment.config import compose, options
from harness.experiment.grid import expand
from harness.experiment.plan import plan
from harness.results.schema import ABOUT, STEP_COLUMNS
from harness.timing.table import FILES, TIMING_ABOUT
from harness.timing.timing_pass import check, timing_options

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^harness ([^#\n]+?)\s+#", README, flags=re.MULTILINE)


def test_the_loader_example_is_at_most_twelve_lines_and_runs_elsewhere(tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 12
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "torch.Size([5000, 50, 2])" in done.stdout


def test_every_column_of_the_table_is_explained_as_the_record_does():
    for column, about in ABOUT.items():
        assert f"| `{column}` | {about} |" in README
    for column in STEP_COLUMNS:
        assert column in README


@pytest.mark.parametrize(
    "command", [c for c in COMMANDS if "=" in c and not c.startswith(("--cfg", "show", "fetch", "time"))]
)
def test_every_run_and_grid_that_the_readme_shows_can_be_planned(command):
    arguments = shlex.split(command)
    if arguments[0] == "-m":
        _, jobs = expand(arguments[1:])
        assert len(jobs) > 1
    else:
        plan(compose(arguments))


@pytest.mark.parametrize("command", sorted({c for c in COMMANDS if c.startswith("time ")}))
def test_every_timing_pass_that_the_readme_shows_can_be_planned(command):
    _, jobs = expand(shlex.split(command)[1:])
    check(jobs, timing_options(jobs[0]))
    assert len(jobs) > 1


def test_every_column_of_the_timing_table_is_explained_as_the_table_does():
    section = README[README.index("## Speed, measured apart") :]
    for column, about in TIMING_ABOUT.items():
        assert f"| `{column}` | {about} |" in section
    assert all(f"results/{name}" in section for name in FILES.values())


def test_every_download_that_the_readme_shows_is_one():
    shown = [shlex.split(command)[1:] for command in COMMANDS if command.startswith("fetch")]
    assert {name for name, *_ in shown} == {"mnist", "timeseries"}
    for name, *settings in shown:
        assert _fetch_settings(name, settings).keys() == {setting.partition("=")[0] for setting in settings}


def test_the_readme_shows_commands_at_all():
    assert len(COMMANDS) >= 6


def test_pictures_and_files_that_the_readme_names_exist():
    for path in re.findall(r"\]\(([^)]+)\)", README):
        assert (ROOT / path).exists(), path
    for path in re.findall(r"`((?:conf|harness|results)/[\w/.-]+\.(?:yaml|py|csv))`", README):
        if (
            "mine" not in path
            and "mycell" not in path
            and path not in ("results/runs.csv", "results/steps.csv")
            and path.removeprefix("results/") not in FILES.values()
        ):
            assert (ROOT / path).exists(), path


def test_the_makefile_has_the_targets_each_with_help():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in ("install", "sweep", "smoke", "time", "report", "test", "lint", "clean"):
        assert re.search(rf"^{target}:.*## \w+", makefile, flags=re.MULTILINE), target
        assert target in README


def test_the_experiment_names_are_the_promised_ones():
    promised = {"default", "smoke", "mnist_lengths", "memory", "hidden_sizes", "batch_and_lr"}
    assert promised <= set(options("experiment"))
