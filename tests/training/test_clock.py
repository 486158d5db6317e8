"""The two clocks: wall-clock seconds and processor seconds, alone and in the row of a run."""

import json
import time

import pandas as pd
import pytest
import torch

from harness.experiment.config import compose
from harness.experiment.plan import plan
from harness.experiment.run import execute
from harness.training.clock import Seconds, read_clocks

CPU = torch.device("cpu")


def test_waiting_costs_wall_clock_seconds_only():
    start = read_clocks(CPU)
    time.sleep(0.3)
    spent = read_clocks(CPU) - start
    assert spent.wall >= 0.3
    assert 0 <= spent.cpu < 0.15


def test_computing_costs_processor_seconds():
    start, began = read_clocks(CPU), time.process_time()
    while time.process_time() - began < 0.1:
        pass
    spent = read_clocks(CPU) - start
    assert 0.1 <= spent.cpu <= spent.wall * 1.2


def test_durations_are_added_subtracted_and_scaled_by_clock():
    assert Seconds(1.0, 2.0) + Seconds(0.5, 0.25) == Seconds(1.5, 2.25)
    assert Seconds(1.0, 2.0) - Seconds(0.5, 0.25) == Seconds(0.5, 1.75)
    assert Seconds(1.0, 2.0) * 3 == Seconds(3.0, 6.0)


@pytest.mark.parametrize(("threads", "kernel"), [(1, "fused"), (1, "torch"), (2, "torch")])
def test_a_run_records_both_clocks_of_its_training_steps(tiny, threads, kernel):
    before = torch.get_num_threads()
    planned = plan(
        compose(
            [
                *tiny,
                "cell=gru",
                "cell.hidden_size=64",
                "train.steps=20",
                "train.eval_every=10",
                f"threads={threads}",
                f"kernel={kernel}",
            ]
        )
    )
    began = time.perf_counter()
    try:
        execute(planned)
    finally:
        torch.set_num_threads(before)
    seconds = time.perf_counter() - began
    row = json.loads((planned.folder / "row.json").read_text())
    assert (row["status"], row["kernel"], row["threads"]) == ("ok", kernel, threads)
    assert 0 < row["train_cpu_s"] <= row["train_s"] * threads * 1.2
    probed = 2  # of so few steps, probed ones are counted at the mean of the others: a rough number
    assert row["train_cpu_s"] <= probed * row["cpu_s"]
    assert row["train_s"] + row["eval_s"] <= seconds
    steps = pd.read_csv(planned.folder / "steps.csv")
    assert steps["train_s"].is_monotonic_increasing
    assert steps["train_s"].iloc[-1] == pytest.approx(row["train_s"], rel=1e-12)
