"""The table of settings: one row a setting, its runs summarised over the seeds."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from harness.report.flow_medians import FLOW_LEAD, FLOW_MEDIANS, flow_texts
from harness.report.page.absent import DOES_NOT_APPLY, EMPTY_MEANS, NOT_MEASURED, percent, short, whole
from harness.report.page.runs_table import FACETS
from harness.report.page.table import Column, PageTable, number_column, plus_minus, replaced, text_column
from harness.report.summary import summary_table

_PLACE = (
    ("task", "task"), ("variant", "variant"), ("data_source", "data"), ("seq_len", "T"), ("cell", "cell"),
    ("hidden_size", "H"),
)  # fmt: skip

_LEAD = (
    "One row a setting, over its runs that ended ok; n is their number. ±: half width of the 95 % t interval "
    f"of the mean. Solved: how many met the task's threshold, and the median step at which. {FLOW_LEAD}"
)


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
    return PageTable("settings", "Settings", _LEAD, table, tuple(columns), _facets(table))


def _measures(table: pd.DataFrame) -> list[Column]:
    flow = [flow_texts(row) for row in table.to_dict("records")]
    return [
        _runs_behind(table),
        plus_minus(table, "test_accuracy", "test accuracy %", percent, "mean over the seeds"),
        _number(table, "chance_accuracy", "chance %", percent, "the best guess that looks at no input"),
        plus_minus(table, "test_loss", "test loss", short, "mean over the seeds"),
        _memoryless(table),
        _solved(table),
        _number(table, "grad_norm_mean", "grad norm", short, "mean before clipping"),
        *(
            Column(f"gradflow_{name}", title, tuple(texts[place] for texts in flow), numeric=True)
            for place, (name, (title, _)) in enumerate(FLOW_MEDIANS.items())
        ),
        _number(table, "train_s", "train s", short, "seconds of training steps, mean"),
    ]


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


def _solved(table: pd.DataFrame) -> Column:
    """`3 of 5, at 200`; does not apply to a task without a threshold, and needs a run that ended ok."""
    column = number_column(
        table, "solved", "solved", whole, "seeds that met the threshold, and the median step"
    )
    texts = []
    for count, n, step in zip(table["solved"], table["n"], table["solved_step"], strict=True):
        if pd.isna(count):
            texts.append(DOES_NOT_APPLY)
        elif n == 0:
            texts.append(NOT_MEASURED)
        else:
            texts.append(f"{count:.0f} of {n}" + (f", at {whole(step)}" if count else ""))
    return replaced(column, ((True, text) for text in texts))


def _facets(table: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    matched = table["match_params"] if "match_params" in table else [""] * len(table)
    sizes = tuple(
        "" if budget else f"H = {hidden}"
        for hidden, budget in zip(table["hidden_size"], matched, strict=True)
    )
    init = tuple(map(str, table["init"])) if "init" in table else ("",) * len(table)
    values = (tuple(table["task"]), tuple(table["cell"]), sizes, tuple(map(str, table["seq_len"])), init)
    return dict(zip(FACETS, values, strict=True))
