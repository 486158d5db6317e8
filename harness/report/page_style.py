"""How large a page of figures is and how small its type: for a screen, or for a printed column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import matplotlib as mpl
from matplotlib.font_manager import FontProperties

from harness.report.style import RC

_SIZES = tuple(key for key in RC if "size" in key and key != "lines.markersize")


def points(key: Any) -> float:
    """A size of type among Matplotlib's settings, such as `xtick.labelsize`, in points."""
    return float(FontProperties(size=mpl.rcParams[key]).get_size_in_points())


@dataclass(frozen=True)
class PageStyle:
    """Sizes of everything on a page; colours and marks are the same in every style."""

    name: str
    widths: tuple[float, float, float, float]
    """Inches, by the number of panels beside one another."""
    type_points: float
    """Size of the type, in points; titles are larger and numbers on axes smaller in proportion."""
    dpi: int
    """Pixels per inch of a PNG."""
    rc: Mapping[Any, Any] = field(default_factory=dict)
    """Further settings of Matplotlib."""

    @property
    def scale(self) -> float:
        """Size of the type relative to that of a screen; heights and margins follow it."""
        return self.type_points / RC["font.size"]

    @property
    def letters_per_inch(self) -> float:
        """Letters of DejaVu Sans on an inch, rounded down."""
        return 125 / self.type_points

    def settings(self) -> dict[Any, Any]:
        """Matplotlib's settings in which a page is drawn.

        >>> PAPER.settings()["font.size"], PAPER.settings()["figure.titlesize"]
        (7.0, 8.4)
        """
        sizes = {key: round(RC[key] * self.scale, 2) for key in _SIZES}
        return {**RC, **sizes, **self.rc}


SCREEN = PageStyle("screen", (6.4, 8.6, 10.2, 11.2), 10.0, 150)
"""Up to 1,680 pixels wide; made to be read at 900."""

PAPER = PageStyle("paper", (4.5, 6.0, 7.1, 7.1), 7.0, 300, {"pdf.fonttype": 42, "axes.linewidth": 0.6})
"""As wide as two columns of a journal at most; fonts are embedded as TrueType, which publishers ask for."""

PAGE_STYLES = {style.name: style for style in (SCREEN, PAPER)}
