"""The key or option that was probably meant."""

import pytest

from harness.experiment.config import compose
from harness.experiment.errors import ConfigError
from harness.experiment.suggestions import OTHER_NAMES, nearest_key


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("lr=0.01", "train.lr"),
        ("LR=0.01", "train.lr"),
        ("steps=10", "train.steps"),
        ("epochs=1", "train.epochs"),
        ("optimizer=sgd", "train.optimizer"),
        ("batch_size=3", "train.batch_size"),
        ("bs=3", "train.batch_size"),
        ("seq_len=3", "task.seq_len"),
        ("hidden_size=3", "cell.hidden_size"),
        ("hidden=3", "cell.hidden_size"),
        ("layers=2", "cell.num_layers"),
        ("learning_rate=1", "train.lr"),
        ("train.learning_rate=1", "train.lr"),
        ("trian.learnig_rate=1", "train.lr"),
        ("train.optimiser=sgd", "train.optimizer"),
        ("train.seed=1", "seed"),
        ("cell.seq_len=3", "task.seq_len"),
        ("task.lr=3", "train.lr"),
        ("tsak=adding", "task"),
        ("trian.lr=1", "train.lr"),
        ("result_dir=x", "results_dir"),
        ("dataset=mnist", "task"),
        ("hydra.launcher.njobs=3", "hydra.launcher.n_jobs"),
        ("--lr=0.1", "train.lr=0.1"),
        ("--hidden-size=3", "cell.hidden_size=3"),
        ("cell=GRU", "gru"),
        ("cell=lstn", "lstm"),
        ("task=MNIST", "mnist"),
        ("experiment=Defualt", "default"),
    ],
)
def test_the_suggestion_is_what_was_meant(typed, meant):
    with pytest.raises(ConfigError, match=rf"; did you mean '{meant}'\?$") as error:
        compose([typed])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("typed", ["foo=1", "train.foo=1", "cell=xyz", "qqq.lr.zzz=1"])
def test_nothing_is_suggested_where_nothing_is_near(typed):
    with pytest.raises(ConfigError) as error:
        compose([typed])
    assert "did you mean" not in str(error.value)


@pytest.mark.parametrize("meant", sorted(set(OTHER_NAMES.values())))
def test_every_name_of_other_programs_points_at_a_key_that_can_be_composed(meant):
    value = {"task": "adding", "cell": "gru"}.get(meant, "null")
    try:
        compose([f"{meant}={value}"])
    except ConfigError as error:
        assert "unknown key" not in str(error)  # null may be no value of it


def test_the_keys_of_the_chosen_task_are_listed(tmp_path):
    with pytest.raises(ConfigError, match="there are .*task.snr_db") as error:
        compose(["task=noisy_tones", "task.snr=1"])
    assert "did you mean 'task.snr_db'" in str(error.value)


def test_the_keys_of_a_task_in_another_folder_are_known(tmp_path):
    (tmp_path / "task").mkdir()
    (tmp_path / "task" / "mine.yaml").write_text("_target_: my_tasks.make\nwidth: 3\n")
    with pytest.raises(ConfigError, match=r"there are task.width; did you mean 'task.width'\?"):
        compose([f"hydra.searchpath=['file://{tmp_path}']", "task=mine", "task.widht=4"])


def test_a_key_with_the_same_last_part_comes_before_other_names_and_spelling():
    keys = ["a.length", "task.seq_len", "lengths"]
    assert nearest_key("b.length", keys) == "a.length"
    assert nearest_key("length", keys[1:]) == "task.seq_len"
    assert nearest_key("lenghts", keys[2:]) == "lengths"
