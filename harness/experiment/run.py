"""One run: from a plan to a record on disk."""

from __future__ import annotations

import contextlib
import functools
import logging
import math
import multiprocessing
import os
import threading
import time
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from omegaconf import DictConfig, OmegaConf

from harness.experiment.plan import Plan, plan
from harness.kernels import choose_kernel
from harness.results import store
from harness.results.machine import PeakMemory, provenance
from harness.results.schema import STATUSES, RunRecord
from harness.training import (
    History,
    SequenceClassifier,
    clip_rate,
    count_parameters,
    denormals_as_before,
    evaluate,
    flow_slope,
    flush_denormals,
    half_life,
    keep_freed_memory,
    train,
)

log = logging.getLogger("harness.run")

PARENT_S = 1.0
"""Seconds between two looks of a worker at whether its parent is there."""


def job(config: DictConfig) -> None:
    """Hydra's task function, called in a worker: it speaks in its run's log, not on the terminal."""
    logging.getLogger("harness").addHandler(logging.NullHandler())
    _end_with_parent()
    execute(plan(config), echo=False)


@functools.cache
def _end_with_parent() -> None:
    """Has a worker end soon after the command that started it, which may be killed before it can say so.

    Once a process. Where a process without a parent gets no other (Windows), it changes nothing.
    """
    if multiprocessing.current_process().name == "MainProcess":  # hydra/launcher=basic: no worker
        return
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_S)
        os._exit(1)  # the row is written whole or not at all, and locks go with the process

    threading.Thread(target=watch, daemon=True).start()


def execute(run: Plan, *, echo: bool = True) -> None:
    """Makes a run and writes its record, whatever happens in it; a run that has ended is left alone.

    Args:
        run: the plan.
        echo: whether what goes to the run's `log.txt` is also shown on the terminal.

    Raises:
        KeyboardInterrupt: after the record with status `interrupted` is written.
        OSError: the record cannot be written.
    """
    folder = store.runs_dir(run.results_dir) / run.run_id
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / store.LOCK_NAME, timeout=0):
            if store.is_final(folder):
                return
            store.begin(folder, OmegaConf.to_yaml(OmegaConf.create(run.config)))
            with _log_to(folder / "log.txt", echo=echo):
                _attempt(run, folder)
    except Timeout:
        log.warning("%s is being run by another process: left to it", run.run_id)


def _attempt(run: Plan, folder: Path) -> None:
    """Trains, and turns every way of ending into a row."""
    columns = _known_columns(run)
    history = History()
    cpu, memory = time.process_time(), PeakMemory()
    try:
        with denormals_as_before():
            history, measured = _train(run)
        columns |= measured
        ending: dict[str, Any] = {"status": "ok"}
        if history.diverged:
            ending = {"status": "diverged", "error": history.diverged}
    except KeyboardInterrupt:
        store.finish(folder, RunRecord(**columns, status="interrupted", error="stopped by the user"))
        raise
    except (Exception, SystemExit) as error:  # one run never takes the grid down: the row says what happened
        log.error("%s", traceback.format_exc())
        ending = {"status": "failed", "error": " ".join(f"{type(error).__name__}: {error}".split())[:500]}
    ending |= {"cpu_s": time.process_time() - cpu, "peak_rss_mb": memory.mib()}
    log.info("ended: %s", ending["status"])
    store.finish(folder, RunRecord(**columns, **ending), history.evals, history.flow)


