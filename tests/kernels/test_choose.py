"""Which cells the loops take, what they refuse in one line, and a fused cell as a module."""

import builtins
import copy
import io
import logging
import pickle
import sys

import pytest
import torch
from torch import nn

from harness.cli.main import main
from harness.kernels import FusedCell, choose_kernel, fused, why_not_fused
from tests.kernels.stock import CELLS, F32, F64, MOST, assert_close, draw, first_state, outcome, stock

CPU = torch.device("cpu")
ALL = pytest.mark.parametrize("name", list(CELLS))


class Mine(nn.GRU):
    pass


def hooked(register):
    cell = nn.GRU(2, 3, batch_first=True)
    getattr(cell, register)(lambda *_: None)
    return cell


def mixed():
    cell = nn.GRU(2, 3, batch_first=True)
    cell.bias_hh_l0 = nn.Parameter(cell.bias_hh_l0.detach().double())
    return cell


NOT_FUSED = {
    "both directions": (lambda: nn.GRU(2, 3, batch_first=True, bidirectional=True), CPU, "in one direction"),
    "projection": (lambda: nn.LSTM(2, 3, batch_first=True, proj_size=2), CPU, "without projection"),
    "subclass": (lambda: Mine(2, 3, batch_first=True), CPU, "not exactly nn.RNN, nn.LSTM or nn.GRU"),
    "one step": (lambda: nn.GRUCell(2, 3), CPU, "not exactly"),
    "parametrized": (
        lambda: nn.utils.parametrizations.weight_norm(nn.GRU(2, 3, batch_first=True), "weight_hh_l0"),
        CPU,
        "not exactly",
    ),
    "hooked before": (lambda: hooked("register_forward_pre_hook"), CPU, "hooks"),
    "hooked after": (lambda: hooked("register_forward_hook"), CPU, "hooks"),
    "hooked on the way back": (lambda: hooked("register_full_backward_hook"), CPU, "hooks"),
    "hooked before the way back": (lambda: hooked("register_full_backward_pre_hook"), CPU, "hooks"),
    "time first": (lambda: nn.GRU(2, 3), CPU, "batch_first=True"),
    "half": (lambda: nn.GRU(2, 3, batch_first=True).half(), CPU, "torch.float16, not float32 or float64"),
    "bfloat16": (lambda: nn.RNN(2, 3, batch_first=True).bfloat16(), CPU, "torch.bfloat16"),
    "mixed": (mixed, CPU, "torch.float32 and torch.float64"),
    "meta": (lambda: nn.GRU(2, 3, batch_first=True), torch.device("meta"), "run on the cpu, not on meta"),
    "cuda": (lambda: nn.LSTM(2, 3, batch_first=True), torch.device("cuda", 1), "not on cuda:1"),
}


def assert_falls_back(cell, device, reason, caplog):
    assert reason in why_not_fused(cell, device)
    with caplog.at_level(logging.INFO, "harness.kernels"):
        assert choose_kernel(cell, "auto", device) == (cell, "torch")
    (record,) = [record for record in caplog.records if record.name == "harness.kernels"]
    assert record.getMessage() == f"kernel=torch: {why_not_fused(cell, device)}"
    assert choose_kernel(cell, "torch", device) == (cell, "torch")
    with pytest.raises(ValueError, match="kernel=fused is not possible") as caught:
        choose_kernel(cell, "fused", device)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@pytest.mark.parametrize("case", list(NOT_FUSED))
def test_what_the_loops_do_not_support_runs_on_torch_and_says_why(case, caplog):
    make, device, reason = NOT_FUSED[case]
    assert_falls_back(make(), device, reason, caplog)


def test_without_numba_the_cells_run_on_torch(monkeypatch, caplog):
    monkeypatch.setattr(fused, "find_spec", lambda name: None)
    assert_falls_back(nn.GRU(2, 3, batch_first=True), CPU, "pip install 'seqharness[fast]'", caplog)


def test_with_a_numba_that_cannot_be_imported_the_cells_run_on_torch(monkeypatch, caplog):
    for module in [key for key in sys.modules if key.startswith("harness.kernels.layer")]:
        monkeypatch.delitem(sys.modules, module)
    real_import = builtins.__import__

    def refuses(name, *args, **kwargs):
        if name == "harness.kernels.kind":
            raise ImportError("Numba needs NumPy 2.4 or less")
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuses)
    reason = "Numba cannot be loaded: ImportError: Numba needs NumPy 2.4 or less"
    assert_falls_back(nn.GRU(2, 3, batch_first=True), CPU, reason, caplog)


