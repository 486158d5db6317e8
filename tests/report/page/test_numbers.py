"""Every number of the page, recomputed from the files of the runs with json and csv, and SciPy for Welch."""

from __future__ import annotations

import csv
import itertools
import math
import re
import statistics

import pytest
import scipy.stats

from tests.report.page.folders import columns_on_disk, page_of, rows_of, small_grid
from tests.report.page.reading import decoded, details, facts, payload, raw_rows, read_html, static_table

T_975 = {1: 12.706204736, 2: 4.302652730}
"""Quantiles of Student's t distribution at 97.5 %, by degrees of freedom (tables)."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return small_grid(tmp_path_factory.mktemp("numbers"))


@pytest.fixture(scope="module")
def page(folder):
    return read_html(page_of(folder))


def half(values):
    return T_975[len(values) - 1] * statistics.stdev(values) / math.sqrt(len(values))


def accuracy_bounds(values):
    """The interval of a mean accuracy: to each side the farther of two t intervals, one of the logits."""
    n, mean, logits = len(values), statistics.fmean(values), [math.log(x / (1 - x)) for x in values]
    middle, reach = statistics.fmean(logits), T_975[n - 1] * statistics.stdev(logits) / math.sqrt(n)
    low, high = (1 / (1 + math.exp(-x)) for x in (middle - reach, middle + reach))
    return max(0, min(mean - half(values), low)), min(1, max(mean + half(values), high))


def shows_interval(text, middle, low, high, scale=1.0):
    """Whether a text such as `94.4 (92.9 to 95.6)` shows three numbers."""
    parts = re.fullmatch(r"(\S+) \((\S+) to (\S+)\)", text)
    return parts and all(map(shows, parts.groups(), (middle, low, high), (scale,) * 3))


def shows(text, value, scale=1.0):
    """Whether a text is the rounded value: it differs by at most half of its last digit."""
    number = text.removeprefix("≤ ").replace("+", "")
    _, _, digits = number.partition("e")[0].partition(".")
    exponent = int(number.partition("e")[2] or 0)
    return abs(float(number) - scale * value) <= 0.5001 * 10.0 ** (exponent - len(digits))


def test_the_runs_hold_every_column_of_every_row_with_all_digits(folder, page):
    rows, model = rows_of(folder), payload(page)["tables"][2]
    shown = raw_rows(model)
    assert {row["run_id"] for row in shown} == rows.keys()
    names = columns_on_disk() - {"config", "tuned"}
    for row in shown:
        assert {name: row[name] for name in names} == {name: rows[row["run_id"]][name] for name in names}


SHOWN = {
    "test acc. %": ("test_accuracy", 100), "test loss": ("test_loss", 1), "solved at": ("solved_step", 1),
    "best step": ("best_step", 1), "grad norm": ("grad_norm_mean", 1), "train s": ("train_s", 1),
    "T": ("seq_len", 1), "H": ("hidden_size", 1), "seed": ("seed", 1),
    "decades init": ("gradflow_decades_init", 1), "decades end": ("gradflow_decades_end", 1),
}  # fmt: skip
"""Columns of the table of runs, the column of the row that each shows, and its factor."""


def test_the_table_of_runs(folder, page):
    rows = rows_of(folder)
    shown = static_table(page, "runs")
    assert [row["run"] for row in shown] == [row["run_id"] for row in raw_rows(payload(page)["tables"][2])]
    for line in shown:
        row = rows[line["run"]]
        for title, (name, scale) in SHOWN.items():
            if row[name] is not None:
                assert shows(line[title], row[name], scale), (title, line[title], row[name])
            else:
                assert line[title] == expected_absence(name, row), (title, row["run_id"])


def expected_absence(name, row):
    if name in ("test_accuracy", "test_loss") and row["stage"] == "tune":
        return "n/a"
    if name == "solved_step" and row["chance_accuracy"] is not None:
        if row["solved_rule"] is None:
            return "n/a"
        return f"> {row['steps']}" if row["status"] == "ok" else "–"
    return "–"


def by_setting(rows):
    groups = {}
    for row in rows.values():
        if row["stage"] == "final":
            place = (row["task"], row["seq_len"], row["cell"], row["hidden_size"])
            groups.setdefault(tuple(map(str, place)), []).append(row)
    return groups


def test_the_table_of_settings(folder, page):
    groups, shown = by_setting(rows_of(folder)), static_table(page, "settings")
    assert len(shown) == len(groups)
    for line in shown:
        group = groups[line["task"], line["T"], line["cell"], line["H"]]
        ok = [row for row in group if row["status"] == "ok"]
        if not ok:
            assert (line["n"], line["test accuracy %"], line["train s"]) == ("0 (+1 not ok)", "–", "–")
            continue
        assert line["n"] == (str(len(ok)) if len(ok) == len(group) else f"{len(ok)} (+1 not ok)")
        values = [row["test_accuracy"] for row in ok]
        bounds = accuracy_bounds(values)
        assert shows_interval(line["test accuracy %"], statistics.fmean(values), *bounds, scale=100)
        for title, name in (
            ("test loss", "test_loss"),
            ("grad norm", "grad_norm_mean"),
            ("train s", "train_s"),
        ):
            values = [row[name] for row in ok]
            if min(values) == max(values):
                assert shows(line[title], values[0])
            else:
                assert shows_interval(line[title], statistics.median(values), min(values), max(values))
        assert shows(line["chance %"], statistics.fmean(row["chance_accuracy"] for row in ok), 100)
        assert shows(line["reach end"], statistics.median(row["gradflow_reach_end"] for row in ok))
        assert line["decades init"] == "–"
        steps = [row["solved_step"] for row in ok if row["solved_step"] is not None]
        if line["task"] == "mnist":
            assert (line["solved"], line["memoryless loss"]) == ("n/a", "not known")
        else:
            ended = [row for row in group if row["status"] in ("ok", "diverged")]
            budget = max(row["steps"] for row in group)
            at = f", > {budget} steps"
            if 2 * len(steps) > len(ended):
                at = f" at {statistics.median(steps + [math.inf] * (len(ended) - len(steps))):.0f}"
            assert line["solved"] == f"{len(steps)}/{len(ended)}{at}"
            assert shows(line["memoryless loss"], 1 / 6)


def test_the_table_of_pairs(folder, page):
    groups, shown = by_setting(rows_of(folder)), static_table(page, "pairs")
    assert len(shown) == 4
    for line in shown:
        a, b = (
            {row["seed"]: row["test_accuracy"] for row in groups[line["task"], line["T"], line[cell], "8"]
             if row["status"] == "ok"} for cell in ("cell", "minus")
        )  # fmt: skip
        a, b = list(a.values()), list(b.values())
        welch = scipy.stats.ttest_ind(a, b, equal_var=False).confidence_interval()
        difference = statistics.fmean(a) - statistics.fmean(b)
        bounds = max(-1, welch.low), min(1, welch.high)
        assert shows_interval(line["difference, points"], difference, *bounds, scale=100)
        assert line["n"] == str(min(len(a), len(b)))


def test_what_was_run(folder, page):
    rows, said = list(rows_of(folder).values()), facts(page)
    assert said["runs"] == f"{len(rows)}: {len(rows) - 2} ok, 1 diverged, 1 failed"
    assert said["of them for tuning"].startswith("1, ")
    assert said["lengths T"] == "28, 56"
    assert said["seeds"] == "0, 1, 2, 7"
    assert said["torch"] == rows[0]["torch"]
    (section,) = page.all("section", id="what")
    failures = [[cell.text for cell in row.all("td")] for row in section.all("tbody")[0].all("tr")]
    bad = [row for row in rows if row["status"] != "ok"]
    assert sorted(map(tuple, failures)) == sorted(
        (row["status"], row["error"], "1", row["run_id"]) for row in bad
    )


def test_the_curves_of_a_run(folder, page):
    held = details(page)
    assert held["runs"].keys() == rows_of(folder).keys()
    for run_id, tables in held["runs"].items():
        for table in tables:
            name = held["shapes"][table["shape"]]["name"]
            with open(folder / "runs" / run_id / f"{name}.csv", newline="") as file:
                names, *lines = csv.reader(file)
            assert names == list(held["shapes"][table["shape"]]["columns"])
            columns = [decoded(column) for column in table["columns"]]
            for written, shown in zip(
                itertools.chain(*zip(*lines, strict=True)), itertools.chain(*columns), strict=True
            ):
                same = shown is None if written == "" else agrees(written, shown)
                assert same, (written, shown)


def agrees(written, shown):
    if isinstance(shown, str):
        return written == shown
    return math.isclose(float(written), shown, rel_tol=1e-5)


def test_no_number_of_the_static_page_is_left_unchecked(page):
    """The sections hold the tables, facts and texts that are tested above, and no other number."""
    (section,) = page.all("section", id="answer")
    assert re.findall(r"\d", section.text) == ["1"]  # its own number
