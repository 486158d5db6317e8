"""What is measured beside training, one file a probe."""

from __future__ import annotations

from harness.training.options import TrainOptions
from harness.training.probes.gates import GatesProbe
from harness.training.probes.gradient_flow import GradientFlowProbe
from harness.training.probes.jacobian import JacobianProbe
from harness.training.probes.probe import (
    MOMENTS,
    MomentProbe,
    NotMeasuredError,
    Observation,
    Probe,
    StepProbe,
)

__all__ = [
    "MOMENTS",
    "PROBES",
    "GatesProbe",
    "GradientFlowProbe",
    "JacobianProbe",
    "MomentProbe",
    "NotMeasuredError",
    "Observation",
    "Probe",
    "StepProbe",
    "asked_probes",
]

PROBES: tuple[type[Probe], ...] = (GradientFlowProbe, GatesProbe, JacobianProbe)
"""Every probe there is."""


def asked_probes(options: TrainOptions) -> tuple[Probe, ...]:
    """The probes that a run's options ask for; none with `train.probes=false`."""
    if not options.probes:
        return ()
    made = (probe.from_options(options) for probe in PROBES)
    return tuple(probe for probe in made if probe is not None)
