"""The cost of the gradient-flow probe: whole trainings with and without it."""

from __future__ import annotations

import time

import torch

from harness.kernels import choose_kernel
from harness.tasks import make_adding
from harness.training import SequenceClassifier, TrainOptions, train

from .contenders import CELLS, set_up_process


def training_seconds(cell: str, seq_len: int, *, gradflow: bool, hidden_size: int = 128) -> float:
    """Processor seconds of a whole training of 30 steps, or of 90 if the sequences are short.

    Four steps are probed: a larger share than in a usual run, where it is one in fifty.
    """
    set_up_process("fused")
    task = make_adding(seq_len=seq_len, n_train=1000, n_val=100, n_test=100, seed=1)
    torch.manual_seed(1)
    module = CELLS[cell](2, hidden_size, batch_first=True)
    model = SequenceClassifier(task.spec, choose_kernel(module, "fused", torch.device("cpu"))[0])
    third = 10 if seq_len > 100 else 30
    options = TrainOptions(steps=3 * third, eval_every=third, gradflow=gradflow, gates=False)
    for split in (task.train, task.val, task.test):
        len(split)  # made before the clock starts
    start = time.process_time()
    train(model, task, options, order=torch.Generator().manual_seed(1))
    return time.process_time() - start
