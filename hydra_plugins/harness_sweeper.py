"""The sweeper of `harness -m`: a grid that skips finished runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hydra.plugins.sweeper import Sweeper

if TYPE_CHECKING:
    from hydra.types import HydraContext, TaskFunction
    from omegaconf import DictConfig


class ResumingSweeper(Sweeper):
    """Runs every combination that has not finished; see `harness.experiment.grid.sweep`."""

    def __init__(self, params: dict[str, str] | None = None, max_batch_size: int | None = None) -> None:
        self.params, self.max_batch_size = params, max_batch_size

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Makes the launcher, whose configs are composed by `GridLoader`."""
        from hydra.core.plugins import Plugins

        from harness.experiment.compose_grid import GridLoader

        self.config = config
        self.hydra_context = type(hydra_context)(
            config_loader=GridLoader(hydra_context.config_loader, config), callbacks=hydra_context.callbacks
        )
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=self.hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        """Plans, checks and runs the combinations; returns all of them, finished ones included."""
        from harness.experiment.grid import sweep

        assert self.launcher is not None
        return sweep(self.config, arguments, self.launcher, self.max_batch_size)
