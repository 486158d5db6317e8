"""What a fused cell leaves alone: other sequences, its inputs, memory, random numbers, other threads."""

import gc
import itertools
import threading
import time
import weakref

import pytest
import torch
from torch import nn

from harness.kernels import FusedCell, compile_loops
from tests.kernels.compare import (
    CELLS,
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


@ALL
def test_nan_and_infinity_stay_in_their_sequence_as_in_torch(name):
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


def test_changing_what_the_backward_pass_needs_is_an_error():
    cell, x = stock("gru", 4, 8), draw(6, 3, 4).transpose(0, 1)
    output, _ = FusedCell(cell)(x)
    with pytest.raises(RuntimeError, match="inplace"):
        output.mul_(2)
    with torch.no_grad():
        cell.weight_hh_l0.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        output.sum().backward()


def test_a_dropped_graph_is_freed_at_once():
    fused, x = FusedCell(stock("lstm", 4, 5)), draw(3, 6, 4)
    gc.collect()
    gc.disable()
    try:
        output, state = fused(x)
        node, result = weakref.ref(output.grad_fn), weakref.ref(output)
        assert node() is not None
        del output, state
        assert node() is result() is None
    finally:
        gc.enable()


def test_compiling_draws_no_random_number_and_works_with_frozen_weights():
    cell = stock("gru", 4, 5, layers=2, dropout=0.5)
    cell.requires_grad_(False)
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    with torch.no_grad():
        compile_loops(FusedCell(cell))
    assert torch.equal(torch.rand(4), expected)


def test_the_result_has_torchs_form():
    x = draw(3, 6, 4)
    for name, (kind, _) in CELLS.items():
        cell = stock(name, 4, 5, layers=2)
        (output, state), (wanted, wanted_state) = FusedCell(cell)(x), cell(x)
        assert output.shape == wanted.shape
        assert isinstance(state, tuple) == isinstance(wanted_state, tuple) == (kind is nn.LSTM)


@pytest.fixture(params=[1, 2])
def torch_threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_cells_in_two_threads_do_not_affect_each_other(torch_threads):
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


def test_a_loop_does_not_hold_the_interpreter():
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
