"""Reads a page without a browser: its elements, its static tables, and what its scripts hold."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

VOID = {"meta", "img", "br", "input", "link"}


@dataclass
class Element:
    """An element of a page."""

    tag: str
    attributes: dict[str, str]
    children: list[Element | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All text inside."""
        return "".join(child if isinstance(child, str) else child.text for child in self.children)

    def all(self, tag: str, **attributes: str) -> list[Element]:
        """The elements inside with this tag and these attributes, in their order."""
        found = []
        for child in self.children:
            if isinstance(child, Element):
                fits = all(child.attributes.get(name) == value for name, value in attributes.items())
                found += [child] if child.tag == tag and fits else []
                found += child.all(tag, **attributes)
        return found


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open = [Element("", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def read_html(text: str) -> Element:
    """The tree of a page; each element must be closed in its turn."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    assert len(reader.open) == 1
    return reader.open[0]


def static_table(page: Element, key: str) -> list[dict[str, str]]:
    """The rows of a table as it stands in the document, by the titles of its columns."""
    (root,) = page.all("div", id=f"table-{key}")
    if not root.all("table"):
        return []
    titles = [head.text for head in root.all("th")]
    rows = [row for body in root.all("tbody") for row in body.all("tr")]
    return [dict(zip(titles, (cell.text for cell in row.all("td")), strict=True)) for row in rows]


def facts(page: Element) -> dict[str, str]:
    """The terms of the last section and their values."""
    (section,) = page.all("section", id="what")
    lines = [line for block in section.all("dl") for line in block.all("div")]
    first: dict[str, str] = {}  # definitions of columns follow under the same terms
    for line in lines:
        first.setdefault(line.all("dt")[0].text, line.all("dd")[0].text.strip())
    return first


def payload(page: Element) -> dict[str, Any]:
    """What the page's script reads."""
    (script,) = page.all("script", id="data")
    return json.loads(script.text)


def details(page: Element) -> dict[str, Any]:
    """The packed tables of the runs."""
    (script,) = page.all("script", id="details")
    return json.loads(gzip.decompress(base64.b64decode(script.text)))


def decoded(column: dict[str, Any]) -> list[Any]:
    """A column as `encoded` writes it."""
    if "each" in column:
        return column["each"]
    return (
        [column["of"][place] for place in column["at"]] if "of" in column else [column["all"]] * column["n"]
    )


def raw_rows(model: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of a table with all digits."""
    columns = {name: decoded(column) for name, column in model["raw"].items()}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
