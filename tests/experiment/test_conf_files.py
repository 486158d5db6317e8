"""Yaml files read as text, in the order of Hydra's search path."""

import pytest

from harness.experiment.conf_files import GROUPS, comments, entries
from harness.experiment.config import compose, options
from harness.experiment.errors import ConfigError


@pytest.mark.parametrize("group", GROUPS)
def test_the_entries_are_the_options_that_hydra_offers(group):
    assert [entry.name for entry in entries(group)] == options(group)


@pytest.mark.parametrize("group", ["task", "cell"])
def test_the_target_is_the_one_that_hydra_reads_and_stock_ones_are_not_third_party(group):
    for entry in entries(group):
        if entry.name != "custom":
            assert entry.target == compose([f"{group}={entry.name}"])[group]._target_
        assert not entry.third_party


def test_of_two_files_with_one_name_hydra_and_the_list_take_the_first(tmp_path):
    (tmp_path / "cell").mkdir()
    (tmp_path / "cell" / "gru.yaml").write_text("# Another.\n_target_: mine.GRU\nhidden_size: 1\n")
    path = [f"hydra.searchpath=['file://{tmp_path}']"]
    (gru,) = (entry for entry in entries("cell", path) if entry.name == "gru")
    assert gru.target == compose([*path, "cell=gru"]).cell._target_ == "torch.nn.GRU"


def test_a_search_path_does_not_outlast_its_call(tmp_path):
    (tmp_path / "task").mkdir()
    (tmp_path / "task" / "mine.yaml").write_text('# Mine.\n_target_: "mine.make" # quoted\n')
    (mine,) = (e for e in entries("task", [f"hydra.searchpath=['file://{tmp_path}']"]) if e.name == "mine")
    assert (mine.about, mine.target, mine.third_party) == ("Mine.", "mine.make", True)
    assert "mine" not in [entry.name for entry in entries("task")]


def test_a_folder_that_does_not_exist_is_named():
    with pytest.raises(ConfigError, match="/no/such/folder is not a folder"):
        entries("task", ["hydra.searchpath=[file:///no/such/folder]"])


def test_comments_are_those_behind_the_keys():
    said = comments("task", "adding")
    assert said["fresh"] == "true: new training samples in each epoch"
    assert "n_train" not in said and "_target_" not in said
    assert comments("task", "no_such_task") == {}
