"""A fused cell has the outputs, states and gradients of torch's module with the same weights."""

import pytest
import torch
from torch import nn

from harness.kernels import FusedCell, layer
from harness.kernels.formulas import FORMULAS
from harness.kernels.lanes import Real
from tests.kernels.compare import (
    CELLS,
    F32,
    F64,
    MOST,
    assert_close,
    draw,
    first_state,
    outcome,
    stock,
    upstream,
)

ALL = pytest.mark.parametrize("name", list(CELLS))

SHAPES = [
    pytest.param(3, 7, 4, 5, id="odd"),
    pytest.param(4, 6, 8, 16, id="whole-registers"),
    pytest.param(15, 4, 9, 33, id="more-rows-than-a-tile"),
    pytest.param(1, 6, 3, 5, id="one-sequence"),
    pytest.param(4, 1, 3, 5, id="one-step"),
    pytest.param(4, 5, 1, 3, id="one-feature"),
    pytest.param(4, 5, 3, 1, id="one-unit"),
    pytest.param(1, 1, 1, 1, id="one-of-all"),
    pytest.param(1, 6, 1, 8, id="one-sequence-one-feature"),
]


def both(name, x, state=None, loss_of=upstream, **options):
    """The outcomes of the fused and of the stock cell."""
    dtype = x.dtype
    cell = stock(name, x.shape[2], options.pop("H", 5), dtype=dtype, **options)
    return outcome(FusedCell(cell), x, state, loss_of), outcome(cell, x, state, loss_of)


@ALL
@pytest.mark.parametrize(("B", "T", "D", "H"), SHAPES)
def test_outputs_states_and_all_gradients_equal_torchs(name, B, T, D, H):
    for layers in (1, 2, 3):
        for bias in (True, False):
            for state in (None, first_state(name, layers, B, H)):
                x = draw(B, T, D).requires_grad_()
                got, expected = both(name, x, state, H=H, layers=layers, bias=bias)
                assert_close(got, expected, MOST[F64])


@pytest.mark.parametrize("name", ["rnn_tanh", "lstm", "gru"])
@pytest.mark.parametrize(("B", "T", "D", "H"), SHAPES)
def test_the_same_in_float32(name, B, T, D, H):
    x = draw(B, T, D, dtype=F32).requires_grad_()
    state = first_state(name, 2, B, H, F32)
    assert_close(*both(name, x, state, H=H, layers=2), MOST[F32])


LOSSES = {
    "output": lambda result: (result[0] * draw(*result[0].shape)).sum(),
    "every output alike": lambda result: result[0].sum(),
    "one step": lambda result: result[0][:, 3].square().sum(),
    "some steps": lambda result: (result[0][:, [0, 2, 4]] * draw(3, 3, 5)).sum(),
    "one sequence": lambda result: result[0][1].square().sum(),
    "one unit": lambda result: result[0][..., 2].square().sum(),
    "last state": lambda result: upstream(
        (result[1][0] if isinstance(result[1], tuple) else result[1], None)
    ),
    "last layer's state": lambda result: result[1][-1][-1].square().sum(),
    "lower layer's state": lambda result: result[1][0].square().sum(),
    "the output twice": lambda result: result[0].square().sum() + result[0].flip(1).sin().sum(),
}


@ALL
@pytest.mark.parametrize("loss", list(LOSSES))
@pytest.mark.parametrize("H", [5, 8])
def test_a_loss_on_part_of_the_result_has_torchs_gradients(name, loss, H):
    if loss == "some steps" and H != 5:
        loss = "one step"
    x = draw(3, 6, 4).requires_grad_()
    assert_close(*both(name, x, first_state(name, 2, 3, H), LOSSES[loss], H=H, layers=2), MOST[F64])


@ALL
def test_an_input_without_a_gradient_changes_no_other_gradient(name):
    got, expected = both(name, draw(3, 6, 4), first_state(name, 2, 3, 5), layers=2)
    assert "gradient of x" not in got
    assert_close(got, expected, MOST[F64])


