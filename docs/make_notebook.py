"""Executes the notebooks of `examples/` whose sources have changed and stores them with their outputs.

python docs/make_notebook.py [--all]
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from pathlib import Path
from typing import Any

NOTEBOOKS = sorted((Path(__file__).parents[1] / "examples").glob("*.ipynb"))

SOURCES = "sources_sha256"
"""In the metadata of a notebook: the hash of the sources of which its outputs were made."""


def source_hash(notebook: Any) -> str:
    """SHA-256 over the sources of the cells of an nbformat notebook, in their order."""
    return hashlib.sha256("\n\0".join(cell["source"] for cell in notebook["cells"]).encode()).hexdigest()


def executed(notebook: Any, folder: Path) -> Any:
    """A copy of the notebook, executed from top to bottom by a new kernel in `folder`; without clock times.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell raised.
    """
    import nbformat
    from nbclient import NotebookClient

    fresh = nbformat.from_dict(notebook)
    NotebookClient(
        fresh, timeout=300, kernel_name="python3", record_timing=False,
        resources={"metadata": {"path": str(folder)}},
    ).execute()  # fmt: skip
    fresh["metadata"] = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        SOURCES: source_hash(fresh),
    }
    return fresh


def is_current(notebook: Any) -> bool:
    """Whether the outputs of a notebook were made of its sources."""
    return bool(notebook["metadata"].get(SOURCES) == source_hash(notebook))


def read(path: Path) -> Any:
    """The notebook at `path`, as nbformat holds it."""
    import nbformat

    return nbformat.read(path, as_version=4)


def write_notebook(path: Path) -> None:
    """Executes the notebook at `path` in a folder of its own and stores it there, outputs included."""
    import nbformat

    with tempfile.TemporaryDirectory() as folder:
        fresh = executed(read(path), Path(folder))
    nbformat.validate(fresh)
    nbformat.write(fresh, path)


if __name__ == "__main__":
    for notebook_path in NOTEBOOKS:
        if "--all" in sys.argv or not is_current(read(notebook_path)):
            write_notebook(notebook_path)
            print(notebook_path)
