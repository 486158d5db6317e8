"""Values such as the learning rate are chosen on validation data, for each setting, on seeds of their own."""

import pandas as pd
import pytest

import harness
from harness.cli.main import main
from harness.experiment.combinations import compose_master, expand
from harness.experiment.config import options
from harness.experiment.errors import ConfigError
from harness.experiment.tune_options import tune_options
from harness.experiment.tuning import choose, decide, final_jobs, group_of, plan_stages
from harness.results import RunRecord, store
from harness.results.tuning import load_tuning

TUNE = "tune={axes:{train.lr:[0.001,0.01]},seeds:[101,102]}"
BASIC = "hydra/launcher=basic"


def stages_of(*overrides):
    return plan_stages(*compose_master([*overrides]))


def write_row(job, *, status="ok", accuracy=0.5, loss=1.0):
    """The row that a tuning run would leave."""
    columns = {"run_id": job.plan.run_id, "setting": job.plan.identity.setting, "config": {}}
    columns |= {"task": "delayed_recall", "cell": job.plan.cell_name}
    row = RunRecord(**columns, status=status, val_accuracy=accuracy, val_loss=loss)
    job.folder.mkdir(parents=True, exist_ok=True)
    store.finish(job.folder, row)


# --- the runs of both stages --------------------------------------------------------------------------


def test_stage_one_has_a_run_for_each_setting_value_and_tuning_seed(tiny):
    stages = stages_of(*tiny, "cell=rnn,gru", "seed=1,2,3", TUNE)
    found = {(job.plan.cell_name, job.plan.train.lr, job.plan.seed, job.plan.stage) for job in stages.tuning}
    assert found == {(c, lr, s, "tune") for c in ("rnn", "gru") for lr in (0.001, 0.01) for s in (101, 102)}
    assert len(stages.tuning) == 8
    assert len(stages.settings) == 2


def test_stage_is_part_of_the_identity_and_tune_is_not(tiny):
    _, [plain] = expand(tiny)
    _, [tuned] = expand([*tiny, TUNE])
    _, [first] = expand([*tiny, "stage=tune"])
    assert tuned.plan.run_id == plain.plan.run_id
    assert first.plan.identity.setting != plain.plan.identity.setting
    assert "stage" not in plain.plan.identity.config


def test_the_best_mean_is_chosen_for_each_setting_and_stage_two_runs_it_on_the_seeds_of_the_grid(tiny):
    stages = stages_of(*tiny, "cell=rnn,gru", "seed=1,2", TUNE)
    best = {"rnn": 0.01, "gru": 0.001}
    for job in stages.tuning:  # one seed alone would choose the other value
        is_best = best[job.plan.cell_name] == job.plan.train.lr
        first = {True: 0.4, False: 0.6}[is_best]
        write_row(job, accuracy=first if job.plan.seed == 101 else {True: 0.9, False: 0.5}[is_best])
    choices, undecided = decide(stages.settings)
    assert undecided == []
    final = [job for choice in choices for job in final_jobs(choice.setting, choice.chosen, stages)]
    assert {(job.plan.cell_name, job.plan.train.lr, job.plan.seed) for job in final} == {
        (cell, lr, seed) for cell, lr in best.items() for seed in (1, 2)
    }
    assert {job.plan.stage for job in final} == {"final"}


@pytest.mark.parametrize(
    ("rows", "chosen"),
    [
        ([(0.9, 1.0), (0.8, 0.1)], "0.001"),  # accuracy first
        ([(0.9, 1.0), (0.9, 0.1)], "0.01"),  # then the loss
        ([(0.9, 1.0), (0.9, 1.0)], "0.001"),  # of equal ones the first
    ],
)
def test_classification_is_chosen_by_accuracy_then_loss(tiny, rows, chosen):
    [setting] = stages_of(*tiny, TUNE).settings
    for candidate, (accuracy, loss) in zip(setting.candidates, rows, strict=True):
        for job in candidate.jobs:
            write_row(job, accuracy=accuracy, loss=loss)
    assert choose(setting).chosen.values == (f"train.lr={chosen}",)


def test_value_targets_are_chosen_by_their_loss(tmp_path):
    [setting] = stages_of("task=adding", "task.n_train=20", f"results_dir={tmp_path}", TUNE).settings
    for candidate, (accuracy, loss) in zip(setting.candidates, [(0.9, 0.2), (0.1, 0.1)], strict=True):
        for job in candidate.jobs:
            write_row(job, accuracy=accuracy, loss=loss)
    assert choose(setting).chosen.values == ("train.lr=0.01",)


