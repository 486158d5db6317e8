"""`tuning.csv`: which values were tried on validation data, and which one was chosen for each setting."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from harness.results.schema import column, columns_of
from harness.results.store import DamagedTableError, write_atomically

TUNING_FILE = "tuning.csv"


@dataclass(frozen=True, kw_only=True)
class TuningRow:
    """One candidate of one setting: the values tried, and what they reached on validation data."""

    group: str = column("hash of the setting without the tuned keys: one value is chosen in each group")
    axes: str = column("the tuned keys, such as `train.lr`")
    values: str = column("the values tried, such as `train.lr=0.003`")
    final_setting: str = column("`setting` of the runs of the final stage that have these values")
    tuning_setting: str = column("`setting` of the tuning runs that have these values")
    chosen: bool = column("whether these values were chosen for the final stage")
    task: str = column("name of the task")
    variant: str = column("which definition of the task")
    data_source: str = column("where the samples come from")
    seq_len: int = column("steps in a sequence")
    cell: str = column("name of the cell")
    hidden_size: int = column("units in each layer")
    init: str = column("initialisation of the cell")
    seeds: str = column("seeds of the tuning runs")
    diverged: int = column("how many of them diverged; each counts as worse than any that did not")
    chosen_by: str = column("`val_loss` for value targets, else `val_accuracy`, then `val_loss`")
    val_accuracy: float | None = column("mean best validation accuracy of the others, 0 to 1")
    val_loss: float | None = column("mean validation loss at that step (nats, or squared error)")


def merge_tuning(results_dir: Path, rows: Sequence[TuningRow]) -> None:
    """Writes rows into `tuning.csv`, whole or not at all; they replace the earlier ones of their groups.

    Raises:
        OSError: the file cannot be written.
    """
    names = list(columns_of(TuningRow))
    new = pd.DataFrame([dataclasses.asdict(row) for row in rows], columns=names)
    old = load_tuning(results_dir)
    kept = old[~old["group"].isin(set(new["group"]))]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    for frame in (kept, new):
        writer.writerows(["" if pd.isna(v) else v for v in row] for row in frame.itertuples(index=False))
    write_atomically(results_dir / TUNING_FILE, out.getvalue())


def load_tuning(path: str | Path = "results") -> pd.DataFrame:
    """Reads `tuning.csv` of a results folder: one row a candidate, with the columns of `TuningRow`.

    Returns:
        No row where no grid has tuned there.

    Raises:
        DamagedTableError: the file cannot be read as such a table.
    """
    names = list(columns_of(TuningRow))
    file = Path(path) / TUNING_FILE
    if not file.is_file():
        return pd.DataFrame(columns=names)
    kinds = {item.name: str(item.type).split(" ")[0] for item in dataclasses.fields(TuningRow)}
    try:
        frame = pd.read_csv(file, dtype="str", keep_default_na=False)
        missing = [name for name in names if name not in frame]
        if missing:
            raise ValueError(f"it lacks the column {missing[0]}")
        if not frame["chosen"].isin(["True", "False"]).all():
            raise ValueError("chosen takes True and False")
        numbers = {name: pd.to_numeric(frame[name]) for name in names if kinds[name] in ("int", "float")}
        whole = frame[[name for name in names if kinds[name] == "int"]]
        if (whole == "").any(axis=None):
            raise ValueError("a number is missing")
    except ValueError as error:  # pandas's own errors of reading are among them
        reason = " ".join(str(error).split())
        raise DamagedTableError(
            f"{file} is damaged ({reason}); remove it, and the grid writes it again"
        ) from None
    return frame[names].assign(**numbers, chosen=frame["chosen"] == "True")


def tuned_keys(runs: pd.DataFrame, tuning: pd.DataFrame) -> pd.Series:
    """By run: the keys whose values were chosen for its setting, such as `train.lr`; else empty.

    A run with a seed on which the values were chosen is none of them: it is no fresh one.

    Args:
        runs: `setting`, `seed` and `stage`.
        tuning: the rows of `load_tuning`.

    >>> table = pd.DataFrame({"final_setting": ["a", "b"], "axes": "train.lr", "chosen": [True, False],
    ...                       "seeds": "101 102"})
    >>> runs = pd.DataFrame({"setting": ["a", "a", "b"], "seed": [1, 101, 1], "stage": "final"})
    >>> tuned_keys(runs, table).to_list()
    ['train.lr', '', '']
    """
    chosen = tuning[tuning["chosen"].astype(bool) & tuning["final_setting"].isin(list(runs["setting"]))]
    by_setting: dict[str, list[tuple[str, list[str]]]] = {}
    for row in chosen.itertuples():
        by_setting.setdefault(str(row.final_setting), []).append((str(row.axes), str(row.seeds).split()))
    keys = []
    for setting, seed, stage in zip(runs["setting"], runs["seed"], runs["stage"], strict=True):
        found = by_setting.get(setting, ()) if stage == "final" else ()
        keys.append(", ".join(dict.fromkeys(axes for axes, seeds in found if str(seed) not in seeds)))
    return pd.Series(keys, index=runs.index, dtype="str")


def tuning_runs(runs: pd.DataFrame, tuning: pd.DataFrame) -> pd.DataFrame:
    """The runs by which values were chosen, with the column `chosen`: whether theirs were.

    Args:
        runs: the rows of `load_runs`; a run of the stage `tune` that no choice has looked at is left out.
        tuning: the rows of `load_tuning`.
    """
    looked_at = {
        (setting, seed): bool(chosen)
        for setting, seeds, chosen in zip(
            tuning["tuning_setting"], tuning["seeds"], tuning["chosen"], strict=True
        )
        for seed in str(seeds).split()
    }
    pairs = list(zip(runs["setting"], runs["seed"].astype(str), strict=True))
    kept = pd.Series([pair in looked_at for pair in pairs], index=runs.index, dtype="bool")
    return runs[kept].assign(chosen=[looked_at[pair] for pair in pairs if pair in looked_at])