@ALL
@pytest.mark.parametrize("dtype", [F32, F64])
def test_every_stock_cell_is_fused_unless_torch_is_asked_for(name, dtype, caplog):
    cell = stock(name, 2, 3, layers=2, dtype=dtype, dropout=0.1)
    assert why_not_fused(cell, CPU) is None
    for kernel in ("auto", "fused"):
        chosen, called = choose_kernel(cell, kernel, CPU)
        assert isinstance(chosen, FusedCell) and chosen.cell is cell and called == "fused"
        assert (chosen.name, chosen.num_layers, chosen.dtype) == (name, 2, dtype)
    assert choose_kernel(cell, "torch", CPU) == (cell, "torch")
    assert not caplog.records


def test_the_command_line_refuses_a_fused_custom_cell_in_one_line(tiny, capsys):
    custom = ["cell=custom", "cell._target_=tests.outside.LeakyCell"]
    assert main([*tiny, *custom, "kernel=fused"]) == 2
    err = capsys.readouterr().err
    assert "kernel=fused is not possible: the cell is not exactly nn.RNN" in err
    assert err.count("\n") == 1
    assert main([*tiny, "cell=gru", "kernel=fusd"]) == 2


# --- what does not fit --------------------------------------------------------------------------------

X = draw(3, 6, 4)
H, C = draw(2, 3, 5), draw(2, 3, 5)
BAD_INPUTS = {
    "features": X[:, :, :3],
    "no batch": X[0],
    "a number": X[0, 0, 0],
    "four dimensions": X[None],
    "no sequence": X[:0],
    "no step": X[:, :0],
    "float32": X.float(),
    "half": X.half(),
    "whole numbers": X.long(),
    "meta": X.to("meta"),
}
BAD_LSTM_STATES = {
    "one part": H,
    "three parts": (H, C, C),
    "no part": (),
    "layers": (H[:1], C[:1]),
    "sequences": (H[:, :2], C[:, :2]),
    "sequences that would spread": (H[:, :1], C[:, :1]),
    "units": (H[..., :4], C[..., :4]),
    "units that would spread": (H[..., :1], C),
    "no batch": (H[:, 0], C[:, 0]),
    "float32": (H.float(), C.float()),
    "float32 c": (H, C.float()),
    "meta": (H.to("meta"), C.to("meta")),
}
BAD_LENGTHS = {
    "zero": torch.tensor([6, 0, 1]),
    "below zero": torch.tensor([6, -1, 1]),
    "too long": torch.tensor([7, 1, 1]),
    "int32": torch.tensor([6, 1, 1], dtype=torch.int32),
    "real numbers": torch.tensor([6.0, 1.0, 1.0]),
    "too few": torch.tensor([6, 1]),
    "too many": torch.tensor([6, 1, 1, 1]),
    "a column": torch.tensor([[6], [1], [1]]),
    "a number": torch.tensor(3),
    "none": torch.empty(0, dtype=torch.int64),
    "meta": torch.tensor([6, 1, 1], device="meta"),
}


def assert_refused(part, call):
    with pytest.raises(ValueError, match=part) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("case", list(BAD_INPUTS))
def test_inputs_that_do_not_fit_are_refused(case):
    cell = FusedCell(stock("lstm", 4, 5, layers=2))
    assert_refused("^x must be", lambda: cell(BAD_INPUTS[case]))
    assert_refused("^x must be", lambda: cell(BAD_INPUTS[case], (H, C)))
    assert_refused("^x must be", lambda: cell.last_valid(BAD_INPUTS[case], torch.tensor([6, 1, 1])))


@pytest.mark.parametrize("case", list(BAD_LSTM_STATES))
def test_states_that_do_not_fit_are_refused(case):
    cell = FusedCell(stock("lstm", 4, 5, layers=2))
    assert_refused("^the state must be 2 of", lambda: cell(X, BAD_LSTM_STATES[case]))


@pytest.mark.parametrize("name", ["rnn_tanh", "rnn_relu", "gru"])
def test_a_cell_without_a_c_takes_one_part(name):
    cell = FusedCell(stock(name, 4, 5, layers=2))
    for state in ((H, C), H[:1], H.float()):
        assert_refused("^the state must be 1 of", lambda state=state: cell(X, state))


@pytest.mark.parametrize("case", list(BAD_LENGTHS))
def test_lengths_that_do_not_fit_are_refused(case):
    cell = FusedCell(stock("gru", 4, 5))
    assert_refused(r"^lengths must be \(3,\) int64", lambda: cell.last_valid(X, BAD_LENGTHS[case]))


def test_a_list_of_both_parts_is_a_state_too():
    cell = FusedCell(stock("lstm", 4, 5, layers=2))
    assert torch.equal(cell(X, [H, C])[0], cell(X, (H, C))[0])


