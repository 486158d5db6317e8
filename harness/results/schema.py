"""What one run leaves behind: one row, and the meaning of each of its columns."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

STATUSES = ("ok", "diverged", "failed", "interrupted")
"""How a run can end. `ok` and `diverged` are final; `failed` and `interrupted` are run again."""

FINAL_STATUSES = ("ok", "diverged")


def _column(about: str, default: Any = None) -> Any:
    return field(default=default, metadata={"about": about})


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """One run as one row. `None` means: not measured, or not defined for this run."""

    run_id: str = field(metadata={"about": "task-cell-hH-TT-sS-hash; the hash covers the resolved config"})
    status: str = field(metadata={"about": "`ok`, `diverged`, `failed` or `interrupted`"})
    error: str | None = _column("why the run is not `ok`, in one line")
    setting: str = _column(
        "hash of the resolved config without its seed: equal for runs that are repeats", ""
    )
    task: str = _column("name of the task", "")
    variant: str = _column("which definition of the task", "")
    data_source: str = _column("where the samples come from; sources are never mixed in one comparison", "")
    data_fingerprint: str | None = _column("SHA-256 of the training, validation and test samples")
    cell: str = _column("name of the cell", "")
    hidden_size: int = _column("units in each layer", 0)
    num_layers: int = _column("stacked layers", 1)
    dropout: float = _column("dropout between stacked layers", 0.0)
    seq_len: int = _column("steps in a sequence", 0)
    seed: int = _column("seed of the data, the initial weights and the order of batches", 0)
    batch_size: int = _column("sequences in a training step", 0)
    lr: float = _column("learning rate", 0.0)
    optimizer: str = _column("`adam`, `rmsprop` or `sgd`", "")
    clip: float | None = _column("the gradient norm above which the gradient is scaled down; empty: never")
    n_params: int | None = _column("trained parameters, head included")
    steps: int | None = _column("training steps made")
    epochs: float | None = _column("passes over the training samples made")
    best_step: int | None = _column("the step whose weights did best on validation data")
    val_loss: float | None = _column("validation loss at `best_step` (nats, or squared error)")
    val_accuracy: float | None = _column("validation accuracy at `best_step`, 0 to 1")
    test_loss: float | None = _column("test loss at `best_step`, measured once")
    test_accuracy: float | None = _column("test accuracy at `best_step`, measured once, 0 to 1")
    test_sequence_accuracy: float | None = _column(
        "share of test sequences whose labels are all right; empty where a sequence has one label"
    )
    chance_accuracy: float | None = _column("accuracy of the best guess that looks at no input")
    tolerance: float | None = _column("value targets: an error below this counts as right in the accuracies")
    memoryless_loss: float | None = _column("lowest loss without memory of earlier steps, where it is known")
    solved_rule: str | None = _column("the task's threshold on validation data; empty: the task has none")
    solved_step: int | None = _column("first evaluation at which validation met the task's threshold")
    grad_norm_mean: float | None = _column("mean over training steps of the gradient norm before clipping")
    grad_norm_max: float | None = _column("largest gradient norm before clipping")
    clip_rate: float | None = _column("share of training steps that were clipped")
    gradflow_slope: float | None = _column(
        "change of log10 ‖∂L/∂h_t‖ per step back in time, top layer, last probe; negative: vanishing; "
        "empty where sequences differ in length"
    )
    gradflow_half_life: float | None = _column(
        "steps back over which that norm halves; empty where it does not fall"
    )
    train_s: float | None = _column("seconds in training steps: no data building, evaluation or probes")
    eval_s: float | None = _column("seconds in evaluation")
    cpu_s: float | None = _column("processor seconds of the run's process, everything included")
    samples_per_s: float | None = _column("training sequences a second of `train_s`")
    peak_rss_mb: float | None = _column("peak resident memory of the run's process, MiB")
    kernel: str = _column("`fused` or `torch`: which implementation of the cell ran", "")
    keeps_memory: bool | None = _column("whether freed memory stayed in the process")
    flush_denormal: bool | None = _column("whether numbers too small for a normal one counted as 0")
    device: str = _column("`cpu`, `cuda`, …", "")
    threads: int = _column("torch threads inside one operation", 1)
    concurrent: int = _column("runs that shared the machine, this one included", 1)
    torch: str = _column("torch version", "")
    numba: str = _column("Numba version; empty where it is not installed", "")
    python: str = _column("Python version", "")
    harness: str = _column("version of this package", "")
    git_commit: str | None = _column("commit of this package's source, `-dirty` with changes on top")
    cpu: str = _column("processor", "")
    started_at: str = _column("start, UTC, ISO 8601", "")
    config: dict[str, Any] = field(default_factory=dict, metadata={"about": "the resolved config, as JSON"})
    longer: dict[str, float] = field(default_factory=dict)
    """Tests at `task.eval_lengths`, by the column that each becomes: `test_loss_2x`, `test_accuracy_2x`, …"""

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ValueError(f"status must be one of {', '.join(STATUSES)}, not {self.status!r}")


COLUMNS: tuple[str, ...] = tuple(f.name for f in dataclasses.fields(RunRecord) if f.name != "longer")
"""Columns that every table of runs has; tests at other lengths follow them, where there are any."""

ABOUT: dict[str, str] = {
    f.name: f.metadata["about"] for f in dataclasses.fields(RunRecord) if f.name in COLUMNS
}

STEP_COLUMNS: tuple[str, ...] = (
    "step",
    "epoch",
    "train_loss",
    "train_accuracy",
    "val_loss",
    "val_accuracy",
    "grad_norm_mean",
    "grad_norm_max",
    "clip_rate",
    "samples_per_s",
    "train_s",
)
"""Columns of `steps.csv`: one row an evaluation. `train_s` is cumulative; the training columns are means
over the steps since the row before, so they are empty at step 0."""

GRADFLOW_COLUMNS: tuple[str, ...] = ("step", "layer", "state", "t", "norm", "log10_norm")
"""Columns of `gradflow.csv`: one row a probe, layer, state (`h` or `c`) and time step `t`, counted from 0.
`norm` is the mean over the batch of ‖∂ℓ/∂h_t‖, ℓ the loss of one sequence."""
