import json
import logging
import math
import re

import pandas as pd
import pytest
import torch

import harness
from harness.experiment.config import compose, options
from harness.experiment.plan import plan
from harness.experiment.run import execute
from harness.results import store
from harness.results.locks import hold
from harness.results.schema import COLUMNS, SCHEMA_1_TABLES, EvalRow, columns_of
from harness.training import continue_training
from tests.results.test_locks import left_behind
from tests.tasks.own_files import FILES, own_path

STANDING_COLUMNS = [
    "run_id",
    "status",
    "error",
    "task",
    "variant",
    "data_source",
    "cell",
    "hidden_size",
    "num_layers",
    "seq_len",
    "seed",
    "n_params",
    "steps",
    "best_step",
    "val_loss",
    "val_accuracy",
    "test_loss",
    "test_accuracy",
    "chance_accuracy",
    "memoryless_loss",
    "solved_step",
    "grad_norm_mean",
    "grad_norm_max",
    "clip_rate",
    "gradflow_slope",
    "gradflow_half_life",
    "train_s",
    "eval_s",
    "cpu_s",
    "samples_per_s",
    "peak_rss_mb",
    "kernel",
    "threads",
    "torch",
    "git_commit",
    "cpu",
    "started_at",
]

TIMES = ("train_s", "train_cpu_s", "eval_s", "cpu_s", "samples_per_s", "peak_rss_mb", "started_at")


def run(overrides):
    planned = plan(compose(overrides))
    execute(planned)
    return store.runs_dir(planned.results_dir) / planned.run_id


def test_a_run_leaves_its_six_files_and_a_row_that_stands_alone(tiny):
    folder = run([*tiny, "cell=gru", "seed=3"])
    files = {path.name for path in folder.iterdir()} - {store.LOCK_NAME}
    assert files == {"config.yaml", "row.json", "steps.csv", "gradflow.csv", "gates.csv", "log.txt"}
    row = json.loads((folder / "row.json").read_text())
    assert tuple(row) == (*COLUMNS, "class_names", "symbols", "other_lengths", "tables", "files")
    assert set(row["files"]) == files - {"log.txt"}
    assert set(STANDING_COLUMNS) <= set(COLUMNS)
    known = {
        "status": "ok",
        "error": None,
        "task": "delayed_recall",
        "cell": "gru",
        "hidden_size": 4,
        "seed": 3,
    }
    known |= {
        "seq_len": 5,
        "chance_accuracy": 0.5,
        "steps": 6,
        "epochs": 2.0,
        "kernel": "fused",
        "threads": 1,
    }
    assert {key: row[key] for key in known} == known
    bare = torch.nn.GRU(4, 4)
    assert row["n_params"] == sum(p.numel() for p in bare.parameters()) + 2 * 4 + 2
    assert row["config"]["train"]["batch_size"] == 20
    unmeasured = {"error", "clip", "solved_step", "gradflow_half_life", "git_commit", "tolerance"}
    unmeasured |= {
        "class_names",
        "symbols",
        "test_bits",
        "test_sequence_accuracy",
        "gradflow_note",
        "gates_note",
        "train_cpu_s",
        "match_params",
    }
    unmeasured |= {f"lyapunov_{moment}" for moment in ("init", "best", "end")}  # with train.jacobian=true
    assert {key for key, value in row.items() if value is None} <= unmeasured


def test_the_tables_of_a_run_have_the_promised_columns_and_rows(tiny):
    folder = run([*tiny, "cell=lstm", "cell.num_layers=2"])
    steps = pd.read_csv(folder / "steps.csv")
    assert tuple(steps.columns) == tuple(columns_of(EvalRow))
    assert steps["step"].tolist() == [0, 3, 6]
    flow = pd.read_csv(folder / "gradflow.csv")
    assert tuple(flow.columns) == (*SCHEMA_1_TABLES["gradflow"], "at_most")
    # 3 probes (steps 1, 3, 6), 2 layers, h and c, 5 time steps
    assert len(flow) == 3 * 2 * 2 * 5
    assert sorted(flow["step"].unique()) == [1, 3, 6]
    assert set(flow["state"]) == {"h", "c"}


