"""Downloads that are complete or leave nothing behind."""

from __future__ import annotations

import http.client
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from harness.tasks.files.locations import data_root


def fetch_data_set(
    data_dir: str | Path | None,
    *,
    folder: str,
    read: Callable[[Path], object],
    download: Callable[[Path], object],
) -> Path:
    """Downloads a data set that is missing, incomplete or damaged; returns the folder that it is in.

    Args:
        data_dir: the folder to download to; None: `$HARNESS_DATA`, or the cache.
        folder: the folder below it that `download` makes.
        read: reads and checks the set below a folder; raises FileNotFoundError or ValueError.
        download: downloads the set into an empty folder and verifies checksums.

    Raises:
        RuntimeError, OSError, ValueError: the server does not answer, or the download is damaged.
    """
    root = data_root(data_dir)
    try:
        read(root)
        return root
    except (FileNotFoundError, ValueError):
        root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root, prefix=".fetch-") as temporary:
        try:
            download(Path(temporary))
        except http.client.HTTPException as error:  # a broken connection, and not an OSError
            raise OSError(f"the download was interrupted ({error!r})") from None
        read(Path(temporary))
        (root / folder).mkdir(parents=True, exist_ok=True)
        for path in sorted((Path(temporary) / folder).iterdir()):
            os.replace(path, root / folder / path.name)
    read(root)
    return root
