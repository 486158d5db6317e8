"""Next character: the character that follows a window of a text, or every character of it."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from harness.tasks.common.arguments import one_of, whole_number
from harness.tasks.common.random_streams import SPLITS, random_stream
from harness.tasks.files.utf8 import text_of
from harness.tasks.task import NO_LABEL, Baselines, Split, Task, TaskSpec, full_lengths

BUNDLED = Path(__file__).with_name("next_char_sample.txt")
"""A short story, written for this project."""

LABELS = ("last", "every_step")
"""Where a window has labels: the character after it, or after each of its characters."""

BOUNDARIES = (0, 8, 9, 10)
"""Boundaries of the training, validation and test part, in tenths of the text."""


def load_next_char(
    *,
    seq_len: int = 50,
    labels: str = "last",
    path: str | Path | None = None,
    n_train: int | None = None,
    n_val: int | None = None,
    n_test: int | None = None,
    seed: int = 0,
) -> Task:
    """The class is the character that follows a window of seq_len characters of a text.

    Characters are numbered in the order of their code points. In "abracadabra", a = 0, b = 1, c = 2, d = 3
    and r = 4 (tested examples: `windows`):

        seq_len=4  a b r a  ->  c, class 2        seq_len=2  r a  ->  c, class 2
        seq_len=4  a d a b  ->  r, class 4        seq_len=2  d a  ->  b, class 1

    With labels="every_step" the answer at each step is the character after it: a b r a  ->  b r a c. A
    training window may start at any character. Validation and test windows follow one another, so that each
    character of the part but its first has exactly one label; the last window reaches back to be full, and
    its characters that have a label already get none. The loss times 1/ln 2 is then the bits per character
    of the part, where a prediction sees seq_len / 2 characters on average.

    Text: the file `path`, in UTF-8, where every line ending counts as one newline; without `path` a story
    of 12,215 characters that the package bundles. The first 8/10 are for training, the next 1/10 for
    validation, the last for testing. A window and the character after it lie inside one part, so no
    character is in two splits; a short window may still occur in two parts.

    Variants: `bundled`, or `file`; with `-every_step` for labels at every step. Data sources:
    `story-12215`, or `NAME-SIZE-HASH` of the file, with the first 8 digits of the text's SHA-256.

    Baseline: measured as frequencies in the whole text, in nats per character (times 1/ln 2 = 1.4427: bits
    per character). Chance: always predicting the most frequent character, 0.200 correct in the bundled
    story. The memoryless loss is that of a predictor that sees only the last character: the entropy of a
    character given the one before, 2.19 nats = 3.16 bits in the story. The frequencies are those of the
    text itself, so a table learnt from the training part does worse. For comparison, the entropy of a
    single character, with no input, is 2.94 nats = 4.24 bits. There is no threshold for solved: the lowest
    possible loss is unknown.

    Args:
        seq_len: number of characters in a window, at least 1; every part of the text must hold a window.
        labels: one of `LABELS`.
        path: a text file; None: the bundled story.
        n_train, n_val, n_test: number of different windows of each part, drawn by `seed`; None: all.
        seed: seed of that draw; if all windows are taken every seed gives the same data.

    Returns:
        x (N, seq_len) int64 token ids; y (N,) int64, or (N, seq_len) with labels at every step; both below
        the number of different characters in the text, y `NO_LABEL` where a step has none. If all windows
        are taken x is a view of one copy of the text, and labels at every step are one of another.

    Raises:
        ValueError: an argument is outside its range, or the file is not text in UTF-8 or too short.
        OSError: the file cannot be read.

    Source: the prediction of text by characters: Shannon 1951, Bell System Technical Journal 30(1); by
    recurrent networks: Sutskever, Martens & Hinton 2011, ICML.
    """
    seq_len = whole_number("seq_len", seq_len)
    seed = whole_number("seed", seed, low=0, high=None)
    every_step = one_of("labels", labels, LABELS) == "every_step"
    text, content = _read(BUNDLED if path is None else Path(path).expanduser())
    letters, ids = _encode(text)
    parts = {
        split: ids[len(ids) * low // 10 : len(ids) * high // 10]
        for split, low, high in zip(SPLITS, BOUNDARIES[:-1], BOUNDARIES[1:], strict=True)
    }
    _check_length(seq_len, {split: len(part) for split, part in parts.items()})
    starts = {split: _starts(split, len(parts[split]), seq_len, every_step) for split in SPLITS}
    counts = {
        split: _count(split, wanted, len(starts[split]))
        for split, wanted in zip(SPLITS, (n_train, n_val, n_test), strict=True)
    }
    pairs, pair_counts = np.unique(ids[:-1] * len(letters) + ids[1:], return_counts=True)
    share, _, given_last = frequencies(ids, pair_counts)
    log_shares = np.log(pair_counts / np.bincount(ids[:-1])[pairs // len(letters)])
    predictors = Baselines(
        chance=int(np.bincount(ids).argmax()),
        memoryless=functools.partial(_given_last, pairs, log_shares, len(letters)),
    )
    spec = TaskSpec(
        name="next_char",
        variant=("bundled" if path is None else "file") + ("-every_step" if every_step else ""),
        target="steps" if every_step else "class",
        predicts_next=True,
        seq_len=seq_len,
        vocab_size=len(letters),
        num_classes=len(letters),
        symbols=tuple(letters),
        class_names=tuple(letters),
        chance_accuracy=share,
        memoryless_loss=given_last,
        data_source=f"story-{len(text)}" if path is None else _source(Path(path), text),
        citation="Shannon 1951, Bell System Technical Journal 30(1); Sutskever et al. 2011, ICML",
    )

    make_split = functools.partial(_make_split, parts, starts, counts, every_step, seq_len, seed)
    return Task(spec, make_split, content=content, baselines=predictors)


def _make_split(
    parts: dict[str, np.ndarray],
    starts: dict[str, Sequence[int]],
    counts: dict[str, int],
    every_step: bool,
    seq_len: int,
    seed: int,
    split: str,
    _epoch: int,
) -> Split:
    x_NT, y = windows(torch.tensor(parts[split]), seq_len)  # a copy: writing into it changes no later load
    y = torch.tensor(parts[split])[1:].unfold(0, seq_len, 1) if every_step else y.clone()
    rows = np.array(starts[split])
    if every_step and split != "train":
        y = y.clone()
        y[rows[-1], : rows[-2] + seq_len - rows[-1] if len(rows) > 1 else 0] = NO_LABEL
    if counts[split] < len(rows):
        rows = rows[np.sort(random_stream(seed, split).permutation(len(rows))[: counts[split]])]
    if len(rows) < len(x_NT):
        x_NT, y = x_NT[rows], y[rows]
    return Split(x_NT, y, full_lengths(len(y), seq_len))


def _starts(split: str, characters: int, seq_len: int, every_step: bool) -> Sequence[int]:
    """The first character of each window of a part, see `load_next_char`."""
    last = characters - 1 - seq_len
    if not every_step or split == "train":
        return range(last + 1)
    return sorted({*range(0, last + 1, seq_len), last} if last >= 0 else ())


def windows(ids: Tensor, seq_len: int) -> tuple[Tensor, Tensor]:
    """Every window (N, seq_len), as a view, and the id that follows each (N,).

    >>> x, y = windows(torch.tensor([0, 1, 4, 0, 2, 0, 3, 0, 1, 4, 0]), seq_len=4)  # abracadabra
    >>> (x[0].tolist(), int(y[0])), (x[5].tolist(), int(y[5]))
    (([0, 1, 4, 0], 2), ([0, 3, 0, 1], 4))
    """
    return ids[:-1].unfold(0, seq_len, 1), ids[seq_len:]


def frequencies(ids: np.ndarray, pair_counts: np.ndarray) -> tuple[float, float, float]:
    """(share of the most frequent id, entropy of an id, entropy of an id given the one before), in nats.

    `pair_counts` has how often each pair of neighbours occurs. In 0 1 0 1 0 the next id is certain; in
    0 0 1 1 0 each may follow each.

    >>> [round(value, 4) for value in frequencies(np.array([0, 1, 0, 1, 0]), np.array([2, 2]))]
    [0.6, 0.673, 0.0]
    >>> [round(value, 4) for value in frequencies(np.array([0, 0, 1, 1, 0]), np.array([1, 1, 1, 1]))]
    [0.6, 0.673, 0.6931]
    """
    single = np.bincount(ids)
    given_last = _entropy(pair_counts) - _entropy(np.bincount(ids[:-1]))
    return float(single.max() / len(ids)), _entropy(single), max(given_last, 0.0)


def _given_last(pairs: np.ndarray, log_shares: np.ndarray, num_ids: int, x: Tensor, _steps: Tensor) -> Tensor:
    """(M, num_ids): the log share of each id among those that follow the ids x (M,).

    Args:
        pairs: first · num_ids + second of the pairs that occur, sorted.
        log_shares: the log of the share of `second` among what follows `first`, for each pair.
        num_ids: number of different ids.

    >>> _given_last(np.array([1, 2, 3]), np.log([1, 0.4, 0.6]), 2, torch.tensor([1, 0]), None).exp().tolist()
    [[0.4, 0.6], [0.0, 1.0]]
    """
    first = x.numpy() * num_ids
    start = np.searchsorted(pairs, first)
    count = np.searchsorted(pairs, first + num_ids) - start
    rows = np.repeat(np.arange(len(first)), count)
    found = np.arange(len(rows)) + np.repeat(start - count.cumsum() + count, count)
    answer = np.full((len(first), num_ids), -np.inf)
    answer[rows, pairs[found] - first[rows]] = log_shares[found]
    return torch.from_numpy(answer)


def _entropy(counts: np.ndarray) -> float:
    shares = counts[counts > 0] / counts.sum()
    return -float((shares * np.log(shares)).sum())


def _read(path: Path) -> tuple[str, str]:
    """The text of a file with newlines as line endings, and the SHA-256 (hex) of the bytes of the file."""
    raw = path.read_bytes()
    text = text_of(raw, path)
    return text.replace("\r\n", "\n").replace("\r", "\n"), hashlib.sha256(raw).hexdigest()


@functools.lru_cache(maxsize=2)
def _encode(text: str) -> tuple[str, np.ndarray]:
    """The different characters, sorted by code point, and (len(text),) int64 indices into them."""
    points = np.frombuffer(text.encode("utf-32-le"), dtype="<u4")
    letters, ids = np.unique(points, return_inverse=True)
    return "".join(map(chr, letters)), ids.reshape(-1).astype(np.int64)


def _check_length(seq_len: int, characters: dict[str, int]) -> None:
    """Refuses windows that do not fit, with the character after them, into the shortest part of the text."""
    split = min(characters, key=lambda name: characters[name])
    shortest, total = characters[split], sum(characters.values())
    if shortest < 2:
        raise ValueError(
            f"a text of {total} characters is too short: {split} has {shortest} of them, and each part needs "
            "a window and the character after it; use at least 20 characters"
        )
    if seq_len >= shortest:
        raise ValueError(
            f"seq_len must be at most {shortest - 1} with a text of {total} characters, {shortest} of which "
            f"are for {split}, not {seq_len}; use a longer text or shorter windows"
        )


def _count(split: str, wanted: object, most: int) -> int:
    """The checked number of windows to take from a part that has `most`."""
    if wanted is None:
        return most
    number = whole_number(f"n_{split}", wanted)
    if number > most:
        raise ValueError(f"n_{split} must be at most {most}, the windows in its part, not {number}")
    return number


def _source(path: Path, text: str) -> str:
    return f"{path.stem}-{len(text)}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
