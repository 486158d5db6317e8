from __future__ import annotations

import itertools

import numpy as np
from matplotlib.colors import to_rgb

from harness.report import cell_styles
from harness.report.style import OKABE_ITO

# Machado, Oliveira and Fernandes (2009), severity 1, for linear RGB
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)


def lab(rgb, blind):
    linear = np.where(
        np.asarray(rgb) <= 0.04045, np.asarray(rgb) / 12.92, ((np.asarray(rgb) + 0.055) / 1.055) ** 2.4
    )
    if blind:
        linear = np.clip(DEUTERANOPIA @ linear, 0, 1)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    t = to_xyz @ linear / np.array([0.9505, 1.0, 1.089])
    f = np.where(t > 216 / 24389, np.cbrt(t), (24389 / 27 * t + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_colour_blind_readers_can_tell_the_first_six_colours_apart():
    first = list(OKABE_ITO.values())[:6]
    for blind in (False, True):
        distances = {
            (a, b): np.linalg.norm(lab(to_rgb(a), blind) - lab(to_rgb(b), blind))
            for a, b in itertools.combinations(first, 2)
        }
        assert min(distances.values()) > 12, min(distances, key=distances.get)
    # the measure can fail: red and green of one lightness look the same
    assert np.linalg.norm(lab(to_rgb("#a08000"), True) - lab(to_rgb("#c07000"), True)) < 12


def test_stock_cells_look_the_same_whichever_others_there_are():
    alone = cell_styles(["lstm"])["lstm"]
    assert cell_styles(["mine", "lstm", "a", "rnn", "gru"])["lstm"] == alone


def test_no_two_of_77_cells_share_colour_and_marker():
    styles = cell_styles(["rnn", "lstm", "gru", "rnn_relu", *(f"cell_{i}" for i in range(73))])
    assert len({(s.color, s.marker) for s in styles.values()}) == 77


def test_styles_do_not_depend_on_the_order_and_count_naturally():
    names = [f"cell_{i}" for i in (10, 2, 1)] + ["gru"]
    assert cell_styles(names) == cell_styles(reversed(names * 2))
    assert list(cell_styles(names)) == ["gru", "cell_1", "cell_2", "cell_10"]