def test_a_diverged_run_counts_as_worst(tiny):
    [setting] = stages_of(*tiny, TUNE).settings
    good, bad = setting.candidates
    for job in good.jobs:
        write_row(job, accuracy=0.1, loss=9.0)
    write_row(bad.jobs[0], accuracy=1.0, loss=0.0)
    write_row(bad.jobs[1], status="diverged", accuracy=1.0, loss=0.0)
    choice = choose(setting)
    assert choice.chosen is good
    assert [result.diverged for result in choice.results] == [0, 1]
    assert choice.results[1].accuracy == 1.0  # of the seed that did not diverge


@pytest.mark.parametrize("status", ["failed", "interrupted", None])
def test_without_the_end_of_a_tuning_run_nothing_is_chosen(tiny, status):
    [setting] = stages_of(*tiny, TUNE).settings
    jobs = [job for candidate in setting.candidates for job in candidate.jobs]
    for job in jobs[:-1]:
        write_row(job)
    if status:
        write_row(jobs[-1], status=status)
    assert jobs[-1].plan.run_id in choose(setting)


def test_two_axes_are_tried_in_all_combinations(tiny):
    node = "tune={axes:{train.lr:[0.001,0.01],init:[torch,keras]},seeds:[101]}"
    [setting] = stages_of(*tiny, node).settings
    assert [c.values for c in setting.candidates] == [
        (f"train.lr={lr}", f"init={init}") for lr in ("0.001", "0.01") for init in ("torch", "keras")
    ]


def test_values_that_mean_nothing_with_a_cell_are_no_candidates_for_it(tiny, caplog):
    stages = stages_of(*tiny, "cell=rnn,gru", "tune={axes:{init:[torch,chrono]},seeds:[101]}")
    assert [len(setting.candidates) for setting in stages.settings] == [1, 2]
    assert "left out" in caplog.text


def test_the_group_of_a_setting_knows_neither_its_tuned_values_nor_its_seed(tiny):
    groups = []
    for change in ("seed=1", "seed=2", "train.lr=0.7 seed=1"):
        node = "tune={axes:{train.lr:[0.001,0.01]},seeds:[101]}"
        if "lr" in change:
            node = "tune={axes:{train.lr:[0.5,0.7]},seeds:[101]}"
        groups.append(group_of(stages_of(*tiny, change.split()[-1], node).settings[0]))
    other = group_of(stages_of(*tiny, "cell=gru", TUNE).settings[0])
    assert len(set(groups)) == 1
    assert other not in groups


# --- wrong nodes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ("tune={axes:{train.lr:[0.001,0.01]}}", "tune takes axes and seeds"),
        ("tune=[1,2]", "tune takes axes and seeds"),
        ("tune={axes:{},seeds:[101]}", "tune.axes takes keys with lists"),
        ("tune={axes:{train.lr:0.1},seeds:[101]}", "a list of at least two values"),
        ("tune={axes:{train.lr:[0.1]},seeds:[101]}", "a list of at least two values"),
        ("tune={axes:{train.lr:[0.1,0.1]},seeds:[101]}", "must be different"),
        ("tune={axes:{seed:[1,2]},seeds:[101]}", "not 'seed'"),
        ("tune={axes:{results_dir:[a,b]},seeds:[101]}", "not 'results_dir'"),
        ("tune={axes:{cell:[rnn,gru]},seeds:[101]}", "not 'cell'"),
        ("tune={axes:{train.lr:[0.001,0.01]},seeds:[]}", "tune.seeds takes a list"),
        ("tune={axes:{train.lr:[0.001,0.01]},seeds:[101,101]}", "different seeds"),
        ("tune={axes:{train.lr:[0.001,0.01]},seeds:[-1]}", "tune.seeds must"),
        ("tune={axes:{train.lr:[0.001,0.01]},seeds:[1]}", "seed 1 is used in both stages"),
        ("tune={axes:{train.lr:[0.001,-1]},seeds:[101]}", "train.lr must be a number above 0"),
        ("tune={axes:{train.gradflow:[true,false]},seeds:[101]}", "make the same run"),
        ("tune={axes:{train.no_such:[1,2]},seeds:[101]}", "no_such"),
        ("tune={axes:{cell.hidden_size:[1,2]},seeds:[101]}", "what is compared is not chosen"),
        ("tune={axes:{init.bias:[1,2]},seeds:[101]}", "not 'init.bias'"),
        ("tune={axes:{1:[1,2]},seeds:[101]}", "not 1"),
        ("tune=abc", "tune takes axes and seeds"),
        ("tune='???'", "tune"),
        ("tune={axes:{train.lr:[${nope},1]},seeds:[101]}", "nope"),
    ],
)
def test_a_wrong_node_ends_before_the_first_run(tiny, node, message, capsys):
    assert main(["-m", *tiny, node, BASIC]) == 2
    assert message in capsys.readouterr().err


