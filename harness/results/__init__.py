"""Run records on disk, tables of them, and statistics over seeds. Does not import torch."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from harness.results.schema import (
    COLUMNS,
    SCHEMA_VERSION,
    STATUSES,
    EvalRow,
    RunRecord,
    Table,
    column,
    columns_of,
)

if TYPE_CHECKING:
    from harness.results.repeats import cell_labels, conditions
    from harness.results.statistics import paired_difference, t_interval
    from harness.results.tables import gather, load_gradflow, load_runs, load_steps, load_table, require_runs

__all__ = [
    "COLUMNS",
    "SCHEMA_VERSION",
    "STATUSES",
    "EvalRow",
    "RunRecord",
    "Table",
    "cell_labels",
    "column",
    "columns_of",
    "conditions",
    "gather",
    "load_gradflow",
    "load_runs",
    "load_steps",
    "load_table",
    "paired_difference",
    "require_runs",
    "t_interval",
]


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Imports pandas and SciPy on first use, so that a worker that trains never loads them."""
        for place in ("tables", "repeats", "statistics") if name in __all__ else ():
            module = import_module(f"{__name__}.{place}")
            if hasattr(module, name):
                globals()[name] = getattr(module, name)
                return globals()[name]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
