"""Whole timing passes: tables, like-for-like, failures, wrong input."""

import json

import pandas as pd
import pytest
import torch

from harness.cli.main import main
from harness.experiment.combinations import expand
from harness.experiment.config import compose
from harness.experiment.errors import ConfigError
from harness.experiment.plan import plan
from harness.experiment.schema import TimingOptions
from harness.timing.flops import cell_flops
from harness.timing.table import TIMING_ABOUT, load_timing
from harness.timing.timing_pass import check_configurations, time_grid, timing_options
from harness.timing.workload import make_step
from tests.processes import run_harness

QUICK = ["timing.rounds=3", "timing.min_seconds=0.002"]
LIKE = "timing.like_for_like=true"


@pytest.fixture
def quick(tiny):
    """A tiny configuration that is measured in well under a second."""
    return [*tiny, *QUICK]


def test_a_pass_over_two_cells_writes_a_table_and_figures(quick, tmp_path, capsys):
    results = tmp_path / "results"
    assert main(["time", *quick, "cell=rnn,gru", "cell.hidden_size=4,8"]) == 0
    table = load_timing(results / "timing.csv")
    assert len(table) == 2 * 2 * 3
    assert table.groupby(["cell", "hidden_size"])["phase"].agg(set).map(len).tolist() == [3] * 4
    for _, rows in table.groupby(["cell", "hidden_size"]):
        by_phase = rows.set_index("phase")
        assert by_phase["gflop"]["step"] == pytest.approx(
            by_phase["gflop"]["forward"] + by_phase["gflop"]["backward"]
        )
        assert by_phase["median_ms"]["step"] > by_phase["median_ms"]["forward"]
    rates = table["gflop"] / table["median_ms"] * 1e3
    assert (rates / table["gflop_per_s"] - 1).abs().max() < 1e-9
    assert (table["batch_size"] == 20).all() and (table["rounds"] == 3).all()
    assert (table["peak_rss_mb"] > 50).all()
    out, err = capsys.readouterr()
    assert "load average" in out and "step ms" in out
    assert "round 3 of 3" in err
    assert (results / "figures" / "speed-time_vs_hidden_size.png").exists()
    assert not (results / "figures" / "speed-time_vs_length.png").exists()  # one length gives no line
    assert not list(results.glob("runs/*"))


def test_every_row_stands_alone(quick, tmp_path):
    rows = time_grid([*quick, "cell=gru"]).rows
    table = load_timing(tmp_path / "results" / "timing.csv")
    for name in ("cpu", "torch", "python", "harness", "kernel", "keeps_memory", "flush_denormal"):
        assert table[name].notna().all()
    run = plan(compose([*quick, "cell=gru"]))
    assert {row.setting for row in rows} == {run.identity.setting}
    assert json.loads(table["config"][0]) == run.identity.config
    spec = run.task.spec
    flops = cell_flops(
        gates=3, seq_len=spec.seq_len, batch_size=20, input_size=spec.vocab_size, hidden_size=4
    )
    assert rows[0].gflop == flops.forward / 1e9


def test_both_directions_are_counted(quick):
    one, both = (
        time_grid([*quick, *cell]).rows[0] for cell in (["cell=lstm", "kernel=torch"], ["cell=bilstm"])
    )
    assert both.gflop == 2 * one.gflop and both.share is not None
    assert (both.readout, both.match_params, both.hidden_size) == ("last", None, 4)


def test_timing_options_are_no_part_of_a_run(tiny):
    assert plan(compose(tiny)).run_id == plan(compose([*tiny, *QUICK, LIKE])).run_id


def test_a_like_for_like_pass_has_its_own_table_and_names_its_kernel(quick, tmp_path):
    assert main(["time", *quick, "cell=lstm"]) == 0
    assert main(["time", *quick, "cell=lstm", LIKE]) == 0
    kernels = [
        set(load_timing(tmp_path / "results" / name)["kernel"])
        for name in ("timing.csv", "timing-like_for_like.csv")
    ]
    assert kernels == [{"fused"}, {"torch (no oneDNN)"}]
    assert torch.backends.mkldnn.enabled


def test_like_for_like_steps_run_on_torchs_modules():
    run = plan(compose(["cell=lstm", "task=adding", "cell.hidden_size=3"]))
    step, kernel = make_step(run, TimingOptions(like_for_like=True))
    assert type(step.model.cell) is torch.nn.LSTM
    assert kernel == "torch"
    assert make_step(run, TimingOptions())[1] == "fused"


