"""A fused cell has the outputs, states and gradients of torch's own module with the same weights."""

import gc
import itertools
import threading
import time
import weakref

import pytest
import torch
from torch import nn

from harness.kernels import FusedCell, compile_loops, layer
from harness.kernels.kind import GATES
from harness.kernels.lanes import Real
from tests.kernels.stock import (
    CELLS,
    F32,
    F64,
    MOST,
    assert_close,
    draw,
    first_state,
    outcome,
    same_numbers,
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
def test_outputs_states_and_all_gradients_are_torchs(name, B, T, D, H):
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
    "output": lambda answer: (answer[0] * draw(*answer[0].shape)).sum(),
    "every output alike": lambda answer: answer[0].sum(),
    "one step": lambda answer: answer[0][:, 3].square().sum(),
    "some steps": lambda answer: (answer[0][:, [0, 2, 4]] * draw(3, 3, 5)).sum(),
    "one sequence": lambda answer: answer[0][1].square().sum(),
    "one unit": lambda answer: answer[0][..., 2].square().sum(),
    "last state": lambda answer: upstream(
        (answer[1][0] if isinstance(answer[1], tuple) else answer[1], None)
    ),
    "last layer's state": lambda answer: answer[1][-1][-1].square().sum(),
    "lower layer's state": lambda answer: answer[1][0].square().sum(),
    "the output twice": lambda answer: answer[0].square().sum() + answer[0].flip(1).sin().sum(),
}


@ALL
@pytest.mark.parametrize("loss", list(LOSSES))
@pytest.mark.parametrize("H", [5, 8])
def test_a_loss_on_a_part_of_the_answer_has_torchs_gradients(name, loss, H):
    if loss == "some steps" and H != 5:
        loss = "one step"
    x = draw(3, 6, 4).requires_grad_()
    assert_close(*both(name, x, first_state(name, 2, 3, H), LOSSES[loss], H=H, layers=2), MOST[F64])


LAYOUTS = {
    "time first": lambda: draw(6, 4, 3).transpose(0, 1),
    "features first": lambda: draw(4, 3, 6).transpose(1, 2),
    "one sequence for all": lambda: draw(1, 6, 3).expand(4, 6, 3),
    "one step for all": lambda: draw(4, 1, 3).expand(4, 6, 3),
    "one number for all": lambda: draw(1, 1, 1).expand(4, 6, 3),
    "some features": lambda: draw(4, 6, 9)[:, :, 2:5],
    "every third feature": lambda: draw(4, 6, 9)[:, :, ::3],
    "every other step": lambda: draw(4, 12, 3)[:, ::2],
    "every other sequence": lambda: draw(8, 6, 3)[::2],
    "one sequence of many": lambda: draw(4, 6, 3)[2:3],
    "one sequence, features first": lambda: draw(1, 3, 6).transpose(1, 2),
    "one sequence, some features": lambda: draw(1, 6, 9)[:, :, 2:5],
    "one sequence, one step for all": lambda: draw(1, 1, 3).expand(1, 6, 3),
    "one step of many": lambda: draw(4, 6, 3)[:, 2:3],
    "one feature of many": lambda: draw(4, 6, 3)[:, :, 1:2],
    "one feature of many, time first": lambda: draw(6, 4, 3).transpose(0, 1)[:, :, 1:2],
    "time first, some features": lambda: draw(6, 4, 9).transpose(0, 1)[:, :, 4:7],
    "sliding windows": lambda: draw(4, 8).unfold(1, 3, 1),
    "sliding windows, one sequence": lambda: draw(1, 8).unfold(1, 3, 1),
}


@pytest.mark.parametrize("layout", list(LAYOUTS))
@pytest.mark.parametrize("name", ["rnn_tanh", "gru"])
def test_inputs_may_lie_in_memory_as_they_like(name, layout):
    x = LAYOUTS[layout]().detach().requires_grad_()
    copied = x.detach().clone(memory_format=torch.contiguous_format).requires_grad_()
    cell = stock(name, x.shape[2], 5)
    assert_close(outcome(FusedCell(cell), x), outcome(cell, copied), MOST[F64])


