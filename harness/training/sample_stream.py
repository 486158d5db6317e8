"""The order in which a training sees its samples, and its position in it, which can be saved."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from harness.tasks import Split, Task
from harness.training.clock import Seconds, read_clocks
from harness.training.step import Batch


class SampleStream:
    """Pass after pass over the training samples, each in a random order of its own.

    Attributes:
        epoch: number of the present pass, from 0; −1 before the first batch.
        batch: batches of the pass that were taken.
        building: seconds spent in making fresh samples.
    """

    def __init__(self, task: Task, batch_size: int, order: torch.Generator):
        """`order` draws the order of each pass when the pass begins."""
        self.task, self.batch_size, self.order = task, batch_size, order
        self.epoch, self.batch, self.building = -1, 0, Seconds()
        self._order_at_start = order.get_state()
        self._split: Split | None = None
        self._indices: tuple[Tensor, ...] = ()

    def next(self) -> Batch:
        """The next batch; the last one of a pass may be smaller."""
        if self.batch == len(self._indices):
            self._order_at_start = self.order.get_state()
            self._begin(self.epoch + 1)
        index, split = self._indices[self.batch], self._split
        assert split is not None
        self.batch += 1
        return split.x[index], split.y[index], split.lengths[index]

    def _begin(self, epoch: int) -> None:
        start = read_clocks(torch.device("cpu"))
        self._split = self.task.epoch(epoch)
        self.building += read_clocks(torch.device("cpu")) - start
        self._indices = torch.randperm(len(self._split), generator=self.order).split(self.batch_size)
        self.epoch, self.batch = epoch, 0

    def state_dict(self) -> dict[str, Any]:
        """The position: pass, batch, and the generator's state when the pass began."""
        return {"epoch": self.epoch, "batch": self.batch, "order_at_start": self._order_at_start}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continues at a saved position; task and batch size must be the same as when it was saved."""
        self._order_at_start = state["order_at_start"]
        self.order.set_state(self._order_at_start)
        self.epoch, self._indices = state["epoch"], ()
        if self.epoch >= 0:
            self._begin(self.epoch)
        self.batch = state["batch"]
