from __future__ import annotations

import json
import math

import numpy as np
import pytest

from harness.report import paired_table, summary_markdown, summary_table, write_summary
from harness.results import (
    accuracy_interval,
    holm_adjust,
    load_runs,
    t_interval,
    welch_difference,
    wilson_interval,
)
from tests.results.rows import record, rewrite, write

ACCURACY = {
    ("rnn", 0): 0.5,
    ("rnn", 1): 0.6,
    ("rnn", 2): 0.4,
    ("lstm", 0): 0.9,
    ("lstm", 1): 0.95,
    ("lstm", 2): 0.8,
}


PAIRS = "Cells compared in pairs"


@pytest.fixture
def runs(tmp_path):
    records = [
        record(cell=c, seed=s, test_accuracy=a, solved_step=50 if s else None, solved_rule="accuracy >= 0.9")
        for (c, s), a in ACCURACY.items()
    ]
    lost = record(cell="rnn", seed=3, status="diverged", error="loss is NaN | at\nstep 7", test_accuracy=None)
    return load_runs(write(tmp_path, *records, lost))


def rows_of(markdown, heading):
    section = markdown.split(f"## {heading}")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    titles = [cell.strip() for cell in lines[0].strip("|").split("|")]
    return [
        dict(zip(titles, [c.strip() for c in line.strip("|").split(" | ")], strict=True))
        for line in lines[2:]
    ]


def test_one_row_a_setting_equal_to_a_plain_loop(runs):
    table = summary_table(runs)
    assert list(table["cell"]) == ["lstm", "rnn"]
    for row in table.to_dict("records"):
        mine = [a for (cell, _), a in ACCURACY.items() if cell == row["cell"]]
        diverged = row["cell"] == "rnn"  # a run that diverged has not solved the task
        assert (row["n"], row["solved"], row["solved_n"]) == (3, 2, 3 + diverged)
        assert row["solved_step"] == (math.inf if diverged else 50)
        assert (row["solved_low"], row["solved_high"]) == wilson_interval(2, 3 + diverged)
        assert row["test_accuracy"] == pytest.approx(np.mean(mine))
        assert (row["accuracy_low"], row["accuracy_high"]) == accuracy_interval(mine)
    assert list(table["not_ok"]) == [0, 1]


def test_different_settings_are_never_pooled(tmp_path):
    runs = load_runs(write(tmp_path, *(record(seed=s, lr=lr) for s in (0, 1) for lr in (0.01, 0.001))))
    table = summary_table(runs)
    assert list(table["n"]) == [2, 2]
    assert set(table["lr"]) == {"0.01", "0.001"}
    assert "batch_size" not in table


def test_pairs(runs):
    pairs = paired_table(runs)
    assert len(pairs) == 1
    row = pairs.iloc[0]
    assert (row["a"], row["b"], row["n"], row["paired"]) == ("lstm", "rnn", 3, False)
    lstm, rnn = ([a for (c, _), a in ACCURACY.items() if c == cell] for cell in ("lstm", "rnn"))
    assert (row["difference"], row["half"], row["p"]) == pytest.approx(welch_difference(lstm, rnn)[:3])
    paired = paired_table(runs.assign(data_fingerprint=runs["seed"].astype(str))).iloc[0]
    differences = [ACCURACY["lstm", s] - ACCURACY["rnn", s] for s in range(3)]
    assert paired["paired"]
    assert (paired["difference"], paired["half"]) == pytest.approx(t_interval(differences))
    shared = paired_table(runs.assign(data_fingerprint="same")).iloc[0]
    assert not shared["paired"]  # all seeds have the same data: a seed pairs nothing


def test_pairs_are_adjusted_over_the_table_and_marked(tmp_path):
    accuracy = {"gru": (0.90, 0.91, 0.92), "lstm": (0.901, 0.911, 0.923), "rnn": (0.5, 0.51, 0.52)}
    records = [record(cell=c, seed=s, test_accuracy=a) for c in accuracy for s, a in enumerate(accuracy[c])]
    runs = load_runs(write(tmp_path, *records))
    table = paired_table(runs)
    assert table["p_adjusted"].tolist() == pytest.approx(list(holm_adjust(table["p"].tolist())))
    assert (table["p_adjusted"] > table["p"]).any()
    shown = {row["cells"]: row["difference, points"] for row in rows_of(summary_markdown(runs), PAIRS)}
    assert shown["gru − rnn"].startswith("**+40.0 (") and shown["lstm − rnn"].startswith("**+40.2 (")
    assert "**" not in shown["gru − lstm"]


