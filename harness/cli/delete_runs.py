"""Deletes run folders, after showing them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from harness.cli.arguments import counted
from harness.cli.terminal import say
from harness.results import store
from harness.results.locks import HeldError, hold, is_locked


def delete_runs(results_dir: Path, run_ids: Sequence[str], *, yes: bool) -> int:
    """Shows the folders of the runs and their size; with `yes` deletes them.

    A run whose lock another process holds is left alone, and so is a folder that is, or lies behind, a link.

    Returns:
        The exit code: 1 where `yes` was given and a run was left alone.
    """
    root = results_dir.resolve() / store.runs_dir("").name
    folders = [store.runs_dir(results_dir) / run_id for run_id in run_ids]
    deletable = []
    for folder in folders:
        if folder.resolve() != root / folder.name:
            say(f"  {folder}: left alone, it is a link out of the results folder")
        elif is_locked(folder):
            say(f"  {folder}: left alone, another process is running it")
        else:
            deletable.append(folder)
    sizes = {folder: size_of(folder) for folder in deletable}
    if not yes:
        for folder, size in sizes.items():
            say(f"  {folder}  {file_size(size)}")
        whole = file_size(sum(sizes.values()))
        say(
            f"would delete {len(deletable)} of {counted(len(folders), 'run')}, {whole}; "
            "nothing was deleted: add --yes"
        )
        return 0
    deleted = [folder for folder in deletable if _delete(folder)]
    for folder in deletable:
        if folder not in deleted:
            say(f"  {folder}: left alone, another process is running it")
    freed = file_size(sum(sizes[folder] for folder in deleted))
    say(
        f"deleted {len(deleted)} of {counted(len(folders), 'run')}, {freed}; "
        f"`harness report {results_dir}` updates page, tables and figures"
    )
    return 0 if len(deleted) == len(folders) else 1


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder; a link counts itself, not what it points at."""
    return sum(
        os.lstat(os.path.join(parent, name)).st_size
        for parent, folders, names in os.walk(folder)
        for name in (*names, *folders)
    )


def file_size(size: int) -> str:
    """A number of bytes in kB (10³) or MB (10⁶).

    >>> file_size(1_234), file_size(1_234_567)
    ('1.2 kB', '1.2 MB')
    """
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.1f} kB"


def _delete(folder: Path) -> bool:
    """Deletes a run folder while holding its lock; False where another process holds it."""
    try:
        with hold(folder, timeout=0):
            shutil.rmtree(folder)  # removes links inside it, never what they point at
    except HeldError:
        return False
    return True