def test_the_same_config_gives_the_same_digits_again(tiny, tmp_path):
    first = json.loads((run([*tiny, "cell=rnn"]) / "row.json").read_text())
    again = json.loads(
        (run([*tiny, "cell=rnn", f"results_dir={tmp_path / 'again'}"]) / "row.json").read_text()
    )
    for row in (first, again):
        for column in (*TIMES, "files"):  # steps.csv holds times
            row.pop(column)
    assert first == again


def test_runs_of_one_seed_share_their_data_whatever_the_cell(tiny):
    rows = [json.loads((run([*tiny, f"cell={c}", f"seed={s}"]) / "row.json").read_text()) for c, s in
            (("rnn", 1), ("gru", 1), ("gru", 2))]  # fmt: skip
    for column in ("data_fingerprint", "test_fingerprint"):
        prints = [row[column] for row in rows]
        assert prints[0] == prints[1]
        assert prints[1] != prints[2]


def test_a_finished_run_is_left_alone_and_a_failed_one_keeps_its_first_attempt(tiny):
    bomb = [*tiny, "cell=custom", "cell._target_=tests.outside.Bomb"]
    folder = run(bomb)
    row = store.read_row(folder)
    assert row["status"] == "failed"
    assert re.fullmatch(r"tests/outside\.py:\d+: RuntimeError: boom in two lines", row["error"])
    assert "Traceback" in (folder / "log.txt").read_text()
    run(bomb)
    assert store.read_row(folder)["status"] == "failed"
    assert json.loads((folder / "attempt-1" / "row.json").read_text()) == row

    done = run(tiny)
    before = store.file_stamp(done / "row.json")
    run(tiny)
    assert store.file_stamp(done / "row.json") == before


def test_a_run_that_another_process_has_is_left_to_it(tiny, caplog):
    planned = plan(compose(tiny))
    folder = store.runs_dir(planned.results_dir) / planned.run_id
    folder.mkdir(parents=True)
    with hold(folder, timeout=0):
        execute(planned)
    assert "another process" in caplog.text
    assert store.status_of(folder) == "absent"


@pytest.mark.parametrize("when", ["in training", "at the end"])
def test_a_run_that_was_taken_over_writes_nothing_more(tiny, caplog, monkeypatch, when):
    planned = plan(compose([*tiny, "train.checkpoint_minutes=0.000001", "keep_weights=true"]))
    usual, others = continue_training, "taken over"

    def train(state, *, pause):
        def take_over():
            left_behind(planned.folder, age=0)
            (planned.folder / "config.yaml").write_text(others)
            (planned.folder / "checkpoint.pt").unlink(missing_ok=True)

        if when == "in training":
            take_over()
        usual(state, pause=pause)
        take_over()

    monkeypatch.setattr("harness.experiment.run.continue_training", train)
    execute(planned)
    assert {path.name for path in planned.folder.iterdir()} == {store.LOCK_NAME, "config.yaml", "log.txt"}
    assert (planned.folder / "config.yaml").read_text() == others
    assert "left to it; the lock that this process held is now held by process 12 on a-node" in caplog.text


@pytest.mark.parametrize("damage", ["LONGER", "", "{", "[]", '{"run_id": "another"}', '{"status": "ok"}'])
def test_a_damaged_row_counts_as_not_run(tiny, damage):
    folder = run(tiny)
    good = store.read_row(folder)
    (folder / "row.json").write_text(damage.replace("LONGER", json.dumps(good | {"other_lengths": [1]})))
    assert len(harness.load_runs(folder.parents[1])) == 0
    run(tiny)
    assert store.read_row(folder)["test_loss"] == good["test_loss"]


def test_divergence_is_a_row_with_its_reason_and_without_test_numbers(tiny):
    row = store.read_row(run([*tiny, "train.lr=1e9"]))
    assert row["status"] == "diverged"
    assert "times the" in row["error"]
    assert row["test_accuracy"] is None
    assert row["grad_norm_max"] is not None


def test_ctrl_c_leaves_an_interrupted_row(tiny):
    with pytest.raises(KeyboardInterrupt):
        run([*tiny, "cell=custom", "cell._target_=tests.outside.Interrupted"])
    results = next(item for item in tiny if item.startswith("results_dir=")).partition("=")[2]
    assert harness.load_runs(results)["status"].tolist() == ["interrupted"]


def test_a_cell_from_outside_trains_and_its_gradient_flow_is_measured(tiny):
    folder = run([*tiny, "cell=custom", "cell._target_=tests.outside.LeakyCell"])
    row = store.read_row(folder)
    assert (row["status"], row["cell"]) == ("ok", "leakycell")
    assert row["gradflow_slope"] is not None


