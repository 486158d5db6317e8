"""What a run is expected to cost, from its plan alone: enough to say which of two runs takes longer."""

from __future__ import annotations

from typing import Any

from torch import nn

from harness.experiment.plan import Plan
from harness.training import encoded_size

USUAL_N_TRAIN = 10_000
"""Training samples where the task's arguments don't say; making the data only to count it costs too much."""

USUAL_GATES = 4
"""Matrices a layer of a cell from outside: rather too long than too short, a long run must not come last."""

TORCH_OVERHEAD, FUSED_OVERHEAD = 400_000, 80_000
"""What a time step of a layer costs beside its products, in multiplications: the order of magnitude in which
torch's layers and the fused loops differ, which is enough to sort runs."""


def expected_cost(run: Plan) -> float:
    """The multiplications of a run's training, in the order of magnitude that tells long runs from short.

    Steps × time steps × layers × (batch × gates × H × (H + D) + overhead), with D the features that a
    layer reads. Leaves out evaluation, and that a run may stop when it is solved.

    Args:
        run: a checked plan; no data and no weights are made.
    """
    hidden = run.cell_options["hidden_size"]
    layers = run.cell_options.get("num_layers", 1)
    widths = [encoded_size(run.task.spec, run.embedding_size), *[hidden] * (layers - 1)]
    products = sum(_gates(run.cell_target) * hidden * (hidden + width) for width in widths)
    overhead = TORCH_OVERHEAD if run.kernel == "torch" else FUSED_OVERHEAD
    a_step = run.train.batch_size * products + layers * overhead
    return float(run.train.total_steps(_n_train(run)) * run.task.spec.seq_len * a_step)


def _n_train(run: Plan) -> int:
    asked = run.config["task"].get("n_train")
    return asked if isinstance(asked, int) else USUAL_N_TRAIN


def _gates(target: Any) -> int:
    """Matrix products of a layer in one time step, each of input and state."""
    by_kind = {nn.RNN: 1, nn.GRU: 3, nn.LSTM: 4}
    kinds = [
        gates for kind, gates in by_kind.items() if isinstance(target, type) and issubclass(target, kind)
    ]
    return kinds[0] if kinds else USUAL_GATES
