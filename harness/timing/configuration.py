"""One configuration of a timing pass, ready to be measured: its timer, operation count and known columns."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from torch import nn

from harness.cells import stock_cell_of
from harness.experiment.combinations import Job
from harness.experiment.schema import TimingOptions
from harness.kernels import FusedCell
from harness.timing.flops import Flops, cell_flops
from harness.timing.measure import ConfigurationTimer, MatrixProduct
from harness.timing.memory import peak_memory
from harness.timing.workload import make_step
from harness.training import SequenceClassifier, count_parameters, tf32_allowed


@dataclass(frozen=True, eq=False)
class TimedConfiguration:
    """A configuration that is ready to be measured.

    Attributes:
        timer: measures its training step, warmed up.
        flops: operations of the step; None for a cell that is not a stock cell.
        columns: what is known before measuring, the same in all its rows.
    """

    timer: ConfigurationTimer
    flops: Flops | None
    columns: dict[str, Any]


def prepare_configuration(job: Job, options: TimingOptions) -> TimedConfiguration:
    """Makes model, optimiser and batch of a job, measures its peak memory, and warms up its training step.

    Raises:
        RuntimeError: the process that measures its memory was killed.
        Exception: what the configuration itself raises.
    """
    run = job.plan
    step, kernel = make_step(run, options)  # compiles too, so that the memory excludes the compiler's
    peak = peak_memory(job, options)  # before any step here: one that kills its process must not kill this
    x, y, _ = step.batch
    flops, product = _operations(step.model, len(x), x.shape[1])
    columns = run.columns() | {
        "batch_size": len(y),
        "input_size": step.model.encoded_size,
        "n_params": count_parameters(step.model),
        "kernel": "torch (no oneDNN)" if options.like_for_like else kernel,
        "peak_rss_mb": peak,
    }
    setting = functools.partial(tf32_allowed, run.tf32, run.device)  # a pass may hold both
    timer = ConfigurationTimer(step, product, options, run.threads, setting=setting)
    timer.warm_up()
    return TimedConfiguration(timer, flops, columns)


def _operations(
    model: SequenceClassifier, batch_size: int, seq_len: int
) -> tuple[Flops | None, MatrixProduct | None]:
    """For a stock cell the operations of a step, and the recurrent matrix product of one time step."""
    cell = model.cell.cell if isinstance(model.cell, FusedCell) else model.cell
    stock = stock_cell_of(cell, bidirectional=True)
    if stock is None or not isinstance(cell, nn.RNNBase):
        return None, None
    gates = stock.num_gates
    flops = cell_flops(
        gates=gates,
        seq_len=seq_len,
        batch_size=batch_size,
        input_size=cell.input_size,
        hidden_size=cell.hidden_size,
        num_layers=cell.num_layers,
        directions=2 if cell.bidirectional else 1,
        input_grad=any(True for _ in model.encoder.parameters()),
    )
    weights = next(cell.parameters()).detach()
    return flops, MatrixProduct(batch_size, cell.hidden_size, gates * cell.hidden_size, weights)