@ALL
@pytest.mark.parametrize("frozen", ["all", "weight_ih_l0", "weight_hh_l1", "bias_ih_l0", "bias_hh_l1", "_l0"])
@pytest.mark.parametrize("input_grad", [True, False])
def test_frozen_parameters_get_no_gradient_and_the_others_theirs(name, frozen, input_grad):
    cell = stock(name, 4, 5, layers=2)
    for key, parameter in cell.named_parameters():
        parameter.requires_grad_(not (frozen == "all" or frozen in key))
    x = draw(3, 6, 4).requires_grad_(input_grad)
    if frozen == "all" and not input_grad:
        output, _ = FusedCell(cell)(x)
        assert not output.requires_grad
        assert_close({"output": output}, {"output": cell(x)[0]}, MOST[F64])
        return
    assert_close(outcome(FusedCell(cell), x), outcome(cell, x), MOST[F64])


@pytest.mark.parametrize("which", [0, 1])
def test_one_part_of_an_lstms_state_can_require_a_gradient(which):
    h, c = (part.detach().requires_grad_(k == which) for k, part in enumerate(first_state("lstm", 1, 3, 5)))
    cell, x = stock("lstm", 4, 5), draw(3, 6, 4)
    assert_close(outcome(FusedCell(cell), x, (h, c)), outcome(cell, x, (h, c)), MOST[F64])
    cell.requires_grad_(False)
    assert_close(outcome(FusedCell(cell), x, (h, c)), outcome(cell, x, (h, c)), MOST[F64])


@ALL
@pytest.mark.parametrize("H", [5, 8])
def test_dropout_between_layers_draws_the_masks_of_the_stock_cell(name, H):
    cell = stock(name, 4, H, layers=3, dropout=0.4)
    fused, x = FusedCell(cell), draw(3, 6, 4).requires_grad_()
    results = []
    for made in (fused, cell):
        torch.manual_seed(7)
        results.append(outcome(made, x))
    assert_close(*results, MOST[F64])
    fused.eval()
    assert not cell.training
    assert_close(outcome(fused, x), outcome(cell, x), MOST[F64])
    assert not torch.allclose(outcome(fused, x)["output"], results[0]["output"])


@ALL
def test_without_gradients_the_numbers_are_the_same_and_there_is_no_graph(name):
    cell = stock(name, 4, 5, layers=2)
    fused, x, state = FusedCell(cell), draw(3, 6, 4), first_state(name, 2, 3, 5)
    with_graph = fused(x, state)[0]
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            output, _ = fused(x, state)
            read = fused.last_valid(x, torch.tensor([6, 2, 1]))
        assert not output.requires_grad
        assert output.grad_fn is read.grad_fn is None
        assert torch.equal(output, with_graph)


@ALL
def test_a_retained_graph_gives_the_same_gradients_twice(name):
    cell = stock(name, 4, 5, layers=2)
    x = draw(3, 6, 4).requires_grad_()
    loss = upstream(FusedCell(cell)(x))
    leaves = [x, *cell.parameters()]
    first = torch.autograd.grad(loss, leaves, retain_graph=True)
    second = torch.autograd.grad(loss, leaves)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    with pytest.raises(RuntimeError, match="second time"):
        torch.autograd.grad(loss, leaves)


@ALL
def test_two_calls_before_one_backward_pass_add_up(name):
    cell = stock(name, 4, 5)
    fused = FusedCell(cell)
    inputs = [draw(3, 6, 4, seed=k) for k in (1, 2)]
    for made in (fused, cell):
        made.zero_grad()
        (made(inputs[0])[0].square().sum() + made(inputs[1])[0].sin().sum()).backward()
        if made is fused:
            got = {key: p.grad.clone() for key, p in cell.named_parameters()}
    assert_close(got, {key: p.grad for key, p in cell.named_parameters()}, MOST[F64])
    # A state passed from one call to the next connects both graphs.
    results = []
    for made in (fused, cell):
        _, state = made(inputs[0])
        results.append(torch.autograd.grad(upstream(made(inputs[1], state)), list(cell.parameters())))
    assert_close(*(dict(enumerate(grads)) for grads in results), MOST[F64])


