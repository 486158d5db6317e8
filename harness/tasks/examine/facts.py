"""Numbers that describe the samples of one split."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from harness.tasks.task import NO_LABEL, Split, TaskSpec

BATCH_VALUES = 2**22
"""Most input values that are looked at in one go."""


@dataclass(frozen=True, kw_only=True)
class TokenFacts:
    """Token inputs, padding left out."""

    tokens: int
    counts: Tensor
    """(V,) how often each id occurs."""

    def unseen(self, training: TokenFacts) -> int:
        """Tokens whose id no training sample has."""
        return int(self.counts[training.counts == 0].sum())


@dataclass(frozen=True, kw_only=True)
class ValueFacts:
    """Real inputs, padding left out."""

    low: float
    high: float
    """Lowest and highest of the finite values; NaN where there is none."""
    nan: int
    infinite: int
    constant: tuple[int, ...]
    """Channels with the same finite value at every step of every sample."""


@dataclass(frozen=True, kw_only=True)
class SplitFacts:
    """One split."""

    samples: int
    lengths: tuple[int, int, int]
    """Steps of the shortest, the median (the lower of two) and the longest sample."""
    class_counts: Tensor | None
    """(K,) labels of each class; None for targets that are values."""
    targets: tuple[float, float, float] | None
    """Lowest, mean and highest target that is a value, else None."""
    inputs: TokenFacts | ValueFacts


def describe(spec: TaskSpec, split: Split) -> SplitFacts:
    """Looks at every sample of a split that fits its spec, except that inputs may be infinite or NaN.

    >>> from harness.tasks import make_parity
    >>> task = make_parity(seq_len=20, n_test=50)
    >>> facts = describe(task.spec, task.test)
    >>> facts.samples, facts.lengths, facts.inputs.tokens, int(facts.class_counts.sum())
    (50, (20, 20, 20), 1000, 50)
    """
    lengths = split.lengths
    is_value = spec.target == "value"
    y = split.y.double()
    return SplitFacts(
        samples=len(split),
        lengths=(int(lengths.min()), int(lengths.median()), int(lengths.max())),
        class_counts=None
        if is_value
        else torch.bincount(split.y[split.y != NO_LABEL], minlength=spec.num_classes),
        targets=(float(y.min()), float(y.mean()), float(y.max())) if is_value else None,
        inputs=_token_facts(spec, split) if spec.vocab_size is not None else _value_facts(spec, split),
    )


def batch_size(spec: TaskSpec, width: int) -> int:
    """Samples of a batch that holds at most `BATCH_VALUES` numbers, `width` at each step."""
    return max(1, BATCH_VALUES // (spec.seq_len * width))


def valid_steps(x: Tensor, lengths: Tensor) -> Tensor:
    """(B, T) whether a step is before the end of its sequence."""
    return torch.arange(x.shape[1]) < lengths[:, None]


def _token_facts(spec: TaskSpec, split: Split) -> TokenFacts:
    counts = torch.zeros(spec.vocab_size or 1, dtype=torch.int64)
    for x, _, lengths in split.batches(batch_size(spec, 1)):
        counts += torch.bincount(x[valid_steps(x, lengths)], minlength=len(counts))
    return TokenFacts(tokens=int(counts.sum()), counts=counts)


def _value_facts(spec: TaskSpec, split: Split) -> ValueFacts:
    channels = spec.input_size or 1
    low, high = torch.full((channels,), torch.inf), torch.full((channels,), -torch.inf)
    nan = infinite = 0
    for x, _, lengths in split.batches(batch_size(spec, channels)):
        values = x[valid_steps(x, lengths)]
        finite = torch.isfinite(values)
        nan += int(values.isnan().sum())
        infinite += int(values.isinf().sum())
        low = torch.minimum(low, values.masked_fill(~finite, torch.inf).amin(dim=0))
        high = torch.maximum(high, values.masked_fill(~finite, -torch.inf).amax(dim=0))
    some = bool((low <= high).any())
    return ValueFacts(
        low=float(low.min()) if some else float("nan"),
        high=float(high.max()) if some else float("nan"),
        nan=nan,
        infinite=infinite,
        constant=tuple((low == high).nonzero().flatten().tolist()),
    )
