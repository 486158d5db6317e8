import math

import pytest

from harness.experiment.config import compose
from harness.experiment.cost import FUSED_OVERHEAD, TORCH_OVERHEAD, USUAL_N_TRAIN, expected_cost
from harness.experiment.plan import plan
from harness.training import encoded_size

ADDING = ["task=adding", "task.seq_len=20", "cell.hidden_size=8", "train.steps=30", "train.batch_size=16"]


def cost(*overrides):
    return expected_cost(plan(compose([*ADDING, *overrides])))


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize(("kernel", "overhead"), [("torch", TORCH_OVERHEAD), ("auto", FUSED_OVERHEAD)])
def test_the_products_are_those_of_the_weights_of_the_torch_module(cell, layers, kernel, overhead):
    run = plan(compose([*ADDING, f"cell={cell}", f"cell.num_layers={layers}", f"kernel={kernel}"]))
    module = run.cell_target(encoded_size(run.task.spec, None), 8, num_layers=layers)
    weights = sum(p.numel() for name, p in module.named_parameters() if name.startswith("weight"))
    assert expected_cost(run) == 30 * 20 * (16 * weights + layers * overhead)


@pytest.mark.parametrize("layers", [1, 3])
def test_both_directions_count(layers):
    run = plan(compose([*ADDING, "cell=bilstm", f"cell.num_layers={layers}"]))
    module = run.cell_target(2, 8, num_layers=layers, bidirectional=True)
    weights = sum(p.numel() for name, p in module.named_parameters() if name.startswith("weight"))
    assert expected_cost(run) == 30 * 20 * (16 * weights + 2 * layers * TORCH_OVERHEAD)  # no fused kernel


@pytest.mark.parametrize(
    "longer",
    ["task.seq_len=40", "train.steps=60", "train.batch_size=32", "cell.hidden_size=16", "cell.num_layers=2"],
)
def test_more_of_anything_costs_more(longer):
    assert cost(longer) > cost()


def test_epochs_count_the_samples_where_the_task_says_how_many():
    assert cost("train.epochs=2", "task.n_train=160") == cost("train.steps=20")
    digits = ["task=mnist", "task.seq_len=28"]
    in_a_pass = math.ceil(USUAL_N_TRAIN / 16)
    assert cost(*digits, "train.epochs=2") == cost(*digits, f"train.steps={2 * in_a_pass}")


def test_a_cell_from_outside_counts_like_an_lstm():
    assert cost("cell=custom", "cell._target_=tests.outside.LeakyCell") == cost("cell=lstm")


def test_many_short_steps_cost_more_than_few_large_ones():
    # on a torch RNN: 784 × 45 µs against 28 × 250 µs, though there are more products in the latter
    many, few = ["cell.hidden_size=8", "task.seq_len=784"], ["cell.hidden_size=128", "task.seq_len=28"]
    assert cost("cell=rnn", *many) > cost("cell=rnn", *few)