def _train(run: Plan) -> tuple[History, dict[str, Any]]:
    """The training itself, and the columns that come from it."""
    torch.set_num_threads(run.threads)
    process = {"keeps_memory": keep_freed_memory(run.keep_memory), "flush_denormal": flush_denormals()}
    with torch.random.fork_rng():
        torch.manual_seed(run.seed)
        model, kernel = make_model(run)
        log.info(
            "%s: %s from %s, %s", run.run_id, run.task.spec.variant, run.task.spec.data_source, run.train
        )
        order = torch.Generator().manual_seed(run.seed)
        history = train(model, run.task, run.train, order=order, device=run.device)
    longer = {} if history.diverged else _test_longer(run, model)
    equally_long = bool((run.task.train.lengths == run.task.spec.seq_len).all())
    slope = flow_slope(history.flow) if equally_long else None  # a step is as far from every sequence's end
    return history, process | {
        "kernel": kernel,
        "n_params": count_parameters(model),
        "data_fingerprint": run.task.fingerprint,
        "steps": history.steps,
        "epochs": history.samples / len(run.task.train),
        "best_step": history.best_step,
        "val_loss": history.val_loss,
        "val_accuracy": history.val_accuracy,
        "test_loss": history.test_loss,
        "test_accuracy": history.test_accuracy,
        "test_sequence_accuracy": history.test_sequence_accuracy,
        "solved_step": history.solved_step,
        "grad_norm_mean": math.fsum(history.norms) / history.steps if history.steps else None,
        "grad_norm_max": max(history.norms, default=None),
        "clip_rate": clip_rate(history.norms, run.train.clip),
        "gradflow_slope": slope,
        "gradflow_half_life": half_life(slope),
        "train_s": history.train_s,
        "eval_s": history.eval_s,
        "samples_per_s": history.samples / history.train_s if history.train_s > 0 else None,
        "longer": longer,
    }


def make_model(run: Plan) -> tuple[SequenceClassifier, str]:
    """The model on its device, with weights from torch's global generator, and its kernel: torch or fused."""
    cell, kernel = choose_kernel(run.make_cell(), run.kernel, run.device, run.train.batch_size)
    return SequenceClassifier(run.task.spec, cell, run.embedding_size).to(run.device), kernel


def _test_longer(run: Plan, model: SequenceClassifier) -> dict[str, float]:
    """Loss and accuracy of the best weights on the test samples of the task at other lengths."""
    columns: dict[str, float] = {}
    for name, task in run.longer.items():
        tested = evaluate(model, task.test, tolerance=task.spec.tolerance, device=run.device)
        columns |= {f"test_loss_{name}": tested.loss, f"test_accuracy_{name}": tested.accuracy}
    return columns


def _known_columns(run: Plan) -> dict[str, Any]:
    """The columns that are known before training."""
    spec, options = run.task.spec, run.cell_options
    return {
        "run_id": run.run_id,
        "setting": run.setting,
        "task": spec.name,
        "variant": spec.variant,
        "data_source": spec.data_source,
        "cell": run.cell_name,
        "hidden_size": options["hidden_size"],
        "num_layers": options.get("num_layers", 1),
        "dropout": options.get("dropout", 0.0),
        "seq_len": spec.seq_len,
        "seed": run.seed,
        "batch_size": run.train.batch_size,
        "lr": run.train.lr,
        "optimizer": run.train.optimizer,
        "clip": run.train.clip,
        "chance_accuracy": spec.chance_accuracy,
        "tolerance": spec.tolerance,
        "memoryless_loss": spec.memoryless_loss,
        "solved_rule": spec.solved_rule,
        "device": str(run.device),
        "threads": run.threads,
        "concurrent": run.concurrent,
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "config": run.config,
        **provenance(),
    }


@contextlib.contextmanager
def _log_to(path: Path, *, echo: bool) -> Iterator[None]:
    """Sends what the harness and Python's warnings say to a file for as long as a run lasts."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    loggers = [logging.getLogger("harness"), logging.getLogger("py.warnings")]
    before = [(logger.level, logger.propagate) for logger in loggers]
    logging.captureWarnings(True)
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = echo
    try:
        yield
    finally:
        logging.captureWarnings(False)
        for logger, (level, propagate) in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
            logger.propagate = propagate
        handler.close()


def record_interrupted(run: Plan, error: str) -> None:
    """Writes the row of a run whose process was killed, unless another process has taken it up since."""
    folder = store.runs_dir(run.results_dir) / run.run_id
    try:
        with FileLock(folder / store.LOCK_NAME, timeout=0):
            if store.status_of(folder) not in STATUSES:
                store.finish(folder, RunRecord(**_known_columns(run), status="interrupted", error=error))
    except Timeout:
        log.warning("%s is being run by another process: left to it", run.run_id)
