"""Vega, Vega-Lite and Vega-Embed as one script without network, from vl-convert; kept in the user's cache."""

from __future__ import annotations

import contextlib
import os
from importlib.metadata import version
from pathlib import Path

from markupsafe import Markup

from harness.results.store import write_atomically


def vega_script() -> Markup:
    """The script, which defines `window.vegaEmbed`.

    vl-convert needs two to three seconds of processor time to bundle it, so the result is kept in
    `$XDG_CACHE_HOME/seqharness`, under the version of vl-convert.
    """
    path = _cache_dir() / f"vega-{version('vl-convert-python')}.js"
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return _checked(path.read_text(encoding="utf-8"))
    import vl_convert

    text = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    with contextlib.suppress(OSError):  # without a cache the next page takes as long
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text)
    return _checked(text)


def _cache_dir() -> Path:
    """The user's cache; without a home a folder that cannot be made."""
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "seqharness"
    except RuntimeError:
        return Path(os.devnull) / "seqharness"


def _checked(text: str) -> Markup:
    """Trusted as markup: it holds nothing that ends a script element.

    Raises:
        ValueError: it does.
    """
    for part in ("</script", "<!--"):
        if part in text.lower():
            raise ValueError(f"the script of vl-convert holds {part!r} and cannot stand in a page")
    return Markup(text)
