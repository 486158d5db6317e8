"""Every file of examples/ runs from another folder and beats guessing."""

import re
from pathlib import Path

import pytest

from tests.processes import run_code

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def test_the_examples_are_the_ways_in():
    assert [path.stem for path in EXAMPLES] == [
        "lightning_style",
        "own_data",
        "plain_pytorch",
        "scikit_learn",
    ]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs_from_any_folder_and_beats_chance(path, tmp_path):
    if path.stem == "scikit_learn":
        pytest.importorskip("sklearn")
    done = run_code(f"import runpy; runpy.run_path({str(path)!r}, run_name='__main__')", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    ((accuracy, chance),) = re.findall(r"^test accuracy (\S+), chance ([\d.]+)", done.stdout, re.MULTILINE)
    assert float(accuracy) > float(chance) + 0.8 * (1 - float(chance)), done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_short_and_needs_nothing_else_of_the_harness(path):
    code = path.read_text(encoding="utf-8")
    assert len(code.splitlines()) <= 40
    assert set(re.findall(r"^(?:from|import) (harness\S*)", code, re.MULTILINE)) == {"harness.tasks"}
    assert "lightning" not in re.findall(r"^(?:from|import) (\w+)", code, re.MULTILINE)
