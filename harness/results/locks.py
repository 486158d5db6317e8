"""The lock of a folder: it holds on a shared disk too, since its holder shows again and again that it lives.

The lock is a file that names a process, its machine and a token, and whose holder touches it every `BEAT_S`
(filelock's `SoftFileLease`). The lock of a process of this machine that has ended is free at once. One that
nobody has touched for `LEASE_S` is taken over by one of those who want it. A holder that was stopped for so
long, as on a suspended machine, finds another's token there and writes nothing more: see `Lock.require`.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import LeaseSettingsMismatch, SoftFileLease, Timeout

from harness.results.files import is_regular
from harness.results.store import LOCK_NAME, file_stamp

log = logging.getLogger("harness.run")

LEASE_S = 120.0
"""Age of the last sign of life after which a lock is taken over; all who share a folder must use the same."""

BEAT_S = 15.0
"""Seconds between two signs of life. Clients of a network disk may see them a minute late."""

POLL_S = 0.05

_patience_s = 0.0


def be_patient() -> None:
    """In this process `hold` waits until it is known whether a holder elsewhere still lives.

    For jobs of a cluster: one that starts again after its machine has failed finds its own lock, still young.
    """
    global _patience_s
    _patience_s = LEASE_S + BEAT_S


class HeldError(TimeoutError):
    """Another process holds the lock."""


class LostLockError(RuntimeError):
    """The lock that this process held is another's now, or its folder is gone."""


class Lock:
    """A lock that this process holds, or held until it was taken over."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lost = False
        """Whether another has taken it over; noticed within `BEAT_S`."""
        self._lease = SoftFileLease(
            path,
            lease_duration=LEASE_S,
            heartbeat_interval=BEAT_S,
            on_compromise=lambda _: setattr(self, "lost", True),
            thread_local=False,
            poll_interval=POLL_S,
        )

    def require(self) -> None:
        """Reads the file: to be called before results are written.

        Raises:
            LostLockError: it is no longer this process's.
        """
        owner = self._lease.owner
        if owner is None or owner.token != self._lease.token:
            self.lost = True
            raise LostLockError(f"the lock that this process held is now held by {self.holder()}")

    def holder(self) -> str:
        """Who holds it, for a message."""
        owner = self._lease.owner
        return "no process" if owner is None else f"process {owner.pid} on {owner.hostname.partition('?')[0]}"

    def acquire(self, timeout: float) -> None:
        """Waits so many seconds, -1 for ever; longer where the holder has not shown that it lives.

        Raises:
            HeldError: another process holds it.
        """
        if timeout < 0:
            while not self._acquired(BEAT_S):
                if _looks_abandoned(self.path):
                    with contextlib.suppress(HeldError):  # it has shown that it lives
                        self._take_over()
                        return
        elif not self._acquired(max(timeout, _patience_s)):
            if not _looks_abandoned(self.path):
                raise HeldError(f"{self.path} is held by {self.holder()}")
            self._take_over()

    def acquired_now(self) -> bool:
        """Takes it if it is free at this moment."""
        return self._acquired(0)

    def release(self) -> None:
        """Removes the file, if it is still this process's."""
        self._lease.release(force=True)

    def _acquired(self, timeout: float, cancel: Callable[[], bool] = lambda: False) -> bool:
        give_up = time.monotonic() + (timeout if timeout >= 0 else float("inf"))
        while True:
            left = give_up - time.monotonic()
            try:
                self._lease.acquire(timeout=timeout if timeout < 0 else max(left, 0), cancel_check=cancel)
            except Timeout:
                return False
            except LeaseSettingsMismatch:  # held with another duration, and it may be released
                if cancel() or left <= 0:
                    return False
                time.sleep(POLL_S)
            else:
                return True

    def _take_over(self) -> None:
        """Waits for a sign of life; where none comes the lock is this process's."""
        holder, stamp, owner = self.holder(), file_stamp(self.path), self._lease.owner
        wait_s = max(LEASE_S, owner.lease_duration or 0) if owner is not None else LEASE_S
        name = self.path.parent.name
        log.warning(
            "%s: no sign of life from %s for %.0f s; waiting %.0f s more before its lock is taken over",
            name, holder, LEASE_S, wait_s,
        )  # fmt: skip
        if not self._acquired(wait_s + 2 * POLL_S, lambda: file_stamp(self.path) not in (None, stamp)):
            owner = self._lease.owner
            never_lapses = owner is None or owner.lease_duration not in (None, LEASE_S)
            if file_stamp(self.path) == stamp and never_lapses:
                self._lease.force_break()  # without a name, as a power cut leaves it, or of another duration
            if not self._acquired(0):
                raise HeldError(f"{self.path} is held by {self.holder()}")
        log.warning("%s: the lock of %s was taken over", name, holder)


@contextlib.contextmanager
def hold(folder: Path, *, timeout: float) -> Iterator[Lock]:
    """Holds the lock of a folder; see `Lock.acquire`.

    Raises:
        HeldError: another process holds it.
        OSError: the folder cannot be written.
    """
    lock = Lock(folder / LOCK_NAME)
    lock.acquire(timeout)
    try:
        yield lock
    finally:
        lock.release()


def is_locked(folder: Path) -> bool:
    """Whether a process that has lately shown that it lives holds the lock; never makes one.

    One that looks abandoned is left to `hold`, which waits for a sign of life before it takes it over.
    """
    path = folder / LOCK_NAME
    if not is_regular(path) or _looks_abandoned(path):
        return False
    lock = Lock(path)
    try:
        if not lock.acquired_now():
            return True
    except OSError:  # a folder that cannot be written: who holds it cannot be told
        return True
    lock.release()
    return False


def _looks_abandoned(path: Path) -> bool:
    """Whether the last sign of life is old by this machine's clock, which may differ from the holder's."""
    stamp = file_stamp(path)
    return stamp is not None and abs(time.time() - stamp[1] / 1e9) > LEASE_S
