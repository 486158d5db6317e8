"""A task: a spec that describes inputs, targets and baselines, and three splits of samples."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

Target = Literal["class", "value", "steps"]

NO_LABEL = -100
"""In `y` of a `steps` target: the label of a step that is not scored (torch's `ignore_index`)."""

MakeSplit = Callable[[str, int], "Split"]
"""From a split (`train`, `val` or `test`) and an epoch to its samples, a pure function."""

PresentStep = Callable[[Tensor, Tensor], Tensor]
"""A predictor without memory: it sees single steps, neither earlier ones nor labels.

From the inputs (M,) or (M, D) of M steps and their numbers (M,), counted from 0, to log-probabilities (M, K)
of the classes, or to values (M,)."""


@dataclass(frozen=True, kw_only=True)
class TaskSpec:
    """Inputs, targets and baselines of a task, and the origin of its samples.

    Exactly one of `input_size` (real-valued inputs, x is (N, T, input_size)) and `vocab_size` (token
    ids, x is (N, T)) is set.
    """

    name: str
    variant: str
    """Which of the published definitions of this name."""
    target: Target
    """`class`: a label per sequence; `value`: a number per sequence; `steps`: labels at the scored steps."""
    seq_len: int
    """Number of steps T of the longest sequence."""
    input_size: int | None = None
    vocab_size: int | None = None
    num_classes: int = 1
    """Size of the output: the number of classes, or 1 for a value."""
    chance_accuracy: float
    """Accuracy of the best predictor that sees no input, 0 to 1."""
    memoryless_loss: float | None = None
    """Lowest loss (nats, or squared error) that a predictor without memory can reach; None: not known."""
    tolerance: float | None = None
    """Value targets: a prediction is correct when its absolute error is below this."""
    solved_loss: float | None = None
    """The task is solved when the loss is at most this; None: `solved_accuracy` decides."""
    solved_accuracy: float | None = None
    """The task is solved when the accuracy is at least this; None: see `solved_loss`."""
    data_source: str
    """`generated`, or the name and the size of the data set."""
    citation: str
    """The paper that defines the task, in one line."""
    revision: int = 0
    """Raised when a change of this package alters the numbers of the task; 0 is neutral."""
    lag: tuple[int, int] | None = field(default=None, repr=False)
    """How far back the answer lies: the fewest and the most steps from a step that decides a label to the
    step where the label is scored. None: not known, or no step alone decides, as in images."""
    class_names: tuple[str, ...] | None = field(default=None, repr=False)
    """A name for each class, in the order of the labels; None: the classes are numbers."""
    symbols: tuple[str, ...] | None = field(default=None, repr=False)
    """What each token id stands for, in the order of the ids; None: the ids themselves, or real inputs."""
    predicts_next: bool = field(default=False, repr=False)
    """Whether a label is the symbol that follows: the loss is then stated in bits per symbol too, a model can
    generate, and one that reads later steps is refused where labels are at steps."""

    def __post_init__(self) -> None:
        if (self.input_size is None) == (self.vocab_size is None):
            raise ValueError("a task has either input_size or vocab_size")
        for field_name, names, size in (
            ("class_names", self.class_names, self.num_classes),
            ("symbols", self.symbols, self.vocab_size),
        ):
            if names is not None and (len(names) != size or len(set(names)) != size):
                raise ValueError(f"{field_name} of {self.name} must be {size} different names, not {names}")
        if self.lag is not None and not 0 <= self.lag[0] <= self.lag[1] < self.seq_len:
            raise ValueError(
                f"lag must be two rising numbers of steps from 0 to seq_len - 1 = {self.seq_len - 1}, not "
                f"{self.lag}; None: not known"
            )

    @property
    def solved_rule(self) -> str | None:
        """The threshold in words; None: the task has none."""
        if self.solved_loss is not None:
            return f"loss <= {self.solved_loss:g}"
        return None if self.solved_accuracy is None else f"accuracy >= {self.solved_accuracy:g}"

    def is_solved(self, loss: float, accuracy: float) -> bool:
        """Whether a loss and an accuracy meet the threshold; False where the task has none."""
        if self.solved_loss is not None:
            return loss <= self.solved_loss
        return self.solved_accuracy is not None and accuracy >= self.solved_accuracy


@dataclass(frozen=True, kw_only=True)
class Baselines:
    """The predictors behind the baselines of a spec, so that `measure_baselines` can try them on samples."""

    chance: float | None = None
    """The constant answer: a class or a value; None: the most frequent label of the training samples, for
    each step its own where labels are at steps."""
    memoryless: PresentStep | None = None
    """The predictor without memory; None: not known. Picklable if the task is to be pickled."""


@dataclass(frozen=True, eq=False)
class Split(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Samples in memory, as a map-style dataset of (x, y, length).

    Attributes:
        x: (N, T, D) float32, or token ids (N, T) int64; shorter sequences are padded on the right.
        y: (N,) int64 classes, (N,) float32 values, or (N, T) int64 classes with `NO_LABEL` at the steps
            that are not scored.
        lengths: (N,) int64, the number of valid steps of each sequence.
    """

    x: Tensor
    y: Tensor
    lengths: Tensor

    def __post_init__(self) -> None:
        if not len(self.x) == len(self.y) == len(self.lengths):
            sizes = f"{len(self.x)}, {len(self.y)}, {len(self.lengths)}"
            raise ValueError(f"x, y and lengths must have the same number of samples, not {sizes}")

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        return self.x[index], self.y[index], self.lengths[index]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the types, shapes and bytes of x, y and lengths."""
        digest = hashlib.sha256()
        for tensor in (self.x, self.y, self.lengths):
            digest.update(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
            digest.update(tensor.contiguous().numpy().data)
        return digest.hexdigest()

    def batches(
        self, batch_size: int, generator: torch.Generator | None = None
    ) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """One pass over the samples, in the random order of `generator`; None: in the stored order.

        Faster than `loader`: it indexes the tensors directly, without workers or collation. The last
        batch may be smaller.
        """
        if generator is None:
            for start in range(0, len(self), batch_size):
                part = slice(start, start + batch_size)
                yield self.x[part], self.y[part], self.lengths[part]
            return
        for index in torch.randperm(len(self), generator=generator).split(batch_size):
            yield self.x[index], self.y[index], self.lengths[index]

    def loader(self, batch_size: int, **options: object) -> DataLoader[tuple[Tensor, Tensor, Tensor]]:
        """A torch `DataLoader` of (x, y, lengths); `options` are its arguments, such as `shuffle=True`."""
        return DataLoader(self, batch_size=batch_size, **options)  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class Task:
    """A spec and its three splits, each made on first access and checked against the spec.

    What `make_split` returns must fit the spec, see `common.split_checks`, or a ValueError says what does
    not. What a comparison should know of, such as a class that a split lacks, is logged once, see
    `common.split_notes`. A task can be pickled if `make_split` can. Splits that were made already are not
    part of the pickle.
    """

    spec: TaskSpec
    make_split: MakeSplit = field(repr=False)
    fresh: bool = False
    """Whether each epoch has new training samples; if not, the epoch has no effect."""
    content: str | None = None
    """SHA-256 (hex) of the content of the data that was read from disk; None for generated samples.

    The path does not count, only the bytes.
    """
    baselines: Baselines | None = None
    """The predictors behind the baselines of the spec; None: not stated, and not measured on samples."""

    def __post_init__(self) -> None:
        if not isinstance(self.fresh, bool):
            raise ValueError(f"fresh must be true or false, not {self.fresh!r}; the default is false")
        if self.baselines is not None and self.baselines.chance is None and self.spec.target == "value":
            raise ValueError(
                f"the baselines of {self.spec.name} must state chance, a constant value, not None: values "
                "have no most frequent label"
            )

    @classmethod
    def from_arrays(
        cls,
        x: Any,
        y: Any,
        *,
        lengths: Any = None,
        train: Any = None,
        val: Any = None,
        test: Any = None,
        split_seed: int = 0,
        target: str = "class",
        tolerance: float | None = None,
        tokens: bool | None = None,
        normalize: bool = True,
        name: str = "arrays",
    ) -> Task:
        """A task over sequences of your own: NumPy arrays, torch tensors or lists, which are copied.

        Args:
            x: (N, T) or (N, T, D) numbers, or a list of N sequences (T_i,) or (T_i, D) of unequal lengths.
            y: (N,) labels: whole numbers or words; values with `target="value"`. Classes are numbered in
                sorted order, see `TaskSpec.class_names`.
            lengths: (N,) steps of each sequence; what follows in x is ignored. None: all, or the list's.
            train, val, test: indices or masks (N,) of the samples of each split; without `val` 1/5 of each
                class of `train` is for validation. None: 3/5, 1/5, 1/5 of each class. Equal x are together.
            split_seed: draws that division.
            target: `class` or `value`.
            tolerance: for values: a prediction is correct when its error is below this.
            tokens: whether x holds token ids, not measurements; None: where it is (N, T) of a whole-number
                type.
            normalize: whether each feature gets mean 0 and standard deviation 1 over the training samples.
            name: of the data set, in run names.

        Raises:
            ValueError: the argument is named, with the sample and the rule.
        """
        from harness.tasks.arrays import task_from_arrays  # which needs Task
        from harness.tasks.common.own_options import OwnOptions

        arrays = {"x": x, "y": y, "lengths": lengths, "train": train, "val": val, "test": test}
        options = OwnOptions(
            target=target, tolerance=tolerance, tokens=tokens, normalize=normalize, split_seed=split_seed
        )
        return task_from_arrays(arrays, options, name)

    def __getstate__(self) -> dict[str, Any]:
        return {item.name: getattr(self, item.name) for item in fields(self)}

    def epoch(self, number: int) -> Split:
        """The training samples of an epoch, counted from 0: new ones if `fresh`, else always the same.

        They depend on the task's seed and on `number` only.
        """
        return self._make("train", number) if self.fresh and number > 0 else self.train

    @cached_property
    def train(self) -> Split:
        """The training samples."""
        return self._make("train", 0)

    @cached_property
    def val(self) -> Split:
        """The validation samples: learning rate and best step are chosen on them."""
        return self._make("val", 0)

    @cached_property
    def test(self) -> Split:
        """The test samples, for one measurement at the end."""
        return self._make("test", 0)

    def _make(self, name: str, number: int) -> Split:
        """A split, checked; of the first epoch what is notable about it is logged."""
        from harness.tasks.common.split_checks import check_split  # which need Split
        from harness.tasks.common.split_notes import log_notes

        split = self.make_split(name, number)
        check_split(self.spec, split, name)
        if number == 0:
            log_notes(self, name, split)
        return split

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) over the fingerprints of the three splits."""
        parts = (self.train.fingerprint, self.val.fingerprint, self.test.fingerprint)
        return hashlib.sha256("".join(parts).encode()).hexdigest()


def full_lengths(n: int, seq_len: int) -> Tensor:
    """(n,) int64, `seq_len` for every sequence."""
    return torch.full((n,), seq_len, dtype=torch.int64)
