"""What `harness list` prints: the tasks, cells and experiments there are, in 120 columns."""

from __future__ import annotations

import inspect
import re
import textwrap

from harness import tasks
from harness.experiment.config import ConfigError, compose, conf_dir, options
from harness.experiment.plan import plan

WIDTH = 120
NAME = 20
"""Columns of a name, after which everything else begins."""

ROW = "  {:18} {:17} {:15} {:18} {:6} {:9} {}"
HEAD = ROW.format("task", "variant", "input", "output", "chance", "no memory", "data, all here and offline")


def catalogue() -> str:
    """Each task at its default arguments, then the cells and the experiments, one line or a few for each."""
    lines = [
        "Tasks at their default arguments. input: (steps, features), or steps of tokens below a number;",
        "chance: accuracy of the best guess without input; no memory: lowest loss of who sees the last step",
        "only, where it is known. `harness show task=NAME` prints and draws samples.",
        "",
        HEAD,
    ]
    for name in options("task"):
        lines += _task(name)
    for group in ("cell", "experiment"):
        lines += ["", f"{group.capitalize()}s"]
        for name in options(group):
            lines += _indented(_first_comment(group, name), f"  {name:18} ")
    return "\n".join(lines)


def _task(name: str) -> list[str]:
    """A row of numbers, or what the task lacks; then its source and its choices."""
    margin = " " * (NAME + 1)
    choices = [f"{key}: {text}" for key, text in _choices(name)]
    try:
        spec = plan(compose([f"task={name}"])).task.spec
    except ConfigError as error:
        said = _docstring(name)
        lines = _indented(f"not here: {error}", f"  {name:18} ")
        more = [f"baseline: {said['Baseline']}", f"source: {said['Source']}"]
    else:
        lines, more = [_row(spec)], [f"source: {spec.citation}"]
    return lines + [line for text in (*more, *choices) for line in _indented(text, margin)]


def _row(spec: tasks.TaskSpec) -> str:
    output = "value" if spec.target == "value" else f"{spec.num_classes} classes"
    tokens = f"{spec.seq_len} tokens < {spec.vocab_size}"
    return ROW.format(
        spec.name,
        spec.variant,
        tokens if spec.input_size is None else f"({spec.seq_len}, {spec.input_size})",
        output + (" at steps" if spec.target == "steps" else ""),
        f"{spec.chance_accuracy:.3f}",
        "-" if spec.memoryless_loss is None else f"{spec.memoryless_loss:.4f}",
        spec.data_source,
    )


def _indented(text: str, first: str) -> list[str]:
    return textwrap.wrap(
        " ".join(text.split()),
        WIDTH,
        initial_indent=first,
        subsequent_indent=" " * (NAME + 3),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _docstring(task: str) -> dict[str, str]:
    """The paragraphs Baseline and Source of the function that makes a task."""
    target = re.search(r"^_target_: harness\.tasks\.(\w+)$", _yaml("task", task), flags=re.MULTILINE)
    text = inspect.getdoc(getattr(tasks, target[1])) or "" if target else ""
    return {
        key: found[1]
        if (found := re.search(rf"^{key}: (.*?)(?:\n\n|\Z)", text, re.DOTALL | re.MULTILINE))
        else "-"
        for key in ("Baseline", "Source")
    }


def _choices(task: str) -> list[tuple[str, str]]:
    """What a task's yaml says of its variants."""
    return re.findall(r"^(variant|permutation|name): [^#\n]*# (.*)$", _yaml("task", task), flags=re.MULTILINE)


def _first_comment(group: str, name: str) -> str:
    lines = _yaml(group, name).splitlines()
    return next((line[1:].strip() for line in lines if line.startswith("# ") and "@package" not in line), "")


def _yaml(group: str, name: str) -> str:
    return (conf_dir() / group / f"{name}.yaml").read_text(encoding="utf-8")
