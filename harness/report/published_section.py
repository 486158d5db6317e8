"""The part of the summary that sets published results beside the runs of the same task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from harness.report.markdown import markdown_table
from harness.report.published_words import (
    difference_text,
    differences,
    measured_setting,
    measured_value,
    published_setting,
    published_value,
)
from harness.results.published import PublishedResult, load_published
from harness.results.published_match import PublishedMatch, match_published

LEAD = (
    "Published results of the task, variant, length, data and cell of these runs. A difference is due to the "
    "cell or the code only as far as the settings agree: read the column *differs in*, and what the source "
    "does not state. Measured: accuracy as mean, loss as median, with the range over seeds; steps to solve "
    "as median over all seeds. Of several settings of a cell the one with the best median on validation data."
)
_TITLES = (
    "task", "metric", "cell", "published", "measured", "measured − published", "differs in",
    "not stated", "published setting", "measured setting", "source",
)  # fmt: skip


def published_parts(
    runs: pd.DataFrame, published: Iterable[PublishedResult] | None = None
) -> list[list[str]]:
    """The section as the lines of one part of the summary.

    Args:
        runs: the rows of `load_runs`, without those of the stage `tune`.
        published: None: those of this package.

    Returns:
        No part where there is no published result of a task that was run.
    """
    matches, left_out = match_published(runs, load_published() if published is None else published)
    if not matches and not left_out:
        return []
    table = [LEAD, "", *markdown_table(_TITLES, map(_row, matches))] if matches else []
    space = [""] if matches and left_out else []
    return [["## Published against measured", "", *table, *space, *left_out_lines(left_out)]]


def left_out_lines(left_out: Mapping[str, Sequence[PublishedResult]]) -> list[str]:
    """How many published results of these tasks are not compared, and why: at most one line."""
    if not left_out:
        return []
    parts = []
    for reason, results in left_out.items():
        which = sorted({result.cell for result in results})
        named = f" ({', '.join(which)})" if reason == "a cell that was not run" else ""
        named = f" ({_sources(results)})" if reason == "other data" else named
        parts.append(f"{len(results)} of {reason}{named}".replace("of not", "not"))
    total = sum(map(len, left_out.values()))
    return [f"Published for these tasks, but not compared: {total}; {', '.join(parts)}."]


def _sources(results: Sequence[PublishedResult]) -> str:
    """`published on mnist-70000: harness fetch mnist`."""
    needed = sorted({(result.data_source, result.task) for result in results})
    return "; ".join(f"published on {source}: `harness fetch {task}`" for source, task in needed)


def _row(match: PublishedMatch) -> list[str]:
    result, found = match.result, differences(match)
    several = f"; best of {match.settings} settings" if match.settings > 1 else ""
    return [
        f"{result.task} ({match.runs['variant'].iloc[0]}), T = {result.seq_len}",
        result.metric.replace("_", " "),
        result.cell,
        published_value(result),
        measured_value(match),
        difference_text(match),
        ", ".join(found.differs) or "nothing that is stated",
        ", ".join(found.not_stated) or "–",
        published_setting(result),
        measured_setting(match) + several,
        result.source,
    ]
