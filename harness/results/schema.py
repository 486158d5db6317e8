"""The columns of the tables: each table's columns are the fields of one dataclass, matched by name."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from harness.results.columns import Table as Table
from harness.results.columns import column, columns_of
from harness.results.columns import markdown_columns as markdown_columns

SCHEMA_VERSION = 2
"""Version of the layout of `row.json`; rows of version 0.1 of this package have none and are read as 1."""

SCHEMA_1_TABLES: dict[str, tuple[str, ...]] = {
    "steps": (
        "step", "epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "grad_norm_mean",
        "grad_norm_max", "clip_rate", "samples_per_s", "train_s",
    ),
    "gradflow": ("step", "layer", "state", "t", "norm", "log10_norm"),
}  # fmt: skip
"""The side tables of a run of version 0.1, whose rows do not list them, and their columns."""

STATUSES = ("ok", "diverged", "failed", "interrupted")
"""How a run can end. `ok` and `diverged` are final; `failed` and `interrupted` are run again."""

MOST_NAMES = 1_000
"""Most names of classes or symbols that a row lists: a vocabulary of words would fill it."""

FINAL_STATUSES = ("ok", "diverged")

STAGES = ("tune", "final")
"""Of a grid whose values are chosen: `tune` measures nothing on test data, `final` is what is compared."""


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """One run as one row. `None` means: not measured, or not defined for this run."""

    run_id: str = column("task-cell-hH-TT-sS-hash; the hash covers everything that decides the numbers")
    status: str = column("`ok`, `diverged`, `failed` or `interrupted`")
    error: str | None = column("why the run is not `ok`, in one line", None)
    schema_version: int = column("version of this table's layout", SCHEMA_VERSION)
    setting: str = column(
        "hash of the resolved config without seed, code and data: equal for runs that are repeats", ""
    )
    code: str = column(
        "version or hash of the third-party code of task and cell; empty: all code is this package's or "
        "torch's",
        "",
    )
    data_hash: str = column(
        "SHA-256 over the content of the data files that were read, 8 digits; empty: generated", ""
    )
    revisions: str = column("revisions of task, cell and training rule that are not 0; empty: all 0", "")
    task: str = column("name of the task", "")
    variant: str = column("which definition of the task", "")
    data_source: str = column("where the samples come from; sources are never mixed in one comparison", "")
    data_fingerprint: str | None = column("SHA-256 of the training, validation and test samples", None)
    test_fingerprint: str | None = column(
        "SHA-256 of the test samples alone: equal where seeds share one test set", None
    )
    test_samples: int | None = column(
        "labels that the test accuracy is a share of; empty: not measured on test data", None
    )
    cell: str = column("name of the cell", "")
    hidden_size: int = column("units in each layer and direction", 0)
    match_params: int | None = column(
        "trained parameters that `hidden_size` was chosen for; empty: `hidden_size` was given", None
    )
    num_layers: int = column("stacked layers", 1)
    dropout: float = column("dropout between stacked layers", 0.0)
    init: str = column("initialisation of the cell; `forget_bias=2`: with its effective bias", "torch")
    readout: str = column("what the head reads: `last`, `mean`, `max` or `all`", "last")
    seq_len: int = column("steps in a sequence", 0)
    stage: str = column("`tune`: measured on validation data only, to choose values; `final`", "final")
    tuned: str = column(
        "keys whose values were chosen for this setting in the stage `tune`, such as `train.lr`; "
        "read from `tuning.csv`; empty: none",
        "",
    )
    seed: int = column("seed of the data, the initial weights and the order of batches", 0)
    batch_size: int = column("sequences in a training step", 0)
    lr: float = column("learning rate", 0.0)
    schedule: str = column("how the learning rate changes over the budget, as `train.schedule`", "constant")
    optimizer: str = column("update rule, as `train.optimizer`", "")
    clip: float | None = column(
        "the gradient norm above which the gradient is scaled down; empty: never", None
    )
    n_params: int | None = column("trained parameters, head included", None)
    steps: int | None = column("training steps made", None)
    epochs: float | None = column("passes over the training samples made", None)
    best_step: int | None = column(
        "the step whose weights did best on validation data, see `docs/statistics.md`", None
    )
    val_loss: float | None = column(
        "loss on all validation samples at `best_step` (nats, or squared error)", None
    )
    val_accuracy: float | None = column("accuracy on all validation samples at `best_step`, 0 to 1", None)
    test_loss: float | None = column("test loss at `best_step`, measured once", None)
    test_accuracy: float | None = column("test accuracy at `best_step`, measured once, 0 to 1", None)
    test_sequence_accuracy: float | None = column(
        "share of test sequences whose labels are all right; empty where a sequence has one label", None
    )
    test_bits: float | None = column(
        "`test_loss` in bits for each label, 1/ln 2 times as much; empty: labels are not the next symbols",
        None,
    )
    chance_accuracy: float | None = column("accuracy of the best guess that looks at no input", None)
    chance_test_accuracy: float | None = column(
        "accuracy of such a guess on the run's test samples: one constant answer, that of the task's "
        "definition, else the most frequent label of the training samples, at each step its own where labels "
        "are at steps; empty: not measured (see `docs/tasks.md`)",
        None,
    )
    tolerance: float | None = column(
        "value targets: an error below this counts as right in the accuracies", None
    )
    memoryless_loss: float | None = column(
        "lowest loss without memory of earlier steps, where it is known", None
    )
    memoryless_test_loss: float | None = column(
        "loss on the run's test samples of the predictor that has `memoryless_loss` on average; empty: not "
        "measured, or not known",
        None,
    )
    lag_min: int | None = column(
        "fewest steps from a step that decides a label to the step where it is scored; empty: not known, or "
        "no step alone decides",
        None,
    )
    lag_max: int | None = column("most of these steps", None)
    solved_rule: str | None = column(
        "the task's threshold on validation data; empty: the task has none", None
    )
    solved_step: int | None = column(
        "first evaluation at which the validation samples, all of them, met the task's threshold", None
    )
    grad_norm_mean: float | None = column(
        "mean over training steps of the gradient norm before clipping", None
    )
    grad_norm_max: float | None = column(
        "largest gradient norm before clipping, steps without a number left out", None
    )
    first_nonfinite_step: int | None = column(
        "first training step whose loss or gradient norm is not finite; 0: none; empty: not measured", None
    )
    clip_rate: float | None = column("share of training steps that were clipped", None)
    gradflow_decades_init: float | None = column(
        "log10 of ‖∂ℓ/∂h_t‖ at the first time step over that at the last, top layer, at initialisation "
        "(first probe); negative: vanishing; an upper bound where `gradflow_underflow` names it; like all "
        "numbers `gradflow_…` empty where sequences differ in length: t is then no count of steps back",
        None,
    )
    gradflow_decades_best: float | None = column("the same at the probe nearest to `best_step`", None)
    gradflow_decades_end: float | None = column("the same at the last probe", None)
    gradflow_reach_init: float | None = column(
        "steps back until ‖∂ℓ/∂h_t‖ first falls below a tenth of its last value, top layer, at "
        "initialisation; T where it never does; log10 of the norm is interpolated between recorded points",
        None,
    )
    gradflow_reach_best: float | None = column("the same at the probe nearest to `best_step`", None)
    gradflow_reach_end: float | None = column("the same at the last probe", None)
    gradflow_underflow: str = column(
        "which of these are upper bounds, because a norm is exactly 0 and stands for `at_most` of "
        "`gradflow.csv`: `init`, `best`, `end` for decades, `reach_init`, … for reaches; empty: none",
        "",
    )
    gradflow_slope_init: float | None = column(
        "slope of the least-squares line of log10 ‖∂ℓ/∂h_t‖ by the steps back in time, top layer, at "
        "initialisation; negative: vanishing; empty where a norm is exactly 0",
        None,
    )
    gradflow_r2_init: float | None = column(
        "R² of that line; empty with fewer than three time steps, or equal norms", None
    )
    gradflow_half_life: float | None = column(
        "steps back over which the norm halves, at initialisation, from `gradflow_slope_init`; empty where "
        "the norm does not fall or `gradflow_r2_init` is below 0.95",
        None,
    )
    gradflow_slope: float | None = column("the slope at the last probe", None)
    gradflow_r2: float | None = column("R² of the line at the last probe", None)
    gradflow_note: str | None = column(
        "why the gradient flow was not measured, or not at some of the probed steps", None
    )
    gates_time_scale_init: float | None = column(
        "1/(1 − f) in steps, f the gate that keeps the state (f of an LSTM, z of a GRU): median over units "
        "of the top layer, then over recorded time steps, at initialisation; empty: the cell has no such "
        "gate, or see `gates_note`",
        None,
    )
    gates_time_scale_best: float | None = column("the same at `best_step`", None)
    gates_time_scale_end: float | None = column("the same after the last step", None)
    gates_time_scale_p90_init: float | None = column(
        "the same of slow units: the 90 % quantile over units in place of the median, at initialisation", None
    )
    gates_time_scale_p90_best: float | None = column("the same at `best_step`", None)
    gates_time_scale_p90_end: float | None = column("the same after the last step", None)
    gates_note: str | None = column("why the gates were not measured", None)
    lyapunov_init: float | None = column(
        "largest Lyapunov exponent of the top layer over the sequence, nats a step, at initialisation; "
        "negative: differences of the state shrink; empty: not measured, see `train.jacobian`",
        None,
    )
    lyapunov_best: float | None = column("the same at `best_step`", None)
    lyapunov_end: float | None = column("the same after the last step", None)
    train_s: float | None = column("seconds in training steps: no data building, evaluation or probes", None)
    train_cpu_s: float | None = column(
        "processor seconds of training steps, beside `train_s`; well below it on one thread: other work had "
        "the core",
        None,
    )
    eval_s: float | None = column("seconds in evaluation", None)
    cpu_s: float | None = column("processor seconds of the run's process, everything included", None)
    samples_per_s: float | None = column("training sequences a second of `train_s`", None)
    peak_rss_mb: float | None = column("peak resident memory of the run's process, MiB", None)
    kernel: str = column("`fused` or `torch`: which implementation of the cell ran", "", environment=True)
    tf32: bool | None = column(
        "whether TF32 was allowed in matrix products and cuDNN, which CUDA alone has; empty: not recorded",
        None,
        environment=True,
    )
    keeps_memory: bool | None = column("whether freed memory stayed in the process", None, environment=True)
    flush_denormal: bool | None = column(
        "whether numbers too small for a normal one counted as 0", None, environment=True
    )
    device: str = column("`cpu`, `cuda`, …", "")
    threads: int = column("torch threads inside one operation", 1, environment=True)
    torch: str = column("torch version", "", environment=True)
    numba: str = column("Numba version; empty where it is not installed", "", environment=True)
    python: str = column("Python version", "")
    harness: str = column("version of this package", "", environment=True)
    git_commit: str | None = column("commit of this package's source, `-dirty` with changes on top", None)
    cpu: str = column("processor", "", environment=True)
    started_at: str = column("start, UTC, ISO 8601", "")
    config: dict[str, Any] = field(default_factory=dict, metadata={"about": "the resolved config, as JSON"})
    class_names: list[str] | None = None
    """The names of the classes, in the order of the labels; None: numbers, or more than `MOST_NAMES`."""
    symbols: list[str] | None = None
    """What each token id stands for; None: no token inputs, the ids themselves, or more than `MOST_NAMES`."""
    other_lengths: dict[str, float] = field(default_factory=dict)
    """Tests at `task.eval_lengths`, by the column that each becomes: `test_loss_2x`, `test_accuracy_2x`, …"""
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The tables beside the row, by name: columns with their meaning, settings, note. Set by `finish`."""
    files: dict[str, str] = field(default_factory=dict)
    """SHA-256 of the files beside the row, by name, and as `row.json` that of the row. Set by `finish`."""

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ValueError(f"status must be one of {', '.join(STATUSES)}, not {self.status!r}")


