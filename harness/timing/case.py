"""One configuration of a timing pass, made ready: its training step, operation count and memory."""

from __future__ import annotations

import dataclasses
import logging
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any

import torch

from harness.cells import is_stock
from harness.experiment.config import compose
from harness.experiment.grid import Job
from harness.experiment.plan import Plan, plan
from harness.experiment.run import make_model
from harness.experiment.schema import TimingOptions
from harness.kernels import FusedCell
from harness.results.machine import PeakMemory
from harness.timing.flops import GATES, Flops, cell_flops
from harness.timing.measure import Case, MatrixProduct, TrainingStep, onednn_off
from harness.training import SequenceClassifier, count_parameters, flush_denormals, keep_freed_memory
from harness.training.optimizer import Optimizer

MEMORY_STEPS = 3
"""Steps after which a process has all the memory that training takes: the first makes the optimiser's."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A configuration that is ready to be measured."""

    case: Case
    flops: Flops | None
    columns: dict[str, Any]
    """What its rows have in common and is known before measuring."""


def make_subject(job: Job, options: TimingOptions) -> Subject:
    """Model, optimiser and batch of a job, warmed up, its memory known.

    Raises:
        RuntimeError: its process was killed.
        Exception: what the configuration itself raises.
    """
    run = job.plan
    step, kernel = make_step(run, options)  # compiles too: a compiler's memory is not the training's
    peak = peak_memory(job, options)  # before our own steps: if these take their process down, it is not ours
    x, y, _ = step.batch
    flops, product = _arithmetic(step.model, len(x), x.shape[1])
    subject = Subject(
        Case(step, product, options, run.threads),
        flops,
        _known_columns(run, step.model)
        | {
            "batch_size": len(y),
            "kernel": "torch (no oneDNN)" if options.like_for_like else kernel,
            "peak_rss_mb": peak,
        },
    )
    subject.case.warm_up()
    return subject


def make_step(run: Plan, options: TimingOptions) -> tuple[TrainingStep, str]:
    """The training step of a plan on the first batch of its training samples, and its kernel."""
    if options.like_for_like:
        run = dataclasses.replace(run, kernel="torch")
    with torch.random.fork_rng():
        torch.manual_seed(run.seed)
        model, kernel = make_model(run)
    first = next(run.task.train.batches(run.train.batch_size))
    x, y, lengths = (part.clone().to(run.device) for part in first)  # a view would keep all samples
    optimizer = Optimizer(model.parameters(), run.train)
    return TrainingStep(model, optimizer, (x, y, lengths), run.train.clip), kernel


def peak_memory(job: Job, options: TimingOptions) -> float | None:
    """Peak resident memory of a fresh process that trains this configuration for `MEMORY_STEPS` steps, MiB.

    In the process that takes the times the configurations could not be told apart: freed memory stays there.
    The fresh process is forked from one that has imported all this and run nothing.

    Raises:
        RuntimeError: the process was killed, as the system does when memory runs out.
        Exception: what the configuration raises there.
    """
    forks = "forkserver" in multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if forks else "spawn")
    if forks:
        context.set_forkserver_preload([__name__])
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        try:
            return pool.submit(_train_briefly, job.overrides, options).result()
        except BrokenProcessPool:
            raise RuntimeError("its process was killed; memory may have run out") from None


def _train_briefly(overrides: Sequence[str], options: TimingOptions) -> float | None:
    """In the fresh process: a few steps, and the peak of their memory."""
    logging.getLogger("harness").addHandler(logging.NullHandler())  # the first process has said it all
    run = plan(compose(overrides))
    set_up(run)
    with onednn_off(options.like_for_like):
        step, _ = make_step(run, options)
        memory = PeakMemory()
        for _ in range(MEMORY_STEPS):
            step()
        return memory.mib()


def _known_columns(run: Plan, model: SequenceClassifier) -> dict[str, Any]:
    """The columns that are known before measuring."""
    spec, cell = run.task.spec, run.cell_options
    return {
        "setting": run.setting,
        "task": spec.name,
        "variant": spec.variant,
        "data_source": spec.data_source,
        "cell": run.cell_name,
        "hidden_size": cell["hidden_size"],
        "num_layers": cell.get("num_layers", 1),
        "dropout": cell.get("dropout", 0.0),
        "seq_len": spec.seq_len,
        "input_size": model.encoded_size,
        "seed": run.seed,
        "lr": run.train.lr,
        "optimizer": run.train.optimizer,
        "clip": run.train.clip,
        "n_params": count_parameters(model),
        "device": str(run.device),
        "config": run.config,
    }


def _arithmetic(
    model: SequenceClassifier, batch_size: int, seq_len: int
) -> tuple[Flops | None, MatrixProduct | None]:
    """Operations of a stock cell, and the product that each of its steps has to wait for; else nothing."""
    cell = model.cell.cell if isinstance(model.cell, FusedCell) else model.cell
    if not is_stock(cell):
        return None, None
    gates, weights = GATES[type(cell)], next(cell.parameters())
    flops = cell_flops(
        gates=gates,
        seq_len=seq_len,
        batch_size=batch_size,
        input_size=cell.input_size,
        hidden_size=cell.hidden_size,
        num_layers=cell.num_layers,
        input_grad=any(True for _ in model.encoder.parameters()),
    )
    product = MatrixProduct(batch_size, cell.hidden_size, gates * cell.hidden_size, weights.detach())
    return flops, product


def set_up(run: Plan) -> dict[str, bool]:
    """Sets threads and memory of this process as a run does; returns the columns that record it."""
    torch.set_num_threads(run.threads)
    return {"keeps_memory": keep_freed_memory(run.keep_memory), "flush_denormal": flush_denormals()}
