"""README and docs/: every command can be planned, every python block runs, every link and table is right."""

import dataclasses
import re
import shlex
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

import harness
from harness.cli.fetch import fetch_arguments, fetchers
from harness.cli.main import COMMANDS, main
from harness.experiment.combinations import expand
from harness.experiment.config import compose, options
from harness.experiment.plan import plan
from harness.experiment.run import execute
from harness.experiment.schema import Schema
from harness.results import COLUMNS, STATUSES
from harness.timing.table import TIMING_FILES
from harness.timing.timing_pass import check_configurations, timing_options
from harness.training import probes
from harness.training.options import TrainOptions
from harness.training.probes import gradient_flow
from tests.processes import run_code
from tests.tasks.own_files import FILES, IDX_NAMES, LONG, images, write_idx, write_own_files

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PROMISED_PAGES = {
    "tasks", "cells", "tables", "speed", "statistics", "extending", "results", "hydra", "upgrading",
    "slurm", "dask", "ray", "scaling",
}  # fmt: skip

FENCE = re.compile(
    r"^(?:[^\n]*?`(?P<file>[\w./-]+)`:\n\n)?```(?P<kind>\w+)\n(?P<text>.*?)^```",
    flags=re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    """A fenced block; `file` is the path that the line before it ends with."""

    kind: str
    text: str
    file: str | None


def text_of(page):
    return page.read_text(encoding="utf-8")


def blocks(page):
    return [Block(m["kind"], m["text"], m["file"]) for m in FENCE.finditer(text_of(page))]


def shell_lines():
    """Each line of each sh block, without its comment, with the page that shows it."""
    return [
        (page, re.sub(r"\s+#.*", "", line))
        for page in PAGES
        for block in blocks(page)
        if block.kind == "sh"
        for line in block.text.splitlines()
        if line.strip()
    ]


def page_id(value):
    return value.name if isinstance(value, Path) else None


@pytest.fixture
def page_folder(tmp_path, monkeypatch):
    """A function that writes the files that a page shows into a folder and makes it the working directory."""
    modules = set(sys.modules)
    monkeypatch.setattr(sys, "path", list(sys.path))  # `main` adds the working directory
    monkeypatch.setattr(sys, "argv", list(sys.argv))  # `harness config` hands its arguments to Hydra there

    def enter(page):
        for block in blocks(page):
            if block.file is not None and not block.file.startswith("harness/"):
                path = tmp_path / block.file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.text, encoding="utf-8")
        monkeypatch.chdir(tmp_path)
        sys.path.insert(0, str(tmp_path))
        return tmp_path

    yield enter
    for name in set(sys.modules) - modules:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


def test_the_readme_is_short_and_the_promised_pages_exist():
    assert len(text_of(ROOT / "README.md").splitlines()) <= 150
    assert {page.stem for page in PAGES[1:]} == PROMISED_PAGES
    for page in PAGES[1:]:
        assert f"docs/{page.name}" in text_of(ROOT / "README.md")


def write_named_data(folder, arguments):
    """Writes the own data that a command names by `task.path`, unless the page shows that file."""
    task = next((name for name in FILES if {f"task={name}", name} & set(arguments)), None)
    for argument in arguments:
        if argument.startswith("task.path=") and task and not (folder / argument[10:]).exists():
            path = folder / argument[10:]
            write_own_files(folder / "own")
            path.parent.mkdir(parents=True, exist_ok=True)
            if task == "idx":
                write_idx(path, *images(), names=[f"emnist-letters-{name}" for name in IDX_NAMES])
                continue
            raw = (folder / "own" / (LONG if path.name == "steps.csv" else FILES[task])).read_bytes()
            raw = raw.replace(b",", b"\t") if path.suffix == ".tsv" else raw
            for part in {path, path.with_name(path.name.replace("_TRAIN", "_TEST"))}:
                part.write_bytes(raw)


