"""The launcher of `harness -m` on a Slurm cluster: each run is a job, which resumes after a time limit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hydra.plugins.launcher import Launcher

if TYPE_CHECKING:
    from hydra.core.utils import JobReturn
    from hydra.types import HydraContext, TaskFunction
    from omegaconf import DictConfig


class SlurmLauncher(Launcher):
    """Submits the runs as job arrays, see `experiment.slurm`; the options stand in its yaml."""

    def __init__(self, **options: Any) -> None:
        self.options = options

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Takes what `launch` needs.

        Raises:
            ValueError: submitit or Slurm is not installed, or an option cannot be right.
        """
        from harness.experiment.slurm_options import options_of

        self.parsed = options_of(self.options)
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Submits the jobs and returns what each of them returned."""
        from harness.experiment.slurm import launch

        return launch(
            self.hydra_context, self.task_function, self.config, job_overrides, initial_job_idx, self.parsed
        )
