"""The bench: equal work for all contenders, medians, slopes, targets, its table and figure."""

import numpy as np
import pytest
import torch
from torch import nn

from tests.processes import CONTEXT

from . import contenders, pairs
from .__main__ import main
from .contenders import CLASSES, Shape, make_step
from .figure import draw
from .pairs import Contender
from .parts import SHAPES, TARGETS, slope, steps
from .rows import read, row_of, write

SMALL = Shape("gru", T=9, H=8, B=5, D=3)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_every_contender_makes_the_same_training_steps(cell, monkeypatch):
    made = []
    linear = nn.Linear

    def watched(*sizes):
        made.append(linear(*sizes))
        return made[-1]

    monkeypatch.setattr(contenders.nn, "Linear", watched)
    shape = Shape(cell, SMALL.T, SMALL.H, SMALL.B, SMALL.D)
    for name in contenders.CONTENDERS:
        step = make_step(name, shape)
        for _ in range(5):
            step()
    heads = [head.weight.detach() for head in made]
    assert len(heads) == 3 and heads[0].shape == (CLASSES, SMALL.H)
    torch.testing.assert_close(heads[1], heads[0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(heads[2], heads[0], rtol=1e-4, atol=1e-5)


def test_flops_equal_those_that_torch_counts_on_an_unrolled_cell():
    from torch.utils.flop_counter import FlopCounterMode

    cell = nn.GRUCell(SMALL.D, SMALL.H)
    x, h = torch.randn(SMALL.T, SMALL.B, SMALL.D), torch.zeros(SMALL.B, SMALL.H)
    with FlopCounterMode(display=False) as counter:
        for x_t in x:
            h = cell(x_t, h)
        h.sum().backward()
    assert SMALL.flops == counter.get_total_flops()


def test_a_row_has_median_quartiles_and_whether_the_target_is_met():
    values = [3.0, 1.0, 2.0, 5.0, 4.0]
    row = row_of(values, part="p", what="w", unit="s", at_most=2.9)
    assert (row.value, row.low, row.high, row.n) == (3.0, *np.quantile(values, [0.25, 0.75]), 5)
    assert row.met is False and row_of(values, part="p", what="w", unit="s", at_least=3).met is True
    assert row_of(values, part="p", what="w", unit="s").met is None


def test_the_slope_of_a_power_is_its_exponent():
    assert slope([1, 2, 4], [3.0, 3.0 * 2**1.5, 3.0 * 4**1.5]) == pytest.approx(1.5)


def test_every_target_belongs_to_a_measured_shape():
    measured = {(shape.T, shape.H, shape.cell) for shape in SHAPES}
    assert {(*where, cell) for where, cells in TARGETS.items() for cell in cells} <= measured


def test_the_table_and_the_figure_are_made_from_measured_steps(tmp_path, monkeypatch):
    monkeypatch.setattr(pairs.multiprocessing, "get_context", lambda _: CONTEXT)  # which starts sooner
    monkeypatch.setattr(f"{__package__}.parts.SHAPES", [SMALL])
    monkeypatch.setattr(f"{__package__}.parts.SECONDS", 0.01)
    rows = list(steps(pairs=2))
    assert {row.what for row in rows} >= {"plain / fused", "plain / torch", "fused step", "fused / SGEMM"}
    assert all(row.value > 0 and row.n == 2 for row in rows)
    path = tmp_path / "bench.csv"
    write(path, "steps", rows)
    assert draw(read(path), tmp_path / "bench.png")
    assert (tmp_path / "bench.png").stat().st_size > 10_000


def test_ratios_are_taken_within_a_round(monkeypatch):
    taken = {
        "plain": [6.0, 20.0, 3.0],
        "torch": [3.0] * 3,
        "fused": [2.0, 5.0, 0.5],
        "sgemm": [1e-3, 4e-3, 2e-3],
        "numpy": [1e-3, 1e-3, 3e-3],
    }
    monkeypatch.setattr(f"{__package__}.parts.SHAPES", [SMALL])
    monkeypatch.setattr(f"{__package__}.parts.alternate", lambda *_, **__: dict(taken))
    monkeypatch.setattr(Contender, "__init__", lambda *_: None)
    monkeypatch.setattr(Contender, "close", lambda _: None)
    value = {(row.what, row.unit): row.value for row in steps(pairs=3)}
    assert value["plain / fused", "ratio"] == 4.0  # of 3, 4 and 6; medians would give 3
    assert value["plain / torch", "ratio"] == 2.0
    assert value["fused step", "ms"] == 2000.0
    product = 2 * SMALL.B * SMALL.H * 3 * SMALL.H
    assert value["SGEMM", "GFLOP/s"] == pytest.approx(product / 2e-3 / 1e9)
    assert value["NumPy's SGEMM", "GFLOP/s"] == pytest.approx(product / 1e-3 / 1e9)
    for name, text in (("sgemm", "SGEMM"), ("numpy", "NumPy's SGEMM")):
        shares = [SMALL.flops / a / (product / b) for a, b in zip(taken["fused"], taken[name], strict=True)]
        assert value[f"fused / {text}", "ratio"] == pytest.approx(sorted(shares)[1])


@pytest.mark.parametrize("name", contenders.PRODUCTS)
def test_the_products_have_the_recurrent_shape_and_its_operations(name, monkeypatch):
    made = {}
    monkeypatch.setattr(contenders.torch, "empty", lambda *size: made.setdefault("out", torch.zeros(size)))
    make_step(name, SMALL)()
    assert made["out"].shape == (SMALL.B, 3 * SMALL.H) and (made["out"] != 0).all()
    assert contenders.product_flops(SMALL) == 2 * made["out"].numel() * SMALL.H


def test_a_part_replaces_only_its_own_rows(tmp_path):
    path = tmp_path / "bench.csv"
    old = row_of([1.0], part="grids", what="old", unit="s")
    other = row_of([1.0, 2.0], part="steps", what="kept", unit="ratio", cell="gru", T=9, H=8, B=5, at_least=2)
    new = row_of([1.23456], part="grids", what="new", unit="s")
    write(path, "grids", [old])
    write(path, "steps", [other])
    write(path, "grids", [new])
    assert read(path) == [other, row_of([1.235], part="grids", what="new", unit="s")]
    assert read(path)[0].met is False and read(path)[1].met is None


def test_grids_and_steps_are_drawn_in_one_figure(tmp_path):
    about = {"part": "grids", "unit": "ratio"}
    rows = [
        row_of([3.0, 4.0], what="rows, a set, 9 digits, 8 steps: tutorial / harness", T=28, **about),
        row_of([5.0, 7.0], what="pixels, a set, 9 digits, 8 steps: tutorial / harness", T=784, **about),
        row_of([2.0], part="grids", what="a processor, 2 cores, commit c: threads", unit="threads"),
    ]
    assert draw(rows, tmp_path / "bench.png")
    alone = (tmp_path / "bench.png").stat().st_size
    steps = [
        row_of([1.0, 2.0], part="steps", what=f"plain / {kernel}", cell=cell, T=28, H=32, unit="ratio")
        for cell in ("rnn", "lstm", "gru") for kernel in ("fused", "torch")
    ]  # fmt: skip
    assert draw([*rows, *steps], tmp_path / "bench.png")
    assert (tmp_path / "bench.png").stat().st_size > alone > 10_000


def test_nothing_is_drawn_without_steps_and_grids(tmp_path):
    assert not draw([row_of([1.0], part="tables", what="w", unit="s")], tmp_path / "bench.png")
    assert not (tmp_path / "bench.png").exists()


def test_help_prints_the_usage(capsys):
    main(["--help"])
    assert capsys.readouterr().out.startswith("usage: python -m tests.bench [PART ...]")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [(["stepps"], "unknown stepps"), (["pairs=0"], "pairs must be"), (["steps", "pairs=a"], "not a")],
)
def test_wrong_arguments_are_named_before_anything_is_measured(arguments, reason):
    with pytest.raises(SystemExit, match=reason):
        main(arguments)
