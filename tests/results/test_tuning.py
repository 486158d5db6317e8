"""`tuning.csv`: what was tried and chosen."""

import pandas as pd
import pytest

from harness.results.tuning import TuningRow, load_tuning, merge_tuning, tuned_keys, tuning_runs


def row(**changes):
    known = {
        "group": "g", "axes": "train.lr", "values": "train.lr=0.1", "final_setting": "f",
        "tuning_setting": "t", "chosen": True, "task": "adding", "variant": "half",
        "data_source": "generated",
        "seq_len": 5, "cell": "gru", "hidden_size": 4, "init": "torch", "seeds": "101 102", "diverged": 0,
        "chosen_by": "val_loss", "val_accuracy": 0.5, "val_loss": 0.25,
    }  # fmt: skip
    return TuningRow(**(known | changes))


def test_rows_are_read_as_they_were_written(tmp_path):
    merge_tuning(tmp_path, [row(), row(values="train.lr=1", chosen=False, val_loss=None, val_accuracy=None)])
    table = load_tuning(tmp_path)
    assert table["chosen"].tolist() == [True, False]
    assert table["val_loss"].tolist()[0] == 0.25
    assert table["val_loss"].isna().tolist() == [False, True]
    assert table.loc[0, "seq_len"] == 5
    assert table.loc[0, "group"] == "g"


def test_a_group_is_replaced_whole_and_others_stay(tmp_path):
    merge_tuning(tmp_path, [row(), row(values="train.lr=1"), row(group="other", values="train.lr=9")])
    merge_tuning(tmp_path, [row(values="train.lr=7")])
    assert load_tuning(tmp_path)["values"].tolist() == ["train.lr=9", "train.lr=7"]


def test_hashes_that_look_like_numbers_stay_text(tmp_path):
    merge_tuning(tmp_path, [row(group="00123456", final_setting="12345678", tuning_setting="1e234567")])
    merge_tuning(tmp_path, [row(group="1")])
    assert load_tuning(tmp_path).loc[0, ["group", "final_setting", "tuning_setting"]].tolist() == [
        "00123456", "12345678", "1e234567",
    ]  # fmt: skip


def test_without_the_file_there_is_no_row_and_a_damaged_one_is_named(tmp_path):
    assert load_tuning(tmp_path).empty
    (tmp_path / "tuning.csv").write_text("group,axes\n", encoding="utf-8")
    with pytest.raises(ValueError, match="lacks the column values"):
        load_tuning(tmp_path)


def test_a_setting_chosen_along_two_axes_on_their_own_names_both(tmp_path):
    merge_tuning(tmp_path, [row(), row(group="h", axes="init"), row(group="i", axes="x", chosen=False)])
    runs = pd.DataFrame({"setting": ["f"], "seed": [1], "stage": ["final"]})
    assert tuned_keys(runs, load_tuning(tmp_path)).tolist() == ["train.lr, init"]


@pytest.mark.parametrize("stage", ["final", "tune"])
def test_a_run_on_a_tuning_seed_is_not_tuned(tmp_path, stage):
    merge_tuning(tmp_path, [row()])
    runs = pd.DataFrame({"setting": "f", "seed": [101, 1, 102], "stage": stage})
    assert tuned_keys(runs, load_tuning(tmp_path)).tolist() == [
        "",
        "train.lr" if stage == "final" else "",
        "",
    ]


def test_only_runs_that_a_choice_looked_at_are_tuning_runs(tmp_path):
    merge_tuning(tmp_path, [row(tuning_setting="t"), row(tuning_setting="u", chosen=False)])
    runs = pd.DataFrame({"setting": ["t", "t", "u", "v"], "seed": [101, 7, 102, 101]})
    kept = tuning_runs(runs, load_tuning(tmp_path))
    assert kept[["setting", "seed", "chosen"]].to_numpy().tolist() == [["t", 101, True], ["u", 102, False]]


@pytest.mark.parametrize("change", [("True", "yes"), (",5,", ",,"), ("0.25", "abc"), ("101 102", "101,102")])
def test_a_damaged_table_is_an_error_in_one_line_that_says_the_way_out(tmp_path, change):
    merge_tuning(tmp_path, [row(), row(values="train.lr=1")])
    text = (tmp_path / "tuning.csv").read_text(encoding="utf-8")
    (tmp_path / "tuning.csv").write_text(text.replace(*change, 1), encoding="utf-8")
    with pytest.raises(ValueError, match=r"tuning.csv is damaged \(.*\); remove it"):
        load_tuning(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00bad"])
def test_bytes_that_are_no_table_are_named_too(tmp_path, content):
    (tmp_path / "tuning.csv").write_bytes(content)
    with pytest.raises(ValueError, match="is damaged"):
        load_tuning(tmp_path)
