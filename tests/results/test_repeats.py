from __future__ import annotations

from harness.report import summary_table
from harness.results import cell_labels, conditions, load_runs
from harness.results.repeats import mixtures_within_settings

from .rows import record, write


def runs_of(tmp_path, *records):
    return load_runs(write(tmp_path, *records))


def test_conditions_name_what_varies_and_nothing_else(tmp_path):
    train = {"steps": 500, "epochs": None}
    runs = runs_of(
        tmp_path, record(lr=0.001, config={"train": train}), record(lr=0.01, config={"train": train}),
        record(task="adding", lr=0.1, config={"train": train}),
    )  # fmt: skip
    by_lr = dict(zip(runs["lr"], conditions(runs), strict=True))
    assert by_lr == {0.001: "lr 0.001", 0.01: "lr 0.01", 0.1: ""}
    assert not any(conditions(runs, ignore=["lr"]))


def test_a_nested_option_a_budget_and_a_missing_key_are_conditions(tmp_path):
    runs = runs_of(
        tmp_path, record(config={"train": {"steps": 500}, "task": {"noise": 0.1}}),
        record(config={"train": {"steps": 500, "epochs": 2}, "task": {"noise": 0.1}}),
        record(config={"train": {"steps": 500}}),
    )  # fmt: skip
    assert set(conditions(runs)) == {
        "budget 500 steps, noise 0.1",
        "budget 2 epochs, noise 0.1",
        "budget 500 steps",
    }


def test_settings_whose_configs_look_the_same_are_not_pooled(tmp_path):
    runs = runs_of(tmp_path, record(setting="aaaaaaaa"), record(seed=1, setting="bbbbbbbb"))
    assert list(conditions(runs)) == ["setting aaaaaaaa", "setting bbbbbbbb"]


def test_seed_length_and_keys_that_follow_them_are_no_condition(tmp_path):
    runs = runs_of(
        tmp_path,
        *(
            record(seed=s, seq_len=T, config={"task": {"seq_len": T, "delay": T}, "paths": {"log": f"{s}"}})
            for s in (0, 1) for T in (28, 56)
        ),
    )  # fmt: skip
    assert set(conditions(runs)) == {""}


def test_an_option_of_a_cell_is_part_of_its_label(tmp_path):
    runs = runs_of(
        tmp_path, record(cell="lstm", config={"cell": {"forget_bias": 0.0}}),
        record(cell="lstm", config={"cell": {"forget_bias": 1.0}}),
        record(cell="gru", config={"cell": {"reset": True}}),
    )  # fmt: skip
    assert sorted(cell_labels(runs)) == ["gru", "lstm forget_bias=0", "lstm forget_bias=1"]
    assert set(conditions(runs)) == {""}


THIRD_PARTY = {"cell": {"_target_": "mine.Cell"}, "task": {"_target_": "harness.tasks.make_mnist"}}


def test_edited_code_of_a_cell_becomes_a_line_of_its_own_beside_the_stock_cells(tmp_path):
    runs = runs_of(
        tmp_path,
        *(
            record(cell="mine", seed=s, code=code, run_id=f"{code}{s}", config=THIRD_PARTY)
            for s in (0, 1) for code in ("3f2a91c0", "77aa0011")
        ),
        record(cell="gru", config={**THIRD_PARTY, "cell": {"_target_": "torch.nn.GRU"}}),
    )  # fmt: skip
    assert runs["setting"].nunique() == 2
    assert sorted(cell_labels(runs)) == ["gru", *["mine code 3f2a91c0"] * 2, *["mine code 77aa0011"] * 2]
    assert set(conditions(runs)) == {""}
    assert summary_table(runs)["n"].tolist() == [1, 2, 2]


def test_edited_code_of_a_task_becomes_a_condition(tmp_path):
    config = {"cell": {"_target_": "torch.nn.GRU"}, "task": {"_target_": "mine.make_task"}}
    runs = runs_of(
        tmp_path,
        *(
            record(cell=cell, code=code, run_id=f"{cell}{code}", config=config)
            for cell, code in (("gru", "3f2a91c0"), ("lstm", "77aa0011"))
        ),
    )  # fmt: skip
    assert sorted(conditions(runs)) == ["code 3f2a91c0", "code 77aa0011"]
    assert sorted(cell_labels(runs)) == ["gru", "lstm"]
    assert summary_table(runs)["code"].tolist() == ["3f2a91c0", "77aa0011"]


