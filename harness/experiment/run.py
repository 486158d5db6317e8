"""One run: from a plan to a record on disk."""

from __future__ import annotations

import contextlib
import logging
import math
import time
import traceback
from datetime import UTC, datetime
from typing import Any

import torch

from harness.cells import is_tested_cell
from harness.experiment import checkpoints
from harness.experiment.errors import ConfigError, where_it_happened
from harness.experiment.finished import why_not_finished
from harness.experiment.logs import log_to
from harness.experiment.one_length import require_one_length
from harness.experiment.plan import Plan, why_changed
from harness.experiment.time_limit import seconds_left
from harness.experiment.weights import save_weights
from harness.kernels import choose_kernel
from harness.results import store
from harness.results.locks import HeldError, Lock, LostLockError, hold
from harness.results.machine import PeakMemory, provenance
from harness.results.schema import MOST_NAMES, EvalRow, RunRecord, Table
from harness.tasks import NO_LABEL, Task, measure_baselines
from harness.training import (
    History,
    SequenceClassifier,
    TrainingState,
    clip_rate,
    conclude,
    continue_training,
    count_parameters,
    evaluate,
    largest,
    restored_process,
    seeded,
    tf32_allowed,
    training_process,
)
from harness.training.unseen_inputs import why_unseen_inputs_count
from harness.workers import set_time_limit
from harness.workers.stop import is_from_outside, rows_at_stake, undisturbed

log = logging.getLogger("harness.run")

LOCK_S = 0.3
"""Seconds to wait for a lock: another process may only be looking whether it is held."""

STOPPED_BY_USER = "stopped by the user"


def execute(run: Plan, *, echo: bool = True) -> None:
    """Makes a run and writes its record, however it ends.

    Left alone is a finished run, one that another process makes or has taken over, and one that has used its
    `train.max_minutes`. The limit is kept only in a worker process, see `job.execute_within_limit`.

    Args:
        run: the plan.
        echo: whether what goes to the run's `log.txt` is also shown on the terminal.

    Raises:
        KeyboardInterrupt: after the record with status `interrupted` is written.
        OSError: the record cannot be written.
    """
    run.folder.mkdir(parents=True, exist_ok=True)
    try:
        with hold(run.folder, timeout=LOCK_S) as lock:
            left = seconds_left(run)
            if (why_not_finished(run) is None and not run.rerun) or left == 0:
                return
            columns = known_columns(run)  # takes a moment: before the run has begun
            begun = checkpoints.start(run)
            if left is not None:
                set_time_limit(left)
            with rows_at_stake(), log_to(run.folder / "log.txt", echo=echo):
                _attempt(run, begun, columns, lock)
    except (HeldError, LostLockError) as error:
        log.warning("%s is being run by another process: left to it; %s", run.run_id, error)


def make_model(run: Plan) -> tuple[SequenceClassifier, str]:
    """The model on its device, with weights from torch's global generator, and its kernel: torch or fused."""
    cell, kernel = choose_kernel(run.make_cell(), run.kernel, run.device, run.train.batch_size)
    model = SequenceClassifier(run.task.spec, cell, run.embedding_size, run.readout)
    return model.to(run.device), kernel


def _attempt(run: Plan, begun: checkpoints.Start, columns: dict[str, Any], lock: Lock) -> None:
    """Trains, and turns every way of ending into a row; stopped from outside it keeps its checkpoint.

    Raises:
        LostLockError: another process has taken the run over; this one writes nothing more.
    """
    history, tables = History(), []
    cpu, memory = time.process_time(), PeakMemory()
    try:
        with (
            restored_process(),
            training_process(threads=run.threads, keep_memory=run.keep_memory) as process,
            tf32_allowed(run.tf32, run.device),
            seeded(run.seed),
        ):
            try:
                history, measured = _train(run, begun, lock)
            except checkpoints.UnfitCheckpointError as error:
                log.warning("%s; the run starts again", error)
                with seeded(run.seed):
                    history, measured = _train(run, checkpoints.Start(), lock)
        columns |= process | measured
        tables = _tables(run, history)
        ending: dict[str, Any] = {"status": "ok"}
        if (changed := why_changed(run)) is not None:
            ending = {"status": "failed", "error": f"{changed}; the same command runs it again"}
        elif history.diverged:
            ending = {"status": "diverged", "error": history.diverged}
    except LostLockError:
        raise
    except BaseException as error:  # one run never takes the grid down: the row says what happened
        if isinstance(error, KeyboardInterrupt) and is_from_outside(error):
            with undisturbed(), contextlib.suppress(LostLockError):
                lock.require()
                store.finish(run.folder, RunRecord(**columns, status="interrupted", error=STOPPED_BY_USER))
            raise
        log.error("%s", traceback.format_exc())
        ending = {"status": "failed", "error": where_it_happened(error)[:500]}
    ending |= {"cpu_s": begun.cpu_s + time.process_time() - cpu, "peak_rss_mb": memory.mib()}
    log.info("ended: %s", ending["status"])
    lock.require()
    store.finish(run.folder, RunRecord(**columns, **ending), tables)
    checkpoints.remove(run)


