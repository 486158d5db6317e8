"""Rows, names and folders that no harness has written, and what may come of each."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.report.synthetic import make_record, write_run
from tests.results.rows import STEPS, FlowRow, rewrite

Row = dict[str, Any]

WRONG_VALUES: list[tuple[str, Any]] = [
    *(("test_accuracy", value) for value in ("0.5", [1], {"a": 1}, True, 1.01, -0.1, 10**400)),
    *(("test_loss", value) for value in ("low", [], {}, False, 10**30)),
    *(("train_s", value) for value in ("1", -1.0, [0])),
    *(("seq_len", value) for value in ("28", [28], {"T": 28}, True, 1.5, -1, None, 10**400, 2**63)),
    *(("hidden_size", value) for value in ("text", None, [], 1e300, float("nan"), float("inf"))),
    *(("seed", value) for value in (None, "one", -1, 10**30, {})),
    *(("task", value) for value in (None, 5, [], {}, "", "x" * 20_000)),
    *(("cell", value) for value in (None, True, "")),
    *(("setting", value) for value in (None, "", 5)),
    *(("status", value) for value in (None, "OK", "begun", 5, [])),
    *(("run_id", value) for value in (None, "another", 5, "../up")),
    *(("stage", value) for value in ("other", 5, "")),
    *(("started_at", value) for value in ("yesterday", 5, "2026-13-01")),
    *(("error", value) for value in (5, ["x"], "x" * 20_000)),
    *(("config", value) for value in (None, 5, [], "{}")),
    *(("schema_version", value) for value in (0, -1, True, "2", 2.0, None, 10**30)),
    *(
        ("tables", value)
        for value in (
            5, [], {"steps": 5}, {"steps": {}}, {"steps": {"columns": []}}, {"steps": {"columns": {}}},
            {"steps": {"columns": {"run_id": "whose"}}}, {"steps": {"columns": {"step": 5}}},
            {"../../../etc/passwd": {"columns": {"a": "b"}}}, {"a\0b": {"columns": {"a": "b"}}},
            {"x" * 300: {"columns": {"a": "b"}}}, {"steps": {"columns": {"a": "b"}, "settings": 5}},
        )
    ),
    *(
        ("other_lengths", value)
        for value in (
            5, [], {"run_id": "evil"}, {"test_accuracy": 1.0}, {"config": "{"}, {"test_loss_2x": "low"},
            {"test_accuracy_2x": 2.0}, {"test_loss_2x": 10**400}, {"test_loss_" + "9" * 30 + "x": 1.0},
        )
    ),
    *(("files", value) for value in (5, ["x"], {"row.json": 5}, {"../steps.csv": "0"})),
]  # fmt: skip
"""A column and a value that it cannot have: the row is left out and named."""

ODD_VALUES: list[tuple[str, Any]] = [
    ("error", "half \ud800 a letter, \x1b[31m, \0, </script><script>alert(1)</script>, $x$, |\r\n|"),
    ("variant", "$\\frac{$"),
    ("variant", "<b>\u202e"),
    ("data_source", "a,b\"c\n'd"),
    ("init", "=1+1"),
    ("cpu", "${b} {{ 7*7 }} %s %(x)s {0}"),
    ("cell", "\ud83d"),
    ("task", "../up/a\0b"),
    ("config", {"task": 5, "cell": [], "train": [1], "": {"": ""}, "a.b": 1, "a": {"b": 2}}),
    ("config", {"task": {"_target_": 5, "name": None}, "seed": {"x": [{}]}}),
    ("config", {"task": {"_target_": "os.system"}, "cell": {"_target_": "evil"}, "data_source": 1}),
    ("test_loss", float("inf")),
    ("grad_norm_max", float("inf")),
    ("train_s", 1e300),
    ("lr", 0),
    ("seq_len", 0),
    ("hidden_size", 2**52),
    ("steps", 28.0),
    ("unknown", {"deep": [1]}),
    ("test_loss_2x", "no column of a row"),
    ("chance_accuracy", None),
]
"""A column and a value that is odd and possible: the row is shown."""


def _text(change: Callable[[str], bytes]) -> Callable[[Path, Row], None]:
    return lambda folder, row: (folder / "row.json").write_bytes(change(json.dumps(row)))


def _nested(levels: int) -> Callable[[Path, Row], None]:
    return _text(lambda text: (text[:-1] + ', "x": ' + "[" * levels + "]" * levels + "}").encode())


FILES: dict[str, Callable[[Path, Row], Any]] = {
    "empty": _text(lambda text: b""),
    "cut": _text(lambda text: text[: len(text) // 2].encode()),
    "zero bytes": _text(lambda text: b"\0" * 4096),
    "not UTF-8": _text(lambda text: b"\xff\xfe" + text.encode()),
    "UTF-16": _text(lambda text: text.encode("utf-16")),
    "a byte order mark": _text(lambda text: b"\xef\xbb\xbf" + text.encode()),
    "a list": _text(lambda text: f"[{text}]".encode()),
    "a number of 5,000 digits": _text(lambda text: (text[:-1] + ', "seed": ' + "9" * 5000 + "}").encode()),
    "41 levels": _nested(41),
    "900 levels": _nested(900),
    "100,000 levels": _nested(100_000),
    "two rows": _text(lambda text: (text + text).encode()),
    "another status at the end": _text(lambda text: (text[:-1] + ', "status": "failed"}').encode()),
    "a folder": lambda folder, row: (folder / "row.json").mkdir(),
    "a pipe": lambda folder, row: os.mkfifo(folder / "row.json"),
    "a loop of links": lambda folder, row: (folder / "row.json").symlink_to(folder / "row.json"),
    "a link to nothing": lambda folder, row: (folder / "row.json").symlink_to(folder / "nothing"),
    "a link to a device": lambda folder, row: (folder / "row.json").symlink_to("/dev/zero"),
    "a link to a folder": lambda folder, row: (folder / "row.json").symlink_to(folder),
}
"""What can lie in the place of `row.json`: the run is left out and named."""


def new_run(results_dir: Path, seed: int = 1, run_id: str | None = None) -> tuple[Path, Row]:
    """The folder of a whole run and its row."""
    flow = [FlowRow(1, 0, "h", t, 10.0**-t, -float(t)) for t in range(4)]
    name = {} if run_id is None else {"run_id": run_id}
    folder = write_run(results_dir, make_record(seed=seed, **name), STEPS, flow)
    return folder, json.loads((folder / "row.json").read_text())


def with_value(results_dir: Path, column: str, value: Any, run_id: str | None = None) -> Path:
    """The folder of a run whose row has this value, with the hash that such a row has."""
    folder, row = new_run(results_dir, run_id=run_id)
    changed = row | {column: value}
    if column == "files":
        (folder / "row.json").write_text(json.dumps(changed))
    else:
        rewrite(folder / "row.json", changed)
    return folder


def with_file(results_dir: Path, kind: str, run_id: str | None = None) -> Path:
    """The folder of a run with something else in the place of its row."""
    folder, row = new_run(results_dir, run_id=run_id)
    (folder / "row.json").unlink()
    FILES[kind](folder, row)
    return folder


def odd_folders(results_dir: Path) -> None:
    """Entries beside the runs: loops, names that are not UTF-8, with line breaks and escapes, a pipe."""
    runs = results_dir / "runs"
    (runs / "loop").symlink_to(runs / "loop")
    (runs / "itself").symlink_to(".")
    os.mkfifo(runs / "pipe")
    (runs / "stray.txt").write_text("not a run")
    for name in (b"bad\xff\xfe", b"two\nlines \x1b[31m", b"$x$ <b> ${y}", b"x" * 255):
        folder = os.fsencode(runs) + b"/" + name
        os.mkdir(folder)
        with open(folder + b"/row.json", "w") as file:
            file.write("{")
