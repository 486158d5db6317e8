"""Text classification: labelled texts of the user, or surnames by language."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from harness.tasks.common.arguments import one_of, whole_number
from harness.tasks.common.labels import class_of_label, names_of_classes
from harness.tasks.common.names import MOST_NAMES
from harness.tasks.common.random_streams import SPLITS
from harness.tasks.common.run_names import run_name
from harness.tasks.common.split_notes import log_once
from harness.tasks.common.stratified import split_copies_by_class
from harness.tasks.common.vocabulary import UNITS, encoded, splitter, vocabulary
from harness.tasks.files.labelled_texts import LabelledTexts, read_labelled_texts
from harness.tasks.files.surnames import read_surnames
from harness.tasks.task import Baselines, Split, Task, TaskSpec

Part = tuple[list[np.ndarray], np.ndarray]
"""Of a split: the token ids of each text, (T,) int64, and their classes, (N,) int64."""


def load_text(
    *,
    path: str | Path | None = None,
    name: str | None = None,
    unit: str = "char",
    max_len: int | None = 200,
    min_count: int = 1,
    split_seed: int = 0,
) -> Task:
    """The label of a text that is read symbol by symbol; without `path`: the language of a surname.

    Symbols are characters, or words and punctuation marks. Token 0 is any symbol that the training texts
    lack, or have fewer than min_count times; the others are numbered in sorted order. Classes are the labels
    in sorted order (see `class_of_label`). With the training texts "abba" and "cab", a = 1, b = 2, c = 3:

        b a d  ->  2 1 0, where d is unknown        c a b  ->  3 1 2

    1/5 of the texts of each label are for testing, 1/5 for validation. Equal texts, after `max_len`, are in
    one split. Lines of the log say how many texts are cut, occur with several labels, or belong to a label
    with fewer than 3 texts, and how many symbols are unknown.

    The surnames are those of 13 languages in Latin script that the package Faker (MIT licence) lists: lower
    case without diacritics, one word each, without names of several languages. Version 40 gives 9,229, from
    185 (Irish) to 1,465 (Slovak); another version may list others, which makes other runs.

    Variants: `surnames-13`; `char` and `word` for texts of the user. Data sources: `faker-surnames-N`, or
    `text-NAME-N`, with N texts.

    Baseline: always predicting the most frequent label; its share of all texts is the chance accuracy, 0.159
    for the surnames. What the last symbol alone allows is not known.

    Args:
        path: a file of lines `label<TAB>text`, or a folder of folders `label/*.txt` (see
            `files.labelled_texts`); None: the surnames.
        name: of the data in `run_id` and figures; None: the name of the file or folder, or `text`.
        unit: `char` or `word`.
        max_len: longer texts are cut to their first max_len symbols; None: none is.
        min_count: rarer symbols of the training texts count as unknown.
        split_seed: draws the splits, whatever the seed of a run.

    Returns:
        x (N, T) int64, padded with 0 on the right, T the length of the longest text; y (N,) int64.

    Raises:
        ValueError: an argument is outside its range, or the texts cannot be used.
        FileNotFoundError: nothing is at `path`, or Faker is not installed.

    Source: the language of names by a character RNN: Robertson 2017, PyTorch tutorials.
    """
    one_of("unit", unit, UNITS)
    max_len = None if max_len is None else whole_number("max_len", max_len)
    min_count = whole_number("min_count", min_count)
    split_seed = whole_number("split_seed", split_seed, low=0, high=None)
    if path is None and unit != "char":
        raise ValueError(f"unit must be 'char' without path, not {unit!r}: a surname is one word")
    if path is not None and not isinstance(path, str | os.PathLike):
        raise ValueError(
            f"path must name a file or a folder, not {path!r}; on the command line quote a number"
        )
    data = read_surnames() if path is None else read_labelled_texts(Path(path).expanduser())
    prepared = _prepared(data, unit, max_len, min_count, split_seed)
    for line in prepared.said:
        log_once(f"{'the surnames' if path is None else path}: {line}")
    return Task(
        _spec(
            prepared,
            run_name(name, "text" if path is None else _stem(Path(path))),
            unit,
            of_user=path is not None,
        ),
        functools.partial(_make_split, prepared.parts, prepared.longest),
        content=data.content,
        baselines=Baselines(),
    )


@dataclass(frozen=True, eq=False)
class _Prepared:
    """Texts as token ids, in splits."""

    parts: dict[str, Part]
    class_names: tuple[str, ...]
    symbols: tuple[str, ...]
    longest: int
    said: tuple[str, ...]
    """What the user should know about them, in lines."""


@functools.lru_cache(maxsize=4)
def _prepared(data: LabelledTexts, unit: str, max_len: int | None, min_count: int, seed: int) -> _Prepared:
    whole = list(map(splitter(unit, data.texts), data.texts))
    texts = [units[:max_len] for units in whole]
    classes = class_of_label(data.labels)
    names = names_of_classes(classes)
    if len(names) < 2:
        raise ValueError(f"path must hold texts of at least 2 labels, not of {data.labels[0]!r} alone")
    y = np.array([classes[label] for label in data.labels])
    copies = _copies(texts)
    rows_of = split_copies_by_class(y, copies, seed=seed)
    firsts = np.unique(copies, return_index=True)[1]
    empty = [split for split in SPLITS if not len(rows_of[split])]
    if empty:
        raise ValueError(
            f"path must hold at least 3 different texts of a label, for training, validation and testing; of "
            f"{len(firsts)} texts with {len(names)} labels none is left for {empty[0]}"
        )
    symbols = vocabulary((texts[row] for row in rows_of["train"]), min_count)
    ids = {symbol: number for number, symbol in enumerate(symbols) if number > 0}
    parts = {split: ([encoded(texts[row], ids) for row in rows], y[rows]) for split, rows in rows_of.items()}
    said = (
        *_cut_line(whole, max_len),
        *_contradiction_line(data, y, copies, firsts),
        *_rare_line(names, y[firsts], [data.places[row] for row in firsts]),
        *_unknown_line(parts),
    )
    return _Prepared(parts, names, symbols, max(map(len, texts)), said)


def _copies(texts: Sequence[Sequence[str]]) -> np.ndarray:
    """(N,) a number for each different text, in the order in which they come up.

    >>> _copies(["ab", "c", "ab"]).tolist()
    [0, 1, 0]
    """
    numbers: dict[Sequence[str], int] = {}
    return np.array([numbers.setdefault(text, len(numbers)) for text in texts])


def _stem(path: Path) -> str:
    return path.absolute().name if path.is_dir() else path.stem


def _cut_line(texts: Sequence[Sequence[str]], max_len: int | None) -> tuple[str, ...]:
    cut = 0 if max_len is None else sum(len(units) > max_len for units in texts)
    longest = max(map(len, texts))
    return (
        f"{cut} of {len(texts)} texts are cut to max_len={max_len} symbols; the longest has {longest}",
    ) * (cut > 0)


def _contradiction_line(
    data: LabelledTexts, y: np.ndarray, copies: np.ndarray, firsts: np.ndarray
) -> tuple[str, ...]:
    others = np.flatnonzero(y != y[firsts[copies]])
    if not len(others):
        return ()
    other = others[0]
    first = firsts[copies[other]]
    return (
        f"{len(set(copies[others].tolist()))} texts occur with several labels, such as that at "
        f"{data.places[first]}, labelled {data.labels[first]!r} there and {data.labels[other]!r} at "
        f"{data.places[other]}; at most one of them can be predicted right",
    )


def _rare_line(names: Sequence[str], y: np.ndarray, places: Sequence[str]) -> tuple[str, ...]:
    counts = np.bincount(y, minlength=len(names))
    rare = np.flatnonzero(counts < len(SPLITS))
    if not len(rare):
        return ()
    found = np.flatnonzero(y == rare[0])
    where = f", at {places[found[0]]}" if len(found) else ""
    return (
        f"{len(rare)} of {len(names)} labels have fewer than 3 different texts, so not every split has one, "
        f"such as {names[rare[0]]!r}{where}",
    )


def _unknown_line(parts: dict[str, Part]) -> tuple[str, ...]:
    shares = []
    for split in SPLITS:
        tokens = np.concatenate(parts[split][0])
        unknown = int((tokens == 0).sum())
        if unknown:
            shares.append(f"{unknown} of {len(tokens)} ({100 * unknown / len(tokens):.3g} %) in {split}")
    return (f"unknown symbols: {', '.join(shares)}",) * bool(shares)


def _spec(prepared: _Prepared, name: str, unit: str, *, of_user: bool) -> TaskSpec:
    y = np.concatenate([classes for _, classes in prepared.parts.values()])
    number = len(prepared.class_names)
    return TaskSpec(
        name=name,
        variant=unit if of_user else f"surnames-{number}",
        target="class",
        seq_len=prepared.longest,
        vocab_size=len(prepared.symbols),
        num_classes=number,
        chance_accuracy=int(np.bincount(y).max()) / len(y),
        data_source=f"text-{name}-{len(y)}" if of_user else f"faker-surnames-{len(y)}",
        citation="own data"
        if of_user
        else "Robertson 2017, PyTorch tutorials: Classifying names with a character-level RNN",
        class_names=_few(prepared.class_names),
        symbols=_few(prepared.symbols),
    )


def _few(names: tuple[str, ...]) -> tuple[str, ...] | None:
    return names if len(names) <= MOST_NAMES else None


def _make_split(parts: dict[str, Part], seq_len: int, split: str, _epoch: int) -> Split:
    texts, y = parts[split]
    x_NT = np.zeros((len(texts), seq_len), dtype=np.int64)
    for row, ids in zip(x_NT, texts, strict=True):
        row[: len(ids)] = ids
    lengths = torch.tensor([len(ids) for ids in texts], dtype=torch.int64)
    return Split(torch.from_numpy(x_NT), torch.tensor(y, dtype=torch.int64), lengths)
