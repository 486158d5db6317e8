"""The version of third-party code: it changes with the code that runs, and with nothing else."""

import functools
import importlib
import sys
from pathlib import Path

import pytest
import torch

import harness.tasks
from harness.experiment.errors import ConfigError
from harness.experiment.targets import split_target, third_party_code
from harness.experiment.third_party_code import CodeChangedError, code_version

PACKAGE = {
    "pack/__init__.py": "from pack.base import Base\n",
    "pack/base.py": "Base = 1\n",
    "pack/sub/__init__.py": "",
    "pack/sub/cell.py": "from ..helper import help_me\nfrom . import near\nimport os\n",
    "pack/sub/near.py": "NEAR = 1\n",
    "pack/helper.py": "def help_me():\n    import pack.lazy\n",
    "pack/lazy.py": "LAZY = 1\n",
    "pack/unrelated.py": "U = 1\n",
    "loose.py": "import beside\n",
    "beside.py": "import beside_that\n",
    "beside_that.py": "B = 1\n",
    "other.py": "O = 1\n",
}


@pytest.fixture
def version_of(tmp_path, monkeypatch):
    """From a module's name and changed files to its version, each time imported from a new folder."""
    calls = iter(range(1000))

    def version(name, **changes):
        folder = tmp_path / f"project-{next(calls)}"
        for path, text in (
            PACKAGE | {key.replace("__", "/"): value for key, value in changes.items()}
        ).items():
            file = folder / (path if path.endswith(".py") else f"{path}.py")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        monkeypatch.syspath_prepend(folder)
        for loaded in [one for one in sys.modules if one.partition(".")[0] in ("pack", "loose", "beside")]:
            monkeypatch.delitem(sys.modules, loaded)
        return code_version(importlib.import_module(name))

    return version


@pytest.mark.parametrize(
    ("module", "counts"),
    [
        ("pack.sub.cell", ["pack__sub__cell", "pack__helper", "pack__lazy", "pack__sub__near", "pack__base"]),
        ("loose", ["loose", "beside", "beside_that"]),
    ],
)
def test_every_imported_module_of_the_package_or_folder_counts(version_of, module, counts):
    plain = version_of(module)
    assert len(plain) == 8
    assert version_of(module) == plain  # in another folder
    source = {key: PACKAGE[f"{key.replace('__', '/')}.py"] for key in counts}
    changed = [version_of(module, **{key: text + "# edited\n"}) for key, text in source.items()]
    assert len({plain, *changed}) == 1 + len(counts)


@pytest.mark.parametrize("module", ["pack.sub.cell", "loose"])
def test_modules_that_are_not_imported_do_not_count(version_of, module):
    assert version_of(module) == version_of(module, pack__unrelated="U = 2\n", other="O = 2\n")


def test_what_the_process_has_loaded_beside_it_does_not_count(version_of):
    alone = version_of("loose")
    importlib.import_module("pack.unrelated")
    importlib.import_module("other")
    assert code_version(sys.modules["loose"]) == alone


def test_installed_packages_have_their_version_and_own_code_has_none():
    assert code_version(importlib.import_module("hydra.utils")).startswith("hydra-core 1.3")
    assert code_version(importlib.import_module("rich.table")).startswith("rich ")
    for module in (harness.tasks, torch.nn, functools):
        assert code_version(module) == ""


