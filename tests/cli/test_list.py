import re
import subprocess
import sys

import pytest

from harness.cli.main import main
from harness.experiment.conf_files import conf_dir


@pytest.fixture
def mine(tmp_path):
    """A folder of yaml files of one's own: one that works, and three that cannot be used."""
    for name, text in {
        "task/fancy": "# @package task\n# My fancy task.\n_target_: my_tasks.make_fancy\nseq_len: 10\n",
        "task/missing": "# Its module does not exist.\n_target_: no_such_module.make\n",
        "task/bytes": "# Not UTF-8: \udcff.\nfoo: 1\n",
        "cell/broken": "# No yaml.\nfoo: [1\n",
        "experiment/bare": "train:\n  steps: 3\n",
    }.items():
        path = tmp_path / "my conf" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8", errors="surrogateescape"))
    return tmp_path / "my conf"


def lines_of(out):
    """The lines below each head."""
    return {match[1]: match[2].splitlines() for match in re.finditer(r"(\w+)s\n((?:  .*\n?)+)", out)}


def test_every_yaml_has_a_line_with_its_first_comment(capsys):
    assert main(["list"]) == 0
    found = lines_of(capsys.readouterr().out)
    assert [*found] == ["task", "cell", "init", "experiment"]
    for group, lines in found.items():
        files = sorted((conf_dir() / group).glob("*.yaml"))
        assert len(files) == len(lines)
        for path, line in zip(files, lines, strict=True):
            comments = [
                text for text in path.read_text(encoding="utf-8").splitlines() if text.startswith("# ")
            ]
            first = next(text for text in comments if "@package" not in text)
            assert line.split(maxsplit=1) == [path.stem, first.removeprefix("# ")]


@pytest.mark.parametrize("form", ["searchpath", "flag", "flag="])
def test_entries_of_other_folders_are_listed_without_being_used(mine, form, capsys):
    arguments = {
        "searchpath": [f"hydra.searchpath=['file://{mine}']"],
        "flag": ["--config-dir", str(mine)],
        "flag=": [f"--config-dir={mine}"],
    }[form]
    assert main(["list", *arguments]) == 0
    found = lines_of(capsys.readouterr().out)
    lines = [" ".join(line.split()) for group in found.values() for line in group]
    for line in (
        "fancy My fancy task. [my_tasks.make_fancy]",
        "missing Its module does not exist. [no_such_module.make]",
        "bytes Not UTF-8: \N{REPLACEMENT CHARACTER}.",
        "broken No yaml.",
        "bare",
        "adding The sum of the two numbers that have a marker.",
    ):
        assert line in lines


def test_listing_builds_no_task_and_imports_no_torch(tmp_path):
    code = (
        "import sys, time; from harness.cli import main; main(['list']);"
        "print('torch' in sys.modules, time.process_time() < 1)"  # 0.15 s; importing torch alone takes 1.3 s
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "False True"


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["all"], "not 'all'"),
        (["task=adding"], "not 'task=adding'"),
        (["hydra.searchpath=[file:///no/such/folder]"], "/no/such/folder is not a folder"),
        (["hydra.searchpath=[x"], "hydra.searchpath=[x"),
    ],
)
def test_wrong_input_is_named(arguments, part, capsys):
    assert main(["list", *arguments]) == 2
    err = capsys.readouterr().err
    assert part in err and err.count("\n") == 1