def test_a_cell_without_a_state_has_no_gradient_flow_and_the_log_says_why(tiny):
    folder = run([*tiny, "cell=custom", "cell._target_=tests.outside.NoState", "cell.name=stateless"])
    row = store.read_row(folder)
    assert (row["status"], row["cell"], row["gradflow_slope"]) == ("ok", "stateless", None)
    assert "the probe gradflow does not measure this run" in (folder / "log.txt").read_text()
    assert len(pd.read_csv(folder / "gradflow.csv")) == 0


def test_a_run_leaves_the_global_random_state_and_the_loggers_as_they_were(tiny):
    state, handlers = torch.random.get_rng_state(), list(logging.getLogger("harness").handlers)
    run(tiny)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert logging.getLogger("harness").handlers == handlers


def test_value_targets_go_the_same_way(tmp_path):
    folder = run(["task=adding", "task.seq_len=4", "task.n_train=40", "task.n_val=20", "task.n_test=20",
                  "cell.hidden_size=3", "train.epochs=2", "train.clip=null", "train.optimizer=sgd",
                  f"results_dir={tmp_path}"])  # fmt: skip
    row = store.read_row(folder)
    assert (row["status"], row["steps"], row["clip"], row["clip_rate"]) == ("ok", 2, None, 0.0)
    assert row["memoryless_loss"] == pytest.approx(1 / 6 - 1 / 24)  # the last of 4 steps: marked in 1 of 2
    test = plan(compose(["task=adding", "task.seq_len=4", "task.n_test=20"])).task.test
    squares = [
        ((value + 0.5 if marker else 1) - y) ** 2
        for (*_, (value, marker)), y in zip(test.x.tolist(), test.y.tolist(), strict=True)
    ]
    assert row["memoryless_test_loss"] == pytest.approx(sum(squares) / 20)
    assert row["chance_test_accuracy"] == sum(abs(y - 1) < 0.04 for y in test.y.tolist()) / 20
    assert row["solved_rule"] == "loss <= 0.05"


def test_baselines_are_measured_on_the_test_samples_of_final_runs_even_of_one_that_diverged(tiny):
    columns = ("chance_test_accuracy", "memoryless_test_loss")
    final = store.read_row(run(tiny))
    task = plan(compose(tiny)).task
    most = max((0, 1), key=task.train.y.tolist().count)
    share = task.test.y.tolist().count(most) / len(task.test)
    assert [final[name] for name in columns] == [share, pytest.approx(math.log(2))]
    diverged = store.read_row(run([*tiny, "train.lr=1e30", "train.optimizer=sgd", "train.clip=null"]))
    assert (diverged["status"], diverged["test_loss"]) == ("diverged", None)
    assert [diverged[name] for name in columns] == [final[name] for name in columns]
    tune = store.read_row(run([*tiny, "stage=tune"]))
    assert (tune["status"], [tune[name] for name in columns]) == ("ok", [None, None])
    assert tune["chance_accuracy"] == 0.5


