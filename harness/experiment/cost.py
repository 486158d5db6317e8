"""The expected cost of a run, from its plan alone: enough to say which of two runs takes longer."""

from __future__ import annotations

from harness.cells.stock import gates_of
from harness.experiment.plan import Plan
from harness.training import encoded_size

USUAL_N_TRAIN = 10_000
"""Training samples when the task's arguments do not say; making the data only to count it costs too much."""

USUAL_GATES = 4
"""Matrices of a third-party cell: too many rather than too few, since a long run must not come last."""

TORCH_OVERHEAD, FUSED_OVERHEAD = 400_000, 80_000
"""Cost of a time step of a layer beside its products, in multiplications: the order of magnitude in which
torch's layers and the fused loops differ, which is enough to sort runs."""


def expected_cost(run: Plan) -> float:
    """The multiplications of a run's training, in the order of magnitude that tells long runs from short.

    Steps × time steps × directions × layers × (batch × gates × H × (H + D) + overhead), with D the features
    that a layer reads. Leaves out evaluation, and that a run may stop when it is solved.

    Args:
        run: a checked plan; no data and no weights are made.
    """
    hidden = run.cell_options["hidden_size"]
    layers = run.cell_options.get("num_layers", 1)
    directions = 2 if run.cell_options.get("bidirectional") else 1
    widths = [encoded_size(run.task.spec, run.embedding_size), *[directions * hidden] * (layers - 1)]
    gates = gates_of(run.cell_target) or USUAL_GATES
    products = directions * sum(gates * hidden * (hidden + width) for width in widths)
    overhead = TORCH_OVERHEAD if run.kernel == "torch" or directions == 2 else FUSED_OVERHEAD
    a_step = run.train.batch_size * products + directions * layers * overhead
    return float(run.train.total_steps(_n_train(run)) * run.task.spec.seq_len * a_step)


def _n_train(run: Plan) -> int:
    asked = run.identity.config["task"].get("n_train")
    return asked if isinstance(asked, int) else USUAL_N_TRAIN
