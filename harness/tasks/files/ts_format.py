"""Reader of the `.ts` format of the UCR and UEA archives: a header, then a line for each series.

A line has the values of each channel between commas, the channels between colons, and the label last. It
says what it cannot read, with file and line, and never takes one number for another.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.tasks.common.labels import NUMBER
from harness.tasks.files.ts_header import Header, read_header
from harness.tasks.files.ts_time import values_of_pairs

PLAIN = re.compile(r"[-+0-9.eE, \t]*")
LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True, eq=False)
class TsPart:
    """The series of a file.

    Attributes:
        x: arrays (T, channels) float64, each with its own T; NaN where a value is missing.
        y: labels as text, exactly as written; numbers to predict where the header says so.
        lines: the line of each series, from 1.
        header: what the file declares.
    """

    x: list[np.ndarray]
    y: list[str]
    lines: list[int]
    header: Header


def read_ts(path: Path, raw: bytes) -> TsPart:
    """Reads the bytes of a `.ts` file in UTF-8.

    Blank lines and comments (`#`, `%`) may stand anywhere, comments in any encoding. `?` and `NaN` are
    missing values. Of pairs (time, value) the values count, in their order; times must rise and be the same
    in all channels.

    Args:
        path: for the error messages.
        raw: content of the file.

    Raises:
        ValueError: what cannot be read, or contradicts the header, in one line with file and line.
    """
    lines = _lines(path, raw)
    header = read_header(path, lines)
    x: list[np.ndarray] = []
    y: list[str] = []
    numbers: list[int] = []
    for number, line in lines:
        where = f"{path}:{number}"
        channels, label = _fields(where, line, header)
        series = np.array(channels, dtype=np.float64).T
        _check_against_header(where, series, label, header)
        if x and series.shape[1] != x[0].shape[1]:
            raise ValueError(
                f"{where}: a series of {series.shape[1]} channels, where line {numbers[0]} has "
                f"{x[0].shape[1]}; every series must have the same channels"
            )
        if x and header.equal_length and len(series) != len(x[0]):
            raise ValueError(
                f"{where}: a series of {len(series)} steps, where line {numbers[0]} has {len(x[0])} and "
                "@equalLength is true; correct the line, or set @equalLength false"
            )
        x.append(np.ascontiguousarray(series))
        y.append(label)
        numbers.append(number)
    if not x:
        raise ValueError(f"{path}:{header.data_line}: no series follows @data; each part needs at least one")
    return TsPart(x, y, numbers, header)


def _lines(path: Path, raw: bytes) -> Iterator[tuple[int, str]]:
    """(number, text) of the lines that are neither blank nor comments."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in raw:
        raise ValueError(f"{path}:1: text in UTF-16, or no text at all; convert it to UTF-8")
    for number, line in enumerate(raw.removeprefix(b"\xef\xbb\xbf").splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith((b"#", b"%")):
            continue
        try:
            yield number, stripped.decode("utf-8").strip()
        except UnicodeDecodeError as error:
            byte = stripped[error.start]
            raise ValueError(
                f"{path}:{number}: byte 0x{byte:02x} is not UTF-8; convert the file, for instance with "
                f"`iconv -f latin1 -t utf-8 {path.name}`"
            ) from None


def _fields(where: str, line: str, header: Header) -> tuple[list[list[float]], str]:
    """The values of each channel, and the label."""
    if line.startswith("@"):
        raise ValueError(f"{where}: {line.split()[0]} after @data; the header must come before the series")
    if header.timestamps:
        texts, label = values_of_pairs(where, line)
    else:
        *texts, label = line.split(":")
    label = label.strip()
    if not texts or not label:
        raise ValueError(f"{where}: no label after the values; a line ends with a colon and a label")
    channels = [_values(f"{where}: channel {k}", text) for k, text in enumerate(texts, start=1)]
    for k, channel in enumerate(channels, start=1):
        if len(channel) != len(channels[0]):
            raise ValueError(
                f"{where}: channel 1 has {len(channels[0])} steps and channel {k} has {len(channel)}; all "
                "channels of a series must have the same number"
            )
    return channels, label


def _values(where: str, text: str) -> list[float]:
    """The values between commas; NaN for `?` and `NaN`."""
    tokens = text.split(",")
    if PLAIN.fullmatch(text):  # no letters that Python's float would read, such as `inf` or other digits
        try:
            values = [float(token) for token in tokens]
        except ValueError:
            values = [_value(where, step, token) for step, token in enumerate(tokens, start=1)]
    else:
        values = [_value(where, step, token) for step, token in enumerate(tokens, start=1)]
    if max(map(abs, values)) > LARGEST:  # NaN is not larger
        step, token = next(
            (step, token)
            for step, (value, token) in enumerate(zip(values, tokens, strict=True), start=1)
            if abs(value) > LARGEST
        )
        raise ValueError(
            f"{where}, step {step}: {token.strip()} is beyond float32, which ends at {LARGEST:.6e}; "
            "scale the channel, or mark the value as missing with ?"
        )
    return values


def _value(where: str, step: int, token: str) -> float:
    token = token.strip()
    if token == "?" or token.lower() == "nan":
        return math.nan
    if NUMBER.fullmatch(token):
        return float(token)
    place = f"{where}, step {step}"
    if re.fullmatch(r"[-+]?inf(inity)?", token, re.IGNORECASE):
        raise ValueError(f"{place}: an infinite value, {token}; correct it, or mark it as missing with ?")
    if not token:
        raise ValueError(f"{place}: no value between two commas; a missing value is ?")
    hint = ""
    if token.startswith("(") or token.endswith(")"):
        hint = "; pairs of time and value need @timeStamps true"
    elif ";" in token:
        hint = "; values are separated by commas, and the decimal sign is a point"
    raise ValueError(f"{place}: not a number, {token[:30]!r}; a missing value is ?{hint}")


def _check_against_header(where: str, series: np.ndarray, label: str, header: Header) -> None:
    steps, channels = series.shape
    declared = 1 if header.univariate else header.channels
    if declared is not None and channels != declared:
        key = "@univariate is true" if header.univariate else f"@dimensions is {declared}"
        raise ValueError(f"{where}: a series of {channels} channels, where {key}; correct one of them")
    if header.equal_length and header.steps is not None and steps != header.steps:
        comma = " (is the comma a decimal sign?)" if steps == 2 * header.steps else ""
        raise ValueError(
            f"{where}: a series of {steps} steps, where @seriesLength is {header.steps}{comma}; correct the "
            "line or the header"
        )
    if header.labels and not header.declares(label):
        raise ValueError(
            f"{where}: class {label!r} is not declared, @classLabel has {header.classes_text}; correct the "
            "label or the header"
        )


def first_missing(part: TsPart) -> tuple[int, int]:
    """How many values are missing, and the line of the first of them."""
    counts = [int(np.isnan(series).sum()) for series in part.x]
    line = next((line for line, count in zip(part.lines, counts, strict=True) if count), 0)
    return sum(counts), line
