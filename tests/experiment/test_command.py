"""The command that a row gives makes the run of that row: the same run_id."""

from __future__ import annotations

import dataclasses
import shlex

import pytest

from harness.experiment.command import command_of
from harness.experiment.config import compose_run, options
from harness.experiment.plan import plan
from harness.experiment.schema import ModelOptions, Schema
from harness.training import TrainOptions
from tests.tasks.own_files import FILES, own_path

SMALL = {"timeseries": ["task.name=ItalyPowerDemand"], "cifar10": None, "fashion_mnist": None}
SMALL |= dict.fromkeys(FILES)
"""What a task needs beside its name; None: files that are not here."""

RUNS = [
    *(
        [f"task={name}", *(SMALL.get(name) or [])]
        for name in options("task")
        if SMALL.get(name, []) is not None
    ),
    *([f"cell={name}"] for name in options("cell") if name != "custom"),
    *([f"init={name}", "cell=lstm"] for name in options("init") if name not in ("identity", "chrono")),
    ["init=chrono", "cell=gru"],
    ["init=identity", "cell=rnn_relu"],
    ["init=forget_bias", "init.bias=2.5", "cell=lstm"],
    ["task=adding", "task.seq_len=7", "task.variant=any", "task.fresh=true", "task.seed=5", "seed=3"],
    ["task=adding", "task.eval_lengths=[20,40]", "task.seq_len=10"],
    ["cell=lstm", "cell.hidden_size=12", "cell.num_layers=2", "cell.dropout=0.25", "+cell.name=mine"],
    ["cell=gru", "+cell.bias=false"],
    ["task=adding", "cell=gru", "match_params=5000", "model.readout=mean"],
    ["train.epochs=2", "train.lr=3e-5", "train.clip=null", "train.optimizer=adamw", "train.weight_decay=0.1"],
    ["train.steps=77", "train.schedule=cosine", "train.stop_when_solved=true", "stage=tune", "kernel=torch"],
    ["task=mnist", "task.permutation=bit_reversal", "task.n_train=100"],
    ["task=mnist", "task.permutation=92916"],
    ["cell=custom", "cell._target_=torch.nn.modules.rnn.GRU"],
]


@pytest.mark.parametrize("overrides", RUNS, ids=" ".join)
def test_the_command_of_a_config_makes_the_same_run(overrides):
    run = plan(compose_run(overrides))
    command = command_of(run.identity.config)
    assert command is not None
    program, *again = shlex.split(command)
    assert program == "harness"
    assert plan(compose_run(again)).run_id == run.run_id


@pytest.mark.parametrize("task", FILES)
def test_the_command_of_a_run_on_own_data_has_a_place_for_the_path(task, tmp_path):
    [path] = own_path(task, tmp_path)
    run = plan(compose_run([f"task={task}", path]))
    command = command_of(run.identity.config)
    _, *again = shlex.split(command.replace("task.path=FILE", path))
    assert path in again and plan(compose_run(again)).run_id == run.run_id


@pytest.mark.parametrize("task", ["next_char", "text"])
def test_so_has_that_of_a_text_of_the_user(task, tmp_path):
    path = tmp_path / "story.txt"
    path.write_text("".join(f"{label}\t{label}bcd{n}\n" for n in range(90) for label in "xy"))
    run = plan(
        compose_run([f"task={task}", f"task.path={path}", "task.seq_len=5"][: 2 if task == "text" else 3])
    )
    command = command_of(run.identity.config)
    _, *again = shlex.split(command.replace("task.path=FILE", f"task.path={path}"))
    assert plan(compose_run(again)).run_id == run.run_id


def test_a_short_run_has_a_short_command():
    run = plan(compose_run(["task=adding", "cell=gru", "seed=4"]))
    assert command_of(run.identity.config) == "harness task=adding cell=gru train.eval_every=50 seed=4"


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"task": {"name": "adding"}, "cell": {"name": "gru"}},
        {"task": {"_target_": "a.b"}, "cell": {"_target_": "c.d"}, "data_source": "x", "paths": {}},
        {"task": {"_target_": "a.b", "path": "(content)"}, "cell": {"_target_": "c.d"}, "data_source": "x"},
    ],
)
def test_where_the_config_is_not_whole_there_is_no_command(config):
    assert command_of(config) is None


def test_defaults_are_neutral():
    """A recorded config lacks keys that are neutral: a command that does not name them must mean the same."""
    config = compose_run([])
    for node, schema in ((config, Schema), (config.train, TrainOptions), (config.model, ModelOptions)):
        for field in dataclasses.fields(schema):
            if "neutral" in field.metadata:
                assert node[field.name] == field.metadata["neutral"], field.name
