"""`harness config`, and Hydra's own flags: the composed config, without a run."""

from __future__ import annotations

import re
import sys

from harness.cli.arguments import MULTIRUN_FLAGS, counted, is_override, with_searchpath
from harness.cli.terminal import say

HELP = """\
usage: harness config KEY=VALUE ...
       harness --cfg job KEY=VALUE ...

Prints the composed config as yaml and runs nothing. Hydra's own flags work with or without the word config:
--cfg job|hydra|all, --package, --resolve, --info, --hydra-help, --shell-completion. With -m it is the
config of the first run of the grid.

keys: every key of a run (harness run --help), and those of Hydra (hydra.*)

examples:
  harness config task=adding cell=gru
  harness --cfg hydra -m experiment=smoke"""

HYDRA_FLAG = re.compile(
    r"^(--cfg|-c|--resolve|--package|-p|--info|-i|--hydra-help|--shell-completion|-sc)(=|$)"
)


def is_hydra_flag(argument: str) -> bool:
    """Whether this is one of Hydra's own flags, which run nothing."""
    return HYDRA_FLAG.match(argument) is not None


def main(arguments: list[str]) -> int:
    """Hands the arguments to Hydra's own main, once the keys are known to be right."""
    import hydra
    from hydra.core.global_hydra import GlobalHydra

    from harness.experiment.conf_files import CONFIG_NAME, conf_dir
    from harness.experiment.config import compose
    from harness.experiment.job import job

    given = with_searchpath(arguments)
    rest = [item for item in given if item not in MULTIRUN_FLAGS]
    grid = len(rest) < len(given)
    if not any(is_hydra_flag(argument) for argument in rest):
        rest = ["--cfg", "job", *rest]
    completing = any(item.split("=")[0] in ("--shell-completion", "-sc") for item in rest)
    overrides = [item for item in rest if is_override(item) and not item.startswith("-")]
    flags = [item for item in rest if item not in overrides]
    if grid and not completing:
        overrides = _first_run(overrides)
    elif not completing:  # query=bash and its like are no keys
        compose(overrides)
    rest = rest if completing else [*flags, *overrides]  # argparse takes overrides in one block
    GlobalHydra.instance().clear()  # Hydra's main initialises it itself
    sys.argv = ["harness", *rest]
    hydra.main(config_path=str(conf_dir()), config_name=CONFIG_NAME, version_base="1.3")(job)()
    return 0


def _first_run(overrides: list[str]) -> list[str]:
    """The overrides of the first run of a grid: Hydra itself shows no config of a grid."""
    from harness.experiment.combinations import expand

    _, jobs = expand(overrides)
    of_hydra = [item for item in overrides if item.startswith(("hydra.", "hydra/"))]
    say(f"# the first of {counted(len(jobs), 'run')}: {' '.join(jobs[0].overrides)}")
    return [*of_hydra, *jobs[0].overrides]
