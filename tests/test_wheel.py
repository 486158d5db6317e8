"""The wheel, installed into a fresh environment that takes its dependencies from the present one, offline."""

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

import harness
from tests.conftest import TINY

ROOT = Path(__file__).parents[1]
BUILD = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """The folder of a virtual environment in which the wheel is installed."""
    pytest.importorskip("hatchling", reason="hatchling, which builds the wheel, is in the extra dev")
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-c", BUILD, str(folder)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    wheel = folder / built.stdout.split()[-1]
    venv.create(folder / "venv", with_pip=False)
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "venv"), "install"]
    options = ["--no-deps", "--no-index", "--no-compile", "--disable-pip-version-check"]
    subprocess.run([*pip, *options, str(wheel)], check=True, capture_output=True, cwd=folder)
    dependencies = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    # a .pth file appends to the module path: what the wheel holds comes first
    (site_packages(folder / "venv") / "dependencies.pth").write_text("\n".join(dependencies) + "\n")
    return folder / "venv"


def site_packages(environment):
    (found,) = [*environment.glob("lib/python*/site-packages"), *environment.glob("Lib/site-packages")]
    return found


def run(environment, command, *arguments, cwd):
    """A command of the environment, in a folder outside the checkout."""
    scripts = environment / ("Scripts" if os.name == "nt" else "bin")
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    env |= {"OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"}
    return subprocess.run(
        [str(scripts / command), *arguments], cwd=cwd, env=env, capture_output=True, text=True, timeout=300
    )


def test_the_wheel_holds_code_configs_plugins_published_results_and_types(environment, tmp_path):
    code = (
        "import harness, hydra_plugins.harness_sweeper as s; print(harness.__file__, s.__file__, sep='\\n')"
    )
    done = run(environment, "python", "-c", code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    installed = site_packages(environment)
    assert [Path(line) for line in done.stdout.splitlines()] == [
        installed / "harness" / "__init__.py",
        installed / "hydra_plugins" / "harness_sweeper.py",
    ]
    assert (installed / "harness" / "py.typed").is_file()
    conf = installed / "harness" / "conf"
    yamls = {path.relative_to(conf) for path in conf.rglob("*.yaml")}
    assert yamls == {path.relative_to(ROOT / "conf") for path in (ROOT / "conf").rglob("*.yaml")}
    published = (ROOT / "results" / "published.csv").read_bytes()
    assert (installed / "harness" / "results" / "published.csv").read_bytes() == published
    (metadata,) = installed.glob("seqharness-*.dist-info/METADATA")
    assert f"\nVersion: {harness.__version__}\n" in metadata.read_text(encoding="utf-8")
    assert list(metadata.parent.glob("licenses/LICENSE"))


def test_the_installed_command_lists_runs_and_sweeps_in_another_folder(environment, tmp_path):
    listed = run(environment, "harness", "list", cwd=tmp_path)
    assert listed.returncode == 0, listed.stderr
    assert "temporal_order" in listed.stdout

    tiny = [*TINY, "kernel=torch", f"results_dir={tmp_path / 'own'}"]
    one = run(environment, "harness", *tiny, cwd=tmp_path)
    assert one.returncode == 0, one.stderr
    grid = run(environment, "harness", "-m", *tiny, "seed=1,2", cwd=tmp_path)
    assert grid.returncode == 0, grid.stderr
    assert "2 runs: 1 finished before, 1 to do" in grid.stderr  # the sweeper of the wheel skips finished runs

    found = "from harness.results.published import load_published; print(len(load_published()))"
    assert int(run(environment, "python", "-c", found, cwd=tmp_path).stdout) > 40
    rows = sorted((tmp_path / "own" / "runs").glob("*/row.json"))
    assert len(rows) == 2
    assert (tmp_path / "own" / "summary.md").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["own"]  # nothing is left in the working directory