@pytest.mark.usefixtures("without_figures")
@pytest.mark.parametrize(("page", "line"), shell_lines(), ids=page_id)
def test_every_command_that_is_shown_works_up_to_its_training(page, line, page_folder, tiny, capsys):
    folder = page_folder(page)
    program, *arguments = shlex.split(line)
    write_named_data(folder, arguments)
    if "task=timeseries" in line:
        pytest.importorskip("aeon")
    if program == "pip":
        extra = re.fullmatch(r"install seqharness\[(\w+)\]", " ".join(arguments))[1]
        project = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]
        assert extra in project["optional-dependencies"]
        return
    if program in ("dask", "ray"):  # engines, tested in tests/experiment/clusters/test_engines.py
        assert page.stem == program
        return
    if program == "make":
        assert re.search(rf"^{arguments[0]}: .*## \w", text_of(ROOT / "Makefile"), flags=re.MULTILINE)
        return
    assert program == "harness"
    name, rest = (arguments[0], arguments[1:]) if arguments[0] in COMMANDS else ("", arguments)
    if name == "fetch":
        data_set, *settings = rest
        assert fetch_arguments(data_set, fetchers()[data_set], settings).keys() == {
            setting.partition("=")[0] for setting in settings
        }
    elif name == "time":
        _, jobs = expand(rest)
        check_configurations(jobs, timing_options(jobs[0]))
        assert len(jobs) > 1
    elif name == "compare":
        for path in rest:
            execute(plan(compose([*tiny, f"results_dir={path}"])), echo=False)
        assert main(arguments) == 0
    elif name in ("export", "doctor"):
        execute(plan(compose([*tiny, f"results_dir={rest[0]}"])), echo=False)
        assert main(arguments) == 0
    elif name == "look":
        task, cell = rest[0].split("-")
        kept = [f"task={task}", f"cell={cell}", "keep_weights=true", "results_dir=results"]
        tiny = [item for item in tiny if not item.startswith(("task=", "task.num_classes", "results_dir"))]
        execute(plan(compose([*kept, *tiny])), echo=False)
        assert main(arguments) == 0
    elif name == "generate":
        for run in [argument for argument in rest if argument.startswith("next_char-")]:
            made = [
                "task=next_char",
                f"cell={run.partition('-')[2]}",
                "keep_weights=true",
                "results_dir=results",
            ]
            tiny_text = [
                "task.n_train=8",
                "task.n_val=4",
                "task.n_test=4",
                "train.steps=1",
                "cell.hidden_size=2",
            ]
            execute(plan(compose([*made, *tiny_text])), echo=False)
        assert main(arguments) == 0
    elif name in ("runs", "report"):
        execute(plan(compose([*tiny, "results_dir=results"])), echo=False)
        assert main(arguments) == 0
    elif name or rest[0].startswith("--") or "--cfg" in rest:  # list, show, config and Hydra's own flags
        assert main(arguments) == 0
        assert capsys.readouterr().out
    else:
        arguments = [argument for argument in arguments if argument != "device=cuda"]
        assert main([*arguments, "--dry-run"]) == 0
        runs = re.search(r"^(\d+) runs?: ", capsys.readouterr().out, flags=re.MULTILINE)
        assert (int(runs[1]) > 1) == ("-m" in arguments)
        assert not (folder / "results").exists()


def test_the_pages_show_commands_of_every_kind():
    shown = [line for _, line in shell_lines()]
    for kind in ("task=", "-m ", *sorted(COMMANDS.keys() - {"run", "grid"})):
        assert any(line.startswith(f"harness {kind}") for line in shown), kind


@pytest.mark.parametrize(
    "page", [p for p in PAGES if any(b.kind == "python" for b in blocks(p))], ids=page_id
)
def test_the_python_that_a_page_shows_runs_in_another_folder(page, page_folder):
    folder = page_folder(page)
    files = {b.file for b in blocks(page) if b.file}
    shown = [b for b in blocks(page) if b.kind == "python"]
    code = "\n".join(b.text for b in shown if b.file is None)
    imports = "\n".join(
        f"import {Path(name).stem}" for name in sorted(files) if name.endswith(".py") and "/" not in name
    )
    done = run_code(f"{imports}\n{code}", cwd=folder)
    assert done.returncode == 0, done.stderr
    if page.name == "README.md":
        assert len([line for line in code.splitlines() if line.strip()]) <= 12
        assert "torch.Size([5000, 50, 2])" in done.stdout


