"""The table of settings: one row a setting, its runs summarised over the seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from harness.report.flow_medians import FLOW_MEDIANS, flow_texts
from harness.report.markdown import range_text
from harness.report.page.absent import DOES_NOT_APPLY, EMPTY_MEANS, NOT_MEASURED, percent, short
from harness.report.page.runs_table import FACETS
from harness.report.page.table import Column, PageTable, number_column, replaced, text_column
from harness.report.settings_table import LEAD, accuracy_text, solved_text, summary_table

_PLACE = (
    ("task", "task"), ("variant", "variant"), ("data_source", "data"), ("seq_len", "T"), ("cell", "cell"),
    ("hidden_size", "H"),
)  # fmt: skip


def settings_table(runs: pd.DataFrame) -> PageTable:
    """The table of the settings that are compared.

    Args:
        runs: the rows of `load_runs` of the stage `final`.
    """
    table = summary_table(runs)
    names = list(map(str, table))
    extra = names[names.index("hidden_size") + 1 : names.index("n")]
    columns = [text_column(table, name, title) for name, title in _PLACE]
    columns += [text_column(table, name) for name in extra]
    columns += _measures(table)
    return PageTable("settings", "Settings", LEAD.replace("`", ""), table, tuple(columns), _facets(table))


def _measures(table: pd.DataFrame) -> list[Column]:
    rows: list[dict[Any, Any]] = table.to_dict("records")
    flow = [flow_texts(row) for row in rows]
    accuracy = tuple(accuracy_text(row) for row in rows)
    about = "mean over the seeds, and its 95 % interval"
    return [
        _runs_behind(table),
        Column("test_accuracy", "test accuracy %", accuracy, about, numeric=True),
        _number(table, "chance_accuracy", "chance %", percent, "the best guess that looks at no input"),
        _median(rows, "test_loss", "loss", "test loss", "over the seeds"),
        _memoryless(table),
        _solved(rows),
        _median(rows, "grad_norm_mean", "grad_norm", "grad norm", "before clipping"),
        *(
            Column(f"gradflow_{name}", title, tuple(texts[place] for texts in flow), numeric=True)
            for place, (name, (title, _)) in enumerate(FLOW_MEDIANS.items())
        ),
        _median(rows, "train_s", "train_s", "train s", "seconds of training steps"),
    ]


def _median(rows: Sequence[dict[Any, Any]], name: str, ends: str, title: str, about: str) -> Column:
    """A median with the lowest and the highest value of the seeds."""
    texts = tuple(range_text(row[name], row[f"{ends}_lowest"], row[f"{ends}_highest"], ".3g") for row in rows)
    return Column(name, title, texts, f"median (lowest to highest): {about}", numeric=True)


def _number(table: pd.DataFrame, name: str, title: str, form: Callable[[float], str], about: str) -> Column:
    return number_column(table, name, title, form, about)


def _runs_behind(table: pd.DataFrame) -> Column:
    texts = (
        f"{n} (+{bad} not ok)" if bad else str(n) for n, bad in zip(table["n"], table["not_ok"], strict=True)
    )
    return Column("n", "n", tuple(texts), "runs that ended ok", numeric=True)


def _memoryless(table: pd.DataFrame) -> Column:
    about = "lowest loss without memory of earlier steps, where it is known"
    column = number_column(table, "memoryless_loss", "memoryless loss", short, about)
    known = (table["memoryless_loss"].isna() & table["chance_accuracy"].notna()).map(bool)
    return replaced(column, ((unknown, EMPTY_MEANS["memoryless_loss"]) for unknown in known))


def _solved(rows: Sequence[dict[Any, Any]]) -> Column:
    """`3/5 at 200`; does not apply to a task without a threshold, and needs a run that ended."""
    texts = []
    for row in rows:
        if pd.isna(row["solved"]):
            texts.append(DOES_NOT_APPLY)
        else:
            texts.append(solved_text(row) if row["solved_n"] else NOT_MEASURED)
    about = "seeds that met the threshold, and the median step over all of them"
    return Column("solved", "solved", tuple(texts), about, numeric=True)


def _facets(table: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    matched = table["match_params"] if "match_params" in table else [""] * len(table)
    sizes = tuple(
        "" if budget else f"H = {hidden}"
        for hidden, budget in zip(table["hidden_size"], matched, strict=True)
    )
    init = tuple(map(str, table["init"])) if "init" in table else ("",) * len(table)
    values = (tuple(table["task"]), tuple(table["cell"]), sizes, tuple(map(str, table["seq_len"])), init)
    return dict(zip(FACETS, values, strict=True))
