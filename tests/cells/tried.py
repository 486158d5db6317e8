"""What comes of a third-party cell: whether it passes, and whether its gradient flow is measured."""

import torch
from torch import nn

from harness.cells import examine
from harness.tasks import make_adding
from harness.training import SequenceClassifier
from harness.training.probes import GradientFlowProbe, NotMeasuredError
from tests.training.probes.observed import observed_rows

T = 6
TASK = make_adding(seq_len=T, n_train=12, n_val=4, n_test=4)
FEATURES = 2
BATCH = (TASK.train.x[:5], TASK.train.y[:5], TASK.train.lengths[:5])


def flow_of(model: SequenceClassifier, points: int | None = None, batch=BATCH):
    """The rows of a training step, or the reason why there are none."""
    probe = GradientFlowProbe(points)
    reason = probe.why_not(model)
    if reason is not None:
        return reason
    try:
        return observed_rows(probe, model, batch)
    except NotMeasuredError as not_measured:
        return str(not_measured)


def outcome(cell: nn.Module) -> str:
    """`measured`, or `not measured: ` and the reason, at all points or at some of them; the cell passed."""
    examine(cell, FEATURES)
    torch.manual_seed(0)
    model = SequenceClassifier(TASK.spec, cell).train()
    found = flow_of(model)
    return f"not measured: {found}" if isinstance(found, str) else "measured"
