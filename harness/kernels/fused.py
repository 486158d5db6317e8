"""Stock cells on compiled time loops: parameters, interface and numbers of `torch.nn`, in less time."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.cells import STOCK_CELLS, has_hooks, is_stock, stock_cell_of
from harness.kernels.layer_call import DTYPES, GradientFlow, LayerCall

log = logging.getLogger("harness.kernels")

KERNELS = ("auto", "torch", "fused")
"""`auto`: fused if it is supported and not slower, else torch."""

TORCH_LSTM_MIN_UNITS, FUSED_LSTM_MIN_BATCH = 512, 4
"""torch's LSTM (oneDNN's) is faster from this many units on, or in batches of fewer sequences."""

State = Tensor | tuple[Tensor, Tensor]


def choose_kernel(
    cell: nn.Module, kernel: str, device: torch.device, batch_size: int | None = None
) -> tuple[nn.Module, str]:
    """The cell to run, and the name of its kernel: `torch` or `fused`.

    Args:
        cell: a cell of torch's own or any other.
        kernel: one of `KERNELS`; `auto` falls back to torch and logs why.
        device: where the cell will run.
        batch_size: sequences in a training step; None if unknown.

    Raises:
        ValueError: `fused` is requested and not supported; the message says why.
    """
    if kernel == "torch":
        return cell, "torch"
    reason = why_not_fused(cell, device)
    if kernel == "fused" and reason is not None:
        raise ValueError(f"kernel=fused is not possible: {reason}; use kernel=auto or kernel=torch")
    if kernel == "auto":
        reason = reason or why_torch_is_faster(cell, batch_size) or why_not_compiled(cell)
    if reason is None and is_stock(cell):
        return FusedCell(cell), "fused"
    log.info("kernel=torch: %s", reason)
    return cell, "torch"


def why_not_fused(cell: nn.Module, device: torch.device) -> str | None:
    """Why the fused loops do not support a cell on a device; None if they do."""
    reason = why_cell_unsupported(cell)
    if reason is not None:
        return reason
    if device.type != "cpu":
        return f"the fused loops run on the cpu, not on {device}"
    dtypes = {parameter.dtype for parameter in cell.parameters()}
    if len(dtypes) > 1 or not dtypes <= set(DTYPES):
        return f"the weights are {' and '.join(sorted(map(str, dtypes)))}, not float32 or float64"
    if find_spec("numba") is None:
        return "Numba is not installed; pip install 'seqharness[fast]' brings it"
    try:
        import_module("harness.kernels.layer")
    except Exception as error:  # an unsupported NumPy, no writable cache folder: Numba raises at import
        return f"Numba cannot be loaded: {type(error).__name__}: {error}"
    return None


def why_cell_unsupported(cell: nn.Module) -> str | None:
    """Why the loops would not compute what the cell computes; None if they do."""
    if has_hooks(cell):
        return "the cell has hooks, such as those of weight_norm, which only its own forward runs"
    if not is_stock(cell):
        return "the cell is not exactly nn.RNN, nn.LSTM or nn.GRU, in one direction, without projection"
    if not cell.batch_first:
        return "the cell was not made with batch_first=True"
    return None


def why_torch_is_faster(cell: nn.Module, batch_size: int | None) -> str | None:
    """Why torch's kernel is faster than the fused loops; None if it is not."""
    if isinstance(cell, nn.LSTM) and cell.hidden_size >= TORCH_LSTM_MIN_UNITS:
        return f"torch's LSTM is faster from {TORCH_LSTM_MIN_UNITS} units on"
    if isinstance(cell, nn.LSTM) and batch_size is not None and batch_size < FUSED_LSTM_MIN_BATCH:
        return f"torch's LSTM is faster with fewer than {FUSED_LSTM_MIN_BATCH} sequences in a batch"
    return None


def why_not_compiled(cell: nn.Module) -> str | None:
    """Why the loops of a supported cell cannot be compiled here; None once they are compiled."""
    assert is_stock(cell)
    try:
        compile_loops(FusedCell(cell))
    except Exception as error:  # Numba disabled, no writable cache folder, a processor unknown to LLVM
        return f"the fused loops cannot be compiled: {type(error).__name__}: {error}"
    return None