def _train(run: Plan, begun: checkpoints.Start, lock: Lock) -> tuple[History, dict[str, Any]]:
    """The training itself, and the columns that come from it."""
    model, kernel = make_model(run)
    require_one_length(run.one_length, run.task)
    log.info("%s: variant %s, data %s", run.run_id, run.task.spec.variant, run.task.spec.data_source)
    order = torch.Generator().manual_seed(run.seed)
    tested = run.stage == "final"
    state = TrainingState.begin(model, run.task, run.train, order=order, device=run.device)
    checkpoints.resume(state, begun)
    pause = checkpoints.Checkpoints(run, begun, lock)
    with pause.stopping_between_steps():
        continue_training(state, pause=pause)
    history = conclude(state, test=tested)
    _refuse_unseen_inputs(run, model)
    others = _test_other_lengths(run, model) if tested and not history.diverged else {}
    lock.require()
    if run.keep_weights and not history.diverged:
        save_weights(run, model)
    baselines = _test_baselines(run) if tested else {}
    return history, _measured_columns(run, history) | baselines | {
        "kernel": kernel,
        "n_params": count_parameters(model),
        "other_lengths": others,
    }


def _measured_columns(run: Plan, history: History) -> dict[str, Any]:
    """The columns that the history gives."""
    columns: dict[str, Any] = {}
    for probe in run.probes:
        columns |= probe.summary(history.probes[probe.name], run.task, history)
    return columns | {
        "data_fingerprint": run.task.fingerprint,
        "steps": history.steps,
        "epochs": history.samples / len(run.task.train),
        "best_step": history.best_step,
        "val_loss": history.val_loss,
        "val_accuracy": history.val_accuracy,
        "test_loss": history.test_loss,
        "test_accuracy": history.test_accuracy,
        "test_sequence_accuracy": history.test_sequence_accuracy,
        "test_bits": _bits(run.task, history.test_loss),
        **(_of_test_samples(run.task) if history.test_accuracy is not None else {}),
        "solved_step": history.solved_step,
        "grad_norm_mean": math.fsum(history.norms) / history.steps if history.steps else None,
        "grad_norm_max": largest(history.norms),
        "first_nonfinite_step": (history.first_nonfinite_step or 0) if history.steps else None,
        "clip_rate": clip_rate(history.norms, run.train.clip),
        "gradflow_note": history.note_of("gradflow"),
        "gates_note": history.note_of("gates"),
        "train_s": history.train_s,
        "train_cpu_s": history.train_cpu_s,
        "eval_s": history.eval_s,
        "samples_per_s": history.samples / history.train_s if history.train_s > 0 else None,
    }


def _bits(task: Task, loss: float | None) -> float | None:
    """A loss in bits, where labels are the next symbols."""
    return loss / math.log(2) if task.spec.predicts_next and loss is not None else None


def _of_test_samples(task: Task) -> dict[str, Any]:
    """Which test samples were measured, and how many labels they have."""
    scored = (task.test.y != NO_LABEL).sum().item() if task.spec.target == "steps" else len(task.test)
    return {"test_fingerprint": task.test.fingerprint, "test_samples": scored}


def _test_baselines(run: Plan) -> dict[str, float | None]:
    """The baselines on the run's test samples, whether it diverged or not: no weights take part."""
    measured = measure_baselines(run.task, run.task.test)
    return {
        "chance_test_accuracy": measured.chance_accuracy,
        "memoryless_test_loss": measured.memoryless_loss,
    }


def _refuse_unseen_inputs(run: Plan, model: SequenceClassifier) -> None:
    """Raises a `ConfigError` where a trained third-party cell reads what it must not see."""
    if is_tested_cell(run.cell_target):
        return
    predicts_next = run.task.spec.predicts_next
    why = why_unseen_inputs_count(model, run.task.val, predicts_next=predicts_next, device=run.device)
    if why is not None:
        raise ConfigError(f"{run.cell_name} cannot be measured on {run.task.spec.name}: once trained, {why}")


def _tables(run: Plan, history: History) -> list[Table]:
    """The side tables of a run: its evaluations, and one for each probe that it asks for."""
    probed = [
        Table(
            probe.name,
            probe.row_type,
            history.probes[probe.name],
            settings=probe.settings,
            note=history.note_of(probe.name),
        )
        for probe in run.probes
    ]
    return [Table("steps", EvalRow, history.evals), *probed]


def _test_other_lengths(run: Plan, model: SequenceClassifier) -> dict[str, float]:
    """Loss and accuracy of the best weights on the test samples of the task at other lengths."""
    columns: dict[str, float] = {}
    for name, task in run.other_lengths.items():
        tested = evaluate(model, task.test, tolerance=task.spec.tolerance, device=run.device)
        columns |= {f"test_loss_{name}": tested.loss, f"test_accuracy_{name}": tested.accuracy}
    return columns


def _listed(names: tuple[str, ...] | None) -> list[str] | None:
    """Names as a row lists them."""
    return None if names is None or len(names) > MOST_NAMES else list(names)


def known_columns(run: Plan) -> dict[str, Any]:
    """The columns that are known before training."""
    spec = run.task.spec
    return run.columns() | {
        "run_id": run.run_id,
        "stage": run.stage,
        "code": run.identity.code,
        "data_hash": run.identity.data_hash,
        "revisions": run.identity.revisions,
        "chance_accuracy": spec.chance_accuracy,
        "tolerance": spec.tolerance,
        "memoryless_loss": spec.memoryless_loss,
        "lag_min": spec.lag[0] if spec.lag is not None else None,
        "lag_max": spec.lag[1] if spec.lag is not None else None,
        "solved_rule": spec.solved_rule,
        "class_names": _listed(spec.class_names),
        "symbols": _listed(spec.symbols),
        "threads": run.threads,
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
        **provenance(),
    }