def test_an_axis_that_the_experiment_sweeps_too_is_refused(tiny):
    with pytest.raises(ConfigError, match="swept and tuned at once"):
        stages_of(*tiny, "+hydra.sweeper.params={train.lr:'0.1,0.2'}", TUNE)


def test_a_single_run_and_another_sweeper_cannot_tune(tiny, capsys):
    assert main([*tiny, TUNE]) == 2
    assert "tune is for a grid" in capsys.readouterr().err
    assert main(["-m", *tiny, TUNE, "hydra/sweeper=basic"]) == 2
    assert "tune needs hydra/sweeper=harness" in capsys.readouterr().err
    assert main([*tiny, "stage=first"]) == 2
    assert "stage must be one of tune, final" in capsys.readouterr().err


def test_stage_tune_leaves_nothing_to_compare(tiny):
    with pytest.raises(ConfigError, match="leaves nothing to compare"):
        stages_of(*tiny, "stage=tune", TUNE)


def test_keys_that_make_no_other_run_make_no_other_setting(tiny, tmp_path):
    stages = stages_of(*tiny, "threads=1,2", TUNE)
    assert len(stages.settings) == 1


def test_where_every_value_diverged_that_is_said(tiny, caplog):
    node = "tune={axes:{train.lr:[1e29,1e30]},seeds:[101]}"
    assert main(["-m", *tiny, "train.clip=null", "train.optimizer=sgd", node, BASIC]) == 1
    assert "no value that did not diverge while tuning" in caplog.text


def test_a_mapping_on_the_command_line_gives_its_keys(tiny):
    assert stages_of(*tiny, "train={lr:0.5}", TUNE) is None
    assert stages_of(*tiny, "cell=gru", TUNE.replace("train.lr:[0.001,0.01]", "cell.dropout:[0.0,0.5]"),
                     "cell.num_layers=2") is not None  # fmt: skip


def test_a_tuned_key_on_the_command_line_is_not_tuned_and_that_is_said(tiny, caplog):
    assert stages_of(*tiny, "train.lr=0.1", TUNE) is None
    assert "train.lr is given on the command line and is not tuned" in caplog.text
    master, arguments = compose_master(["experiment=memory", "train.lr=0.1,0.2"])
    assert tune_options(master, arguments).axes == {}


# --- the command --------------------------------------------------------------------------------------


@pytest.fixture
def tuned_grid(tiny):
    """The arguments of a small grid in two stages."""
    return ["-m", *tiny, "cell=rnn,gru", "seed=1,2", TUNE, BASIC]


def test_one_command_runs_both_stages_and_resumes_each(tuned_grid, tmp_path, capsys):
    assert main(tuned_grid) == 0
    shown = capsys.readouterr()
    assert "tuning: 8 runs: 0 finished before, 8 to do" in shown.err
    assert "final: 4 runs: 0 finished before, 4 to do" in shown.err
    assert "12 runs (8 for tuning): 12 ok" in shown.out
    runs = harness.load_runs(tmp_path / "results")
    tuning, final = runs[runs["stage"] == "tune"], runs[runs["stage"] == "final"]
    assert tuning[["test_loss", "test_accuracy"]].isna().all(axis=None)
    assert final[["test_loss", "test_accuracy"]].notna().all(axis=None)
    assert set(final["tuned"]) == {"train.lr"}
    assert set(tuning["tuned"]) == {""}
    table = load_tuning(tmp_path / "results")
    for (cell,), group in table.groupby(["cell"]):  # chosen by the rows, computed again here
        means = tuning[tuning["cell"] == cell].groupby("lr")[["val_accuracy", "val_loss"]].mean()
        best = means.sort_values(["val_accuracy", "val_loss"], ascending=[False, True]).index[0]
        assert group.loc[group["chosen"], "values"].tolist() == [f"train.lr={best}"]
        assert set(final.loc[final["cell"] == cell, "lr"]) == {best}
        assert group.set_index("values")["val_loss"].to_dict() == pytest.approx(
            {f"train.lr={lr}": loss for lr, loss in means["val_loss"].items()}
        )
    assert main(tuned_grid) == 0
    assert "8 finished before, 0 to do" in (again := capsys.readouterr().err)
    assert "final: 4 runs: 4 finished before, 0 to do" in again
    pd.testing.assert_frame_equal(load_tuning(tmp_path / "results"), table)


