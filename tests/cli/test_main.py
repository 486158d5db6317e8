"""What every command shares: help, exit codes, one-line errors, a fast start."""

import subprocess
import sys

import pytest

from harness.cli.main import COMMANDS, main
from tests.processes import run_harness


@pytest.mark.parametrize("flag", ["--help", "-h"])
@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_has_usage_keys_and_two_examples(name, flag, capsys):
    assert main([name, "anything=1", flag]) == 0
    out = capsys.readouterr().out
    assert out.startswith("usage: harness ")
    assert "\nkeys" in out
    examples = out.split("\nexamples:\n")[1].splitlines()
    assert len(examples) == 2 and all(line.startswith("  harness ") for line in examples)
    assert max(map(len, out.splitlines())) <= 120


@pytest.mark.parametrize(
    ("arguments", "name"), [(["-m"], "grid"), (["task=adding"], "run"), (["--cfg", "job"], "config")]
)
def test_help_follows_the_command_that_the_flags_mean(arguments, name, capsys):
    assert main([*arguments, "--help"]) == 0
    assert capsys.readouterr().out.strip() == COMMANDS[name].help


def test_help_names_every_command_with_one_line(capsys):
    assert main([]) == main(["--help"]) == main(["help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name, command in COMMANDS.items():
        assert lines.count(f"  {name:8} {command.about}") == 3


def test_the_version_is_printed(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("harness 0.")


def test_exit_codes_tell_failed_diverged_and_stopped_apart_from_ok(tiny):
    custom = [*tiny, "cell=custom"]
    assert main([*tiny, "train.lr=1e9"]) == 1
    assert main([*custom, "cell._target_=tests.outside.Bomb"]) == 1
    assert main([*custom, "cell._target_=tests.outside.Exits"]) == 1
    assert main([*custom, "cell._target_=tests.outside.Interrupted"]) == 130


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["task=mnsit"], "did you mean 'mnist'"),
        (["task=MNIST"], "did you mean 'mnist'"),
        (["-m", "task=mnsit,adding"], "did you mean 'mnist'"),
        (["tsak=adding"], "did you mean 'task'"),
        (["lr=0.01"], "did you mean 'train.lr'"),
        (["--lr=0.01"], "did you mean 'train.lr=0.01'"),
        (["reprot"], "did you mean 'report'"),
        (["-x"], "not '-x'"),
        (["task=adding", "gru"], "did you mean 'cell=gru'"),
        (["-m", "smoke"], "not 'smoke'; did you mean 'experiment=smoke'"),
        (["experiment=smoke"], "harness -m experiment=smoke"),
        (["-m", "experiment=smoke,default"], "name one at a time"),
        (["-m"], "harness -m experiment=smoke"),
        (["grid", "--dry-run"], "harness -m experiment=smoke"),
        (["-m", "hydra/launcher=basic"], "harness -m experiment=smoke"),
        (["--cfg", "job", "task=foo"], "unknown task 'foo'"),
        (["--config-dir", "no/such/folder"], "'no/such/folder'"),
        (["--config-dir"], "--config-dir takes a folder"),
        (["time", "speed"], "did you mean 'experiment=speed'"),
    ],
)
def test_wrong_input_ends_with_one_line_and_code_2(arguments, part, capsys):
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert part in err
    assert err.startswith("harness: ") and err.count("\n") == 1


def test_the_full_traceback_is_shown_on_request_alone(monkeypatch, capsys):
    wrong = ["cell=custom", "cell._target_=no_such_module.Cell"]
    assert main(wrong) == 2
    assert "Traceback" not in capsys.readouterr().err
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    assert main(wrong) == 2
    err = capsys.readouterr().err
    assert "Traceback" in err and "ModuleNotFoundError: No module named 'no_such_module'" in err


def test_hydras_own_flags_show_the_config_and_run_nothing(tmp_path):
    for flags, task in (
        (["--cfg", "job"], "adding"),
        (["config"], "adding"),
        (["-m", "--cfg", "job"], "adding,mnist"),
    ):
        done = run_harness(*flags, f"task={task}", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "_target_: harness.tasks.make_adding" in done.stdout
        assert list(tmp_path.iterdir()) == []


def test_the_command_line_starts_without_what_only_runs_tables_and_figures_need():
    heavy = ["torch", "hydra", "pandas", "scipy", "matplotlib", "numba", "torchvision"]
    code = f"import sys, harness.cli; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_planning_imports_neither_tables_nor_figures_nor_compiled_loops():
    heavy = ["pandas", "scipy", "matplotlib", "numba", "torchvision", "torch._dynamo"]
    code = (
        "import sys, harness.cli; from harness.experiment import grid, plan, run;"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