def test_the_probe_that_is_shown_is_one_file_and_one_line(page_folder, monkeypatch, tiny):
    page = ROOT / "docs" / "extending.md"
    (block,) = [b for b in blocks(page) if b.file == "harness/training/probes/weight_norm.py"]
    (page_folder(page) / "weight_norm.py").write_text(block.text, encoding="utf-8")
    from weight_norm import WeightNormProbe

    monkeypatch.setattr(probes, "PROBES", (*probes.PROBES, WeightNormProbe))
    run = plan(compose(tiny))
    execute(run, echo=False)
    table = harness.load_table(run.results_dir, "weight_norm")
    assert sorted(table["step"].unique()) == [1, 6]
    weights = {"cell.weight_hh_l0", "cell.weight_ih_l0", "head.weight", "head.bias"}
    assert weights <= {name.replace("cell.cell.", "cell.") for name in table["weight"]}
    assert (table["norm"] > 0).all()


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_links_and_named_files_exist(page):
    for target in re.findall(r"\]\(([^)]+)\)", text_of(page)):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        linked = page.parent / path if path else page
        assert linked.exists(), target
        if anchor:
            heads = re.findall(r"^#+ (.*)", text_of(linked), flags=re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}, (
                target
            )
    shown = {block.file for block in blocks(page)}
    for name in re.findall(r"`((?:conf|harness|docs|examples)/[\w/.-]*)`", text_of(page)):
        assert name in shown or (ROOT / name).exists(), name


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_yaml_that_is_shown_parses_and_pictures_have_alternative_text(page):
    for block in blocks(page):
        if block.kind == "yaml":
            assert isinstance(yaml.safe_load(block.text), dict)
    for alternative in re.findall(r"!\[([^\]]*)\]\(", text_of(page)):
        assert len(alternative) > 40


def table_rows(page, head):
    """The cells of each row of the table of a page whose head line begins with `head`."""
    lines = text_of(page).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {head} |"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def test_the_table_of_tasks_names_every_task_and_its_variants():
    rows = {row[0].strip("`"): row for row in table_rows(ROOT / "docs" / "tasks.md", "task")}
    assert sorted(rows) == options("task")
    for name, row in rows.items():
        if name in (
            "cifar10",
            "fashion_mnist",
            "timeseries",
            *FILES,
        ):  # read from disk
            continue
        spec = plan(compose([f"task={name}"])).task.spec
        if spec.target == "value":
            assert row[3] == "a value"
        year = re.search(r"\d{4}", spec.citation)
        assert year is None or year[0] in row[6] or name == "embedded_reber", (name, spec.citation)


@pytest.mark.parametrize(
    "name", ["adding", "delayed_recall", "majority", "mnist", "parity", "temporal_order"]
)
def test_numbers_in_the_table_of_tasks_are_those_of_the_specs(name):
    [row] = [row for row in table_rows(ROOT / "docs" / "tasks.md", "task") if row[0] == f"`{name}`"]
    spec = plan(compose([f"task={name}"])).task.spec
    k = spec.num_classes
    shown = {"1/K": 1 / k, "1/2": 0.5, "1/4": 0.25, "0.1": 0.1, "0.078": 0.078}[row[4].split(",")[0]]
    assert spec.chance_accuracy == pytest.approx(shown, abs=5e-4)


def test_the_table_of_cells_names_every_cell_and_its_class():
    rows = {row[0].strip("`"): row for row in table_rows(ROOT / "docs" / "cells.md", "`cell=`")}
    assert sorted(rows) == options("cell")
    for name, row in rows.items():
        if name != "custom":
            assert f"`{compose([f'cell={name}']).cell._target_}`" in row[1]


