"""`harness.run`: one run from Python."""

import pytest

import harness
from harness.experiment.errors import ConfigError
from harness.results import store


def test_a_run_from_python_returns_its_row_and_is_made_once(tiny):
    row = harness.run(*tiny, "cell=gru", "seed=0")
    assert (row["status"], row["cell"], row["seed"], row["steps"]) == ("ok", "gru", 0, 6)
    assert row["folder"].name == row["run_id"]
    stamp = store.file_stamp(row["folder"] / "row.json")
    again = harness.run(*tiny, "cell=gru", "seed=0")
    assert again["test_loss"] == row["test_loss"]
    assert store.file_stamp(row["folder"] / "row.json") == stamp
    loaded = harness.load_runs(row["folder"].parents[1]).iloc[0]
    assert loaded.equals(row.drop("folder"))


def test_a_failure_is_a_row_and_a_wrong_config_an_error(tiny):
    row = harness.run(*tiny, "cell=custom", "cell._target_=tests.outside.Bomb")
    assert row["status"] == "failed" and "boom" in row["error"]
    with pytest.raises(ConfigError, match=r"train\.lr"):
        harness.run(*tiny, "train.lr=-1")


def test_only_what_is_used_is_imported():
    import subprocess
    import sys

    code = "import sys, harness; print({'torch', 'pandas', 'hydra', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
    assert set(harness.__all__) <= {*dir(harness), *harness._HOMES}
