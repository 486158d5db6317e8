"""The weights of a run's best step on disk, and the model made of them again."""

from __future__ import annotations

import dataclasses
import warnings
from pathlib import Path
from typing import Any

import torch

from harness.cells import is_bidirectional, make_cell, with_seq_len
from harness.experiment.errors import ConfigError
from harness.experiment.plan import Plan
from harness.experiment.targets import split_target, third_party_code
from harness.kernels import FusedCell
from harness.results.files import replaced
from harness.results.find_run import find_run
from harness.results.hashes import damaged_files
from harness.results.store import WEIGHTS_NAME as WEIGHTS_NAME
from harness.results.store import CorruptRowError, read_row
from harness.tasks import TaskSpec
from harness.training import SequenceClassifier, encoded_size


def save_weights(run: Plan, model: SequenceClassifier) -> Path:
    """Writes the weights of `model`, and what is needed to build it, whole or not at all.

    Those of a fused cell are stored under the names of the cell that it was made of.
    """
    kept = {
        "weights": _plain_names(model),
        "spec": dataclasses.asdict(run.task.spec),
        "embedding_size": run.embedding_size,
        "readout": run.readout,
        "cell_target": run.identity.config["cell"]["_target_"],
        "cell_options": run.cell_options,
        "code": run.identity.code,
    }
    path = run.folder / WEIGHTS_NAME
    with replaced(path) as temporary:
        torch.save(kept, temporary)
    return path


def load_model(run: str | Path, results_dir: str | Path = "results") -> SequenceClassifier:
    """The model of a run with the weights of its best step, on the CPU, in evaluation mode.

    `model(x, lengths)` answers, with x as the task gives it and lengths (B,), the valid steps. The cell
    is the module that the config names, without the fused loops. No data is read.

    Args:
        run: a run that was made with `keep_weights=true`: its folder, its run_id or a beginning of it.
        results_dir: where a run_id is looked for.

    Raises:
        FileNotFoundError: there is no such run, or it has kept no weights.
        ConfigError: the file is damaged, the cell's class cannot be imported, or 0.2 wrote the weights of a
            bidirectional cell.

    Warns:
        UserWarning: the code of a third-party cell has changed since the run.
    """
    return _model(*_kept(run, results_dir))


def load_generator(
    run: str | Path, results_dir: str | Path = "results"
) -> tuple[TaskSpec, SequenceClassifier]:
    """The spec of a run's task, whose labels are the next symbols, and the model as `load_model` returns it.

    Raises:
        FileNotFoundError, ConfigError: as `load_model`; or the task has other labels, or names no symbols.
    """
    path, kept, spec = _kept(run, results_dir)
    if not spec.predicts_next or spec.symbols is None:
        raise ConfigError(
            f"{path.parent.name} is of the task {spec.name}, and a run that generates predicts the next "
            "symbol, as those of task=next_char do; one of an earlier version does not know its symbols: "
            "make it again with rerun=true"
        )
    return spec, _model(path, kept, spec)


def _kept(run: str | Path, results_dir: str | Path) -> tuple[Path, dict[str, Any], TaskSpec]:
    """The file of a run's weights, what it holds, and the spec of the task."""
    path = find_run(run, results_dir) / WEIGHTS_NAME
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; name a run that was made with keep_weights=true")
    if (damage := _damage(path)) is not None:
        raise ConfigError(
            f"{path} holds no weights of a run ({damage}); make it again with rerun=true keep_weights=true"
        )
    try:
        kept: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
        spec = TaskSpec(**kept["spec"])
    except Exception as error:  # torch raises many kinds for a file that is empty, cut off or another's
        reason = f"{type(error).__name__}: {str(error).partition(chr(10))[0][:100]}"
        raise ConfigError(
            f"{path} holds no weights of a run ({reason}); make it again with rerun=true keep_weights=true"
        ) from error
    return path, kept, spec


def _model(path: Path, kept: dict[str, Any], spec: TaskSpec) -> SequenceClassifier:
    target, _ = split_target("cell", {"_target_": kept["cell_target"]})
    now = third_party_code((kept["cell_target"], target))
    if now and now not in kept["code"].split(", "):
        warnings.warn(
            f"{path} was written with code {kept['code']}, the cell's code is now {now}", stacklevel=2
        )
    options = with_seq_len(target, kept["cell_options"], spec.seq_len)
    cell = make_cell(target, encoded_size(spec, kept["embedding_size"]), **options)
    if is_bidirectional(cell) and "readout" not in kept:
        raise ConfigError(
            f"{path} is of seqharness 0.2, which read a bidirectional cell otherwise; make the run again"
        )
    model = SequenceClassifier(spec, cell, kept["embedding_size"], kept.get("readout", "last"))
    model.load_state_dict(kept["weights"])
    return model.eval()


def _damage(path: Path) -> str | None:
    """Why the weights are not those that the run has written, as far as its row tells."""
    try:
        row = read_row(path.parent)
    except CorruptRowError:
        return None
    return damaged_files(path.parent, row or {}).get(path.name)


def _plain_names(model: SequenceClassifier) -> dict[str, Any]:
    weights = {name: tensor.detach().cpu() for name, tensor in model.state_dict().items()}
    if not isinstance(model.cell, FusedCell):
        return weights
    return {name.replace("cell.cell.", "cell.", 1): tensor for name, tensor in weights.items()}
