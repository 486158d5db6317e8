"""Results folders whose names mean something to Hydra, to a shell or to Matplotlib."""

from __future__ import annotations

import pytest

from harness.cli.arguments import overrides_of
from harness.cli.main import main
from tests.conftest import TINY


@pytest.mark.usefixtures("without_figures")
@pytest.mark.parametrize(
    "name", ["a${b}c", "${seed}", "two words", "é日本", "a,b=c", "$x$", "[1]", "{a:b}", "it's"]
)
def test_an_existing_folder_of_any_name_takes_results(tmp_path, name, capsys):
    folder = tmp_path / name
    folder.mkdir()
    quoted = "'" + str(folder).replace("'", "\\'") + "'" if "${" not in name else folder
    assert main([*TINY, f"results_dir={quoted}"]) == 0
    assert len(list(folder.glob("runs/*/row.json"))) == 1
    assert main(["report", str(folder)]) == 0
    assert main(["runs", f"results_dir={folder}"]) == 0
    assert main(["doctor", str(folder)]) == 0
    assert str(folder) in capsys.readouterr().out
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def test_an_interpolation_stays_one_where_no_folder_has_its_name(tmp_path):
    assert overrides_of("run", ["results_dir=a/${seed}"]) == ["results_dir=a/${seed}"]
    (tmp_path / "x${y}").mkdir()
    assert overrides_of("run", [f"results_dir={tmp_path}/x${{y}}/new"]) == [
        f"results_dir={tmp_path}/x\\${{y}}/new"
    ]
    assert overrides_of("run", [f"task.path={tmp_path}/x${{y}}"]) == [f"task.path={tmp_path}/x\\${{y}}"]
    assert overrides_of("run", ["seed=${y}"]) == ["seed=${y}"]
