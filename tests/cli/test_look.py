"""`harness look RUN`: a picture, a table and numbers of one sequence, for every kind of input and target."""

import json
import re

import pandas as pd
import pytest

import harness
from harness.cli.main import main
from harness.experiment.task_of_run import task_of_run
from harness.results import store

FAST = ["train.steps=2", "train.eval_every=1", "train.batch_size=4", "cell.hidden_size=3", "task.n_train=8"]
FEW = ["task.n_val=4", "task.n_test=4"]


def kept(folder, *overrides):
    """The folder of a run that has kept its weights."""
    row = harness.run(*FAST, f"results_dir={folder}", "keep_weights=true", *overrides)
    return store.runs_dir(folder) / row["run_id"]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A results folder with two runs that kept their weights and one that did not."""
    folder = tmp_path_factory.mktemp("look") / "results"
    kept(folder, *FEW, "task=adding", "task.seq_len=30", "cell=lstm", "cell.num_layers=2")
    kept(folder, *FEW, "task=temporal_order", "task.seq_len=12", "cell=gru")
    harness.run(*FAST, *FEW, f"results_dir={folder}", "task=adding", "task.seq_len=6", "cell=rnn")
    return folder


def test_a_run_is_named_by_its_beginning_and_shown_as_table_picture_and_numbers(results, tmp_path, capsys):
    csv, picture = tmp_path / "numbers.csv", tmp_path / "new" / "look.png"
    command = ["look", "adding-lstm", f"results_dir={results}", "--sample=2", f"--csv={csv}"]
    assert main([*command, "--figure", str(picture)]) == 0
    out = capsys.readouterr().out
    assert re.search(
        r"adding-lstm-\S+, test sample 2\ntarget \S+, answer \S+; squared error \S+\nlayer 1:", out
    )
    assert "mean f" in out and "|dL/dc|" in out and "…" in out and str(csv) in out
    assert picture.stat().st_size > 10_000
    numbers = pd.read_csv(csv)
    counts = numbers.groupby(["what", "layer"], dropna=False).size()
    assert counts["grad_h", 0.0] == counts["f", 1.0] == 30 * 3
    folder = next((results / "runs").glob("adding-lstm*"))
    model = harness.load_model("adding-lstm", results)
    x, _, length = task_of_run(folder).test[2]
    answer = numbers[numbers["what"] == "answer"]["value"].item()
    assert answer == pytest.approx(model(x[None], length[None]).item(), abs=1e-6)


@pytest.mark.parametrize("overrides", [
    ["task=mnist", "cell=gru"],
    [*FEW, "task=copy_memory", "cell=rnn", "task.seq_len=24"],
    [*FEW, "task=adding", "cell=bilstm", "task.seq_len=8"],
    [*FEW, "task=adding", "cell=custom", "cell._target_=tests.outside.LeakyCell", "task.seq_len=8"],
])  # fmt: skip
def test_images_labels_at_steps_and_other_cells_are_drawn(tmp_path, capsys, overrides):
    folder = kept(tmp_path, *overrides)
    assert main(["look", str(folder)]) == 0
    assert (folder / "look-0.png").stat().st_size > 10_000
    assert ("note: no gates" in capsys.readouterr().out) == bool(
        {"cell=bilstm", "cell=custom"} & {*overrides}
    )


def test_a_run_without_weights_says_how_to_make_it_again_with_them(results, capsys):
    assert main(["look", "adding-rnn", f"results_dir={results}"]) == 2
    said = capsys.readouterr().err
    command = re.search(r"make it again with them: harness (.*)", said)[1].split()
    assert "keep_weights=true" in command and f"results_dir={results}" in command
    assert main(command) == 0
    assert main(["look", "adding-rnn", f"results_dir={results}"]) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["temporal_order", "--sample", "4"], "--sample must be a whole number from 0 to 3, not '4'"),
        (["temporal_order", "--sample=-1"], "--sample must be"),
        (["temporal_order", "--layer", "1"], "--layer must be a whole number from 0 to 0, not '1'"),
        (["temporal_order", "--figure", "x.docx"], "--figure x.docx: "),
        (["adding"], "adding begins 2 runs"),
        (["nothing"], "neither the folder of a run nor"),
        (["one", "two"], "look takes one run"),
        ([], "look takes one run"),
        (["temporal_order", "--what"], "not '--what'"),
        (["temporal_order", "seed=1"], "not 'seed=1'"),
        (["temporal_order", "task.variant=6b"], "task.variant"),
        (["temporal_order", "task.n_test=5"], "makes other test samples than those of temporal_order"),
        (["temporal_order", "--csv", "row.json"], "--csv takes a file that ends in .csv, not row.json"),
    ],
)
def test_wrong_input_is_named_in_one_line(results, capsys, monkeypatch, tmp_path, arguments, said):
    monkeypatch.chdir(tmp_path)
    assert main(["look", *arguments, f"results_dir={results}"]) == 2
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1


@pytest.mark.parametrize("content", [b"", b"hello " * 100, "half"])
def test_damaged_weights_are_named_in_one_line(tmp_path, capsys, content):
    folder = kept(tmp_path, *FEW, "task=adding", "task.seq_len=6", "cell=rnn")
    weights = folder / "weights.pt"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2] if content == "half" else content)
    assert main(["look", str(folder)]) == 2
    err = capsys.readouterr().err
    assert "weights.pt holds no weights of a run" in err and err.count("\n") == 1


def test_a_run_that_diverged_is_not_to_be_made_again_for_its_weights(tmp_path, capsys):
    overrides = ["task=adding", "task.seq_len=6", "cell=rnn_relu", "train.lr=1e20", "train.clip=null"]
    folder = kept(tmp_path, *FEW, *overrides)
    assert main(["look", str(folder)]) == 2
    assert "ended diverged; only runs that end ok keep weights" in capsys.readouterr().err


def test_a_run_whose_row_is_missing_or_damaged_is_named(results, tmp_path, capsys):
    folder = tmp_path / "runs" / "x"
    folder.mkdir(parents=True)
    (folder / "config.yaml").touch()
    assert main(["look", str(folder)]) == 2
    assert "the run has not ended" in capsys.readouterr().err
    (folder / "row.json").write_text(json.dumps({"run_id": "y"}))
    assert main(["look", str(folder)]) == 2
    assert "row.json" in capsys.readouterr().err
