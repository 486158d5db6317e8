"""Pages of folders that no grid should leave, and of texts that try to leave their place."""

from __future__ import annotations

import base64
import hashlib
import logging

import pytest

from harness.report.findings import Finding
from harness.report.page import PageData, write_page
from harness.report.page.details import median_runs, runs_with_details
from harness.report.page.write import details_note
from harness.results import load_runs
from tests.report.page.folders import HOSTILE, hostile, many_runs, page_of
from tests.report.page.reading import details, facts, payload, raw_rows, read_html, static_table
from tests.report.synthetic import make_record, write_run


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = hostile(tmp_path_factory.mktemp("hostile"))
    return read_html(page_of(folder, (Finding("memory", f"It says {HOSTILE}.", "no_such_figure"),)))


def test_markup_in_texts_stays_text(page):
    assert [script.attributes.get("id") for script in page.all("script")] == ["data", "details", None, None]
    assert not page.all("img") and not page.all("b")
    assert HOSTILE in page.all("p", **{"class": "finding"})[0].text
    runs = static_table(page, "runs")
    assert {row["variant"] for row in runs} == {HOSTILE}
    assert "<b>&cell" in {row["cell"] for row in runs}
    assert facts(page)["processor"] == HOSTILE
    assert HOSTILE in page.all("td", **{"class": "prose"})[0].text
    assert {row["error"] for row in raw_rows(payload(page)["tables"][2])} == {HOSTILE}


def test_what_is_not_finite_or_missing_looks_like_it(page):
    by_seed = {row["seed"]: row for row in static_table(page, "runs")}
    assert by_seed["2"]["test loss"] == "∞"
    assert by_seed["2"]["grad norm"] == "–"
    assert by_seed["2"]["train s"] == "–"
    raw = {row["seed"]: row for row in raw_rows(payload(page)["tables"][2])}
    assert raw[2]["test_loss"] == "Infinity" and raw[2]["gradflow_decades_end"] == "-Infinity"
    tables = next(tables for run, tables in details(page)["runs"].items() if "-s2-" in run)
    assert [table["columns"] is None for table in tables] == [False, True]  # the second is damaged


def test_the_policy_allows_its_own_scripts_and_no_network(page):
    (policy,) = [m.attributes["content"] for m in page.all("meta") if "http-equiv" in m.attributes]
    parts = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert parts["default-src"] == "'none'"
    assert not {"connect-src", "font-src", "frame-src", "unsafe-eval"} & {*parts, *policy.split("'")}
    own = [script.text for script in page.all("script") if not script.attributes.get("type")]
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in own]
    assert parts["script-src"] == " ".join(f"'sha256-{one}'" for one in hashes)


def test_half_of_a_surrogate_pair_does_not_stop_the_page(tmp_path, caplog):
    write_run(tmp_path, make_record(status="failed", error="half \ud800 a letter"))
    with caplog.at_level(logging.ERROR):
        path = write_page(PageData(tmp_path, load_runs(tmp_path)))
    assert "half ? a letter" in path.read_text(encoding="utf-8")


def test_one_run(tmp_path):
    write_run(tmp_path, make_record())
    page = read_html(page_of(tmp_path))
    assert len(static_table(page, "runs")) == len(static_table(page, "settings")) == 1
    assert static_table(page, "pairs") == []
    assert static_table(page, "settings")[0]["test accuracy %"] == "89.0"  # one seed has no interval


def test_only_failures(tmp_path):
    empty = dict.fromkeys(("test_accuracy", "test_loss", "chance_accuracy", "steps", "train_s"))
    for seed in range(3):
        write_run(tmp_path, make_record(seed=seed, status="failed", error="KeyError: 'x'", **empty))
    page = read_html(page_of(tmp_path))
    assert facts(page)["runs"] == "3: 3 failed"
    (setting,) = static_table(page, "settings")
    assert (setting["n"], setting["test accuracy %"]) == ("0 (+3 not ok)", "–")
    (failure,) = [
        [c.text for c in row.all("td")]
        for row in page.all("section", id="what")[0].all("tr")
        if row.all("td")
    ]
    assert failure[:3] == ["failed", "KeyError: 'x'", "3"]


def test_no_run(tmp_path):
    data = many_runs(tmp_path, 5)
    page = read_html(write_page(type(data)(tmp_path, data.runs.iloc[:0])).read_text())
    assert all(static_table(page, key) == [] for key in ("settings", "pairs", "runs"))


def test_above_a_thousand_runs_the_median_run_of_each_setting_has_details(tmp_path):
    runs = many_runs(tmp_path, 1005).runs
    held = runs_with_details(runs)
    assert len(held) == 201
    medians = runs.groupby("setting")["test_accuracy"].median()
    shown = runs.set_index("run_id").loc[held]
    assert dict(zip(shown["setting"], shown["test_accuracy"], strict=True)) == medians.to_dict()
    assert runs_with_details(runs.iloc[:1000]) == list(runs["run_id"][:1000])
    assert "median run of each setting" in details_note(1005, 201)
    assert details_note(1000, 1000) == ""


def test_the_median_run_of_value_targets_is_that_of_their_loss(tmp_path):
    runs = many_runs(tmp_path, 5).runs.assign(tolerance=0.04, test_loss=[5.0, 1.0, 4.0, 2.0, 3.0])
    assert median_runs(runs) == [runs["run_id"][4]]
    some = runs.assign(status=["ok", "ok", "failed", "failed", "failed"])
    assert median_runs(some) == [runs["run_id"][1]]
    assert median_runs(runs.assign(status="diverged")) == [runs["run_id"][4]]