class FusedCell(nn.Module):
    """A stock cell run by compiled loops; it shares the parameters of the cell that it wraps.

    Supports stacked layers with dropout between them, in one direction, on the CPU, in float32 or float64.
    Limits: the output must not be changed in place, there are no second derivatives (`create_graph=True`
    raises a RuntimeError), and the input must be a batch of sequences, not packed and not a single one.
    """

    def __init__(self, cell: nn.RNNBase):
        """Wraps a cell made with `batch_first=True`.

        Raises:
            ValueError: the loops do not support this cell; the message says why.
        """
        super().__init__()
        reason = why_cell_unsupported(cell)
        if reason is not None:
            raise ValueError(f"FusedCell does not support this cell: {reason}")
        self.cell = cell
        stock_cell = stock_cell_of(cell)
        assert stock_cell is not None
        self.name = stock_cell.name
        self.training = cell.training

    @property
    def _has_cell_state(self) -> bool:
        return STOCK_CELLS[self.name].has_cell_state

    @property
    def num_layers(self) -> int:
        """Stacked layers."""
        return self.cell.num_layers

    @property
    def dtype(self) -> torch.dtype:
        """Type of the weights."""
        return next(self.cell.parameters()).dtype

    def forward(
        self, x_BTD: Tensor, state: State | None = None, flows: Sequence[GradientFlow] | None = None
    ) -> tuple[Tensor, State]:
        """(output (B, T, H), state), as the stock cell returns them.

        Args:
            x_BTD: inputs (B, T, D).
            state: (layers, B, H), a pair (h, c) of them for an LSTM; None: zeros.
            flows: one per layer, filled in the backward pass.

        Raises:
            ValueError: the input is not (B, T, D) with at least one sequence and one step, the state is not
                (layers, B, H), or one of input, state and weights is not on the CPU in the weights' dtype.
            TypeError: the input is not a tensor but, say, a `PackedSequence`.
        """
        self._check(x_BTD)
        h0, c0 = self._checked_state(state, len(x_BTD))
        output, h, c = self._layers(x_BTD, h0, c0, None, flows)
        return output, (torch.stack(h), torch.stack(c)) if self._has_cell_state else torch.stack(h)

    def last_valid(
        self, x_BTD: Tensor, lengths: Tensor, flows: Sequence[GradientFlow] | None = None
    ) -> Tensor:
        """(B, H), the output at each sequence's last valid step; later steps get no gradient.

        Args:
            x_BTD: inputs (B, T, D), padded on the right.
            lengths: (B,) int64, from 1 to T.
            flows: one per layer, filled in the backward pass.

        Raises:
            ValueError: the input is not (B, T, D), or a length is not from 1 to T.
        """
        self._check(x_BTD)
        self._check_lengths(lengths, x_BTD)
        own_lengths = lengths.clone()  # the backward pass reads them
        return self._layers(x_BTD, None, None, own_lengths, flows)[0]

    def _layers(
        self, x_BTD: Tensor, h0: Tensor | None, c0: Tensor | None,
        lengths: Tensor | None, flows: Sequence[GradientFlow] | None,
    ) -> tuple[Tensor, list[Tensor], list[Tensor]]:  # fmt: skip
        from harness.kernels.layer import Layer  # imports Numba, which takes a second

        cell, output = self.cell, x_BTD
        hs, cs = [], []
        for index in range(cell.num_layers):
            if index > 0:
                output = F.dropout(output, cell.dropout, training=self.training)
            top = index == cell.num_layers - 1
            flow = flows[index] if flows else None
            call = LayerCall(self.name, lengths if top else None, flow, keep=torch.is_grad_enabled())
            initial = [None if states is None else states[index] for states in (h0, c0)]
            output, h, c = Layer.apply(call, output, *initial, *self._weights(index))
            hs.append(h)
            cs.append(c)
        return output, hs, cs

    def _checked_state(self, state: State | None, B: int) -> tuple[Tensor | None, Tensor | None]:
        """h and c of a state; a cell without c has None."""
        if state is None:
            return None, None
        parts = (state,) if isinstance(state, Tensor) else tuple(state)
        wanted = (self.cell.num_layers, B, self.cell.hidden_size)
        count = 2 if self._has_cell_state else 1
        shapes = [tuple(part.shape) for part in parts]
        if shapes != [wanted] * count or not all(_fits(part, self.dtype) for part in parts):
            raise ValueError(
                f"the state must be {count} of {wanted}, {self.dtype} on the cpu, not {shapes}, "
                f"{', '.join(f'{part.dtype} on {part.device}' for part in parts)}"
            )
        return parts[0], (parts[-1] if count == 2 else None)

    def _weights(self, index: int) -> list[Tensor | None]:
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        return [getattr(self.cell, f"{name}_l{index}", None) for name in names]

    def _check(self, x_BTD: Tensor) -> None:
        """Refuses what the loops, which read and write raw addresses, must not get."""
        if not isinstance(x_BTD, Tensor):
            raise TypeError(f"x must be a tensor (sequences, steps, features), not {type(x_BTD).__name__}")
        size, dtype = self.cell.input_size, self.dtype
        if dtype not in DTYPES or not all(_fits(weight, dtype) for weight in self.cell.parameters()):
            raise ValueError("the weights must all be float32 or all be float64, on the cpu")
        if x_BTD.dim() != 3 or x_BTD.shape[2] != size or 0 in x_BTD.shape[:2]:
            raise ValueError(
                f"x must be (sequences, steps, {size}), none of them 0, not {tuple(x_BTD.shape)}"
            )
        if not _fits(x_BTD, dtype):
            raise ValueError(f"x must be {dtype} on the cpu, not {x_BTD.dtype} on {x_BTD.device}")

    def _check_lengths(self, lengths: Tensor, x_BTD: Tensor) -> None:
        if (
            not _fits(lengths, torch.int64)
            or lengths.shape != x_BTD.shape[:1]
            or lengths.min() < 1
            or lengths.max() > x_BTD.shape[1]
        ):
            wanted = f"({len(x_BTD)},) int64 on the cpu, each from 1 to {x_BTD.shape[1]}"
            raise ValueError(f"lengths must be {wanted}")


def compile_loops(cell: FusedCell) -> None:
    """Compiles the loops of a cell or loads them from disk, so that the cell's first call does not wait.

    Compilation takes seconds, once per machine: later processes load the compiled code.
    """
    from harness.kernels.loops import load_loops

    start = time.perf_counter()
    load_loops(cell.name, DTYPES[cell.dtype])
    log.info("the fused loops of %s are ready after %.1f s", cell.name, time.perf_counter() - start)


def _fits(tensor: Tensor, dtype: torch.dtype) -> bool:
    return tensor.dtype == dtype and tensor.device.type == "cpu"
