"""The files of figures: their formats, the alternative text in them, and which files are ours."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from harness.report.page_style import SCREEN, PageStyle
from harness.results.files import is_regular, replaced

SOFTWARE = "seqharness"


@dataclass(frozen=True)
class Format:
    """A file format of figures."""

    metadata: Callable[[str], dict[str, Any]]
    """What `savefig` writes into the file for an alternative text."""
    mark: bytes
    """What `SOFTWARE` in the metadata looks like in the file."""
    at_end: bool = False
    """Whether the mark stands in the last bytes of the file, not in the first."""


FORMATS = {
    "png": Format(lambda alt: {"Software": SOFTWARE, "Description": alt}, b"Software\0" + SOFTWARE.encode()),
    "svg": Format(
        lambda alt: {"Creator": SOFTWARE, "Description": alt, "Date": None},
        f"<dc:title>{SOFTWARE}</dc:title>".encode(),
    ),
    "pdf": Format(
        lambda alt: {"Creator": SOFTWARE, "Subject": alt, "CreationDate": None},
        f"/Creator ({SOFTWARE})".encode(),
        at_end=True,
    ),
}
"""By the ending of the file; none holds a date, so that the same figure gives the same bytes."""

DEFAULT_FORMATS = ("png",)

_LOOKED_AT = 1 << 16  # bytes; cross-references of a PDF follow the mark


def save_pages(
    pages: Sequence[Figure],
    folder: Path,
    name: str,
    alt: str,
    formats: Sequence[str] = DEFAULT_FORMATS,
    page_style: PageStyle = SCREEN,
) -> list[Path]:
    """Writes `name.png`, or `name-1.png`, `name-2.png`, … where there are several pages.

    Args:
        pages: of one figure.
        folder: where to write.
        name: without ending.
        alt: alternative text, written into each file: `Description` of a PNG or SVG, `Subject` of a PDF.
        formats: keys of `FORMATS`; a file each.
        page_style: in which the pages were drawn.
    """
    paths = []
    settings = {**page_style.settings(), "svg.hashsalt": name}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)  # a box stands for the letter
        for number, page in enumerate(pages, start=1):
            stem = name if len(pages) == 1 else f"{name}-{number}"
            _lay_out(page, page_style)
            for ending in formats:
                path = folder / f"{stem}.{ending}"
                with mpl.rc_context(settings), replaced(path) as temporary:
                    page.savefig(temporary, dpi=page_style.dpi, metadata=FORMATS[ending].metadata(alt))
                paths.append(path)
    return paths


def _lay_out(page: Figure, page_style: PageStyle) -> None:
    """Places everything on a page, once for all formats: `savefig` would draw the page once more for it."""
    engine = page.get_layout_engine()
    if engine is not None:
        page.set_dpi(page_style.dpi)
        with mpl.rc_context(page_style.settings()):
            engine.execute(page)
        page.set_layout_engine("none")


def name_part(text: object) -> str:
    """A text as part of a file's name.

    >>> name_part("init keras, lr 0.01")
    'init-keras-lr-0.01'
    """
    return re.sub(r"[^A-Za-z0-9._]+", "-", str(text))


def is_ours(path: Path) -> bool:
    """Whether `save_pages` wrote this file: the metadata of its format say so."""
    known = FORMATS.get(path.suffix.removeprefix("."))
    if known is None or not is_regular(path):
        return False
    with open(path, "rb") as file:
        if known.at_end:
            file.seek(max(0, path.stat().st_size - _LOOKED_AT))
        return known.mark in file.read(_LOOKED_AT)


def remove_stale(folder: Path, pattern: str, kept: Collection[Path]) -> None:
    """Deletes the figures of ours that are not among those kept; files of others stay.

    Args:
        folder: of figures.
        pattern: of their names without ending, such as `speed-*`.
        kept: the paths of the figures that were just written.
    """
    for ending in FORMATS:
        for path in set(folder.glob(f"{pattern}.{ending}")) - set(kept):
            if is_ours(path):  # it shows runs of an earlier report
                path.unlink()
