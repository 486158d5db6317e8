"""The device of a run, checked."""

from __future__ import annotations

import torch

from harness.experiment.errors import ConfigError, flat

ELSEWHERE = "hydra_plugins.harness_cluster_launchers."
"""Beginning of the `_target_` of launchers whose runs are made on other machines."""

_here = True


def look_for_devices_here(launcher: str) -> None:
    """From now on devices must be usable here, unless the launcher makes the runs on other machines."""
    global _here
    _here = not launcher.startswith(ELSEWHERE)


def usable_device(name: str) -> torch.device:
    """The device of a name.

    Raises:
        ConfigError: there is none of this name, or it cannot hold a tensor where the runs are made.
    """
    try:
        device = torch.device(name)
        if _here:
            torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = flat(str(error)).split(". ")[0]
        raise ConfigError(
            f"device {name!r} cannot be used here ({reason}); the nearest choice is cpu"
        ) from None
    return device


def check_tf32(tf32: bool, device: torch.device) -> None:
    """Refuses a mode of CUDA on another device.

    Raises:
        ConfigError: `tf32` is true and the device is not CUDA's.
    """
    if tf32 and device.type != "cuda":
        raise ConfigError(
            f"tf32=true is a mode of CUDA's matrix products and means nothing with device={device}; "
            "leave it out, or set device=cuda"
        )
