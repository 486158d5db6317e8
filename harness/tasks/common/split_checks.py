"""Whether a split is what its spec says: types, shapes, lengths, ranges, finite values."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from harness.tasks.task import NO_LABEL, Split, TaskSpec


def check_split(spec: TaskSpec, split: Split, name: str) -> None:
    """Refuses a split that does not fit its spec.

    A length is from 1 to T. What x holds beyond it is padding: any finite value, or any token id of the
    vocabulary, since no cell may look at it; but a step of padding has no label. Each sample of a `steps`
    target has at least one label.

    The cost is one or two passes over the memory of x and y, without copies; an overlapping view, such as
    all windows of a text, is read once and not once a window.

    Args:
        spec: of the task.
        split: `Split` of tensors.
        name: `train`, `val` or `test`, for the error message.

    Raises:
        ValueError: names task, split, sample, rule, what was found and the way out.
    """
    where = title(spec, name)
    if not all(hasattr(split, field) for field in ("x", "y", "lengths")):
        raise ValueError(
            f"{where}: make_split must return a harness.tasks.Split, not {type(split).__name__}; "
            "Split(x, y, lengths) makes one"
        )
    _check_types_and_shapes(spec, split, where)
    _check_lengths(spec, split, where)
    _check_inputs(spec, split.x, where)
    if spec.target == "value":
        _check_finite(split.y, where, "the target", "leave the sample out")
    else:
        _check_labels(spec, split, where)


def title(spec: TaskSpec, name: str) -> str:
    """Task and split, for messages: `timeseries (GunPoint), test`."""
    return f"{spec.name} ({spec.variant}), {name}"


def is_overlapping(x: Tensor) -> bool:
    """Whether elements of a view share memory, as windows of one sequence do."""
    return x.numel() * x.element_size() > x.untyped_storage().nbytes()


def _check_types_and_shapes(spec: TaskSpec, split: Split, where: str) -> None:
    n, inputs = len(split.y), (spec.seq_len,)
    if spec.vocab_size is None:
        inputs = (spec.seq_len, spec.input_size)  # type: ignore[assignment]
    real, whole = torch.float32, torch.int64
    wanted = {
        "x": (real if spec.vocab_size is None else whole, inputs),
        "y": (real if spec.target == "value" else whole, (spec.seq_len,) * (spec.target == "steps")),
        "lengths": (whole, ()),
    }
    for field, (dtype, shape) in wanted.items():
        tensor = getattr(split, field)
        needs = f"{where}: {field} must be a {_name(dtype)} tensor {_shape(shape)} in memory, not "
        if not isinstance(tensor, Tensor):
            raise ValueError(f"{needs}{type(tensor).__name__}; torch.as_tensor makes one of an array")
        if tensor.layout != torch.strided:
            raise ValueError(f"{needs}{str(tensor.layout).removeprefix('torch.')}; use .to_dense()")
        if tensor.dtype != dtype:
            raise ValueError(f"{needs}{_name(tensor.dtype)}; convert it with .to(torch.{_name(dtype)})")
        if tuple(tensor.shape[1:]) != shape or tensor.dim() == 0:
            raise ValueError(f"{needs}{tuple(tensor.shape)}; its shape follows from {_sizes(spec, field)}")
        if tensor.device.type != "cpu" or tensor.requires_grad:
            raise ValueError(f"{needs}on {tensor.device} or with a gradient; use .detach().cpu()")
    if n == 0:
        raise ValueError(f"{where}: there must be at least one sample, not 0")


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _shape(inner: tuple[int, ...]) -> str:
    """`(N,)` or `(N, 28, 28)`."""
    return f"(N{''.join(f', {size}' for size in inner)}{',' * (not inner)})"


def _sizes(spec: TaskSpec, field: str) -> str:
    """The fields of the spec that set the shape of a field of the split."""
    if field == "x":
        return f"seq_len={spec.seq_len} of the spec" + (
            f" and vocab_size={spec.vocab_size}" if spec.vocab_size else f" and input_size={spec.input_size}"
        )
    return f"the target {spec.target!r} of the spec" if field == "y" else "the number of samples"


def _check_lengths(spec: TaskSpec, split: Split, where: str) -> None:
    low, high = map(int, torch.aminmax(split.lengths))
    if low < 1 or high > spec.seq_len:
        sample = _first((split.lengths < 1) | (split.lengths > spec.seq_len))
        raise ValueError(
            f"{where}, sample {sample}: its length must be from 1 to seq_len={spec.seq_len}, not "
            f"{int(split.lengths[sample])}; leave an empty sequence out, or raise seq_len of the spec"
        )


def _check_inputs(spec: TaskSpec, x: Tensor, where: str) -> None:
    if spec.vocab_size is None:
        _check_finite(x, where, "the input", "replace the value, or leave the sample out")
        return
    low, high = map(int, torch.aminmax(_memory(x)))
    if low >= 0 and high < spec.vocab_size:
        return
    wrong = (x < 0) | (x >= spec.vocab_size)
    if bool(wrong.any()):  # the memory of a view can hold more than the view
        sample, step = map(int, wrong.nonzero()[0])
        raise ValueError(
            f"{where}, sample {sample}, step {step}: a token id must be from 0 to vocab_size - 1 = "
            f"{spec.vocab_size - 1}, not {int(x[sample, step])}; number the symbols from 0, padding "
            "included, or raise vocab_size of the spec"
        )


def _check_finite(values: Tensor, where: str, what: str, advice: str) -> None:
    low, high = torch.aminmax(_memory(values))  # NaN if any value is
    if bool(torch.isfinite(low) & torch.isfinite(high)):
        return
    wrong = ~torch.isfinite(values)
    if bool(wrong.any()):
        place = tuple(map(int, wrong.nonzero()[0]))
        words = (
            f", {word} {index}" for word, index in zip(("sample", "step", "feature"), place, strict=False)
        )
        raise ValueError(
            f"{where}{''.join(words)}: {what} must be a finite number, not {float(values[place])}; {advice}"
        )


def _check_labels(spec: TaskSpec, split: Split, where: str) -> None:
    y, most, steps = split.y, spec.num_classes, spec.target == "steps"
    low, high = map(int, torch.aminmax(_memory(y)))
    if is_overlapping(y) and (low < 0 or high >= most):  # the memory can hold more than the view
        low, high = map(int, torch.aminmax(y))
    if steps and low == NO_LABEL and high < most:
        _check_unlabelled(spec, split, where)
    elif low < 0 or high >= most:
        wrong = (((y < 0) & (y != NO_LABEL)) | (y >= most)) if steps else (y < 0) | (y >= most)
        raise _wrong_label(spec, y, tuple(map(int, wrong.nonzero()[0])), where)
    elif steps and int(split.lengths.min()) < spec.seq_len:
        _check_padding(spec, split, where)


def _check_unlabelled(spec: TaskSpec, split: Split, where: str) -> None:
    """Labels at steps, of which some are `NO_LABEL` and none is above the last class."""
    y = split.y
    labels = y.numpy()
    if np.count_nonzero(labels == NO_LABEL) != np.count_nonzero(labels < 0):
        wrong = ((y < 0) & (y != NO_LABEL)).nonzero()[0]
        raise _wrong_label(spec, y, tuple(map(int, wrong)), where)
    best = y.amax(dim=1)
    if int(best.min()) < 0:
        raise ValueError(
            f"{where}, sample {_first(best < 0)}: at least one step must have a label; leave the sample out"
        )
    if int(split.lengths.min()) < spec.seq_len:
        _check_padding(spec, split, where)


def _check_padding(spec: TaskSpec, split: Split, where: str) -> None:
    """Labels at steps of sequences of unequal length."""
    beyond = (split.y != NO_LABEL) & (torch.arange(spec.seq_len) >= split.lengths[:, None])
    if bool(beyond.any()):
        sample, step = map(int, beyond.nonzero()[0])
        raise ValueError(
            f"{where}, sample {sample}, step {step}: a step beyond the length {int(split.lengths[sample])} "
            f"must have no label, not {int(split.y[sample, step])}; set it to NO_LABEL = {NO_LABEL}, or "
            "correct the length"
        )


def _wrong_label(spec: TaskSpec, y: Tensor, place: tuple[int, ...], where: str) -> ValueError:
    words = "".join(f", {word} {index}" for word, index in zip(("sample", "step"), place, strict=False))
    unlabelled = f"; a step without a label is {NO_LABEL}" if spec.target == "steps" else ""
    return ValueError(
        f"{where}{words}: a label must be from 0 to num_classes - 1 = {spec.num_classes - 1}, not "
        f"{int(y[place])}; number the classes from 0, or raise num_classes of the spec{unlabelled}"
    )


def _memory(x: Tensor) -> Tensor:
    """x, or the memory behind an overlapping view: it holds every element, perhaps with others between."""
    if not is_overlapping(x):
        return x
    span = 1 + sum((size - 1) * stride for size, stride in zip(x.shape, x.stride(), strict=True))
    return torch.as_strided(x, (span,), (1,), x.storage_offset())


def _first(mask_N: Tensor) -> int:
    return int(mask_N.nonzero()[0])
