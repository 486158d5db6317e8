"""Findings and figures: what stands beside what, and what a reader is told who cannot see it."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from harness.report.figure_files import save_pages
from harness.report.figures import FIGURES
from harness.report.findings import Finding
from harness.report.page import PageData
from harness.report.page.answer import topic_blocks
from harness.report.page.static_figures import static_figures
from harness.report.page.write import page_html
from harness.results import load_runs
from tests.report.page.reading import read_html
from tests.report.synthetic import make_record, write_run

LENGTH = next(spec for spec in FIGURES if spec.name == "accuracy_vs_length")
FLOW = next(spec for spec in FIGURES if spec.name == "gradient_flow")

FINDINGS = (
    Finding("cost", "It costs 2 s."),
    Finding("memory", "The GRU solves it.", "accuracy_vs_length"),
    Finding("memory", "The RNN does not.", "accuracy_vs_length"),
    Finding("accuracy", "The GRU is better.", "accuracy_vs_length"),
    Finding("gradient", "It vanishes.", "gradient_flow-mnist"),
)


def drawn(folder):
    """Three files: a figure of one page, and one of two pages of a task."""
    from matplotlib.figure import Figure

    folder.mkdir()
    for name, spec, pages in (("accuracy_vs_length", LENGTH, 1), ("gradient_flow-mnist", FLOW, 2)):
        save_pages(
            [Figure(figsize=(len(name) / 10, 1 + page)) for page in range(pages)], folder, name, spec.alt
        )
    return sorted(folder.glob("*.png"))


def test_a_figure_has_its_question_its_pages_its_task_and_says_the_finding_first(tmp_path):
    length, flow = static_figures(
        drawn(tmp_path / "figures"), FIGURES, ["mnist"], {"gradient_flow-mnist": "It vanishes."}
    )
    assert (length.name, length.question, length.task, len(length.sheets)) == (
        "accuracy_vs_length", LENGTH.question, "", 1,
    )  # fmt: skip
    assert (flow.name, flow.question, flow.task, len(flow.sheets)) == (
        "gradient_flow-mnist", f"mnist: {FLOW.question}", "mnist", 2,
    )  # fmt: skip
    assert flow.alt.startswith("It vanishes. Line chart.")
    assert length.caption == LENGTH.caption and length.alt == LENGTH.alt


def test_topics_stand_in_their_order_and_each_figure_once(tmp_path):
    figures = static_figures(drawn(tmp_path / "figures"), FIGURES, ["mnist"], {})
    blocks = topic_blocks(FINDINGS, figures)
    assert [block.topic for block in blocks] == ["memory", "accuracy", "gradient", "cost"]
    memory, accuracy, gradient, cost = (block.statements[0] for block in blocks)
    assert memory.texts == ("The GRU solves it.", "The RNN does not.")
    assert memory.figure == figures[0] and gradient.figure == figures[1]
    assert (accuracy.figure, accuracy.elsewhere) == (None, "accuracy_vs_length")
    assert (cost.figure, cost.elsewhere) == (None, "")


def test_every_picture_is_in_the_page_once_with_an_alternative_text(tmp_path):
    paths = drawn(tmp_path / "figures")
    write_run(tmp_path, make_record())
    page = read_html(page_html(PageData(tmp_path, load_runs(tmp_path), paths, FINDINGS)))
    images = page.all("img")
    assert len(images) == len(paths) == len({image.attributes["src"] for image in images})
    assert all(image.attributes["alt"] for image in images)
    assert images[0].attributes["alt"].startswith("The GRU solves it. The RNN does not. The GRU is better.")
    (answer,) = page.all("section", id="answer")
    assert len(answer.all("img")) == 3
    links = [link.attributes["href"] for link in answer.all("a")]
    assert links == ["#figure-accuracy_vs_length"]
    assert [figure.attributes["id"] for figure in page.all("figure", id="figure-accuracy_vs_length")]


def test_a_picture_with_few_colours_shows_the_same(tmp_path):
    import base64

    rng = np.random.default_rng(1)
    colours = rng.integers(0, 255, (6, 3))
    picture = np.repeat(np.repeat(colours[rng.integers(0, 6, (20, 30))], 8, 0), 8, 1).astype("uint8")
    path = tmp_path / "accuracy_vs_length.png"
    Image.fromarray(picture).save(path)
    (figure,) = static_figures([path], FIGURES, [], {})
    embedded = Image.open(io.BytesIO(base64.b64decode(figure.sheets[0].uri.partition(",")[2]))).convert("RGB")
    assert (figure.sheets[0].width, figure.sheets[0].height) == embedded.size == (240, 160)
    assert np.abs(np.asarray(embedded, int) - picture.astype(int)).max() <= 16