@pytest.mark.parametrize("change", [lambda m: m.half(), lambda m: m.to("meta"), lambda m: m.bfloat16()])
def test_weights_that_were_moved_out_of_reach_are_refused(change):
    cell = change(FusedCell(stock("gru", 4, 5)))
    for x in (X, X.to(cell.dtype), X.to(next(cell.parameters()).device)):
        assert_refused("^the weights must", lambda x=x: cell(x))
    mixed_up = FusedCell(stock("gru", 4, 5))
    mixed_up.cell.weight_hh_l0.data = mixed_up.cell.weight_hh_l0.data.float()
    assert_refused("^the weights must", lambda: mixed_up(X))


# --- as a module --------------------------------------------------------------------------------------


@ALL
def test_a_copy_has_the_numbers_and_weights_of_its_own(name):
    cell = FusedCell(stock(name, 4, 5, layers=2))
    expected = cell(X)[0].detach()
    buffer = io.BytesIO()
    torch.save(cell, buffer)
    buffer.seek(0)
    copies = [copy.deepcopy(cell), pickle.loads(pickle.dumps(cell)), torch.load(buffer, weights_only=False)]
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.zero_()
    for one in copies:
        assert torch.equal(one(X)[0], expected)
    assert not torch.equal(cell(X)[0], expected)


@ALL
def test_a_state_dict_makes_the_same_cell_again(name):
    cell, other = FusedCell(stock(name, 4, 5, layers=2)), FusedCell(stock(name, 4, 5, layers=2, seed=9))
    assert not torch.equal(other(X)[0], cell(X)[0])
    assert other.load_state_dict(cell.state_dict()).missing_keys == []
    assert torch.equal(other(X)[0], cell(X)[0])
    assert {key.removeprefix("cell.") for key in cell.state_dict()} == set(cell.cell.state_dict())


def test_weights_are_shared_with_the_cell_it_was_made_of():
    plain = stock("lstm", 4, 5, layers=2)
    cell = FusedCell(plain)
    assert [id(p) for p in cell.parameters()] == [id(p) for p in plain.parameters()]
    for stepped in (cell, plain):
        before = plain(X)[0].detach()
        optimizer = torch.optim.SGD(stepped.parameters(), lr=0.1)
        cell(X)[0].square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
        assert not torch.allclose(plain(X)[0], before)
        assert_close({"output": cell(X)[0].detach()}, {"output": plain(X)[0].detach()}, MOST[F64])


def test_a_change_of_type_after_wrapping_is_followed():
    plain = stock("lstm", 4, 5, layers=2, dtype=F32)
    cell = nn.Sequential(FusedCell(plain)).to(F64)[0]
    x = X.clone().requires_grad_()
    state = first_state("lstm", 2, 3, 5)
    assert cell.dtype == F64
    assert_close(outcome(cell, x, state), outcome(plain, x, state), MOST[F64])


def test_weights_may_lie_in_memory_as_they_like():
    plain, x = stock("gru", 4, 8), X.clone().requires_grad_()
    expected = outcome(plain, x)
    for parameter in plain.parameters():
        spread = torch.zeros(*parameter.shape, 2, dtype=F64)
        spread[..., 1] = parameter.detach()
        parameter.data = spread[..., 1]
        assert not parameter.is_contiguous()
    assert_close(outcome(FusedCell(plain), x), expected, MOST[F64])


@pytest.mark.parametrize(
    ("cell", "batch_size", "kernel"),
    [
        (nn.LSTM(2, 511, batch_first=True), 100, "fused"),
        (nn.LSTM(2, 512, batch_first=True), 100, "torch"),
        (nn.LSTM(2, 8, batch_first=True), 4, "fused"),
        (nn.LSTM(2, 8, batch_first=True), 3, "torch"),
        (nn.GRU(2, 512, batch_first=True), 1, "fused"),
    ],
)
def test_auto_leaves_to_torch_what_torch_does_faster(cell, batch_size, kernel, caplog):
    with caplog.at_level("INFO", "harness.kernels"):
        assert choose_kernel(cell, "auto", CPU, batch_size)[1] == kernel
    assert ("torch's LSTM is faster" in caplog.text) is (kernel == "torch")
    assert choose_kernel(cell, "fused", CPU, batch_size)[1] == "fused"


def test_where_the_loops_cannot_be_compiled_the_cells_run_on_torch(monkeypatch, caplog):
    def fails(cell):
        raise AttributeError("no stats")

    monkeypatch.setattr(fused, "compile_loops", fails)
    cell = nn.GRU(2, 3, batch_first=True)
    with caplog.at_level("INFO", "harness.kernels"):
        assert choose_kernel(cell, "auto", CPU) == (cell, "torch")
    assert "cannot be compiled: AttributeError: no stats" in caplog.text
