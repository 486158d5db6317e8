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
    from harness.results.differences import holm_adjust, paired_difference, welch_difference
    from harness.results.pooled import interquartile_mean, performance_profile, stratified_interval
    from harness.results.repeats import cell_labels, conditions
    from harness.results.statistics import (
        accuracy_interval,
        median_and_range,
        median_steps_to_solve,
        t_interval,
        wilson_interval,
    )
    from harness.results.tables import gather, load_gradflow, load_runs, load_steps, load_table, require_runs

__all__ = [
    "COLUMNS",
    "SCHEMA_VERSION",
    "STATUSES",
    "EvalRow",
    "RunRecord",
    "Table",
    "accuracy_interval",
    "cell_labels",
    "column",
    "columns_of",
    "conditions",
    "gather",
    "holm_adjust",
    "interquartile_mean",
    "load_gradflow",
    "load_runs",
    "load_steps",
    "load_table",
    "median_and_range",
    "median_steps_to_solve",
    "paired_difference",
    "performance_profile",
    "require_runs",
    "stratified_interval",
    "t_interval",
    "welch_difference",
    "wilson_interval",
]


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Imports pandas and SciPy on first use, so that a worker that trains never loads them."""
        for place in ("tables", "repeats", "statistics", "differences", "pooled") if name in __all__ else ():
            module = import_module(f"{__name__}.{place}")
            if hasattr(module, name):
                globals()[name] = getattr(module, name)
                return globals()[name]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
