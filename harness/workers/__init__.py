"""Worker processes that may crash or hang, and a pool that says how they ended. Knows no other room."""

from harness.workers.call import Call, Outcome, set_time_limit
from harness.workers.pool import Pool, WorkersBrokenError

__all__ = ["Call", "Outcome", "Pool", "WorkersBrokenError", "set_time_limit"]