def test_upstream_gradients_may_lie_in_memory_as_they_like():
    x = draw(3, 6, 4).requires_grad_()
    cell = stock("lstm", 4, 8)
    gradients = [
        draw(6, 3, 8).transpose(0, 1),
        draw(3, 8, 6).transpose(1, 2),
        draw(1, 1, 8).expand(3, 6, 8),
        draw(3, 6, 16)[:, :, ::2],
        draw(3, 6, 11)[:, :, 3:],
    ]
    for gradient in gradients:
        grads = [torch.autograd.grad(made(x)[0], [x, *cell.parameters()], gradient)
                 for made in (FusedCell(cell), cell)]  # fmt: skip
        assert_close(*(dict(enumerate(them)) for them in grads), MOST[F64])


@ALL
def test_an_input_that_asks_for_no_gradient_changes_no_other_one(name):
    got, expected = both(name, draw(3, 6, 4), first_state(name, 2, 3, 5), layers=2)
    assert "gradient of x" not in got
    assert_close(got, expected, MOST[F64])


@ALL
@pytest.mark.parametrize("frozen", ["all", "weight_ih_l0", "weight_hh_l1", "bias_ih_l0", "bias_hh_l1", "_l0"])
@pytest.mark.parametrize("asks", [True, False])
def test_frozen_parameters_get_no_gradient_and_the_others_theirs(name, frozen, asks):
    cell = stock(name, 4, 5, layers=2)
    for key, parameter in cell.named_parameters():
        parameter.requires_grad_(not (frozen == "all" or frozen in key))
    x = draw(3, 6, 4).requires_grad_(asks)
    if frozen == "all" and not asks:
        output, _ = FusedCell(cell)(x)
        assert not output.requires_grad
        assert_close({"output": output}, {"output": cell(x)[0]}, MOST[F64])
        return
    assert_close(outcome(FusedCell(cell), x), outcome(cell, x), MOST[F64])


@pytest.mark.parametrize("which", [0, 1])
def test_either_part_of_an_lstms_state_may_ask_alone(which):
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
def test_without_gradients_the_numbers_are_the_same_and_nothing_is_kept(name):
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
def test_a_graph_that_is_retained_gives_its_gradients_again(name):
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
def test_two_calls_before_one_way_back_add_up(name):
    cell = stock(name, 4, 5)
    fused = FusedCell(cell)
    inputs = [draw(3, 6, 4, seed=k) for k in (1, 2)]
    for made in (fused, cell):
        made.zero_grad()
        (made(inputs[0])[0].square().sum() + made(inputs[1])[0].sin().sum()).backward()
        if made is fused:
            got = {key: p.grad.clone() for key, p in cell.named_parameters()}
    assert_close(got, {key: p.grad for key, p in cell.named_parameters()}, MOST[F64])
    # A state that is handed on ties both calls together.
    results = []
    for made in (fused, cell):
        _, state = made(inputs[0])
        results.append(torch.autograd.grad(upstream(made(inputs[1], state)), list(cell.parameters())))
    assert_close(*(dict(enumerate(grads)) for grads in results), MOST[F64])


@ALL
def test_gradients_are_those_of_small_differences(name):
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


def test_a_second_derivative_is_refused_in_so_many_words():
    fused, x = FusedCell(stock("gru", 2, 3)), draw(2, 3, 2).requires_grad_()
    for loss in (fused(x)[0].square().sum(), fused(x)[0].sum()):  # of the latter it would be 0
        with pytest.raises(RuntimeError, match="no second derivatives: leave create_graph=True out"):
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
def test_a_cell_that_the_loops_do_not_compute_is_refused(cell, reason):
    with pytest.raises(ValueError, match=f"FusedCell cannot take this cell: .*{reason}"):
        FusedCell(cell)


def test_a_cell_in_evaluation_stays_there():
    cell = stock("gru", 2, 3, layers=2, dropout=0.5).eval()
    x = draw(4, 5, 2)
    assert torch.allclose(FusedCell(cell)(x)[0], cell(x)[0])


