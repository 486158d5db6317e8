"""`harness generate RUN`: what runs write after a prompt, and what is refused in one line."""

import math

import pytest

import harness
from harness.cli.main import main
from harness.experiment.combinations import expand
from harness.experiment.errors import ConfigError
from harness.results import load_runs, store

TINY = [
    "train.steps=2",
    "train.eval_every=1",
    "train.batch_size=4",
    "cell.hidden_size=3",
    "keep_weights=true",
]
TEXT = ["task=next_char", "task.seq_len=8", "task.n_train=8", "task.n_val=4", "task.n_test=4"]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("generate") / "results"
    for cell in ("gru", "rnn"):
        harness.run(*TINY, *TEXT, f"results_dir={folder}", "task.labels=every_step", f"cell={cell}")
    harness.run(*TINY, *TEXT, f"results_dir={folder}", "cell=rnn", "model.readout=all")
    few = ["task.n_train=8", "task.n_val=4", "task.n_test=4"]
    harness.run(*TINY, *few, f"results_dir={folder}", "task=adding", "task.seq_len=6")
    return folder


def written(capsys, *arguments):
    assert main(["generate", *arguments]) == 0
    return capsys.readouterr().out


def test_runs_are_printed_one_below_the_other_and_the_same_again(results, capsys):
    gru = next((results / "runs").glob("next_char-gru*"))
    [rnn] = [
        path
        for path in (results / "runs").glob("next_char-rnn*")
        if "every_step" in store.read_row(path)["variant"]
    ]
    command = [str(gru), str(rnn), "--length", "40", "--prompt", "The ", "--seed=3"]
    out = written(capsys, *command)
    assert out == written(capsys, *command)
    assert out.startswith(f"{gru.name}, temperature 1, seed 3:\nThe ")
    assert f"\n\n{rnn.name}, temperature 1, seed 3:\nThe " in out
    text = out.split(":\n", 1)[1].split(f"\n\n{rnn.name}")[0]
    assert len(text) == len("The ") + 40
    assert written(capsys, *command[:-1], "--seed=4") != out
    cold = [*command[:-1], "--temperature", "0"]
    assert written(capsys, *cold, "--seed=1").replace("seed 1", "") == written(
        capsys, *cold, "--seed=2"
    ).replace("seed 2", "")


def test_a_run_states_its_loss_in_bits_where_labels_are_the_next_symbols(results):
    runs = load_runs(results).set_index("task")
    bits = runs.loc["next_char"]
    assert (bits["test_bits"] - bits["test_loss"] / math.log(2)).abs().max() < 1e-12
    assert math.isnan(runs.loc["adding", "test_bits"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "generate takes runs"),
        (["next_char-gru", "--prompt=Ж"], "--prompt has 'Ж', which next_char-gru-.* has not seen"),
        (["next_char-gru", "--prompt="], "--prompt takes one value"),
        (["next_char-gru", "--length=0"], "--length must be a whole number from 1 to 1000000, not '0'"),
        (["next_char-gru", "--length=²"], "--length must be a whole number"),
        (["next_char-gru", "--temperature=nan"], "--temperature must be a number of at least 0, not 'nan'"),
        (["next_char-gru", "--seed=-1"], "--seed must be a whole number from 0"),
        (["next_char-gru", "--heat=1"], "generate takes runs, --length, .*, not '--heat=1'"),
        (["nobody"], "nobody is neither the folder of a run"),
        (["adding"], "is of the task adding, and a run that generates predicts the next symbol"),
    ],
)
def test_wrong_input_is_one_line(results, capsys, arguments, message):
    assert main(["generate", *arguments, f"results_dir={results}"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    with pytest.raises(ConfigError, match=message):
        raise ConfigError(error)


def test_a_readout_of_whole_windows_asks_for_a_whole_window(results, capsys):
    [run] = [p for p in (results / "runs").glob("next_char-rnn*") if store.read_row(p)["readout"] == "all"]
    assert main(["generate", str(run), "--prompt=The"]) == 2
    assert "cannot continue 'The': model.readout=all was made for 8 steps, not 3" in capsys.readouterr().err
    assert "The time" in written(capsys, str(run), "--prompt=The time", "--length=2")


def test_labels_at_every_step_are_refused_of_a_cell_that_reads_later_steps(tmp_path):
    with pytest.raises(
        ConfigError, match="reads later steps, and at each step of next_char the label is the"
    ):
        expand([*TEXT, "task.labels=every_step", "cell=bilstm", f"results_dir={tmp_path}"])
    assert expand([*TEXT, "cell=bilstm", f"results_dir={tmp_path}"])[1]
