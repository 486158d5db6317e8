"""The figures of the timing pass: what they show, and which files remain."""

from __future__ import annotations

import itertools

import pytest

from harness.report import write_report
from harness.timing.figures import plot_speed, speed_pages, write_speed_figures
from harness.timing.table import load_timing, write_timing
from tests.report.checks import outside, overlaps, text_boxes
from tests.report.synthetic import make_results
from tests.timing.timing_rows import timing_row

CELLS, SIZES, LENGTHS = ("rnn", "lstm", "gru"), (32, 64, 128, 256), (28, 112, 784)
PHASES = {"forward": 0.4, "backward": 0.5, "step": 1.0}


FEW = {"sizes": SIZES[:2], "lengths": LENGTHS[:2]}
"""Of a pass that has a point on every kind of figure and is drawn sooner."""


def rows_of_a_pass(sizes=SIZES, lengths=LENGTHS):
    rows = []
    for (i, cell), H, T in itertools.product(enumerate(CELLS), sizes, lengths):
        for phase, part in PHASES.items():
            ms = part * (1 + i) * (H / 32) ** 1.7 * T / 28
            rows.append(
                timing_row(
                    setting=f"{cell}{H}{T}", cell=cell, hidden_size=H, seq_len=T, phase=phase, median_ms=ms,
                    q25_ms=0.9 * ms, q75_ms=1.2 * ms, noisy=cell == "gru", share=0.1 * (i + 1) * H**0.3 / 3,
                    config={"cell": {"_target_": f"torch.nn.{cell.upper()}"}},
                )
            )  # fmt: skip
    return rows


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return load_timing(write_timing(tmp_path_factory.mktemp("t"), rows_of_a_pass(), like_for_like=False))


@pytest.mark.parametrize("x", ["hidden_size", "seq_len"])
@pytest.mark.parametrize("measure", ["time", "share"])
def test_no_text_overlaps_or_leaves_the_page(table, x, measure):
    pages = speed_pages(table, x, measure)
    assert pages
    for page in pages:
        boxes = text_boxes(page)
        assert overlaps(boxes) == []
        assert outside(page, boxes) == []


def test_points_are_the_medians_and_bars_the_quartiles(table):
    rows = table[(table["phase"] == "step") & (table["seq_len"] == 28) & (table["cell"] == "lstm")]
    ax = plot_speed(rows, "hidden_size")
    line, _, (bars,) = ax.containers[0]
    assert line.get_ydata().tolist() == pytest.approx(rows["median_ms"].tolist())
    ends = [sorted(segment[:, 1]) for segment in bars.get_segments()]
    assert ends == [
        pytest.approx([low, high]) for low, high in zip(rows["q25_ms"], rows["q75_ms"], strict=True)
    ]


def test_axes_are_logarithmic_and_shared_by_the_panels_of_a_phase(table):
    (page,) = speed_pages(table, "hidden_size", "time")
    axes = [ax for ax in page.axes if ax.axison]
    assert len(axes) == len(PHASES) * len(LENGTHS)
    assert {(ax.get_xscale(), ax.get_yscale()) for ax in axes} == {("log", "log")}
    assert len({ax.get_ylim() for ax in axes}) == len(PHASES)


def test_the_title_counts_noisy_points_and_the_caption_names_the_conditions(table):
    (page,) = speed_pages(table, "hidden_size", "time")
    words = " ".join(text for text, _ in text_boxes(page)).replace("\u00a0", " ")
    assert "4 of 12 noisy" in words
    assert "Kernel: fused; 1 thread; Example CPU" in words.replace("\n", " ")


def test_a_setting_that_varies_gets_a_panel_per_value(tmp_path):
    rows = [timing_row(setting=f"{B}{H}", hidden_size=H, batch_size=B) for B in (10, 100) for H in (32, 64)]
    table = load_timing(write_timing(tmp_path, rows, like_for_like=False))
    (page,) = speed_pages(table, "hidden_size", "time")
    titles = [ax.get_title(loc="left").replace("\u00a0", " ") for ax in page.axes if ax.axison]
    assert any("batch_size 10" in title for title in titles)
    assert len(titles) == 2


def test_one_value_makes_no_figure_and_figures_of_an_earlier_pass_are_removed(tmp_path):
    write_timing(tmp_path, rows_of_a_pass(**FEW), like_for_like=False)
    names = {path.name for path in write_speed_figures(tmp_path)}
    assert names == {f"speed-{m}_vs_{x}.png" for m in ("time", "share") for x in ("hidden_size", "length")}
    write_timing(tmp_path, [timing_row(setting=str(H), hidden_size=H) for H in (32, 64)], like_for_like=False)
    write_timing(tmp_path, rows_of_a_pass(**FEW), like_for_like=True)
    write_speed_figures(tmp_path)
    left = {path.name for path in (tmp_path / "figures").iterdir()}
    assert {name for name in left if "like" not in name} == {
        "speed-time_vs_hidden_size.png",
        "speed-share_vs_hidden_size.png",
    }
    assert len(left) == 6


def test_without_a_table_nothing_is_drawn(tmp_path):
    assert write_speed_figures(tmp_path) == []
    (tmp_path / "timing.csv").write_text("cell\ngru\n")
    assert write_speed_figures(tmp_path) == []


@pytest.mark.usefixtures("without_figures")
def test_a_report_of_runs_keeps_the_speed_figures(tmp_path):
    make_results(tmp_path, tasks=["mnist"], cells=["gru"], hidden=[8], lengths=[28], seeds=[0])
    write_timing(tmp_path, rows_of_a_pass(**FEW), like_for_like=False)
    drawn = write_speed_figures(tmp_path)
    write_report(tmp_path)
    assert drawn
    assert all(path.exists() for path in drawn)