def test_a_state_of_the_relu_that_is_no_number_makes_the_gradients_none_as_in_torch():
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
def test_sequences_longer_than_a_chunk_have_the_same_numbers(name, steps, monkeypatch):
    B, T, H = 3, 11, 5
    cell = stock(name, 4, H, layers=2)
    real = Real(layer.DTYPES[F64])
    row_bytes = real.padded(H) * real.size
    monkeypatch.setattr(layer, "CHUNK_ROWS", 1)
    monkeypatch.setattr(layer, "CHUNK_BYTES", steps * B * row_bytes * (GATES[name].planes + 1))
    assert layer._chunk(T, B, GATES[name], row_bytes) == steps
    fused, x, state = FusedCell(cell), draw(B, T, 4).requires_grad_(), first_state(name, 2, B, H)
    expected = outcome(cell, x, state)
    assert_close(outcome(fused, x, state), expected, MOST[F64])
    with torch.no_grad():
        assert_close({"output": fused(x, state)[0]}, {"output": expected["output"]}, MOST[F64])


def test_a_single_row_that_outgrows_a_chunk_is_a_chunk(monkeypatch):
    monkeypatch.setattr(layer, "CHUNK_ROWS", 1)
    monkeypatch.setattr(layer, "CHUNK_BYTES", 1)
    assert_close(*both("lstm", draw(3, 4, 4).requires_grad_()), MOST[F64])


# --- the last valid step ------------------------------------------------------------------------------

LENGTHS = torch.tensor([6, 1, 4, 6, 3])


@ALL
@pytest.mark.parametrize("H", [5, 8])
@pytest.mark.parametrize("layers", [1, 2])
def test_the_last_valid_step_is_the_output_at_it_with_its_gradients(name, H, layers):
    cell, x = stock(name, 4, H, layers), draw(5, 6, 4).requires_grad_()
    fused = FusedCell(cell)

    def answered(read):
        weights = draw(5, H)
        grads = torch.autograd.grad((read * weights).sum(), [x, *cell.parameters()])
        return {"read": read.detach()} | dict(enumerate(grads))

    got = answered(fused.last_valid(x, LENGTHS))
    assert_close(got, answered(cell(x)[0][torch.arange(5), LENGTHS - 1]), MOST[F64])
    for b, length in enumerate(LENGTHS.tolist()):  # steps behind the end have no part in it
        assert (got[0][b, length:] == 0).all()
        assert (got[0][b, :length] != 0).any()


@ALL
def test_a_padded_batch_is_its_sequences_one_by_one(name):
    cell = stock(name, 4, 5, layers=2)
    fused, x = FusedCell(cell), draw(5, 6, 4)
    weights, leaves = draw(5, 5), list(cell.parameters())
    together = fused.last_valid(x, LENGTHS)
    alone = [fused.last_valid(x[b : b + 1, :n], torch.tensor([n])) for b, n in enumerate(LENGTHS.tolist())]
    stacked = torch.cat(alone)
    grads = [torch.autograd.grad((read * weights).sum(), leaves) for read in (together, stacked)]
    assert_close(*({"read": read.detach()} | dict(enumerate(grad))
                   for read, grad in zip((together, stacked), grads, strict=True)), MOST[F64])  # fmt: skip


def test_lengths_that_are_changed_after_the_call_change_nothing():
    cell, x, lengths = stock("gru", 4, 5), draw(5, 6, 4), LENGTHS.clone()
    read = FusedCell(cell).last_valid(x, lengths)
    lengths.fill_(1)
    got = torch.autograd.grad(read.sum(), list(cell.parameters()))
    expected = torch.autograd.grad(cell(x)[0][torch.arange(5), LENGTHS - 1].sum(), list(cell.parameters()))
    assert_close(dict(enumerate(got)), dict(enumerate(expected)), MOST[F64])


def test_lengths_may_lie_in_memory_as_they_like():
    cell, x = stock("gru", 4, 5), draw(5, 6, 4)
    for lengths in (torch.stack([LENGTHS, LENGTHS], 1)[:, 1], torch.tensor(4).expand(5)):
        read = FusedCell(cell).last_valid(x, lengths)
        got = torch.autograd.grad(read.sum(), list(cell.parameters()))
        picked = cell(x)[0][torch.arange(5), lengths - 1]
        expected = torch.autograd.grad(picked.sum(), list(cell.parameters()))
        assert_close(dict(enumerate(got)), dict(enumerate(expected)), MOST[F64])


# --- numbers that are none, memory, and what is not touched -------------------------------------------