def test_a_file_that_is_edited_after_its_import_is_refused_until_a_new_process(tmp_path, monkeypatch):
    (tmp_path / "edited_cells.py").write_text("A = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("edited_cells")
    before = code_version(module)
    (tmp_path / "edited_cells.py").write_text("A = 22\n")
    with pytest.raises(CodeChangedError, match="edited after it was imported.*start a new process"):
        code_version(module)
    (tmp_path / "edited_cells.py").write_text("A = 1\n")
    assert code_version(module) == before


def test_code_without_a_file_is_refused(monkeypatch):
    module = type(sys)("typed_in_a_notebook")
    module.make = lambda: None
    monkeypatch.setitem(sys.modules, "typed_in_a_notebook", module)
    with pytest.raises(ConfigError, match="has no file; put it into a module"):
        third_party_code(("typed_in_a_notebook.make", module.make))


def test_a_target_that_another_package_defines_counts_with_that_package():
    target, _ = split_target("cell", {"_target_": "tests.outside.leaky_factory"})
    assert third_party_code(("tests.outside.leaky_factory", target)) == code_version(
        sys.modules["tests.outside"]
    )
    assert third_party_code(("harness.tasks.make_adding", harness.tasks.make_adding)) == ""
    from rich.table import Table

    both = third_party_code(("tests.outside.LeakyCell", Table))
    assert both.count(", ") == 1 and "rich" in both


def make_module(folder, monkeypatch, name, files):
    """Writes files, imports the module `name` from `folder`, and returns its version."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    monkeypatch.syspath_prepend(folder)
    for loaded in [one for one in sys.modules if one.partition(".")[0] == name.partition(".")[0]]:
        monkeypatch.delitem(sys.modules, loaded)
    importlib.invalidate_caches()
    return code_version(importlib.import_module(name))


@pytest.mark.parametrize(
    "line",
    [
        "import importlib\nm = importlib.import_module('kit.helper')",
        "from importlib import import_module\nm = import_module('.helper', __package__)",
        "m = __import__('kit.helper')",
        "import importlib\nfor n in ['helper']:\n    importlib.import_module(f'kit.{n}')",
        "import pkgutil\nimport kit\nfound = list(pkgutil.iter_modules(kit.__path__))",
    ],
)
def test_modules_imported_by_a_call_count_and_all_files_where_the_name_is_computed(
    tmp_path, monkeypatch, line
):
    versions = set()
    for number in (1, 2):
        files = {"kit/__init__.py": "", "kit/cell.py": line, "kit/helper.py": f"A = {number}\n"}
        versions.add(make_module(tmp_path / str(number), monkeypatch, "kit.cell", files))
    assert len(versions) == 2


@pytest.mark.parametrize("linked", ["package", "module"])
def test_code_behind_a_symlink_counts(tmp_path, monkeypatch, linked):
    versions = set()
    for number in (1, 2):
        project = tmp_path / str(number)
        (project / "real").mkdir(parents=True)
        if linked == "package":
            (project / "linked").symlink_to(project / "real" / "impl", target_is_directory=True)
            files = {
                "real/impl/__init__.py": "from linked.helper import A\n",
                "real/impl/helper.py": f"A = {number}\n",
            }
        else:
            (project / "linked.py").symlink_to(project / "real" / "linked_code.py")
            files = {"real/linked_code.py": "from aside import A\n", "aside.py": f"A = {number}\n"}
            monkeypatch.delitem(sys.modules, "aside", raising=False)
        versions.add(make_module(project, monkeypatch, "linked", files))
    assert len(versions) == 2


def test_a_module_of_ones_own_with_the_name_of_a_standard_one_has_a_version(tmp_path, monkeypatch):
    assert len(make_module(tmp_path, monkeypatch, "chunk", {"chunk.py": "A = 1\n"})) == 8


def test_the_source_of_this_package_does_not_count_for_a_loose_module_beside_it():
    from harness.experiment.third_party_code import _sources

    module = type(sys)("loose_beside")
    found = _sources(module, Path(harness.tasks.__file__).parents[2] / "examples" / "plain_pytorch.py")
    assert not [name for name in found if name.startswith(("harness", "torch"))]


def test_a_partial_counts_with_the_package_of_its_function():
    from rich.table import Table

    assert "rich" in third_party_code(("tests.outside.made", functools.partial(Table)))


def test_a_file_edited_between_its_import_and_the_first_look_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)  # the import's bytecode tells what it read
    (tmp_path / "early.py").write_text("A = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("early")
    (tmp_path / "early.py").write_text("A = 222\n")
    with pytest.raises(CodeChangedError):
        code_version(module)


def test_a_lazily_imported_file_edited_after_its_import_is_refused(tmp_path, monkeypatch):
    (tmp_path / "lazy_main.py").write_text("def f():\n    import lazy_helper\n    return lazy_helper.A\n")
    (tmp_path / "lazy_helper.py").write_text("A = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("lazy_main")
    first = code_version(module)
    (tmp_path / "lazy_helper.py").write_text("A = 333\n")
    assert code_version(module) != first  # not imported yet: the new file is what will run
    assert module.f() == 333
    (tmp_path / "lazy_helper.py").write_text("A = 4444\n")
    with pytest.raises(CodeChangedError):
        code_version(module)