def test_baselines_of_a_third_party_task_are_measured_only_where_it_states_them(tiny, tmp_path, monkeypatch):
    source = """from harness.tasks import Baselines, Task, make_delayed_recall

def _half(x, steps):
    return x.double().new_full((len(x), 2), 0.5).log()

def make(stated, **arguments):
    task = make_delayed_recall(**arguments)
    return Task(task.spec, task.make_split, baselines=Baselines(memoryless=_half) if stated else None)
"""
    (tmp_path / "own_series.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    for stated in (True, False):
        row = store.read_row(run([*tiny, "task._target_=own_series.make", f"+task.stated={stated}"]))
        loss = pytest.approx(math.log(2)) if stated else None
        assert (row["status"], row["memoryless_test_loss"]) == ("ok", loss)
        assert (row["chance_test_accuracy"] is None) == (not stated)


def test_other_lengths_are_tested_with_the_best_weights_and_become_columns(tiny, tmp_path):
    folder = run([*tiny, "task.eval_lengths=[1x,2x,7]", "train.steps=30", "train.lr=0.03"])
    row = harness.load_runs(tmp_path / "results").iloc[0]
    assert row["test_accuracy_1x"] == row["test_accuracy"]
    assert row["test_loss_1x"] == row["test_loss"]
    assert row["test_loss_2x"] != row["test_loss"] != row["test_loss_T7"]
    harness.results.gather(tmp_path / "results")
    again = harness.load_runs(tmp_path / "results" / "runs.csv").iloc[0]
    assert again["test_loss_2x"] == row["test_loss_2x"]
    assert folder.name == row["run_id"]


@pytest.mark.parametrize("task", options("task"))
def test_every_task_trains(task, tmp_path, small_published_sets):
    if task in ("timeseries", "text"):
        package = {"timeseries": "aeon", "text": "faker"}[task]
        pytest.importorskip(package, reason="the extra `dev` is installed in part")
    small = ["cell=gru", "cell.hidden_size=6", "train.steps=20", "train.eval_every=20", "train.batch_size=16"]
    sizes = {
        "mnist": ["task.n_train=100"],
        "fashion_mnist": ["task.n_train=100"],
        "cifar10": ["task.n_train=50"],
    }
    sizes |= {"timeseries": [], "text": []} | {name: own_path(name, tmp_path / "own") for name in FILES}
    given = sizes.get(task, ["task.n_train=200", "task.n_val=20", "task.n_test=20"])
    row = store.read_row(run([f"task={task}", *small, *given, f"results_dir={tmp_path}"]))
    assert (row["status"], row["steps"]) == ("ok", 20)
    varying = task in ("embedded_reber", "listops", "text", "timeseries")
    assert (row["gradflow_slope"] is None) == varying
    steps_asked = row["config"]["task"]["_target_"].endswith(("copy_memory", "selective_copy"))
    assert (row["test_sequence_accuracy"] is not None) == steps_asked


def test_tokens_can_be_embedded(tiny):
    row = store.read_row(run([*tiny, "cell=gru", "model.embedding_size=3"]))
    bare = torch.nn.GRU(3, 4)
    assert row["n_params"] == 4 * 3 + sum(p.numel() for p in bare.parameters()) + 2 * 4 + 2


@pytest.mark.usefixtures("without_figures")
def test_an_error_of_any_class_is_a_row_and_the_grid_goes_to_its_end(tiny, tmp_path, capsys):
    from harness.cli import main

    cells = "cell._target_=tests.outside.RaisesBase,torch.nn.GRU"
    assert main(["-m", *tiny, "cell=custom", cells, "hydra/launcher=basic"]) == 1
    statuses = harness.load_runs(tmp_path / "results").set_index("cell")["status"].to_dict()
    assert statuses == {"raisesbase": "failed", "gru": "ok"}
    assert "Own: not an Exception" in capsys.readouterr().out


def test_an_exit_while_a_cell_is_made_or_imported_is_wrong_input(tiny, tmp_path, monkeypatch, capsys):
    from harness.cli import main

    (tmp_path / "exits_at_import.py").write_text("import sys\nsys.exit(0)\n")
    monkeypatch.syspath_prepend(tmp_path)
    for target in ("tests.outside.ExitsInConstructor", "exits_at_import.Cell"):
        assert main([*tiny, "cell=custom", f"cell._target_={target}"]) == 2
        assert "SystemExit" in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


def test_code_that_is_edited_during_a_run_makes_it_fail(tiny, tmp_path, monkeypatch):
    source = """from pathlib import Path
from torch import nn
class Edits(nn.GRU):
    def forward(self, x, h=None):
        if self.training:
            Path(__file__).write_text("A = 1")
        return super().forward(x, h)
"""
    (tmp_path / "edits_itself.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    row = store.read_row(run([*tiny, "cell=custom", "cell._target_=edits_itself.Edits"]))
    assert row["status"] == "failed"
    assert "was edited after it was imported" in row["error"]


def test_a_run_that_is_solved_before_its_first_step_is_printed(tiny, capsys, monkeypatch):
    from harness.cli import main

    monkeypatch.setattr("harness.tasks.TaskSpec.is_solved", lambda *_: True)
    assert main([*tiny, "train.stop_when_solved=true"]) == 0
    assert "gradient norm –" in capsys.readouterr().out


def test_a_sweep_without_a_value_is_wrong_input(tiny, capsys):
    from harness.cli import main

    for more in ([], ["--dry-run"]):
        assert main(["-m", *tiny, "seed=range(0)", *more]) == 2
        assert "there is no combination" in capsys.readouterr().err
