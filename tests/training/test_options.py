"""Training options: refused values, named by config key, and the length of a budget."""

import math
from pathlib import Path

import pytest

from harness.cli.run import HELP
from harness.training import TrainOptions
from harness.training.options import OPTIMIZERS, SCHEDULES


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("steps", 0, "train.steps must be a whole number of at least 1, not 0; the nearest is 1"),
        ("steps", 1.5, "train.steps must be a whole number of at least 1, not 1.5"),
        ("steps", None, "train.steps and train.epochs are both empty; set one of them, at least 1"),
        ("epochs", 0, "train.epochs must be a whole number of at least 1, not 0"),
        ("batch_size", 0, "train.batch_size must be a whole number of at least 1, not 0"),
        ("eval_every", -3, "train.eval_every must be a whole number of at least 1, not -3"),
        (
            "optimizer",
            "adamm",
            "train.optimizer must be one of adam, adamw, rmsprop, sgd, not 'adamm'; did you mean 'adam'?",
        ),
        (
            "schedule",
            "cosin",
            "must be one of constant, cosine, warmup_cosine, not 'cosin'; did you mean 'cosine'?",
        ),
        ("lr", 0.0, "train.lr must be a number above 0, not 0.0; a common choice is 0.001"),
        ("lr", math.nan, "train.lr must be a number above 0, not nan"),
        ("lr", math.inf, "train.lr must be a number above 0, not inf"),
        ("clip", 0.0, "train.clip must be a number above 0, not 0.0; a common choice is 1.0"),
        ("clip", -1.0, "train.clip must be a number above 0, not -1.0"),
        ("weight_decay", -0.1, "train.weight_decay must be at least 0, not -0.1; the nearest is 0"),
        ("optimizer", "adamw", "train.optimizer=adamw without train.weight_decay is adam"),
        ("weight_decay", math.nan, "train.weight_decay must be at least 0, not nan"),
    ],
)
def test_the_message_names_a_value_outside_its_range_by_its_config_key(name, value, message):
    with pytest.raises(ValueError, match=r"^train\.") as error:
        TrainOptions(**{name: value})
    assert message in str(error.value)


def test_no_clipping_and_no_decay_are_allowed():
    assert TrainOptions(clip=None, weight_decay=0.0).clip is None


@pytest.mark.parametrize(
    ("options", "n_train", "expected"),
    [
        ({"steps": 7}, 1, 7),
        ({"steps": 7, "epochs": 2, "batch_size": 10}, 30, 6),
        ({"epochs": 2, "batch_size": 10}, 31, 8),
        ({"epochs": 3, "batch_size": 100}, 5, 3),
    ],
)
def test_a_budget_is_a_number_of_steps_or_of_whole_passes(options, n_train, expected):
    assert TrainOptions(**options).total_steps(n_train) == expected


def test_epochs_override_steps_so_that_equal_runs_have_equal_options():
    assert TrainOptions(epochs=2, steps=50) == TrainOptions(epochs=2, steps=None) == TrainOptions(epochs=2)


@pytest.mark.parametrize(
    ("steps", "expected"), [(1, 1), (20, 1), (21, 2), (600, 30), (1000, 50), (4000, 200)]
)
def test_evaluations_are_a_twentieth_of_the_steps_apart_rounded_up_unless_told(steps, expected):
    options = TrainOptions(steps=steps)
    assert options == TrainOptions(steps=steps, eval_every=expected)
    assert options.steps_between_evaluations(n_train=7) == expected
    assert TrainOptions(steps=steps, eval_every=3).steps_between_evaluations(7) == 3


def test_with_epochs_the_distance_of_evaluations_depends_on_the_data():
    options = TrainOptions(epochs=2, batch_size=10)
    assert options.eval_every is None
    assert [options.steps_between_evaluations(n) for n in (10, 100, 101, 1000)] == [1, 1, 2, 10]
    assert TrainOptions(epochs=2, eval_every=3).steps_between_evaluations(1000) == 3


def test_the_names_stand_in_the_help_and_in_the_config_as_in_the_code():
    config = (Path(__file__).parents[2] / "conf" / "config.yaml").read_text(encoding="utf-8")
    for key, names in (("optimizer", OPTIMIZERS), ("schedule", SCHEDULES)):
        assert f"train.{key}={'|'.join(names)}" in HELP
        [line] = [line for line in config.splitlines() if line.startswith(f"  {key}: ")]
        assert line.endswith(", ".join(names))