def test_seeds_in_two_groups_have_no_interval_and_no_mark(tmp_path):
    accuracy = {"gru": (1.0, 1.0, 0.26), "rnn": (0.2, 0.21, 0.2)}
    records = [record(cell=c, seed=s, test_accuracy=a) for c in accuracy for s, a in enumerate(accuracy[c])]
    text = summary_markdown(load_runs(write(tmp_path, *records)))
    settings = {row["cell"]: row for row in rows_of(text, "Settings")}
    assert settings["gru"]["test accuracy %"] == "75.3, in two groups, 26.0 to 100.0"
    assert rows_of(text, PAIRS)[0]["difference, points"] == "+55.0"


def test_the_error_of_a_test_set_that_seeds_share_is_in_the_interval(tmp_path):
    values = (0.90, 0.91, 0.92)
    records = [
        record(seed=s, test_accuracy=a, test_samples=1000, test_fingerprint="one")
        for s, a in enumerate(values)
    ]
    runs = load_runs(write(tmp_path, *records))
    for changed, samples in ((runs, 1000), (runs.assign(test_fingerprint=["a", "b", "c"]), 3000)):
        (row,) = summary_table(changed).to_dict("records")
        assert (row["accuracy_low"], row["accuracy_high"]) == accuracy_interval(values, samples)
    (row,) = summary_table(runs.assign(test_samples=None)).to_dict("records")
    assert (row["accuracy_low"], row["accuracy_high"]) == accuracy_interval(values)


def test_pairs_need_two_seeds_and_the_same_place(tmp_path):
    runs = load_runs(
        write(
            tmp_path, record(cell="rnn"), record(cell="lstm"), record(cell="rnn", seed=1),
            record(cell="lstm", seed=1, data_source="disk"),
        )
    )  # fmt: skip
    assert paired_table(runs).empty
    assert "No two cells" in summary_markdown(runs)


def test_many_cells_are_compared_with_one_baseline(tmp_path):
    cells = ["lstm", *"abcdef"]
    runs = load_runs(write(tmp_path, *(record(cell=c, seed=s) for c in cells for s in (0, 1))))
    assert sorted(zip(paired_table(runs)["a"], paired_table(runs)["b"], strict=True)) == [
        (c, "lstm") for c in "abcdef"
    ]


def test_markdown_hides_no_run(runs):
    text = summary_markdown(runs)
    assert "runs: 7 (6 ok, 1 diverged)" in text
    settings = {row["cell"]: row for row in rows_of(text, "Settings")}
    assert settings["rnn"]["n"] == "3 (+1 not ok)"
    low, high = accuracy_interval([0.9, 0.95, 0.8])
    assert settings["lstm"]["test accuracy %"] == f"88.3 ({100 * low:.1f} to {100 * high:.1f})"
    assert settings["lstm"]["solved"] == "2/3 at 50"
    assert settings["rnn"]["solved"] == "2/4, > 100 steps"
    no_threshold = summary_markdown(runs.assign(solved_rule=None))
    assert rows_of(no_threshold, "Settings")[0]["solved"] == "–"
    (bad,) = rows_of(text, "Not ok")
    assert bad["status"] == "diverged"
    assert bad["error"] == "loss is NaN \\| at step 7"


def test_one_seed_has_no_interval(tmp_path):
    (row,) = rows_of(summary_markdown(load_runs(write(tmp_path, record()))), "Settings")
    assert (row["n"], row["test accuracy %"]) == ("n=1", "90.0")
    assert {row[f"{what} {when}"] for what in ("decades", "reach") for when in ("init", "end")} == {"–"}


