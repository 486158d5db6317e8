"""The cells that show whether a task needs memory or order: what they compute, and what they can solve."""

import pytest
import torch
from torch import nn

import harness
from harness.cells.zoo.bag import Bag
from harness.cells.zoo.last_step import LastStep
from harness.cells.zoo.mlp import MLP
from harness.tasks import make_temporal_order

B, T, D, H = 3, 6, 2, 5


def inputs():
    return torch.randn(B, T, D, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_a_bag_is_a_network_on_the_mean_and_the_order_is_nothing_to_it():
    torch.manual_seed(0)
    cell, x = Bag(D, H, 2, batch_first=True).double(), inputs()
    output = cell(x)[0]
    for t in range(T):
        assert torch.allclose(output[:, t], cell.layers(x[:, : t + 1].mean(dim=1)), rtol=1e-12)
    assert torch.allclose(cell(x.flip(1))[0][:, -1], output[:, -1], rtol=1e-12)


def test_the_last_step_is_a_network_on_each_step_alone():
    torch.manual_seed(0)
    cell, x = LastStep(D, H, 2, batch_first=True).double(), inputs()
    for t in range(T):
        assert torch.allclose(cell(x)[0][:, t], cell.layers(x[:, t]), rtol=1e-12)


@pytest.mark.parametrize("layers", [1, 3])
def test_an_mlp_is_a_network_on_the_flattened_sequence_with_zeros_behind_each_step(layers):
    torch.manual_seed(0)
    cell, x = MLP(D, H, layers, batch_first=True, seq_len=T).double(), inputs()
    first = nn.Linear(T * D, H).double()
    with torch.no_grad():
        first.weight.copy_(cell.weight.flatten(0, 1).T)
        first.bias.copy_(cell.bias)
    plain = nn.Sequential(nn.Flatten(), first, nn.ReLU(), *cell.layers)
    for t in range(T):
        seen = torch.cat([x[:, : t + 1], torch.zeros(B, T - t - 1, D, dtype=torch.float64)], dim=1)
        assert torch.allclose(cell(x)[0][:, t], plain(seen), rtol=1e-11, atol=1e-13)
    with pytest.raises(ValueError, match="made for 6 steps, the input has 7"):
        cell(torch.zeros(1, T + 1, D, dtype=torch.float64))


def test_an_mlp_is_drawn_as_torch_draws_a_linear_map():
    torch.manual_seed(0)
    cell = MLP(4, 300, seq_len=25)
    bound = 0.1  # 1 / √(25 · 4)
    for weights in (cell.weight, cell.bias):
        assert 0.97 * bound < weights.abs().max() <= bound
    assert float(cell.weight.detach().std()) == pytest.approx(bound / 3**0.5, rel=0.02)


SMALL = ["task.n_train=1000", "task.n_val=200", "task.n_test=1000", "cell.hidden_size=32", "seed=1",
         "train.batch_size=50", "train.steps=200", "train.lr=0.01", "train.probes=false"]  # fmt: skip
ORDER = ["task=temporal_order", "task.seq_len=10"]
COUNTS = ["task=majority", "task.seq_len=15", "task.num_classes=2"]


def trained(cell, task, results):
    return harness.run(*task, f"cell={cell}", *SMALL, f"results_dir={results}", "keep_weights=true")


def test_what_needs_order_is_out_of_reach_of_a_bag_and_of_the_last_step_but_not_of_an_mlp(tmp_path):
    rows = {cell: trained(cell, ORDER, tmp_path) for cell in ("bag", "last_step", "mlp")}
    assert rows["last_step"]["test_accuracy"] == pytest.approx(0.25, abs=0.05)
    assert rows["last_step"]["test_loss"] == pytest.approx(rows["last_step"]["memoryless_loss"], rel=0.02)
    assert rows["mlp"]["test_accuracy"] > 0.95
    # How many X there are tells XX and YY; of XY and YX a bag knows no more than chance.
    test = make_temporal_order(seq_len=10, n_train=1000, n_val=200, n_test=1000, seed=1).test
    right = harness.load_model(rows["bag"]["folder"])(test.x, test.lengths).argmax(dim=1) == test.y
    mixed = (test.y == 1) | (test.y == 2)
    assert float(right[~mixed].double().mean()) > 0.99
    assert float(right[mixed].double().mean()) == pytest.approx(0.5, abs=0.07)


def test_a_bag_counts_and_the_last_step_knows_what_the_last_symbol_tells(tmp_path):
    assert trained("bag", COUNTS, tmp_path)["test_accuracy"] > 0.98
    row = trained("last_step", COUNTS, tmp_path)
    assert row["test_loss"] == pytest.approx(row["memoryless_test_loss"], rel=0.03)
    assert row["test_accuracy"] < 0.75