@ALL
def test_nan_and_infinity_in_one_sequence_reach_that_one_alone_as_in_torch(name):
    cell = stock(name, 4, 5, layers=2)
    for value in (float("nan"), float("inf"), -float("inf"), 1e300):
        x = draw(15, 6, 4)
        x[2, 3, 1] = value
        got, expected = FusedCell(cell)(x)[0].detach(), cell(x)[0].detach()
        others = torch.arange(15) != 2
        assert_close({"others": got[others]}, {"others": expected[others]}, MOST[F64])
        assert torch.equal(got[2].isnan(), expected[2].isnan())
        assert torch.allclose(got[2], expected[2], rtol=1e-12, equal_nan=True)


def test_neither_inputs_nor_states_nor_weights_are_changed():
    cell, x, state = (
        stock("lstm", 4, 8, layers=2),
        draw(3, 6, 4).requires_grad_(),
        first_state("lstm", 2, 3, 8),
    )
    before = [tensor.detach().clone() for tensor in (x, *state, *cell.parameters())]
    upstream(FusedCell(cell)(x, state)).backward()
    assert all(torch.equal(a, b) for a, b in zip(before, (x, *state, *cell.parameters()), strict=True))


def test_what_is_needed_on_the_way_back_may_not_be_changed_in_between():
    cell, x = stock("gru", 4, 8), draw(6, 3, 4).transpose(0, 1)
    output, _ = FusedCell(cell)(x)
    with pytest.raises(RuntimeError, match="inplace"):
        output.mul_(2)
    with torch.no_grad():
        cell.weight_hh_l0.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        output.sum().backward()


def test_a_graph_that_is_dropped_is_freed_at_once():
    fused, x = FusedCell(stock("lstm", 4, 5)), draw(3, 6, 4)
    gc.collect()
    gc.disable()
    try:
        output, state = fused(x)
        node, answer = weakref.ref(output.grad_fn), weakref.ref(output)
        assert node() is not None
        del output, state
        assert node() is answer() is None
    finally:
        gc.enable()


def test_compiling_ahead_draws_no_random_number_and_asks_nothing_of_the_weights():
    cell = stock("gru", 4, 5, layers=2, dropout=0.5)
    cell.requires_grad_(False)
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    with torch.no_grad():
        compile_loops(FusedCell(cell))
    assert torch.equal(torch.rand(4), expected)


def test_a_fused_cell_answers_in_torchs_form():
    x = draw(3, 6, 4)
    for name, (kind, _) in CELLS.items():
        cell = stock(name, 4, 5, layers=2)
        (output, state), (wanted, wanted_state) = FusedCell(cell)(x), cell(x)
        assert output.shape == wanted.shape
        assert isinstance(state, tuple) == isinstance(wanted_state, tuple) == (kind is nn.LSTM)


# --- threads ------------------------------------------------------------------------------------------


@pytest.fixture(params=[1, 2])
def torch_threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_cells_in_two_threads_at_once_do_not_meet(torch_threads):
    jobs = [(FusedCell(stock(name, 4, 13, layers=2)), draw(9, 40, 4, seed=k).requires_grad_())
            for k, name in enumerate(("lstm", "gru"))]  # fmt: skip
    expected = [outcome(fused.cell, x) for fused, x in jobs]
    results, barrier = [[], []], threading.Barrier(2)

    def work(number):
        fused, x = jobs[number]
        barrier.wait()
        results[number] = [outcome(fused, x) for _ in range(4)]

    threads = [threading.Thread(target=work, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, outcomes in enumerate(results):
        assert len(outcomes) == 4
        for result in outcomes:
            assert_close(result, expected[number], MOST[F64])
            assert same_numbers(result, outcomes[0])


def test_python_goes_on_while_a_loop_runs():
    fused, x = FusedCell(stock("lstm", 4, 64)), draw(32, 2000, 4)
    span, seen = [], []

    def work():
        span.append(time.perf_counter())
        with torch.no_grad():
            fused(x)
        span.append(time.perf_counter())

    thread = threading.Thread(target=work)
    thread.start()
    while thread.is_alive():
        seen.append(time.perf_counter())
        time.sleep(0.001)
    start, end = span
    inside = [start, *(moment for moment in seen if start < moment < end), end]
    longest = max(after - before for before, after in itertools.pairwise(inside))
    assert longest < 0.7 * (end - start)  # a loop that held the interpreter would be one gap of nearly all
