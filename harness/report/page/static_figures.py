"""The figures as the report has drawn them, embedded: each with question, caption and alternative text."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from harness.report.figure_spec import FigureSpec
from harness.report.page_style import SCREEN

POINTS_PER_INCH = 72

_COLOURS = 256
_BESIDE_UP_TO = 660
"""Readable width up to which a figure stands beside a sentence; a wider one stands below it."""
_SPEED = ("How long does a training step take in the isolated timing pass?", "Written by harness time.")


@dataclass(frozen=True)
class Sheet:
    """One page of a figure, as a data URI."""

    uri: str
    width: int
    height: int
    readable: int
    """Width in CSS pixels at which its type is about 10 pixels high."""


@dataclass(frozen=True)
class StaticFigure:
    """A drawn figure."""

    name: str
    """Of its file, without a page number and without its ending."""
    question: str
    caption: str
    alt: str
    """What its marks are; where a finding names the figure, the finding comes first."""
    task: str
    """The task that it is about; empty: several."""
    sheets: tuple[Sheet, ...]

    @property
    def narrow(self) -> bool:
        """Whether it can be read in the narrower half of a page."""
        return max(sheet.readable for sheet in self.sheets) <= _BESIDE_UP_TO


def static_figures(
    paths: Sequence[Path], specs: Sequence[FigureSpec], tasks: Iterable[str], said: Mapping[str, str]
) -> list[StaticFigure]:
    """The figures of a report in the order of drawing.

    Args:
        paths: of the PNG files; those of one figure follow one another.
        specs: of the figures that the report can draw.
        tasks: the names of the tasks of the runs.
        said: by name of a figure: what its findings say.
    """
    by_name: dict[str, list[Path]] = {}
    for path in paths:
        if path.suffix == ".png":
            by_name.setdefault(_without_page_number(path.stem, paths), []).append(path)
    return [_figure(name, pages, specs, list(tasks), said.get(name, "")) for name, pages in by_name.items()]


def _figure(
    name: str, pages: Sequence[Path], specs: Sequence[FigureSpec], tasks: Sequence[str], said: str
) -> StaticFigure:
    sheets, alts = zip(*map(_sheet, pages), strict=True)
    spec = next((s for s in specs if name == s.name or name.startswith(f"{s.name}-")), None)
    question, caption = (spec.question, spec.caption) if spec else _SPEED
    place = name.removeprefix(spec.name).lstrip("-") if spec and spec.per_task else ""
    task = max((t for t in tasks if place == t or place.startswith(f"{t}-")), key=len, default="")
    about = f"{place.replace('-', ' ', 1) if place != task else task}: " if place else ""
    return StaticFigure(name, f"{about}{question}", caption, f"{said} {alts[0]}".strip(), task, tuple(sheets))


def _without_page_number(stem: str, paths: Sequence[Path]) -> str:
    """The name of a figure: of several pages each file has a number from 1."""
    name, _, number = stem.rpartition("-")
    stems = {path.stem for path in paths}
    several = number.isdigit() and f"{name}-1" in stems and f"{name}-2" in stems and name not in stems
    return name if several else stem


def _sheet(path: Path) -> tuple[Sheet, str]:
    """A file with 256 colours, a third of its size and no other to the eye; and its alternative text."""
    with Image.open(path) as image:
        alt = str(getattr(image, "text", {}).get("Description", ""))
        width, height = image.size
        dpi = image.info.get("dpi", (SCREEN.dpi, SCREEN.dpi))[0]
        rgb = image.convert("RGB")
    few = rgb.quantize(_COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    out = io.BytesIO()
    few.save(out, "PNG", compress_level=4)
    uri = "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
    return Sheet(uri, width, height, round(width / dpi * POINTS_PER_INCH)), alt
