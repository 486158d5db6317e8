"""Checkpoints of a run: when they are written, and how a run begins from one."""

from __future__ import annotations

import _thread
import contextlib
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from omegaconf import OmegaConf

from harness.experiment.errors import flat
from harness.experiment.plan import Plan
from harness.experiment.time_limit import seconds_of_attempt
from harness.results import store
from harness.results.locks import Lock
from harness.results.machine import provenance
from harness.results.store import CHECKPOINT_NAME
from harness.training import TrainingState
from harness.training.checkpoint import (
    BrokenCheckpointError,
    Checkpoint,
    read_checkpoint,
    rewrite_about,
    write_checkpoint,
)
from harness.workers.stop import SIGNALS, left_to_the_command

log = logging.getLogger("harness.run")

PATIENCE_S = 2.0
"""Seconds that a step or an evaluation may still take once the run is asked to stop; then it is left."""


_patience_s = PATIENCE_S


def set_patience(seconds: float) -> None:
    """In this process a step may take so long once the run is asked to stop."""
    global _patience_s
    _patience_s = seconds


class UnfitCheckpointError(ValueError):
    """A checkpoint that is whole, and that the run cannot take over."""


@dataclass(frozen=True)
class Start:
    """How an attempt begins."""

    checkpoint: Checkpoint | None = None
    """None: at step 0."""
    used_s: float = 0.0
    """Seconds that earlier processes worked on this attempt."""
    cpu_s: float = 0.0
    """Processor seconds of them."""
    refused: str = ""
    """Why a checkpoint that is there is not resumed, for the log."""


def start(run: Plan) -> Start:
    """Prepares the folder of a run: its checkpoint is resumed in place, else a new attempt begins.

    With `rerun=true` a run begins at step 0.
    """
    path, config = run.folder / CHECKPOINT_NAME, OmegaConf.to_yaml(OmegaConf.create(run.identity.config))
    checkpoint, refused = None, ""
    try:  # beside a final row lies only what a kill has left
        checkpoint = None if run.rerun or store.is_final(run.folder) else read_checkpoint(path)
    except BrokenCheckpointError as error:
        refused = str(error)
    if checkpoint is not None and checkpoint.about.get("made_with") != _made_with(run):
        refused = f"{path.name} is of {_differences(checkpoint.about.get('made_with'), _made_with(run))}"
        checkpoint = None
    if checkpoint is None:
        path.unlink(missing_ok=True)
        store.begin(run.folder, config)
        return Start(refused=refused)
    used_s = seconds_of_attempt(run.folder)
    rewrite_about(path, checkpoint.about | {"used_s": used_s})  # the config's time, which tells it, changes
    store.resume(run.folder, config)
    return Start(checkpoint, used_s, checkpoint.about["cpu_s"])


def resume(state: TrainingState, begun: Start) -> None:
    """Takes a training to where its checkpoint was written, and says so in the log.

    Raises:
        UnfitCheckpointError: it cannot; what of the state was loaded is not known.
    """
    if begun.refused:
        log.warning("%s: the run starts again", begun.refused)
    if begun.checkpoint is None:
        return
    try:
        state.load_state_dict(begun.checkpoint.state)
    except Exception as error:  # a third-party module may refuse what it gave
        raise UnfitCheckpointError(f"{CHECKPOINT_NAME} does not fit: {flat(str(error))}") from error
    log.info("resumed from the checkpoint at step %d", state.step)


def remove(run: Plan) -> None:
    """Removes the checkpoint of a run that has ended."""
    (run.folder / CHECKPOINT_NAME).unlink(missing_ok=True)


class Checkpoints:
    """Writes a training every so many minutes, and when a signal asks it to stop: between two steps.

    A disk that is full costs the checkpoint, not the run.
    """

    def __init__(self, run: Plan, begun: Start, lock: Lock) -> None:
        self.path, self.lock = run.folder / CHECKPOINT_NAME, lock
        self.about = {"made_with": _made_with(run), "used_s": begun.used_s}
        self.every_s = None if run.train.checkpoint_minutes is None else 60 * run.train.checkpoint_minutes
        self.cpu_s = begun.cpu_s - time.process_time()
        self.last, self.process = time.monotonic(), os.getpid()
        self.asked: tuple[int, Callable[..., Any]] | None = None
        """The signal that asks to stop, and its usual handler."""

    def due(self) -> bool:
        """Whether the training has to be written or stopped now. Ends a fork that a cell made in a step."""
        if os.getpid() != self.process:
            os._exit(1)
        late = self.every_s is not None and time.monotonic() - self.last >= self.every_s
        return late or self.asked is not None or self.lock.lost

    def take(self, state: TrainingState) -> None:
        """Writes the training; then lets the signal that asked for it do what it usually does.

        Raises:
            LostLockError: another process has taken the run over.
        """
        asked, self.asked = self.asked, None
        self.lock.require()
        if self.every_s is not None:
            about = self.about | {"cpu_s": self.cpu_s + time.process_time()}
            try:
                write_checkpoint(self.path, state, about)
            except Exception as error:  # a full disk, or a third-party module with a state of any kind
                log.warning("no checkpoint at step %d: %s", state.step, error)
            else:
                log.info("checkpoint at step %d", state.step)
        self.last = time.monotonic()
        if asked is not None:
            number, usual = asked
            usual(number, None)

    @contextlib.contextmanager
    def stopping_between_steps(self) -> Iterator[None]:
        """Signals that would raise in the middle of a step only ask to stop; a second one raises at once."""
        usual: dict[int, Callable[..., Any]] = {}
        timers: list[threading.Timer] = []

        def ask(number: int, frame: Any) -> None:
            if self.asked is None and not timers:
                self.asked = number, usual[number]
                timers.append(threading.Timer(_patience_s, self._insist, [number]))
                timers[0].daemon = True
                timers[0].start()
            else:
                usual[number](number, frame)

        if threading.current_thread() is threading.main_thread():
            handlers = {number: signal.getsignal(number) for number in SIGNALS}
            usual = {
                n: one for n, one in handlers.items() if callable(one) and one is not left_to_the_command
            }
        for number in usual:
            signal.signal(number, ask)
        try:
            yield
        finally:
            for number, handler in usual.items():
                signal.signal(number, handler)
            for timer in timers:
                timer.cancel()

    def _insist(self, number: int) -> None:
        """In the timer's thread: sends the signal to the main thread again, which wakes it from any wait."""
        if self.asked is None:
            return
        if sys.platform == "win32":
            _thread.interrupt_main(signal.Signals(number))
        else:
            signal.pthread_kill(threading.main_thread().ident or 0, number)


def _differences(there: Any, here: dict[str, Any]) -> str:
    there = there if isinstance(there, dict) else {}
    return ", ".join(
        f"{name} {there.get(name)}, not {here[name]}" for name in here if here[name] != there.get(name)
    )


def _made_with(run: Plan) -> dict[str, Any]:
    """What a training may not change on the way, beside the identity of its run."""
    known = provenance()
    made = {name: known[name] for name in ("harness", "torch")} | {"device": str(run.device)}
    probes = {probe.name: json.loads(json.dumps(probe.settings)) for probe in run.probes}
    return made | {"tf32": run.tf32, "run": run.run_id, "probes": probes}
