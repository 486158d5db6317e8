"""One training step of three contenders: plain torch as in a tutorial, and the harness with each kernel.

From zeroing the gradient to the optimiser's step, always on the same batch; drawing batches and counting
correct predictions are left out for every contender (`whole_grid` includes them).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from threadpoolctl import threadpool_limits
from torch import nn

from harness.cells import gates_of
from harness.kernels import choose_kernel
from harness.tasks import Split, TaskSpec
from harness.timing.flops import cell_flops
from harness.training import SequenceClassifier, TrainOptions, flush_denormals, keep_freed_memory
from harness.training.model import loss_of
from harness.training.optimizer import Optimizer
from harness.training.step import clip_gradient

CELLS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
CLASSES = 10
CONTENDERS = ("plain", "torch", "fused")
PRODUCTS = {"sgemm": "SGEMM", "numpy": "NumPy's SGEMM"}
"""Matrix products instead of steps: torch's, and NumPy's, whose library may be faster."""


@dataclass(frozen=True)
class Shape:
    """One configuration: cell, steps T, units H, sequences B, features D."""

    cell: str
    T: int
    H: int
    B: int
    D: int

    @property
    def gates(self) -> int:
        """Gates of the cell."""
        count = gates_of(CELLS[self.cell])
        assert count is not None
        return count

    @property
    def flops(self) -> int:
        """Operations of a training step's matrix products; the inputs get no gradient."""
        return cell_flops(
            gates=self.gates, seq_len=self.T, batch_size=self.B, input_size=self.D, hidden_size=self.H
        ).step


def set_up_process(contender: str) -> None:
    """Applies torch's default settings for `plain`, and those of a run for the others.

    `returning` is `fused` that returns freed memory to the system.
    """
    torch.set_num_threads(1)
    threadpool_limits(1, user_api="blas")  # NumPy's matrix product
    if contender != "plain":
        keep_freed_memory(contender != "returning")
        flush_denormals()


def make_step(contender: str, shape: Shape, *, norms: bool = True, clip: bool = True) -> Callable[[], object]:
    """A function that makes one training step: forward, loss, backward, clipping at 1, Adam.

    Without `clip` the norm is only measured; without `norms` it is not measured either. For the contenders
    in `PRODUCTS` the function computes a matrix product of the shape of the recurrent one.
    """
    if contender in PRODUCTS:
        return _product(contender, shape)
    kernel = "fused" if contender == "returning" else contender
    torch.manual_seed(0)
    x = torch.randn(shape.B, shape.T, shape.D)
    y = torch.randint(0, CLASSES, (shape.B,))
    cell = CELLS[shape.cell](shape.D, shape.H, batch_first=True)
    if contender == "plain":
        return _plain_step(cell, x, y)
    spec = TaskSpec(
        name="bench", variant="", target="class", seq_len=shape.T, input_size=shape.D, num_classes=CLASSES,
        chance_accuracy=1 / CLASSES, data_source="generated", citation="none",
    )  # fmt: skip
    model = SequenceClassifier(spec, choose_kernel(cell, kernel, torch.device("cpu"), shape.B)[0])
    optimizer = Optimizer(model.parameters(), TrainOptions())
    split = Split(x, y, torch.full((shape.B,), shape.T))

    def step() -> None:
        optimizer.zero_grad()
        loss_of(model(split.x, split.lengths), split.y).backward()
        if norms:
            clip_gradient(optimizer.parameters, 1.0 if clip else None)
        optimizer.step()

    return step


def product_flops(shape: Shape) -> int:
    """Floating-point operations of the recurrent product of one time step."""
    return 2 * shape.B * shape.H * shape.gates * shape.H


def _product(contender: str, shape: Shape) -> Callable[[], object]:
    columns = shape.gates * shape.H
    state, weights = torch.randn(shape.B, shape.H), torch.randn(shape.H, columns)
    out = torch.empty(shape.B, columns)  # preallocated, so that only the product is measured
    if contender == "sgemm":
        return lambda: torch.mm(state, weights, out=out)
    arrays = state.numpy(), weights.numpy(), out.numpy()
    return lambda: np.matmul(*arrays)


def _plain_step(cell: nn.Module, x: torch.Tensor, y: torch.Tensor) -> Callable[[], None]:
    head = nn.Linear(cell.hidden_size, CLASSES)
    parameters = [*cell.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(parameters)

    def step() -> None:
        optimizer.zero_grad()
        output, _ = cell(x)
        F.cross_entropy(head(output[:, -1]), y).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()

    return step


def seconds_per_step(step: Callable[[], object], at_least: float) -> float:
    """Mean seconds per step, over as many steps as `at_least` seconds take."""
    count, start = 0, time.perf_counter()
    while True:
        step()
        count += 1
        elapsed = time.perf_counter() - start
        if elapsed >= at_least:
            return elapsed / count
