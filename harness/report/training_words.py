"""How the runs of a figure were trained, as sentences of its caption: budget, optimizer, learning rate."""

from __future__ import annotations

import pandas as pd

from harness.results.settings import TUNED, settings_of, stops_when_solved


def training_sentences(runs: pd.DataFrame) -> str:
    """What a reader has to know before comparing: the shared budget, and how learning rates came about.

    Args:
        runs: the rows of `load_runs` that a figure shows.
    """
    return f"{budget_sentence(runs)} {_learning_rates(settings_of(runs)['lr'])}" if len(runs) else ""


def budget_sentence(runs: pd.DataFrame) -> str:
    """`1000 steps of adam, batches of 100.`, of what all runs share."""
    table = settings_of(runs)
    shared = {key: table[key].iloc[0] for key in ("budget", "optimizer", "batch_size")
              if table[key].nunique() == 1}  # fmt: skip
    budget = shared.get("budget") or "Different budgets"
    stops = stops_when_solved(runs)
    if stops.all() and "budget" in shared:
        budget = f"At most {budget}, or as many as solve the task,"
    elif stops.any():
        budget = f"{budget}, in some runs as many as solve the task,"
    parts = [f"{budget}{' of ' + shared['optimizer'] if 'optimizer' in shared else ''}"]
    parts += [f"batches of {shared['batch_size']}"] if "batch_size" in shared else []
    schedule, decay = table["schedule"], table.get("train.weight_decay", pd.Series(dtype="str"))
    parts += (
        [f"{schedule.iloc[0]} schedule"] if set(schedule) - {"constant"} and schedule.nunique() == 1 else []
    )
    parts += [f"weight decay {decay.iloc[0]}"] if set(decay) - {"0", ""} and decay.nunique() == 1 else []
    return f"{', '.join(parts)}."


def _learning_rates(rates: pd.Series) -> str:
    if (rates == TUNED).all():
        return "The learning rate of each point was chosen on validation data, on other seeds."
    if (rates == TUNED).any():
        return "Learning rates were chosen on validation data where the title says so."
    if rates.nunique() == 1:
        return f"One learning rate for all cells: {rates.iloc[0]}."
    return "The learning rate was not chosen for each cell."
