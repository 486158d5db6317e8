"""Run records on disk, tables of them and the statistics that few seeds can carry. No torch in here."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from harness.results.schema import ABOUT, COLUMNS, GRADFLOW_COLUMNS, STATUSES, STEP_COLUMNS, RunRecord

if TYPE_CHECKING:
    from harness.results.repeats import cell_labels, conditions
    from harness.results.statistics import paired_difference, t_interval
    from harness.results.tables import gather, load_gradflow, load_runs, load_steps, require_runs

__all__ = [
    "ABOUT",
    "COLUMNS",
    "GRADFLOW_COLUMNS",
    "STATUSES",
    "STEP_COLUMNS",
    "RunRecord",
    "cell_labels",
    "conditions",
    "gather",
    "load_gradflow",
    "load_runs",
    "load_steps",
    "paired_difference",
    "require_runs",
    "t_interval",
]


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Imports pandas and SciPy only for those who ask for tables: a worker that trains does without."""
        for place in ("tables", "repeats", "statistics") if name in __all__ else ():
            module = import_module(f"{__name__}.{place}")
            if hasattr(module, name):
                globals()[name] = getattr(module, name)  # asked here once only
                return globals()[name]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
