"""A training on disk while it lasts: its state with a hash, written whole or not at all."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from harness.results.files import MOST_BYTES, read_bytes, replaced
from harness.training.state import TrainingState

MOST = 16 * MOST_BYTES
"""Bytes of a checkpoint."""


class BrokenCheckpointError(ValueError):
    """A checkpoint that was damaged or cut; the message names the file."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What `write_checkpoint` wrote."""

    state: dict[str, Any]
    """As `TrainingState.state_dict` returned it."""
    about: dict[str, Any]
    """What the writer noted beside it, in types of JSON."""


def write_checkpoint(path: Path, state: TrainingState, about: dict[str, Any]) -> None:
    """Writes a training that can be continued with the same bits, and what else is to be remembered.

    Raises:
        OSError: it cannot be written; an earlier checkpoint stays.
    """
    out = io.BytesIO()
    torch.save(state.state_dict(), out)
    _write(path, out.getvalue(), about)


def rewrite_about(path: Path, about: dict[str, Any]) -> None:
    """Writes a checkpoint again with another note beside the same training.

    Raises:
        OSError: it cannot be read or written.
    """
    _write(path, read_bytes(path, MOST).partition(b"\n")[2], about)


def read_checkpoint(path: Path) -> Checkpoint | None:
    """The checkpoint in a file, its tensors on the CPU; None where there is no file.

    Raises:
        BrokenCheckpointError: it is not what was written, or holds more than tensors and plain data.
    """
    try:
        raw = read_bytes(path, MOST)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BrokenCheckpointError(f"{path.name} cannot be read ({error})") from None
    line, _, content = raw.partition(b"\n")
    try:
        header = json.loads(line)
        known = header["sha256"] == _hash(content, header["about"]) and isinstance(header["about"], dict)
    except (ValueError, KeyError, TypeError, RecursionError):
        known = False
    if not known:
        raise BrokenCheckpointError(f"{path.name} is damaged")
    try:
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # such as the extra state of a third-party module
        raise BrokenCheckpointError(f"{path.name} cannot be loaded ({error})") from error
    return Checkpoint(state, header["about"])


def _write(path: Path, content: bytes, about: dict[str, Any]) -> None:
    header = {"sha256": _hash(content, about), "about": about}
    with replaced(path) as temporary, open(temporary, "wb") as file:
        file.write(json.dumps(header).encode() + b"\n")
        file.write(content)


def _hash(content: bytes, about: dict[str, Any]) -> str:
    """Of the training and of what was noted beside it."""
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode() + b"\n" + content).hexdigest()


def read_about(path: Path) -> dict[str, Any]:
    """What the writer noted in a checkpoint, without reading its state; empty where there is none to read."""
    try:
        with open(path, "rb") as file:
            about = json.loads(file.readline(1 << 16))["about"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}
    return about if isinstance(about, dict) else {}
