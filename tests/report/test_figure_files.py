"""Formats of figures: what is in the files, and which files a later report removes."""

import pytest
from matplotlib.figure import Figure

from harness.report import write_report
from harness.report.figure_files import FORMATS, is_ours, remove_stale, save_pages
from harness.report.page_style import PAGE_STYLES, PAPER, SCREEN
from harness.results import load_gradflow, load_runs, load_steps
from tests.report.checks import outside, overlaps, text_boxes
from tests.report.synthetic import make_results
from tests.report.test_figures import all_pages

ALT = "A line <rising> & falling – from 0 to 1 (%)."


def page(width=3.0):
    figure = Figure(figsize=(width, 2.0))
    figure.subplots().plot([0, 1], [1, 0])
    return figure


@pytest.mark.parametrize("ending", FORMATS)
def test_a_figure_in_each_format_is_ours_and_one_of_others_is_not(tmp_path, ending):
    [path] = save_pages([page()], tmp_path, "mine", ALT, [ending])
    assert path.name == f"mine.{ending}" and is_ours(path)
    first = path.read_bytes()
    save_pages([page()], tmp_path, "mine", ALT, [ending])
    assert path.read_bytes() == first  # no date, no random names
    other = tmp_path / f"theirs.{ending}"
    page().savefig(other)
    assert not is_ours(other)
    empty = tmp_path / f"empty.{ending}"
    empty.write_bytes(b"")
    assert not is_ours(empty)


def test_the_alternative_text_stands_in_each_format(tmp_path):
    paths = save_pages([page()], tmp_path, "mine", ALT, tuple(FORMATS))
    png, svg, pdf = (path.read_bytes() for path in paths)
    assert ALT.encode() in png
    assert "A line &lt;rising&gt; &amp; falling – from 0 to 1 (%)." in svg.decode()
    subject = ALT.encode("utf-16-be").replace(b"\0(", b"\0\\(").replace(b"\0)", b"\0\\)")
    assert subject in pdf


def test_only_our_own_figures_of_an_earlier_report_are_removed(tmp_path):
    folder = make_results(tmp_path, tasks=["mnist"], cells=["gru"], hidden=[8], lengths=[28], seeds=[0])
    paths = write_report(folder, formats=("png", "svg", "pdf"))
    kinds = [path.suffix for path in paths if path.parent.name == "figures"]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        f".{name}": len(kinds) // 3 for name in FORMATS
    }
    for name in FORMATS:
        page().savefig(folder / "figures" / f"theirs.{name}")
    (folder / "figures" / "notes.svg.txt").write_text("dc:title seqharness")
    left = {path.name for path in write_report(folder) if path.parent.name == "figures"}
    assert {path.name for path in (folder / "figures").iterdir()} == left | {
        "theirs.png", "theirs.svg", "theirs.pdf", "notes.svg.txt",
    }  # fmt: skip


def test_a_pattern_limits_what_is_removed(tmp_path):
    save_pages([page()], tmp_path, "speed-a", ALT, ("svg",))
    [kept] = save_pages([page()], tmp_path, "b", ALT, ("svg",))
    remove_stale(tmp_path, "speed-*", [])
    assert list(tmp_path.iterdir()) == [kept]


@pytest.mark.slow
def test_paper_is_smaller_and_its_texts_do_not_touch(tmp_path):
    runs = data_of_results(tmp_path)
    by_style = {}
    for style in PAGE_STYLES.values():
        pages = [p for pages in all_pages(*runs, page_style=style).values() for p in pages]
        by_style[style.name] = pages
        for drawn in pages:
            boxes = text_boxes(drawn)
            assert not overlaps(boxes)
            assert not outside(drawn, boxes)
    for screen, paper in zip(by_style["screen"], by_style["paper"], strict=True):
        assert paper.get_figwidth() <= min(7.1, 0.71 * screen.get_figwidth())
        assert paper.legends[0].get_title().get_fontsize() == 7
        assert screen.legends[0].get_title().get_fontsize() == 10


def data_of_results(tmp_path):
    path = make_results(tmp_path, tasks=["adding"], hidden=[16], lengths=[28, 56], seeds=[0])
    runs = load_runs(path)
    return runs, load_steps(path, runs), load_gradflow(path, runs)


def test_paper_embeds_fonts_as_truetype(tmp_path):
    [screen] = save_pages([page()], tmp_path, "screen", ALT, ("pdf",), SCREEN)
    [paper] = save_pages([page()], tmp_path, "paper", ALT, ("pdf",), PAPER)
    assert b"/Type3" in screen.read_bytes()
    assert b"/Type3" not in paper.read_bytes() and b"/CIDFontType2" in paper.read_bytes()
