"""Figures that several processes draw are those that one process draws."""

from __future__ import annotations

import logging

import pytest
from joblib.externals.loky import BrokenProcessPool

from harness.report import draw_all
from harness.report.report_files import report_data
from harness.results import load_runs
from harness.results.tables import load_gradflow, load_steps
from tests.report.synthetic import make_results


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = make_results(
        tmp_path_factory.mktemp("drawn"), tasks=["mnist"], cells=["rnn"], hidden=[8], lengths=[28]
    )
    runs = load_runs(folder)
    return report_data(folder, runs, load_steps(folder, runs), load_gradflow(folder, runs))


def files_of(data, folder):
    folder.mkdir()
    paths = draw_all.draw_all(draw_all.Drawing(data, folder, ("png",)))
    assert {path.parent for path in paths} == {folder}
    return [(path.name, path.read_bytes()) for path in paths]


def test_several_processes_draw_the_same_files_in_the_same_order(data, tmp_path, monkeypatch):
    one = files_of(data, tmp_path / "one")
    monkeypatch.setattr(draw_all, "FEW_RUNS", 0)
    monkeypatch.setattr(draw_all, "cpu_count", lambda: 2)
    asked = []
    side_by_side = draw_all._draw_side_by_side
    monkeypatch.setattr(
        draw_all, "_draw_side_by_side", lambda *args: asked.append(args[2]) or side_by_side(*args)
    )
    assert files_of(data, tmp_path / "two") == one
    assert len(one) > 3 and asked == [2]


def test_figures_are_drawn_also_when_a_process_is_killed(data, tmp_path, monkeypatch, caplog):
    class Killed:
        def __init__(self, **_):
            pass

        def map(self, *_):
            raise BrokenProcessPool("a process was terminated")

        def shutdown(self, **_):
            pass

    monkeypatch.setattr(draw_all, "FEW_RUNS", 0)
    monkeypatch.setattr(draw_all, "cpu_count", lambda: 2)
    monkeypatch.setattr(draw_all, "ProcessPoolExecutor", Killed)
    monkeypatch.setattr(draw_all, "_draw", lambda drawing, figure: [drawing.folder / figure[0]])
    with caplog.at_level(logging.WARNING, "harness.report"):
        paths = draw_all.draw_all(draw_all.Drawing(data, tmp_path, ("png",)))
    assert [path.name for path in paths] == [name for name, _, _ in draw_all.wanted(data)]
    assert "a process that draws figures was killed" in caplog.text
