"""What the tasks of this package say about themselves, read from their source without importing torch."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

TASKS = Path(__file__).parents[1] / "tasks"
PREFIX = "harness.tasks."


@functools.cache
def definition_of(target: str) -> str | None:
    """The docstring of a task's function up to its arguments: definition, variants, baselines, threshold.

    Args:
        target: a `_target_` such as `harness.tasks.make_adding`.

    Returns:
        None for a function that is not of this package.
    """
    name = target.removeprefix(PREFIX)
    if name == target or not name.isidentifier():
        return None
    for path in sorted(TASKS.glob("*.py")):
        text = path.read_text(encoding="utf-8")
        if f"def {name}(" not in text:
            continue
        for node in ast.parse(text).body:
            if isinstance(node, ast.FunctionDef) and node.name == name:
                return (ast.get_docstring(node) or "").partition("\nArgs:")[0].strip() or None
    return None
