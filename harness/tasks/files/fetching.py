"""Downloads that arrive whole or not at all: a broken one leaves nothing that could be taken for data."""

from __future__ import annotations

import http.client
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from harness.tasks.files.images import default_data_dir


def fetch_set(
    data_dir: str | Path | None,
    *,
    folder: str,
    read: Callable[[Path], object],
    download: Callable[[Path], object],
) -> Path:
    """Downloads a data set where it is missing, incomplete or damaged; returns the folder it lies under.

    Args:
        data_dir: the folder to fetch to; None: `$HARNESS_DATA`, or the cache.
        folder: the set's own folder below it, as `download` makes it.
        read: reads and checks the set under a folder; raises FileNotFoundError or ValueError.
        download: puts the set below an empty folder, with checksums.

    Raises:
        RuntimeError, OSError, ValueError: the source does not answer, or what came is damaged.
    """
    root = Path(data_dir).expanduser() if data_dir is not None else default_data_dir()
    try:
        read(root)
        return root
    except (FileNotFoundError, ValueError):
        root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root, prefix=".fetch-") as temporary:
        try:
            download(Path(temporary))
        except http.client.HTTPException as error:  # cut off on the way; no OSError, though it is one
            raise OSError(f"the download broke off ({error!r})") from None
        read(Path(temporary))
        (root / folder).mkdir(parents=True, exist_ok=True)
        for path in sorted((Path(temporary) / folder).iterdir()):
            os.replace(path, root / folder / path.name)
    read(root)
    return root
