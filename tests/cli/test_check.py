"""`harness check`: its page, and its exit codes."""

import sys

import pytest

from harness.cli.check.command import HELP
from harness.cli.main import main
from harness.tasks.examine.problems import MOST_SHARED, MOST_UNLEARNT, MOST_UNSEEN

TASK = """
import torch
from harness.tasks import Split, Task, TaskSpec

def make(*, broken=False, same=False):
    def make_split(name, epoch):
        x = torch.arange(8.0).reshape(4, 2, 1) + 8 * (0 if same else ["train", "val", "test"].index(name))
        x[0, 0] = float("nan") if broken else x[0, 0]
        return Split(x, torch.tensor([0, 1, 0, 1]), torch.full((4,), 2))
    shape = {"seq_len": 2, "input_size": 1, "num_classes": 2, "target": "class", "chance_accuracy": 0.5}
    source = {"name": "mine", "variant": "v", "data_source": "mine-4", "citation": "none"}
    return Task(TaskSpec(**source, **shape), make_split)

def fails():
    task = make()
    return Task(task.spec, lambda name, epoch: {}["samples"])
"""


@pytest.fixture
def own_task(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "checked_task", raising=False)
    (tmp_path / "checked_task.py").write_text(TASK)
    (tmp_path / "conf" / "task").mkdir(parents=True)
    (tmp_path / "conf" / "task" / "mine.yaml").write_text(
        "_target_: checked_task.make\nbroken: false\nsame: false\n"
    )
    (tmp_path / "conf" / "task" / "fails.yaml").write_text("_target_: checked_task.fails\n")
    return tmp_path


def check(*arguments):
    return main(["check", *arguments, "--config-dir", "conf"])


def test_the_page_of_a_task_of_this_package(capsys):
    sizes = ["task.n_train=200", "task.n_val=20", "task.n_test=120", "task.seq_len=20"]
    assert main(["check", "adding", *sizes]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("adding, half: 20 steps of 2 features -> a number")
    assert [line.split()[:2] for line in lines[2:6]] == [
        ["split", "samples"],
        ["train", "200"],
        ["val", "20"],
        ["test", "120"],
    ]
    assert lines[-1] == "no problem found"


def test_the_page_of_texts_names_classes_and_counts_unknown_symbols(tmp_path, capsys):
    lines = [f"{label}\t{label}{x}" for label in ("spam", "ham") for x in "0123456789ABCDEFGHIJ"]
    (tmp_path / "mail.tsv").write_text("\n".join(lines))
    assert main(["check", "task=text", f"task.path={tmp_path / 'mail.tsv'}"]) == 0
    out = capsys.readouterr().out
    assert "\n0 ham                  12    4     4\n1 spam                 12    4     4\n" in out
    assert "symbols that training samples lack" in out and "note: token 0 stands for any symbol" in out


@pytest.mark.usefixtures("own_task")
def test_an_own_task_is_checked_and_a_problem_is_exit_code_1(capsys):
    assert check("mine") == 0
    assert "no problem found" in capsys.readouterr().out
    assert check("mine", "task.same=true") == 1
    assert "problem: test: 4 (100 %) of its inputs are also training inputs" in capsys.readouterr().out
    assert check("mine", "task.broken=true") == 1
    out = capsys.readouterr().out
    assert ["NaN", "1", "1", "1"] in map(str.split, out.splitlines())
    assert "problem: mine (v), train, sample 0, step 0, feature 0: the input must be a finite number" in out


@pytest.mark.usefixtures("own_task")
def test_an_error_in_the_code_of_a_task_is_a_problem_with_its_line(capsys):
    assert check("fails") == 1
    assert "samples cannot be made: checked_task.py:16: KeyError: 'samples'" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "check needs the name of a task, such as: harness check adding"),
        (["task=text", "task.path=no.tsv"], "task.path must name a file"),
        (["adding", "task.seq_len=0"], "task.seq_len must be a whole number"),
        (["adding", "cell"], "check takes KEY=VALUE"),
        (["tasc=adding"], "tasc"),
    ],
)
def test_wrong_arguments_are_exit_code_2(arguments, said, capsys):
    assert main(["check", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_the_help_states_the_limits_of_the_rules():
    assert f"more than {100 * MOST_SHARED:g} % of the held-out inputs" in HELP
    assert f"more than {100 * MOST_UNLEARNT:g} % of the held-out ones" in HELP
    assert f"more than {100 * MOST_UNSEEN:g} % of the symbols" in HELP