def test_code_that_has_not_changed_is_no_condition(tmp_path):
    ours = {"cell": {"_target_": "torch.nn.GRU"}, "task": {"_target_": "harness.tasks.make_mnist"}}
    runs = runs_of(
        tmp_path, record(cell="mine", code="3f2a91c0", config=THIRD_PARTY), record(cell="gru", config=ours)
    )
    assert set(conditions(runs)) == {""}
    assert sorted(cell_labels(runs)) == ["gru", "mine"]


def test_changed_data_files_become_conditions_of_the_whole_task(tmp_path):
    runs = runs_of(
        tmp_path,
        record(data_hash="9b1c22aa", run_id="a"), record(data_hash="00000001", run_id="b"),
        record(data_hash="9b1c22aa", cell="gru", seq_len=56, config={"task": {"other": 1}}),
        record(task="adding", data_source="generated"),
    )  # fmt: skip
    by_task = runs.assign(condition=conditions(runs)).groupby("task")["condition"].apply(sorted)
    assert by_task["mnist"] == ["data 00000001", "data 9b1c22aa", "data 9b1c22aa, other 1"]
    assert by_task["adding"] == [""]


def test_a_task_that_reads_another_file_for_each_length_is_one_condition(tmp_path):
    runs = runs_of(
        tmp_path,
        *(record(seq_len=T, data_hash=f"0000000{T}", config={"task": {"seq_len": T}}) for T in (4, 8)),
    )
    assert set(conditions(runs)) == {""}


def test_runs_of_different_revisions_are_not_pooled(tmp_path):
    runs = runs_of(tmp_path, record(), record(revisions="task 1", run_id="later"))
    assert sorted(conditions(runs)) == ["revisions none", "revisions task 1"]
    assert summary_table(runs)["n"].tolist() == [1, 1]


def test_runs_of_one_config_whose_settings_differ_by_a_revision_are_named_by_it(tmp_path):
    # As in a folder with runs of two versions: the hash of the setting holds the revisions.
    old = [record(seed=seed, setting="a" * 8, run_id=f"old-{seed}") for seed in (1, 2)]
    new = [record(seed=s, setting="b" * 8, revisions="training 1", run_id=f"new-{s}") for s in (1, 2)]
    runs = runs_of(tmp_path, *old, *new)
    assert set(conditions(runs)) == {"revisions none", "revisions training 1"}
    assert summary_table(runs)["n"].tolist() == [2, 2]


def test_a_schedule_is_a_setting_and_rows_from_before_it_existed_are_constant(tmp_path):
    runs = runs_of(
        tmp_path,
        record(schedule="", run_id="before"),
        record(schedule="constant", run_id="same", seed=1),
        record(schedule="cosine", run_id="cosine", setting="c" * 8),
    )
    named = dict(zip(runs["run_id"], conditions(runs), strict=True))
    assert named == {
        "before": "schedule constant", "same": "schedule constant", "cosine": "schedule cosine"
    }  # fmt: skip


def test_the_seed_of_fixed_data_is_a_setting(tmp_path):
    runs = runs_of(
        tmp_path, record(config={"task": {"seed": "${seed}"}}), record(seed=1, config={"task": {"seed": 7}})
    )
    assert sorted(conditions(runs)) == ["seed ${seed}", "seed 7"]


def test_mixtures_within_a_setting_are_found_and_across_settings_are_not(tmp_path):
    runs = runs_of(
        tmp_path, record(kernel="fused"), record(seed=1, kernel="torch"),
        record(lr=0.1, kernel="torch", torch="3.0"),
    )  # fmt: skip
    assert mixtures_within_settings(runs, ("kernel", "torch")) == {"kernel": (["fused", "torch"], 1)}