COLUMNS: tuple[str, ...] = tuple(columns_of(RunRecord))
"""Columns that every table of runs has; tests at other lengths follow them, where there are any."""

FLOAT_COLUMNS: tuple[str, ...] = tuple(
    f.name for f in dataclasses.fields(RunRecord) if f.type in ("float", "float | None")
)
"""Columns of numbers that can be infinite."""

ENVIRONMENT_COLUMNS: tuple[str, ...] = tuple(
    f.name for f in dataclasses.fields(RunRecord) if f.metadata.get("environment")
)
"""Columns that tell how a run was computed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EvalRow:
    """One evaluation, a row of `steps.csv`; training columns are None at step 0."""

    step: int = column("training steps made")
    epoch: float = column("passes over the training samples made")
    train_loss: float | None = column("mean training loss over the steps since the row before")
    train_accuracy: float | None = column("training accuracy over the steps since the row before, 0 to 1")
    val_loss: float = column("validation loss (nats, or squared error)")
    val_accuracy: float = column("validation accuracy, 0 to 1")
    grad_norm_mean: float | None = column(
        "mean gradient norm before clipping over the steps since the row before"
    )
    grad_norm_max: float | None = column("largest of these norms")
    clip_rate: float | None = column("share of these steps that were clipped")
    samples_per_s: float | None = column("training sequences a second over these steps")
    train_s: float = column("seconds in training steps since the start")
    val_samples: int = column("validation samples that this evaluation measured; the last one measures all")
