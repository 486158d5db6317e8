"""The code that a `_target_` outside this package and torch runs, as a short text that changes with it."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.metadata
import site
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

OWN = ("harness", "torch")


class CodeChangedError(RuntimeError):
    """A source file was edited after this process imported it: the code that would run is not the file's."""


def code_version(module: ModuleType) -> str:
    """The version of the code that a module belongs to.

    Returns:
        Empty for this package, torch and the standard library; `NAME VERSION` of the distribution for files
        under site-packages; else 8 hex digits of a hash over the module's source and that of every module of
        the same top-level package (of the same folder, for a loose module) that it imports, directly or
        through others. Imports are found in the source, so that the hash does not depend on what the process
        happens to have loaded; a module imported under a computed name is not found.

    Raises:
        CodeChangedError: a file differs from what it was when this process first looked at it.
        ValueError: the module has no source file, as one typed into a notebook.
    """
    top = module.__name__.partition(".")[0]
    if top in OWN or top in sys.stdlib_module_names:
        return ""
    if getattr(module, "__file__", None) is None:
        raise ValueError(f"the code of {module.__name__} has no file; put it into a module on the disk")
    path = Path(str(module.__file__)).resolve()
    if any(folder in path.parents for folder in _site_packages()):
        distribution = _distribution(top)
        if distribution is not None:
            return distribution
    sources = _sources(module, path)
    digest = hashlib.sha256()
    for name in sorted(sources):
        digest.update(f"{name}\0{_unchanged(sources[name], name)}\0".encode())
    return digest.hexdigest()[:8]


@dataclass(frozen=True)
class _Source:
    """A source file: the hash of its bytes and the names that it imports, absolute."""

    digest: str
    imports: frozenset[str]


def _sources(module: ModuleType, path: Path) -> dict[str, Path]:
    """The source files that count, by module name: a walk along the imports."""
    top, _, rest = module.__name__.partition(".")
    is_package = bool(rest) or hasattr(module, "__path__")
    if is_package:
        roots = [Path(folder).resolve().parent for folder in sys.modules[top].__path__]
    else:
        roots = [path.parent]
    found: dict[str, Path] = {}
    waiting = [module.__name__]
    while waiting:
        for name in _with_parents(waiting.pop()):
            if name in found or (is_package and name.partition(".")[0] != top):
                continue
            file = path if name == module.__name__ else _find(name, roots)
            if file is not None and file.suffix == ".py":
                found[name] = file
                waiting += _read(file, name, _stamp(file)).imports
    return found


def _find(name: str, roots: list[Path]) -> Path | None:
    """The file of a module below one of the roots."""
    parts = Path(*name.split("."))
    for root in roots:
        for path in (root / parts / "__init__.py", (root / parts).with_suffix(".py")):
            if path.is_file():
                return path
    return None


@functools.lru_cache(maxsize=4096)
def _read(path: Path, name: str, stamp: tuple[int, int]) -> _Source:
    """A source file, read again when its stamp has changed."""
    raw = path.read_bytes()
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    try:
        imports = frozenset(_imports(ast.parse(raw), package))
    except (SyntaxError, ValueError):
        imports = frozenset()
    return _Source(hashlib.sha256(raw).hexdigest(), imports)


def _imports(tree: ast.AST, package: str) -> Iterator[str]:
    """The names of the modules that a source imports anywhere; `from a import b` may mean a module `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".") if node.level else []
            parents = parents[: len(parents) - node.level + 1] if node.level > 1 else parents
            base = ".".join([*parents, *([node.module] if node.module else [])])
            if base:
                yield base
            yield from (f"{base}.{alias.name}".lstrip(".") for alias in node.names)


def _with_parents(name: str) -> list[str]:
    """`a.b.c` with its packages: importing it runs their `__init__` too."""
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]


_first_seen: dict[Path, str] = {}


def _unchanged(path: Path, name: str) -> str:
    """The hash of a file, as long as it is the one that this process imported."""
    digest = _read(path, name, _stamp(path)).digest
    if name in sys.modules and _first_seen.setdefault(path, digest) != digest:
        raise CodeChangedError(
            f"{path} was edited after it was imported here; start a new process (in a notebook: restart the "
            "kernel), so that the code that runs is the code of the file"
        )
    return digest


def _stamp(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size


@functools.cache
def _site_packages() -> frozenset[Path]:
    folders = [*site.getsitepackages(), site.getusersitepackages(), sysconfig.get_paths()["purelib"]]
    return frozenset(Path(folder).resolve() for folder in [*folders, sysconfig.get_paths()["platlib"]])


@functools.cache
def _distribution(top: str) -> str | None:
    """Name and version of the distribution that a top-level package belongs to."""
    names = importlib.metadata.packages_distributions().get(top)
    return f"{names[0]} {importlib.metadata.version(names[0])}" if names else None
