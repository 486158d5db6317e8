"""What is wrong in a results folder, and what can be done about it without losing a finished run."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.results.files import is_regular
from harness.results.hashes import ROW_NAME, damaged_files
from harness.results.ids import ids_of
from harness.results.locks import hold, is_locked
from harness.results.store import (
    LOCK_NAME,
    OLD_LOCK_NAME,
    CorruptRowError,
    NewerSchemaError,
    file_stamp,
    read_row,
    runs_dir,
    set_aside,
)

LEFT_AFTER_S = 600.0
"""A temporary file that was not written to for so many seconds was left by a process that has ended."""

AGAIN = "the command that made it makes it again"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong."""

    path: Path
    what: str
    advice: str
    """What `fix` does; without one, what the user can do."""
    fix: Callable[[], None] | None = None
    """None where nothing can be done without the user."""


def examine(results_dir: str | Path) -> Iterator[Problem]:
    """Looks at every run of a results folder, whatever lies in it; changes nothing.

    A run that a process is making now is left out.
    """
    yield from _temporary_files(Path(results_dir))
    folder = runs_dir(results_dir)
    for path in sorted(folder.iterdir(), key=os.fsencode) if folder.is_dir() else ():
        if path.is_dir():
            if not is_locked(path):
                yield from _temporary_files(path)
                yield from _of_run(path)
        else:
            yield Problem(path, "no folder of a run", "no command looks at it")


def _of_run(folder: Path) -> Iterator[Problem]:
    try:
        row = read_row(folder)
    except NewerSchemaError as error:
        yield Problem(
            folder / ROW_NAME, str(error), "every other command refuses the results folder until then"
        )
        return
    except CorruptRowError as error:
        what = str(error).removeprefix(f"{folder / ROW_NAME}: ")
        advice = f"moves its files to attempt-N/ in its folder; {AGAIN}"
        yield Problem(folder / ROW_NAME, f"damaged row, {what}", advice, _guarded(folder, set_aside))
        return
    yield from _without_row(folder) if row is None else _of_row(folder, row)


def _without_row(folder: Path) -> Iterator[Problem]:
    """A run that has not ended, and that no process is making."""
    names = {path.name for path in folder.iterdir()}
    locks = names & {LOCK_NAME, OLD_LOCK_NAME}
    if not names - locks:
        yield Problem(folder, "a folder without a run", "removes it", _guarded(folder, shutil.rmtree))
        return
    for name in sorted(locks):
        fix = _guarded(folder, lambda _, lock=folder / name: lock.unlink())  # type: ignore[misc]
        yield Problem(folder / name, "a lock that no process holds", "removes it", fix)
    yield Problem(folder, "begun and not ended", AGAIN)


def _of_row(folder: Path, row: dict[str, Any]) -> Iterator[Problem]:
    for name, what in damaged_files(folder, row).items():
        yield Problem(folder / name, what, AGAIN)
    if row["schema_version"] == 1:
        yield Problem(
            folder / ROW_NAME, "of seqharness 0.1", "shown as a setting of its own, never as finished"
        )
    elif (wrong := _wrong_id(row)) is not None:
        yield Problem(
            folder, wrong, f"no command makes this run; `harness runs run_id={folder.name} --delete`"
        )


def _wrong_id(row: dict[str, Any]) -> str | None:
    """How `setting` and `run_id` differ from what the config, seed, code and data of the row give."""
    about = {name: row.get(name) or "" for name in ("code", "data_hash", "revisions")}
    setting, digest = ids_of(row["config"], seed=row["seed"], **about)
    if row["setting"] != setting:
        return f"its setting is {row['setting'][:20]}, that of its config {setting}"
    return None if row["run_id"].endswith(f"-{digest}") else f"its run_id must end in {digest}, as its config"


def _temporary_files(folder: Path) -> Iterator[Problem]:
    """Files that a process has left half-written."""
    for path in sorted(folder.iterdir(), key=os.fsencode) if folder.is_dir() else ():
        ours = re.fullmatch(r"\..*\.tmp(\.\w+)?", path.name) and is_regular(path) and not path.is_symlink()
        if ours and time.time() - path.stat().st_mtime > LEFT_AFTER_S:
            yield Problem(path, "left by a process that was killed", "removes it", _remover(path))


def _guarded(folder: Path, action: Callable[[Path], object]) -> Callable[[], None]:
    """An action on the folder of a run, left out when a process makes the run or has made it since."""
    stamp = file_stamp(folder / ROW_NAME)

    def fix() -> None:
        with hold(folder, timeout=0):  # a `TimeoutError` where it is held
            if file_stamp(folder / ROW_NAME) != stamp:
                raise OSError("the run was made meanwhile")
            action(folder)

    return fix


def _remover(path: Path) -> Callable[[], None]:
    return lambda: path.unlink(missing_ok=True)
