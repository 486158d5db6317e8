"""A run by its folder, its run_id, or the beginning of it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from harness.results.store import runs_dir


class RunNotFoundError(FileNotFoundError):
    """No run, or several, have the given name; the message says which there are."""


def find_run(run: str | Path, results_dir: str | Path = "results") -> Path:
    """The folder of a run.

    Args:
        run: its folder, its run_id, or a beginning of it that no other run has.
        results_dir: where runs are looked for by name.

    Raises:
        RunNotFoundError: there is none, or there are several.
    """
    folder = Path(run)
    if any((folder / name).exists() for name in ("row.json", "config.yaml")):
        return folder.resolve()
    runs = runs_dir(results_dir)
    ids = sorted(path.name for path in runs.iterdir() if path.is_dir()) if runs.is_dir() else []
    found = ids_that_begin(str(run), ids)
    if len(found) > 1:
        raise RunNotFoundError(f"{run} begins {some_of(found)}: give more of it")
    if not found:
        there = some_of(ids) if ids else "no run"
        raise RunNotFoundError(
            f"{run} is neither the folder of a run nor the beginning of a run_id; {runs} holds {there}"
        )
    return runs / found[0]


def ids_that_begin(beginning: str, ids: Iterable[str]) -> list[str]:
    """The run_ids with this beginning; the one that equals it alone, if there is one.

    >>> ids_that_begin("gru-1", ["gru-1", "gru-10"]), ids_that_begin("gru", ["gru-1", "gru-10", "rnn"])
    (['gru-1'], ['gru-1', 'gru-10'])
    """
    ids = list(ids)
    return [beginning] if beginning in ids else [one for one in ids if one.startswith(beginning)]


def some_of(ids: list[str]) -> str:
    """How many runs, and the first three of them.

    >>> some_of(["a", "b", "c", "d"])
    '4 runs (a, b, c, …)'
    """
    return f"{len(ids)} run{'s' * (len(ids) > 1)} ({', '.join(ids[:3])}{', …' if len(ids) > 3 else ''})"