def test_operations_of_third_party_cells_are_unknown(quick, tmp_path):
    custom = ["cell=custom", "cell._target_=tests.outside.LeakyCell"]
    assert main(["time", *quick, *custom]) == 0
    table = load_timing(tmp_path / "results" / "timing.csv")
    assert table[["gflop", "gflop_per_s", "share", "sgemm_gflop_per_s"]].isna().all(axis=None)
    assert (table["kernel"] == "torch").all()
    assert (table["median_ms"] > 0).all()


def test_a_task_whose_config_has_no_seed_is_measured(quick, tmp_path):
    assert time_grid([*quick, "~task.seed", "cell=rnn,gru"]).failed == 0
    table = load_timing(tmp_path / "results" / "timing.csv")
    assert sorted(set(table["cell"])) == ["gru", "rnn"]
    assert "seed" not in json.loads(table["config"][0])["task"]
    assert table["peak_rss_mb"].notna().all()


def test_recorded_series_are_measured(tmp_path):
    pytest.importorskip("aeon", reason="the extra `timeseries` is not installed")
    series = ["task=timeseries", "cell=gru", "cell.hidden_size=4", f"results_dir={tmp_path}"]
    (source,) = {row.data_source for row in time_grid([*series, *QUICK]).rows}
    assert source == "ucr-JapaneseVowels"


def test_a_failing_configuration_is_named_and_the_others_are_measured(quick, tmp_path, caplog):
    assert main(["time", *quick, "cell=custom", "cell._target_=torch.nn.GRU,tests.outside.Bomb"]) == 1
    assert set(load_timing(tmp_path / "results" / "timing.csv")["cell"]) == {"gru"}
    assert "left out: delayed_recall-bomb" in caplog.text


def test_a_configuration_that_kills_its_process_does_not_stop_the_pass(quick, tmp_path):
    killer = ["cell=custom", "cell._target_=tests.outside.Killer", "cell.hidden_size=4,5"]
    done = run_harness("time", *quick, *killer, KILLER_FUSE=str(tmp_path / "fuse"))
    assert done.returncode == 1
    assert "left out: delayed_recall-killer-h5" in done.stderr
    assert "its process was killed" in done.stderr
    assert set(load_timing(tmp_path / "results" / "timing.csv")["hidden_size"]) == {4}


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["kernel=fused", LIKE], "which excludes kernel=fused"),
        (["seed=1,2"], "one seed, not 1, 2"),
        (["results_dir=a,b"], "name one results_dir"),
        (["timing.rounds=1"], "timing.rounds must be a whole number of at least 3, not 1"),
        (["timing.warmup=3"], "timing.warmup must be a whole number of at least 10"),
        (["timing.min_seconds=0"], "timing.min_seconds must be above 0"),
        (["timing.round=3"], "timing.round"),
        (["speed"], "experiment=speed"),
        (["task=mnsit"], "did you mean 'mnist'"),
    ],
)
def test_wrong_input_ends_with_one_line_and_code_2(arguments, part, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["time", *arguments]) == 2
    err = capsys.readouterr().err
    assert part in err
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_the_speed_grid_sweeps_cell_size_and_length():
    _, jobs = expand(["experiment=speed"])
    options = timing_options(jobs[0])
    check_configurations(jobs, options)
    assert options == TimingOptions()
    table = pd.DataFrame({"T": job.plan.task.spec.seq_len, **job.plan.cell_options} for job in jobs)
    assert table["T"].nunique() >= 3
    assert table["hidden_size"].nunique() >= 3


def test_without_a_measured_configuration_the_code_is_1_and_there_is_no_table(quick, tmp_path):
    assert main(["time", *quick, "cell=custom", "cell._target_=tests.outside.Bomb"]) == 1
    assert not (tmp_path / "results" / "timing.csv").exists()


def test_like_for_like_and_fused_contradict_each_other(quick):
    _, jobs = expand([*quick, "kernel=fused"])
    with pytest.raises(ConfigError, match="like_for_like"):
        check_configurations(jobs, TimingOptions(like_for_like=True))


def test_the_command_runs_in_a_process_of_its_own(quick, tmp_path):
    done = run_harness("time", *quick, "threads=2")
    assert done.returncode == 0, done.stderr
    table = load_timing(tmp_path / "results" / "timing.csv")
    assert list(table) == list(TIMING_ABOUT)
    assert set(table["threads"]) == {2}
