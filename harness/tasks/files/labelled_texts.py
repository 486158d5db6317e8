"""Labelled texts of the user: a file with one a line, or a folder with a folder for each label."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.tasks.files.content import hash_parts
from harness.tasks.files.locations import FileVersion, file_versions
from harness.tasks.files.utf8 import text_of

log = logging.getLogger("harness.tasks")


@dataclass(frozen=True, eq=False)
class LabelledTexts:
    """What a file or a folder holds."""

    labels: tuple[str, ...]
    texts: tuple[str, ...]
    places: tuple[str, ...]
    """Where each text was found, for messages: `names.tsv, line 3`."""
    content: str
    """SHA-256 (hex) of the bytes that were read."""


def read_labelled_texts(path: Path) -> LabelledTexts:
    """Reads a file of lines `label<TAB>text`, or a folder of folders `label/*.txt` with a text in each file.

    Files are in UTF-8, with or without a byte order mark. Lines end with a newline, or with carriage return
    and newline; empty lines are skipped. Labels and texts are taken as they are: quotes, spaces at the ends
    and upper case count. Hidden files are not read; of other files and folders that are not read a line says
    how many. What was read is cached in the process and read again when a file changes (see `FileVersion`).

    Raises:
        ValueError: a file is not UTF-8, a line has not exactly one tab, a label or a text is empty; the
            message names file and line.
        FileNotFoundError: there is nothing at `path`, or no text in it.
    """
    if path.is_dir():
        return _read_folder_once(path, file_versions(_files_of(path)))
    if not path.is_file():
        raise FileNotFoundError(
            f"path must name a file with a label, a tab and a text in each line, or a folder with a folder "
            f"of .txt files for each label, not {str(path)!r}: there is none"
        )
    return _read_file_once(file_versions([path])[0])


@functools.lru_cache(maxsize=4)
def _read_file_once(file: FileVersion) -> LabelledTexts:
    raw = file.path.read_bytes()
    labels, texts, places = [], [], []
    for number, line in enumerate(text_of(raw, file.path).split("\n"), start=1):
        line = line.removesuffix("\r")
        if not line:
            continue
        place = f"{file.path.name}, line {number}"
        label, *rest = line.split("\t")
        if len(rest) != 1:
            raise ValueError(
                f"{place}: a label, a tab and a text are needed, not {len(rest)} tabs in {_start(line)}; "
                "texts that hold tabs can be files in a folder for each label"
            )
        labels.append(_not_empty(label, "label", place))
        texts.append(_not_empty(rest[0], "text", place))
        places.append(place)
    if not texts:
        raise ValueError(f"{file.path} holds no text; a label, a tab and a text are needed in each line")
    return LabelledTexts(tuple(labels), tuple(texts), tuple(places), hash_parts(raw))


def _files_of(folder: Path) -> tuple[Path, ...]:
    """The text files of all labels, sorted by label and name."""
    files = [path for path in sorted(folder.glob("*/*.txt")) if path.is_file() and not _hidden(path, folder)]
    if not files:
        raise FileNotFoundError(
            f"path must name a folder with a folder of .txt files for each label, such as "
            f"{folder.name}/spam/1.txt, not {str(folder)!r}: there is no such file in it"
        )
    return tuple(files)


@functools.lru_cache(maxsize=4)
def _read_folder_once(folder: Path, files: tuple[FileVersion, ...]) -> LabelledTexts:
    labels, texts, places = [], [], []
    parts: list[str | bytes] = []
    for file in files:
        place = str(file.path.relative_to(folder))
        raw = file.path.read_bytes()
        labels.append(file.path.parent.name)
        texts.append(_not_empty(text_of(raw, file.path).replace("\r\n", "\n"), "text", place))
        places.append(place)
        parts += [file.path.parent.name, raw]
    others = _not_read(folder, len(files))
    if others:
        log.warning("%s: %d files or folders that are not label/NAME.txt are not read", folder, others)
    return LabelledTexts(tuple(labels), tuple(texts), tuple(places), hash_parts(*parts))


def _not_read(folder: Path, read: int) -> int:
    """How many files and folders, hidden ones aside, are neither read nor the folder of a label."""

    def entries() -> Iterator[Path]:
        for entry in folder.iterdir():
            if entry.is_dir() and not _hidden(entry, folder):
                yield from entry.iterdir()
            else:
                yield entry

    return sum(not _hidden(entry, folder) for entry in entries()) - read


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _not_empty(text: str, what: str, place: str) -> str:
    if not text.strip():
        raise ValueError(f"{place}: the {what} is empty; remove the line or the file, or fill it in")
    return text


def _start(line: str) -> str:
    return repr(line if len(line) <= 40 else f"{line[:40]}…")
