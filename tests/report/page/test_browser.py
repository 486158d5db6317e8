"""The page in a real browser, from disk and with the network off."""

from __future__ import annotations

import csv
import re
import time

import pytest

from harness.report import FIGURES, make_report
from harness.report.findings import Finding
from harness.report.page import Lookups, PageData, write_page
from harness.results import load_runs
from tests.report.page.browser import Tab, launched
from tests.report.page.folders import hostile, many_runs, rows_of, small_grid

pytestmark = pytest.mark.browser

WIDTHS, SCHEMES = (1280, 400), ("light", "dark")


@pytest.fixture(scope="module")
def browser():
    with launched() as one:
        yield one


@pytest.fixture(scope="module")
def folder(browser, tmp_path_factory):
    return small_grid(tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def path(folder):
    report = make_report(folder)
    finding = Finding("memory", "Both solve it.", "accuracy_vs_length")
    command = Lookups(lambda config: f"harness seed={config['seed']}", lambda target: None)
    runs = load_runs(folder)
    return write_page(PageData(folder, runs, report.figures, (finding,), command, specs=FIGURES))


@pytest.fixture
def tab(browser, path):
    one = Tab(browser, path, viewport={"width": 1280, "height": 900}, accept_downloads=True)
    one.page.wait_for_selector("#explore canvas")
    yield one
    assert one.wrong == []
    one.context.close()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_every_width_and_scheme_is_accessible_and_fits(browser, path, width, scheme):
    tab = Tab(browser, path, viewport={"width": width, "height": 900}, color_scheme=scheme)
    tab.page.click("#table-runs tbody button")
    tab.page.wait_for_selector("#run canvas")
    assert tab.violations() == []
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= width
    assert tab.wrong == []
    tab.context.close()


@pytest.mark.parametrize(("width", "scrolls"), [(1280, False), (400, True)])
def test_the_type_of_a_figure_is_readable_at_every_width(browser, path, width, scrolls):
    tab = Tab(browser, path, viewport={"width": width, "height": 900})
    tab.page.wait_for_function("document.querySelector('.sheet[tabindex]') !== null || innerWidth > 1000")
    for sheet in tab.page.locator(".sheet:visible").all():
        readable = float(sheet.evaluate("one => one.style.getPropertyValue('--readable').replace('px', '')"))
        shown = sheet.locator("img").evaluate("one => one.getBoundingClientRect().width")
        assert shown >= 0.9 * readable
        assert (
            (sheet.get_attribute("tabindex") == "0") is scrolls is (sheet.get_attribute("role") == "region")
        )
    assert tab.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_filter_holds_for_tables_figures_and_the_interactive_figure(tab, folder):
    tab.page.locator("#filters label", has_text="adding").click()
    adding = [row for row in rows_of(folder).values() if row["task"] == "adding"]
    assert len(tab.column("runs", "run")) == len(adding)
    assert set(tab.column("settings", "task")) == set(tab.column("pairs", "task")) == {"adding"}
    assert f"{len(adding)} of" in tab.page.inner_text("#filters .status")
    figures = tab.page.locator("#static figure:visible")
    shown = figures.evaluate_all("all => all.map(one => one.dataset.task)")
    assert "adding" in shown and "mnist" not in shown
    label = tab.page.get_attribute("#explore .chart", "aria-label")
    assert "adding" in label and "mnist" not in label
    tab.page.click("#filters button")
    assert len(tab.column("runs", "run")) == len(rows_of(folder))


def test_sorting_puts_what_is_missing_last(tab, folder):
    head = tab.page.locator("#table-runs th", has_text="test acc. %")
    for order, sign in (("ascending", 1), ("descending", -1)):
        head.locator("button").click()
        assert head.get_attribute("aria-sort") == order
        shown = tab.column("runs", "test acc. %")
        numbers = [float(text) for text in shown if re.fullmatch(r"[\d.]+", text)]
        assert numbers == sorted(numbers, key=lambda x: sign * x)
        assert all(not re.fullmatch(r"[\d.]+", text) for text in shown[len(numbers) :])
        assert len(numbers) == sum(row["test_accuracy"] is not None for row in rows_of(folder).values())


def test_rows_that_the_script_shows_are_those_of_the_document(tab, browser, path):
    still = Tab(browser, path, java_script_enabled=False)
    for table in ("settings", "pairs", "runs"):
        assert tab.texts(f"#table-{table} tbody td") == still.texts(f"#table-{table} tbody td")
    assert still.page.locator("noscript p").inner_text()
    assert still.page.locator("figure img").count() > 5
    assert not still.page.locator("#filters, #explore, #run, .tools").locator("visible=true").count()
    assert still.wrong == []
    still.context.close()


def test_search(tab):
    tab.page.fill("#table-runs input", "S2-")
    assert all("-s2-" in name for name in tab.column("runs", "run"))
    tab.page.fill("#table-runs input", "nothing is called this")
    assert tab.column("runs", "run") == [] and "no row" in tab.page.inner_text("#table-runs .tools")


def test_a_run_shows_its_columns_curves_and_command(tab, folder):
    name = tab.column("runs", "run")[0]
    tab.page.locator("#table-runs tbody button").first.click()
    tab.page.wait_for_selector("#run canvas")
    row = rows_of(folder)[name]
    assert tab.page.inner_text("#run h3") == name
    assert tab.page.inner_text("#run .command") == f"harness seed={row['seed']}"
    assert {"steps.csv", "gradflow.csv", "loss", "norm"} <= set(tab.texts("#run h4"))
    tab.page.click("text=All columns of its row")
    columns = dict(zip(tab.texts("#run dt"), tab.texts("#run dd"), strict=True))
    assert float(columns["test_accuracy"]) == row["test_accuracy"]
    assert columns["clip"] == "1" and columns["match_params"] == "hidden_size was given"
    assert columns["samples_per_s"] == "not measured"
    assert columns["test_sequence_accuracy"] == "does not apply"


MARK = """canvas => {
  const { width, height } = canvas, ratio = width / canvas.clientWidth;
  const pixels = canvas.getContext("2d").getImageData(0, 0, width, height).data;
  const coloured = (x, y) => {
    const [r, g, b, a] = pixels.slice(4 * (y * width + x), 4 * (y * width + x) + 4);
    return a > 150 && Math.max(r, g, b) - Math.min(r, g, b) > 60;
  };
  const around = [-3, 0, 3];
  const inside = (x, y) => around.every((i) => around.every((j) => coloured(x + i, y + j)));
  for (let y = height - 5; y > 60; y--) {
    for (let x = 5; x < width - 5; x++) if (inside(x, y)) return { x: x / ratio, y: y / ratio };
  }
}"""
"""Where the lowest mark of a chart is: a coloured square, which no line is wide enough for."""


def test_a_click_on_a_mark_opens_its_run(tab):
    canvas = tab.page.locator("#explore canvas")
    canvas.click(position=canvas.evaluate(MARK))
    tab.page.wait_for_selector("#run h3")
    assert tab.page.inner_text("#run h3") in tab.column("runs", "run")


def test_any_measure_by_any_setting(tab):
    first, second = tab.page.locator("#explore select").all()
    for measure in first.locator("option").all_text_contents():
        first.select_option(label=measure)
        for axis in second.locator("option").all_text_contents():
            second.select_option(label=axis)
            assert measure in tab.page.get_attribute("#explore .chart", "aria-label")
    first.select_option(label="step at which it was solved")
    assert "not solved within the budget" in tab.page.inner_text("#explore .note")


def test_the_download_is_the_table_of_the_folder(tab, folder):
    with tab.page.expect_download() as download:
        tab.page.click("#table-runs >> text=Download CSV")
    with open(download.value.path(), newline="") as mine, open(folder / "runs.csv", newline="") as theirs:
        shown, written = list(csv.DictReader(mine)), list(csv.DictReader(theirs))
    assert [*shown[0]] == [name for name in written[0] if name != "config"]
    for a, b in zip(shown, written, strict=True):
        for name, value in a.items():
            assert value == b[name] or float(value) == float(b[name]), (name, value, b[name])


def test_hostile_texts_run_nothing_and_load_nothing(browser, tmp_path):
    folder = hostile(tmp_path)
    path = write_page(PageData(folder, load_runs(folder)))
    tab = Tab(browser, path)
    tab.page.wait_for_selector("#explore .note:not(:empty)")
    for button in tab.page.locator("#table-runs tbody button").all():
        button.click()
        tab.page.wait_for_selector("#run canvas")
    tab.page.click("text=All columns of its row")
    assert "<script>alert(1)</script>" in tab.page.inner_text("#run")
    assert tab.violations() == [] and tab.wrong == []
    tab.context.close()


def test_a_printed_page_has_figures_and_tables(tab):
    tab.page.emulate_media(media="print")
    assert not tab.page.locator("#explore, #filters, nav, .tools").locator("visible=true").count()
    assert tab.page.locator("#static img:visible").count() > 5
    assert tab.page.pdf().startswith(b"%PDF")


def test_ten_thousand_runs(browser, tmp_path):
    data = many_runs(tmp_path, 10_000)
    began = time.process_time()
    path = write_page(data)
    assert time.process_time() - began < 60
    assert path.stat().st_size < 15e6
    tab = Tab(browser, path)
    tab.page.wait_for_selector("#table-runs .tools:visible")
    paint = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
    assert tab.page.evaluate(paint) < 15_000  # 3 s on a quiet machine
    assert len(tab.column("runs", "run")) == 50
    tab.page.click("#table-runs >> text=Next")
    assert "51–100 of 10000" in tab.page.inner_text("#table-runs .tools")
    assert tab.wrong == []
    tab.context.close()