@ALL
def test_gradients_equal_finite_differences(name):
    fused = FusedCell(stock(name, 2, 3, layers=2))
    names = list(dict(fused.named_parameters()))
    state = first_state(name, 2, 2, 3)
    parts = state if isinstance(state, tuple) else (state,)

    def function(x, *rest):
        first, weights = rest[: len(parts)], rest[len(parts) :]
        state = tuple(first) if len(parts) == 2 else first[0]
        output, last = torch.func.functional_call(fused, dict(zip(names, weights, strict=True)), (x, state))
        return (output, *last) if isinstance(last, tuple) else (output, last)

    inputs = (draw(2, 3, 2).requires_grad_(), *parts, *fused.parameters())
    assert torch.autograd.gradcheck(function, inputs, eps=1e-6, atol=1e-7, rtol=1e-5)


def test_a_second_derivative_is_refused_with_the_way_out():
    fused, x = FusedCell(stock("gru", 2, 3)), draw(2, 3, 2).requires_grad_()
    quadratic, linear = fused(x)[0].square().sum(), fused(x)[0].sum()
    for loss in (quadratic, linear):  # torch's own check would pass the linear one
        with pytest.raises(RuntimeError, match="no second derivatives: remove create_graph=True"):
            torch.autograd.grad(loss, x, create_graph=True)


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        (nn.GRU(2, 3), "batch_first=True"),
        (nn.GRU(2, 3, batch_first=True, bidirectional=True), "in one direction"),
        (nn.LSTM(2, 3, batch_first=True, proj_size=2), "without projection"),
        (nn.Linear(2, 3), "not exactly nn.RNN"),
    ],
)
def test_an_unsupported_cell_is_refused(cell, reason):
    with pytest.raises(ValueError, match=f"FusedCell does not support this cell: .*{reason}"):
        FusedCell(cell)


def test_a_cell_in_evaluation_mode_stays_in_it():
    cell = stock("gru", 2, 3, layers=2, dropout=0.5).eval()
    x = draw(4, 5, 2)
    assert torch.allclose(FusedCell(cell)(x)[0], cell(x)[0])


def test_a_nan_in_the_state_of_a_relu_makes_the_gradients_nan_as_in_torch():
    cell, x = stock("rnn_relu", 2, 3), draw(4, 5, 2)
    x[0, 4, 0] = float("nan")
    for made in (FusedCell(cell), cell):
        gradients = torch.autograd.grad(made(x)[0][:, -1].square().sum(), list(cell.parameters()))
        assert all(gradient.isnan().any() for gradient in gradients)


def test_a_packed_sequence_is_refused_by_name():
    packed = nn.utils.rnn.pack_sequence([torch.randn(3, 2)])
    with pytest.raises(TypeError, match="not PackedSequence"):
        FusedCell(stock("gru", 2, 3))(packed)


@ALL
@pytest.mark.parametrize("steps", [1, 3, 4, 10])
def test_sequences_longer_than_a_chunk_give_the_same_numbers(name, steps, monkeypatch):
    B, T, H = 3, 11, 5
    cell = stock(name, 4, H, layers=2)
    real = Real(layer.DTYPES[F64])
    row_bytes = real.padded(H) * real.size
    monkeypatch.setattr(layer, "CHUNK_ROWS", 1)
    monkeypatch.setattr(layer, "CHUNK_BYTES", steps * B * row_bytes * (FORMULAS[name].planes + 1))
    assert layer._chunk(T, B, FORMULAS[name], row_bytes) == steps
    fused, x, state = FusedCell(cell), draw(B, T, 4).requires_grad_(), first_state(name, 2, B, H)
    expected = outcome(cell, x, state)
    assert_close(outcome(fused, x, state), expected, MOST[F64])
    with torch.no_grad():
        assert_close({"output": fused(x, state)[0]}, {"output": expected["output"]}, MOST[F64])


def test_a_chunk_has_at_least_one_step(monkeypatch):
    monkeypatch.setattr(layer, "CHUNK_ROWS", 1)
    monkeypatch.setattr(layer, "CHUNK_BYTES", 1)
    assert_close(*both("lstm", draw(3, 4, 4).requires_grad_()), MOST[F64])
