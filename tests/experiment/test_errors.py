"""Where an error of a user's own code arose, in one line."""

import importlib
import re
import sys
import types

import pytest
import torch

from harness.experiment.cost import _n_train
from harness.experiment.errors import ConfigError, as_config_error, full_traceback, where_it_happened
from harness.tasks import make_adding


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Writes a module of the user's into the working directory and imports it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    def write(text, name="my_tasks"):
        (tmp_path / f"{name}.py").write_text(text)
        importlib.invalidate_caches()
        return importlib.import_module(name)

    yield write
    for name in ("my_tasks", "my_cells"):
        sys.modules.pop(name, None)


def error_of(call):
    with pytest.raises(BaseException) as caught:  # noqa: PT011
        call()
    return caught.value


def test_an_error_of_a_called_function_has_its_file_and_line(module):
    made = module("def make():\n    values = {}\n    return values['x']\n")
    assert where_it_happened(error_of(made.make)) == "my_tasks.py:3: KeyError: 'x'"


def test_the_deepest_line_of_the_user_is_named_and_not_those_of_torch_or_this_package(module):
    made = module(
        "import torch\nfrom harness.tasks import make_adding\n\ndef cell(x):\n    return inner(x)\n\n"
        "def inner(x):\n    return torch.ones(2) @ torch.ones(3)\n\n"
        "def task():\n    return make_adding(seq_len=1)\n"
    )
    assert where_it_happened(error_of(lambda: made.cell(1))).startswith("my_tasks.py:8: RuntimeError: ")
    wrong = where_it_happened(error_of(made.task))
    assert wrong.startswith("my_tasks.py:11: ValueError: seq_len must be") and "\n" not in wrong


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import torch\n\nlimit = 1 / 0\n", "my_tasks.py:3: ZeroDivisionError: division by zero"),
        ("import no_such_module\n", "my_tasks.py:1: ModuleNotFoundError: No module named 'no_such_module'"),
        ("x = 1\ndef make(:\n    pass\n", "my_tasks.py:2: SyntaxError: invalid syntax"),
    ],
)
def test_errors_of_importing_have_the_line_at_which_the_import_failed(module, text, expected):
    assert where_it_happened(error_of(lambda: module(text))) == expected


def test_the_line_of_the_cause_is_found_behind_an_error_that_wraps_it(module):
    made = module("def make():\n    raise OSError('no data')\n")

    def wrapped():
        try:
            made.make()
        except OSError as error:
            raise ConfigError("the task cannot be made") from error

    error = error_of(wrapped)
    error.__traceback__ = None  # its own frames are of this test, a user's file too
    assert where_it_happened(error) == "my_tasks.py:2: ConfigError: the task cannot be made"


def test_an_error_without_a_line_of_the_users_has_no_place():
    error = error_of(lambda: make_adding(seq_len=0))
    error.__traceback__ = error.__traceback__.tb_next.tb_next  # without the frames of this test
    assert where_it_happened(error).startswith("ValueError: seq_len must be")
    assert where_it_happened(KeyError()) == "KeyError"
    assert where_it_happened(torch.OutOfMemoryError("two\nlines")) == "OutOfMemoryError: two lines"


def test_the_full_traceback_holds_what_from_none_hides():
    def short():
        try:
            raise KeyError("hidden")
        except KeyError:
            raise ConfigError("short") from None

    text = full_traceback(error_of(short))
    assert "KeyError: 'hidden'" in text and text.rstrip().endswith("ConfigError: short")


def test_a_key_error_of_an_installed_task_is_not_taken_for_a_gap_in_the_config(monkeypatch):
    monkeypatch.setattr("harness.experiment.errors._is_users", lambda filename: False)
    error = error_of(lambda: {}["x"])  # this file stands for one of an installed package
    assert re.fullmatch(r"\S*test_errors\.py:\d+: KeyError: 'x'", str(as_config_error(error)))
    plan = types.SimpleNamespace(identity=types.SimpleNamespace(config={}))
    error = error_of(lambda: _n_train(plan))
    assert str(as_config_error(error)) == "the config lacks 'task'; do not remove it"
