"""A real browser for the tests of the page: Debian's Chromium, driven by Playwright, with the network off."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str:
    """The path of Chromium; without it or Playwright the test is skipped."""
    pytest.importorskip("playwright", reason="Playwright, which drives the browser, is in the extra dev")
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is installed (Debian: apt-get install chromium)")
    return found


@contextlib.contextmanager
def launched() -> Iterator[Any]:
    """A browser without a screen."""
    path = chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


class Tab:
    """An opened page, and everything that went wrong in it."""

    def __init__(self, browser: Any, path: Path, **context: Any) -> None:
        self.wrong: list[str] = []
        self.context = browser.new_context(offline=True, **context)
        self.page = self.context.new_page()
        self.page.on("console", lambda message: self.wrong.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        self.page.on("dialog", lambda dialog: self.wrong.append(f"dialog: {dialog.message}"))
        self.page.on("request", self._request)
        self.page.goto(path.as_uri())

    def _request(self, request: Any) -> None:
        if not request.url.startswith(("file:", "data:", "blob:")):
            self.wrong.append(f"request: {request.url}")

    def texts(self, selector: str) -> list[str]:
        """The texts of all elements."""
        return list(self.page.locator(selector).all_text_contents())

    def column(self, table: str, title: str) -> list[str]:
        """The texts of a column of the rows that are shown."""
        heads = self.texts(f"#table-{table} thead th")
        return self.texts(f"#table-{table} tbody td:nth-child({heads.index(title) + 1})")

    def violations(self) -> list[str]:
        """Serious and critical findings of axe."""
        from axe_playwright_python.sync_playwright import Axe

        found = Axe().run(self.page).response["violations"]
        return [
            f"{one['id']}: {[node['html'][:120] for node in one['nodes']]}"
            for one in found
            if one["impact"] in ("serious", "critical")
        ]
