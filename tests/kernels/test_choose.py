"""Which kernel a cell gets, and why not the fused one."""

import builtins
import logging
import sys

import pytest
import torch
from torch import nn

from harness.cli.main import main
from harness.kernels import FusedCell, choose_kernel, fused, why_not_fused
from tests.kernels.compare import CELLS, F32, F64, stock

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
    "forward pre-hook": (lambda: hooked("register_forward_pre_hook"), CPU, "hooks"),
    "forward hook": (lambda: hooked("register_forward_hook"), CPU, "hooks"),
    "backward hook": (lambda: hooked("register_full_backward_hook"), CPU, "hooks"),
    "backward pre-hook": (lambda: hooked("register_full_backward_pre_hook"), CPU, "hooks"),
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
def test_unsupported_cells_run_on_torch_and_the_log_says_why(case, caplog):
    make, device, reason = NOT_FUSED[case]
    assert_falls_back(make(), device, reason, caplog)


def test_without_numba_cells_run_on_torch(monkeypatch, caplog):
    monkeypatch.setattr(fused, "find_spec", lambda name: None)
    assert_falls_back(nn.GRU(2, 3, batch_first=True), CPU, "pip install 'seqharness[fast]'", caplog)


def test_if_numba_cannot_be_imported_cells_run_on_torch(monkeypatch, caplog):
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
def test_every_stock_cell_is_fused_unless_kernel_is_torch(name, dtype, caplog):
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
def test_auto_chooses_torch_where_torch_is_faster(cell, batch_size, kernel, caplog):
    with caplog.at_level("INFO", "harness.kernels"):
        assert choose_kernel(cell, "auto", CPU, batch_size)[1] == kernel
    assert ("torch's LSTM is faster" in caplog.text) is (kernel == "torch")
    assert choose_kernel(cell, "fused", CPU, batch_size)[1] == "fused"


def test_if_the_loops_cannot_be_compiled_cells_run_on_torch(monkeypatch, caplog):
    def fails(cell):
        raise AttributeError("no stats")

    monkeypatch.setattr(fused, "compile_loops", fails)
    cell = nn.GRU(2, 3, batch_first=True)
    with caplog.at_level("INFO", "harness.kernels"):
        assert choose_kernel(cell, "auto", CPU) == (cell, "torch")
    assert "cannot be compiled: AttributeError: no stats" in caplog.text
