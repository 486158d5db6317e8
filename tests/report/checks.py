"""Finds overlapping and cut texts by measuring a drawn figure."""

from __future__ import annotations

import itertools

from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox


def text_boxes(figure: Figure) -> list[tuple[str, Bbox]]:
    """The visible texts of a page, with their extents in pixels."""
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    hidden = _hidden(figure)
    boxes = []
    for text in figure.findobj(Text):
        if text.get_visible() and text.get_text().strip() and text not in hidden:
            boxes.append((text.get_text(), text.get_window_extent(renderer)))
    return boxes


def overlaps(boxes: list[tuple[str, Bbox]], slack: float = 1.0) -> list[tuple[str, str]]:
    """Pairs of texts that touch by more than `slack` pixels in both directions."""
    pairs = itertools.combinations(boxes, 2)
    return [(a, b) for (a, box_a), (b, box_b) in pairs if _touch(box_a, box_b, slack)]


def outside(figure: Figure, boxes: list[tuple[str, Bbox]], slack: float = 1.0) -> list[str]:
    """Texts that the edge of the page cuts."""
    page = figure.bbox
    return [
        text
        for text, box in boxes
        if box.x0 < page.x0 - slack
        or box.y0 < page.y0 - slack
        or box.x1 > page.x1 + slack
        or box.y1 > page.y1 + slack
    ]


def _touch(a: Bbox, b: Bbox, slack: float) -> bool:
    return min(a.x1, b.x1) - max(a.x0, b.x0) > slack and min(a.y1, b.y1) - max(a.y0, b.y0) > slack


def _hidden(figure: Figure) -> set[Text]:
    """Texts that exist but are not drawn: tick labels beyond the limits of their axis, axes switched off."""
    hidden: set[Text] = set()
    for ax in figure.axes:
        if not ax.axison:
            hidden.update(ax.findobj(Text))
        for axis, limits in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim())):
            low, high = sorted(limits)
            for tick in axis.get_major_ticks() + axis.get_minor_ticks():
                hidden.add(tick.label2)
                if not low <= tick.get_loc() <= high:
                    hidden.add(tick.label1)
    return hidden
