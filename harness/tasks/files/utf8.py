"""Files of the user that must be text."""

from __future__ import annotations

from pathlib import Path


def text_of(raw: bytes, path: Path) -> str:
    """The text of a file in UTF-8, with or without a mark.

    Raises:
        ValueError: the file is in another encoding, or no text.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ValueError(
            f"{path}:{line}: the file must be text in UTF-8, not bytes such as 0x{raw[error.start]:02x}; "
            "convert it, for instance with `iconv -f LATIN1 -t UTF-8`"
        ) from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        order = "be" if raw.index(b"\0") % 2 == 0 else "le"
        raise ValueError(
            f"{path}:{line}: the file must be text in UTF-8, not hold zero bytes, as UTF-16 does; convert "
            f"it, for instance with `iconv -f utf-16{order} -t utf-8`"
        )
    return text