def test_medians_of_the_gradient_flow_are_bounds_where_underflow_decides_them(tmp_path):
    flows = [  # decades at initialisation and end, reach at initialisation and end, what underflowed
        (-36.0, -3.0, 2.0, 9.0, "init"),
        (-30.0, -35.0, 3.0, 1.0, "init,end,reach_init"),
        (-6.0, -1.04, 4.0, 28.0, ""),
        (-5.0, 0.04, None, 28.0, ""),
    ]
    names = [f"gradflow_{what}_{when}" for what in ("decades", "reach") for when in ("init", "end")]
    records = [
        record(seed=s, **dict(zip([*names, "gradflow_underflow"], flow, strict=True)))
        for s, flow in enumerate(flows)
    ]
    lost = record(seed=9, status="diverged", gradflow_decades_end=99.0, gradflow_underflow="end")
    runs = load_runs(write(tmp_path, *records, lost))
    (row,) = summary_table(runs).to_dict("records")
    assert [row[name] for name in names] == [-18.0, pytest.approx(-2.02), 3.0, 18.5]
    assert row["gradflow_bounds"] == "decades_init,reach_init"
    (shown,) = rows_of(summary_markdown(runs), "Settings")
    assert (shown["decades init"], shown["decades end"]) == ("≤ -18.0", "-2.0")
    assert (shown["reach init"], shown["reach end"]) == ("≤ 3.0", "18.5")
    (last,) = rows_of(summary_markdown(runs.iloc[3:4].assign(gradflow_decades_end=-0.04)), "Settings")
    assert (last["decades end"], last["reach init"]) == ("0.0", "–")


def test_rows_of_0_2_have_no_decades_and_no_reach(tmp_path):
    folder = write(tmp_path, record(gradflow_slope=-0.1, gradflow_half_life=3.0))
    (path,) = folder.glob("runs/*/row.json")
    row = json.loads(path.read_text())
    new = [name for name in row if name.startswith(("gradflow_decades", "gradflow_reach", "gradflow_under"))]
    assert len(new) == 7
    rewrite(path, {name: value for name, value in row.items() if name not in new})
    (shown,) = rows_of(summary_markdown(load_runs(folder)), "Settings")
    assert shown["decades end"] == shown["reach init"] == "–"


def test_mixtures_are_said_plainly(tmp_path):
    runs = load_runs(
        write(
            tmp_path, record(), record(seed=1, git_commit="fffffff"),
            record(seed=3, data_source="disk"),
        )
    )  # fmt: skip
    text = summary_markdown(runs)
    assert "2 git commits are mixed" in text
    assert "sources are mixed" in text
    assert "are mixed" not in summary_markdown(runs.iloc[:1])


def test_the_environment_that_differs_between_repeats_is_named(tmp_path):
    runs = load_runs(
        write(
            tmp_path, record(kernel="fused"), record(seed=1, kernel="torch"), record(seed=2, kernel="torch"),
            record(cell="gru", kernel="torch"),
        )
    )  # fmt: skip
    (line,) = [line for line in summary_markdown(runs).splitlines() if "differs between repeats" in line]
    assert line == "- **kernel differs between repeats of 1 setting: fused, torch**"


@pytest.mark.parametrize(
    ("cpu_s", "threads", "text"),
    [
        ((3.96, 4.0), 1, "the process had a core for 100 % of training time (median of 2 runs)"),
        ((2.0, 2.4), 1, "other work slowed training down: the process had a core for 55 % of training time"),
        ((None, None), 1, "share of a core during training: not measured"),
        ((8.0, 8.0), 2, "share of a core during training: does not apply"),
    ],
)
def test_the_clock_line_says_what_processor_seconds_show(tmp_path, cpu_s, threads, text):
    records = [record(seed=s, train_s=4.0, train_cpu_s=t, threads=threads) for s, t in enumerate(cpu_s)]
    summary = summary_markdown(load_runs(write(tmp_path, *records)))
    (line,) = [line for line in summary.splitlines() if line.startswith("- train s:")]
    assert text in line
    assert "side by side" not in summary and "alone on the machine" not in summary


def test_settings_whose_share_of_a_core_differs_are_warned_about(tmp_path):
    records = [record(cell="gru", train_cpu_s=4.0), record(cell="rnn", train_cpu_s=3.0)]
    text = summary_markdown(load_runs(write(tmp_path, *records)))
    assert "times of settings do not compare: the process had a core for 88 % of training time" in text
    assert "75–100 % by setting" in text


def test_all_failed_and_nothing_at_all(tmp_path):
    runs = load_runs(write(tmp_path, record(status="failed", error=None, test_accuracy=None)))
    assert np.isnan(summary_table(runs)["test_accuracy"]).all()
    assert "no message" in write_summary(tmp_path, runs).read_text()
    assert "There is no run." in summary_markdown(runs.iloc[:0])


def test_an_infinite_gradient_norm_of_a_run_that_ended_ok_is_shown(tmp_path):
    lost = record(grad_norm_mean=math.inf, grad_norm_max=math.inf, first_nonfinite_step=10)
    [row] = rows_of(summary_markdown(load_runs(write(tmp_path, lost))), "Settings")
    assert row["grad norm"] == "inf"
