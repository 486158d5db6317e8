"""The code that a `_target_` outside this package and torch runs, as a short text that changes with it."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.metadata
import importlib.util
import os
import site
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

OWN = ("harness", "torch")

SEARCHES = ("walk_packages", "iter_modules")
"""Functions of `pkgutil` after which modules are imported by names that the source does not show."""


class CodeChangedError(RuntimeError):
    """A source file was edited after this process imported it: the code that would run is not the file's."""


def code_version(module: ModuleType) -> str:
    """The version of the code that a module belongs to.

    Returns:
        Empty for this package, torch and the standard library; `NAME VERSION` of the distribution for files
        under site-packages; else 8 hex digits of a hash over the module's source and that of every module of
        the same top-level package (of the same folder, for a loose module) that it imports, directly or
        through others. Imports are found in the source, so that the hash does not depend on what the process
        happens to have loaded; where a module is imported under a computed name, all files count.

    Raises:
        CodeChangedError: a file was edited after this process imported it.
        ValueError: the module has no source file, as one typed into a notebook.
    """
    top = module.__name__.partition(".")[0]
    file = getattr(module, "__file__", None)
    if top in OWN or (file is None and top in sys.stdlib_module_names):
        return ""
    if file is None:
        raise ValueError(f"the code of {module.__name__} has no file; put it into a module on the disk")
    path = Path(file).absolute()
    if any(_is_below(path, folder) for folder in _site_packages()):
        distribution = _distribution(top)
        if distribution is not None:
            return distribution
    elif _is_below(path, Path(sysconfig.get_paths()["stdlib"])):
        return ""
    sources = _sources(module, path)
    digest = hashlib.sha256()
    for name in sorted(sources):
        digest.update(f"{name}\0{_unchanged(sources[name], name)}\0".encode())
    return digest.hexdigest()[:8]


@dataclass(frozen=True)
class _Source:
    """A source file: the hash of its bytes, the names that it imports, and whether it computes names."""

    digest: str
    imports: frozenset[str] = frozenset()
    computes: bool = False


def _sources(module: ModuleType, path: Path) -> dict[str, Path]:
    """The source files that count, by module name: a walk along the imports."""
    top, _, rest = module.__name__.partition(".")
    is_package = bool(rest) or hasattr(module, "__path__")
    found: dict[str, Path] = {}
    waiting = [module.__name__]
    while waiting:
        for name in _with_parents(waiting.pop()):
            first = name.partition(".")[0]
            if name in found or first in OWN or (is_package and first != top):
                continue
            beside = None if is_package else path.parent
            file = path if name == module.__name__ else _find(name, found, beside)
            if file is None:
                continue
            found[name] = file
            source = _read(file, name, _stamp(file))
            waiting += source.imports
            if source.computes:
                found |= _all_files(top if is_package else None, path.parent)
    return found


def _find(name: str, found: dict[str, Path], beside: Path | None) -> Path | None:
    """The file of a module: where it is loaded from, or in its package; of a loose module's, `beside` it."""
    parent, _, last = name.rpartition(".")
    if beside is not None and not parent:
        folders = [beside, beside.resolve()]
    elif beside is not None and parent not in found:  # of a package that lies elsewhere
        return None
    else:
        loaded = getattr(sys.modules.get(name), "__file__", None)
        if loaded is not None:
            return Path(loaded).absolute()
        folders = [Path(folder) for folder in getattr(sys.modules.get(parent), "__path__", ())]
        folders += [found[parent].parent] if parent in found else []
    for folder in folders:
        for path in (folder / last / "__init__.py", folder / f"{last}.py"):
            if path.is_file():
                return path.absolute()
    return None


def _all_files(top: str | None, beside: Path) -> dict[str, Path]:
    """Every source file of a package, or beside a loose module."""
    if top is None:
        return {file.stem: file for file in beside.glob("*.py")}
    folders = [Path(folder) for folder in sys.modules[top].__path__]
    files = ((folder, file) for folder in folders for file in folder.rglob("*.py"))
    return {".".join((top, *file.relative_to(folder).with_suffix("").parts)): file for folder, file in files}


