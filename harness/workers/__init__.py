"""Worker processes that may crash or hang, and a pool that says how they ended. Knows no other room."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.workers.call import Call, Outcome, in_worker, set_time_limit
    from harness.workers.pool import Pool, WorkersBrokenError

__all__ = ["Call", "Outcome", "Pool", "WorkersBrokenError", "in_worker", "set_time_limit"]

_HOMES = {"Pool": "pool", "WorkersBrokenError": "pool"}


def __getattr__(name: str) -> Any:
    """Imports what a name needs when it is first used: the command line needs `stop` before all else."""
    if name in __all__:
        from importlib import import_module

        return getattr(import_module(f"harness.workers.{_HOMES.get(name, 'call')}"), name)
    raise AttributeError(f"module 'harness.workers' has no attribute {name!r}")
