"""The tables of probes, read when a figure asks for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from harness.results.tables import load_table


@dataclass(frozen=True, eq=False)
class SideTables:
    """The tables beside the rows of a results folder; each is read once."""

    results_dir: Path | None = None
    """None: there are no tables."""
    runs: pd.DataFrame = field(default_factory=pd.DataFrame)
    """The rows of `load_runs` whose tables are read."""
    _read: dict[str, pd.DataFrame] = field(default_factory=dict, repr=False)

    def load(self, name: str) -> pd.DataFrame:
        """The table as `load_table` returns it; without rows and columns where no run has it."""
        if name not in self._read:
            self._read[name] = self._load(name)
        return self._read[name]

    def _load(self, name: str) -> pd.DataFrame:
        if self.results_dir is None or self.runs.empty:
            return pd.DataFrame()
        try:
            return load_table(self.results_dir, name, self.runs)
        except ValueError:  # no run has it
            return pd.DataFrame()