@functools.lru_cache(maxsize=4096)
def _read(path: Path, name: str, stamp: tuple[int, int]) -> _Source:
    """A source file, read again when its stamp has changed; compiled modules import nothing that is seen."""
    raw = path.read_bytes()
    digest = hashlib.sha256(raw).hexdigest()
    if path.suffix != ".py":
        return _Source(digest)
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    try:
        names = list(_imports(ast.parse(raw), package))
    except (SyntaxError, ValueError):
        return _Source(digest)
    return _Source(digest, frozenset(one for one in names if one), "" in names)


def _imports(tree: ast.AST, package: str) -> Iterator[str]:
    """The names of the modules that a source imports anywhere; an empty one for a name that is computed.

    `from a import b` may mean a module `a.b`.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute("." * node.level + (node.module or ""), package)
            if base:
                yield base
            yield from (f"{base}.{alias.name}".lstrip(".") for alias in node.names)
        elif isinstance(node, ast.Call):
            called = getattr(node.func, "attr", getattr(node.func, "id", None))
            if called in ("import_module", "__import__"):
                name = node.args[0] if node.args else None
                literal = isinstance(name, ast.Constant) and isinstance(name.value, str)
                yield _absolute(name.value, package) if literal else ""  # type: ignore[union-attr]
            elif called in SEARCHES:
                yield ""


def _absolute(name: str, package: str) -> str:
    """A module's name, with the dots of a relative import resolved.

    >>> _absolute("..c", "a.b"), _absolute(".c", "a.b"), _absolute("c", "a.b")
    ('a.c', 'a.b.c', 'c')
    """
    bare = name.lstrip(".")
    level = len(name) - len(bare)
    if not level:
        return name
    parents = package.split(".") if package else []
    return ".".join([*parents[: len(parents) - level + 1], *([bare] if bare else [])])


def _with_parents(name: str) -> list[str]:
    """`a.b.c` with its packages: importing it runs their `__init__` too."""
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]


_seen: dict[Path, str] = {}


def _unchanged(path: Path, name: str) -> str:
    """The hash of a file, as long as it is the one that this process imported, or has not imported yet."""
    digest = _read(path, name, _stamp(path)).digest
    if name not in sys.modules:
        _seen[path] = digest
    elif _seen.setdefault(path, digest) != digest or _is_newer_than_its_bytecode(path):
        raise CodeChangedError(
            f"{path} was edited after it was imported here; start a new process (in a notebook: restart the "
            "kernel), so that the code that runs is the code of the file"
        )
    return digest


def _is_newer_than_its_bytecode(path: Path) -> bool:
    """Whether a source file differs in time or size from the one whose bytecode an import has cached.

    An import writes the bytecode: an older one means that the file was edited since. False where Python does
    not write any.
    """
    try:
        cached = Path(importlib.util.cache_from_source(str(path)))
        header = cached.read_bytes()[:16]
    except (OSError, NotImplementedError):
        return False
    if sys.dont_write_bytecode or header[4:8] != bytes(4) or not os.access(cached.parent, os.W_OK):
        return False
    stat = path.stat()
    written = (int(stat.st_mtime) & 0xFFFFFFFF, stat.st_size & 0xFFFFFFFF)
    return written != (int.from_bytes(header[8:12], "little"), int.from_bytes(header[12:16], "little"))


def _stamp(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size


def _is_below(path: Path, folder: Path) -> bool:
    return path.is_relative_to(folder) or path.resolve().is_relative_to(folder.resolve())


@functools.cache
def _site_packages() -> frozenset[Path]:
    folders = [*site.getsitepackages(), site.getusersitepackages(), sysconfig.get_paths()["purelib"]]
    return frozenset(Path(folder) for folder in [*folders, sysconfig.get_paths()["platlib"]])


@functools.cache
def _distribution(top: str) -> str | None:
    """Name and version of the distribution that a top-level package belongs to."""
    names = importlib.metadata.packages_distributions().get(top)
    return (
        ", ".join(f"{name} {importlib.metadata.version(name)}" for name in dict.fromkeys(names))
        if names
        else None
    )