@pytest.mark.usefixtures("without_figures")
def test_settings_with_a_failed_tuning_run_are_not_begun(tuned_grid, tmp_path, capsys, caplog, monkeypatch):
    from harness.experiment import run

    def fails_at(run_plan, *others):
        if run_plan.stage == "tune" and run_plan.cell_name == "gru" and run_plan.train.lr == 0.01:
            raise RuntimeError("no luck")
        return made(run_plan, *others)

    made = run._train
    monkeypatch.setattr(run, "_train", fails_at)
    assert main(tuned_grid) == 1
    shown = capsys.readouterr()
    assert "1 of 2 settings are not begun" in caplog.text
    assert "no luck" in shown.out
    runs = harness.load_runs(tmp_path / "results")
    assert set(runs.loc[runs["stage"] == "final", "cell"]) == {"rnn"}
    monkeypatch.setattr(run, "_train", made)
    assert main(tuned_grid) == 0  # the same command makes the rest
    runs = harness.load_runs(tmp_path / "results")
    assert (runs["stage"] == "final").sum() == 4


def test_a_value_that_diverges_while_tuning_is_no_failure(tiny, tmp_path, capsys):
    node = "tune={axes:{train.lr:[0.001,1e30]},seeds:[101]}"
    assert main(["-m", *tiny, "train.clip=null", "train.optimizer=sgd", node, BASIC]) == 0
    assert "1 diverged" in capsys.readouterr().out
    table = load_tuning(tmp_path / "results")
    assert table.loc[table["chosen"], "values"].tolist() == ["train.lr=0.001"]
    assert table["diverged"].tolist() == [0, 1]


@pytest.mark.usefixtures("without_figures")
def test_another_list_of_values_replaces_the_choice_and_the_old_runs_are_not_tuned_any_more(tiny, tmp_path):
    results = tmp_path / "results"
    assert main(["-m", *tiny, TUNE, BASIC]) == 0
    [before] = load_tuning(results).query("chosen")["values"]
    assert main(["-m", *tiny, TUNE.replace("0.001,0.01", "0.02,0.03"), BASIC]) == 0
    table = load_tuning(results)
    assert set(table["values"]) == {"train.lr=0.02", "train.lr=0.03"}
    runs = harness.load_runs(results).query("stage == 'final'").set_index("lr")["tuned"]
    assert runs[float(before.partition("=")[2])] == ""
    assert sorted(runs) == ["", "train.lr"]


@pytest.mark.usefixtures("without_figures")
def test_a_damaged_tuning_table_is_an_error_in_one_line(tuned_grid, tmp_path, capsys):
    assert main(tuned_grid) == 0
    (tmp_path / "results" / "tuning.csv").write_text("abc\n", encoding="utf-8")
    assert main(["report", str(tmp_path / "results")]) == 2
    assert "tuning.csv is damaged" in capsys.readouterr().err


@pytest.mark.usefixtures("without_figures")
def test_dry_run_says_what_is_chosen_in_stage_one_and_then_what_was(tuned_grid, tmp_path, capsys):
    assert main([*tuned_grid, "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert "12 runs: 0 finished before, 12 to do" in shown
    assert shown.count("after tuning") == 4
    assert "stage one chooses train.lr from 0.001, 0.01 for each of 2 settings" in shown
    assert not (tmp_path / "results").exists()
    assert main(tuned_grid) == 0
    capsys.readouterr()
    assert main([*tuned_grid, "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert "12 runs: 12 finished before, 0 to do" in shown
    assert shown.count("chosen for delayed_recall-") == 2
    assert "2 chosen, 0 open" in shown


@pytest.mark.parametrize("name", options("experiment"))
def test_every_tuned_experiment_can_be_planned_in_both_stages(name):
    stages = stages_of(f"experiment={name}")
    if stages is None:
        assert name in {
            "batch_and_lr",
            "catalogue",
            "learning_rates",
            "rows_mnist_tutorial",
            "smoke",
            "speed",
        }  # which compare no cells, or sweep the rate
        return
    text = (harness_conf() / f"{name}.yaml").read_text(encoding="utf-8")
    assert f"after {len(stages.tuning)} that choose the learning rates" in text


def harness_conf():
    from harness.experiment.conf_files import conf_dir

    return conf_dir() / "experiment"
