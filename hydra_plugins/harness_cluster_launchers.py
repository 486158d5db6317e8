"""Launchers of `harness -m` whose runs are made on other machines: Slurm, Dask, Ray."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hydra.plugins.launcher import Launcher

if TYPE_CHECKING:
    from hydra.core.utils import JobReturn
    from hydra.types import HydraContext, TaskFunction
    from omegaconf import DictConfig

    from harness.experiment.clusters.remote_jobs import RemoteJob


class _ClusterLauncher(Launcher):
    """Composes each job's config in this process; the options stand in the launcher's yaml."""

    def __init__(self, **options: Any) -> None:
        self.options = options

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Takes what `launch` needs.

        Raises:
            ValueError: the engine is not installed, or an option cannot be right.
        """
        self.check()
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Makes the runs on the cluster and returns what each of them returned."""
        from harness.experiment.clusters.remote_jobs import remote_jobs

        jobs = remote_jobs(
            self.hydra_context, self.task_function, self.config, job_overrides, initial_job_idx
        )
        return self.make(jobs)

    def check(self) -> None:
        raise NotImplementedError

    def make(self, jobs: Sequence[RemoteJob]) -> Sequence[JobReturn]:
        raise NotImplementedError


class SlurmLauncher(_ClusterLauncher):
    """Each run is a job of Slurm, see `experiment.clusters.slurm`."""

    def check(self) -> None:
        """Raises `ValueError` as `options_of` does."""
        from harness.experiment.clusters.slurm_options import options_of

        self.parsed = options_of(self.options)

    def make(self, jobs: Sequence[RemoteJob]) -> Sequence[JobReturn]:
        """Submits the jobs and waits for them."""
        from harness.experiment.clusters.slurm import launch

        return launch(jobs, str(self.config.results_dir), self.parsed)


class DaskLauncher(_ClusterLauncher):
    """Each run is a task of a Dask cluster, see `experiment.clusters.dask_cluster`."""

    def check(self) -> None:
        """Raises `ValueError` where Dask is not installed."""
        from harness.experiment.clusters.dask_cluster import check_options

        check_options(**self.options)

    def make(self, jobs: Sequence[RemoteJob]) -> Sequence[JobReturn]:
        """Hands the jobs to the cluster and waits for them."""
        from harness.experiment.clusters.dask_cluster import launch

        return launch(jobs, **self.options)


class RayLauncher(_ClusterLauncher):
    """Each run is a task of a Ray cluster, see `experiment.clusters.ray_cluster`."""

    def check(self) -> None:
        """Raises `ValueError` where Ray is not installed."""
        from harness.experiment.clusters.ray_cluster import check_options

        check_options(**self.options)

    def make(self, jobs: Sequence[RemoteJob]) -> Sequence[JobReturn]:
        """Hands the jobs to the cluster and waits for them."""
        from harness.experiment.clusters.ray_cluster import launch

        return launch(jobs, **self.options)