def test_columns_keys_and_statuses_that_are_named_exist():
    for name in [f.name for f in dataclasses.fields(gradient_flow.FlowRow)]:
        assert f"`{name}`" in text_of(ROOT / "docs" / "cells.md")
    assert [row[0].strip("`") for row in table_rows(ROOT / "docs" / "results.md", "status")] == list(STATUSES)
    for name in TIMING_FILES.values():
        assert f"results/{name}" in text_of(ROOT / "docs" / "speed.md")
    keys = {f.name for f in dataclasses.fields(Schema)} | {
        f"train.{f.name}" for f in dataclasses.fields(TrainOptions)
    }
    for page in PAGES:
        for key in re.findall(r"`(train\.\w+)[=`]", text_of(page)):
            assert key in keys, (page.name, key)
    upgrading = text_of(ROOT / "docs" / "upgrading.md")
    for column in ("train_cpu_s", "schema_version", "code", "data_hash", "revisions", "gradflow_note"):
        assert column in COLUMNS
        assert f"`{column}`" in upgrading
    assert "concurrent" not in COLUMNS


def test_keys_outside_the_identity_are_listed_as_such():
    [*rows] = table_rows(ROOT / "docs" / "results.md", "part of the identity")
    right = " ".join(row[1] for row in rows)
    for prefix, schema in (("", Schema), ("train.", TrainOptions)):
        for field in dataclasses.fields(schema):
            listed = f"`{prefix}{field.name}`" in right
            assert listed == (field.metadata.get("identity") is False), field.name


def test_new_import_paths_can_be_imported():
    for _, new in table_rows(ROOT / "docs" / "upgrading.md", "0.1"):
        for name in re.findall(r"`(harness[\w.]*)`", new):
            module, _, attribute = name.rpartition(".")
            __import__(module)
            assert hasattr(sys.modules[module], attribute) or __import__(name), name


def test_old_import_paths_are_gone_or_listed_as_the_same_place():
    for old, new in table_rows(ROOT / "docs" / "upgrading.md", "0.1"):
        for name in re.findall(r"`(harness\.[\w.]+)`", old):
            path = ROOT.joinpath(*name.split("."))
            if f"`{name}`" not in new:
                assert not path.with_suffix(".py").exists(), name
                assert not (path / "__init__.py").exists(), name


def test_versions_agree():
    newest = re.search(
        r"^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)$", text_of(ROOT / "CHANGELOG.md"), re.MULTILINE
    )
    assert newest[1] == harness.__version__
    citation = yaml.safe_load(text_of(ROOT / "CITATION.cff"))
    assert citation["version"] == harness.__version__
    assert citation["date-released"] == newest[2]
    assert citation["license"] == "MIT"
    assert f'\nversion = "{harness.__version__}"\n' in text_of(ROOT / "pyproject.toml")
    assert text_of(ROOT / "LICENSE").startswith("MIT License")


def test_the_readme_names_every_target_of_the_makefile():
    makefile, readme = text_of(ROOT / "Makefile"), text_of(ROOT / "README.md")
    targets = set(re.findall(r"^([a-z]+):.*## \w", makefile, flags=re.MULTILINE))
    assert targets >= {"install", "sweep", "smoke", "time", "report", "test", "lint", "clean"}
    for target in targets:
        assert target == "help" or f"`{target}`" in readme, target


def test_extras_that_are_shown_exist():
    pyproject = text_of(ROOT / "pyproject.toml")
    for page in PAGES:
        for extra in re.findall(r"(?:seqharness|\.)\[(\w+)\]'?", text_of(page)):
            assert re.search(rf"^{extra} = \[", pyproject, flags=re.MULTILINE), (page.name, extra)


def test_the_experiment_names_are_the_promised_ones():
    promised = {"default", "smoke", "mnist_lengths", "memory", "hidden_sizes", "batch_and_lr"}
    assert promised <= set(options("experiment"))


def test_shell_completion_can_be_switched_on(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    assert main(["--shell-completion", "install=bash"]) == 0
    assert capsys.readouterr().out.rstrip().endswith("-F hydra_bash_completion harness")
    monkeypatch.setenv("COMP_LINE", "harness cell=")
    assert main(["-sc", "query=bash"]) == 0
    assert capsys.readouterr().out.split() == [f"cell={name}" for name in options("cell")]
