"""Benchmarks recurrent cells on sequence classification: accuracy, gradient flow and wall-clock time."""

import sys

if sys.argv[:1] == ["-m"] and not sys.flags.safe_path:
    del sys.path[0]  # like `harness`, do not look in the working directory first

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.experiment.notebook import run
    from harness.experiment.weights import load_model
    from harness.results import load_gradflow, load_runs, load_steps, load_table

__version__ = "0.2.0"

__all__ = ["__version__", "load_gradflow", "load_model", "load_runs", "load_steps", "load_table", "run"]

_HOMES = {
    "run": "harness.experiment.notebook",
    "load_model": "harness.experiment.weights",
    **dict.fromkeys(("load_gradflow", "load_runs", "load_steps", "load_table"), "harness.results"),
}


def __getattr__(name: str) -> Any:
    """Imports what a name needs when it is first used: `harness.tasks` alone needs no pandas and no Hydra."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'harness' has no attribute {name!r}")
