"""What a table is: its columns are the fields of one dataclass, each declared with its meaning."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

_REQUIRED: Any = dataclasses.MISSING


def column(about: str, default: Any = _REQUIRED, *, environment: bool = False) -> Any:
    """A dataclass field that is a column of a table.

    Args:
        about: its meaning, with the unit.
        default: its value where none is given; without one the field is required.
        environment: the column tells how a run was computed (versions, kernel, process settings), which is
            no setting but may change numbers or times: the summary names mixtures of it within a setting.
    """
    return field(default=default, metadata={"about": about, "environment": environment})


def columns_of(row_type: type) -> dict[str, str]:
    """The columns of a table and their meaning, in order.

    >>> @dataclass(frozen=True)
    ... class Row:
    ...     step: int = column("training step")
    ...     note: str = "not a column"
    >>> columns_of(Row)
    {'step': 'training step'}
    """
    return {f.name: f.metadata["about"] for f in dataclasses.fields(row_type) if "about" in f.metadata}


def markdown_columns(row_type: type) -> list[str]:
    """The lines of a Markdown table of the columns of `row_type` and their meaning.

    >>> @dataclass(frozen=True)
    ... class Row:
    ...     norm: float = column("‖∂L/∂h‖, mean over the batch")
    >>> print("\\n".join(markdown_columns(Row)))
    | column | meaning |
    | --- | --- |
    | `norm` | ‖∂L/∂h‖, mean over the batch |
    """
    rows = [
        f"| `{name}` | {about.replace('|', chr(92) + '|')} |" for name, about in columns_of(row_type).items()
    ]
    return ["| column | meaning |", "| --- | --- |", *rows]


@dataclass(frozen=True)
class Table:
    """A table that a run writes beside its row."""

    name: str
    """Stem of the file: `steps` is written to `steps.csv`."""
    row_type: type
    """The dataclass of its rows; its columns are the fields declared with `column`."""
    rows: Sequence[Any] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    """How it was measured, such as the number of points; plain values that JSON can hold."""
    note: str | None = None
    """Why it is empty or incomplete; None where it is complete."""

    def description(self) -> dict[str, Any]:
        """The entry of this table in `RunRecord.tables`."""
        return {"columns": columns_of(self.row_type), "settings": self.settings, "note": self.note}
