"""A torch cell with hooks is no stock cell: nothing that computes it by other means may take its place."""

import pytest
import torch
from torch import nn
from torch.nn.utils import weight_norm

from harness.cells import (
    class_and_options,
    is_stock,
    is_torch_cell,
    output_size,
    stock_cell_of,
    why_not_initialised,
)
from harness.kernels import choose_kernel
from harness.tasks import make_adding
from harness.training import SequenceClassifier
from harness.training.inside import look_inside
from harness.training.probes.gates import why_no_equations

T, H = 6, 4


def doubled(module, inputs, result):
    return result[0] * 2, result[1]


def with_forward_hook(gru):
    gru.register_forward_hook(doubled)


def with_pre_hook(gru):
    gru.register_forward_pre_hook(lambda module, inputs: (inputs[0] * 2, *inputs[1:]))


def with_backward_hook(gru):
    gru.register_full_backward_hook(lambda module, into, outof: None)


def with_backward_pre_hook(gru):
    gru.register_full_backward_pre_hook(lambda module, outof: None)


def with_forward_of_its_own(gru):
    inner = gru.forward
    gru.forward = lambda x, state=None: doubled(gru, None, inner(x, state))


def with_weight_norm(gru):
    weight_norm(gru, "weight_hh_l0")


HOOKS = [
    with_forward_hook, with_pre_hook, with_backward_hook, with_backward_pre_hook, with_forward_of_its_own,
    pytest.param(with_weight_norm, marks=pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")),
]  # fmt: skip


@pytest.mark.parametrize("add", HOOKS)
def test_nothing_takes_the_place_of_a_call_with_hooks(add):
    gru = nn.GRU(2, H, batch_first=True)
    assert is_stock(gru) and is_torch_cell(gru)
    add(gru)
    assert not is_stock(gru) and not is_torch_cell(gru)
    assert stock_cell_of(gru, bidirectional=True) is None
    assert choose_kernel(gru, "auto", torch.device("cpu")) == (gru, "torch")
    with pytest.raises(ValueError, match="the cell has hooks, .* use kernel=auto or kernel=torch"):
        choose_kernel(gru, "fused", torch.device("cpu"))
    assert "not for GRU with hooks" in why_no_equations(gru)
    assert "not for this GRU with hooks; use init=torch" in why_not_initialised(gru, "keras")


@pytest.mark.parametrize("add", HOOKS)
def test_a_sequence_is_looked_at_through_the_hooks(add):
    torch.manual_seed(0)
    task = make_adding(seq_len=T, n_train=4, n_val=4, n_test=4)
    gru = nn.GRU(2, H, batch_first=True)
    add(gru)
    model = SequenceClassifier(task.spec, gru)
    split = task.val
    inside = look_inside(model, split.x[0], split.y[0], T)
    expected = gru(split.x[:1])[0][0]
    assert torch.allclose(torch.from_numpy(inside.layers[0].states["h"]), expected, atol=1e-6)
    assert "no gates: GRU with hooks is no cell of torch" in inside.note


def test_the_size_of_an_output_that_a_hook_changes_is_measured():
    gru = nn.GRU(2, H, batch_first=True)
    gru.register_forward_hook(
        lambda module, inputs, result: (torch.cat([result[0], inputs[0]], -1), result[1])
    )
    assert output_size(gru, 2) == H + 2


def test_the_words_for_a_cell_say_why_it_is_no_stock_cell():
    lstm = nn.LSTM(2, H, proj_size=2)
    lstm.register_forward_hook(doubled)
    assert class_and_options(lstm) == "LSTM with hooks and projection"
    assert class_and_options(nn.GRU(2, H)) == "GRU"
