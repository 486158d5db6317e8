"""Wall-clock and processor seconds, read together."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Seconds:
    """A duration, or a reading of both clocks.

    >>> Seconds(5.0, 4.0) - Seconds(1.0, 1.0) * 2
    Seconds(wall=3.0, cpu=2.0)
    """

    wall: float = 0.0
    """Seconds of wall-clock time."""
    cpu: float = 0.0
    """Processor seconds of this process, all threads together."""

    def __add__(self, other: Seconds) -> Seconds:
        return Seconds(self.wall + other.wall, self.cpu + other.cpu)

    def __sub__(self, other: Seconds) -> Seconds:
        return Seconds(self.wall - other.wall, self.cpu - other.cpu)

    def __mul__(self, factor: float) -> Seconds:
        return Seconds(self.wall * factor, self.cpu * factor)


def read_clocks(device: torch.device) -> Seconds:
    """Both clocks, after a GPU has finished the work that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return Seconds(time.perf_counter(), time.process_time())
