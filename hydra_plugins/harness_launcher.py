"""The launcher of `harness -m` on one machine: worker processes in which runs cannot harm each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hydra.plugins.launcher import Launcher

if TYPE_CHECKING:
    from hydra.core.utils import JobReturn
    from hydra.types import HydraContext, TaskFunction
    from omegaconf import DictConfig


class LocalLauncher(Launcher):
    """Composes each job's config in this process and runs it in a worker, see `experiment.workers`."""

    def __init__(self, n_jobs: int | None = None) -> None:
        self.n_jobs = n_jobs

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Takes what `launch` needs.

        Raises:
            ValueError: `n_jobs` is 0 or no whole number.
        """
        from harness.experiment.places import number_of_workers

        number_of_workers(self.n_jobs)
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Runs the jobs, `n_jobs` at a time, and returns what each of them returned."""
        from harness.experiment.workers import launch

        return launch(
            self.hydra_context, self.task_function, self.config, job_overrides, initial_job_idx, self.n_jobs
        )
