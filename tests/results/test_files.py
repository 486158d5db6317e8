"""Files are read without waiting and written whole or not at all; a full disk leaves nothing half-written."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import signal
import socket

import pytest

from harness.results import files
from harness.results.files import read_bytes, replaced, sha256_of, write_atomically
from harness.results.store import begin, finish, read_row
from tests.results.rows import STEPS, record, tables_of


def fifo(path):
    os.mkfifo(path)


def loop(path):
    path.symlink_to(path)


def device(path):
    path.symlink_to("/dev/zero")


def unix_socket(path):
    with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)


@pytest.mark.parametrize("make", [fifo, loop, device, unix_socket, os.mkdir, lambda path: None])
def test_what_is_no_file_is_refused_at_once(tmp_path, make):
    make(tmp_path / "odd")
    signal.alarm(20)  # a pipe that is waited for would never end
    for read in (read_bytes, sha256_of):
        with pytest.raises(OSError, match=r"\w"):
            read(tmp_path / "odd")
    signal.alarm(0)


def test_a_file_that_is_too_large_is_refused(tmp_path):
    (tmp_path / "large").write_bytes(b"123456789")
    assert read_bytes(tmp_path / "large", 9) == b"123456789"
    with pytest.raises(OSError, match="9 bytes, more than 8"):
        read_bytes(tmp_path / "large", 8)


@contextlib.contextmanager
def disk_of(size):
    """Lets no file of this process grow above `size` bytes, as if the disk were full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("size", [0, 1, 400, 1500, 3000])
def test_a_full_disk_leaves_the_earlier_files_whole_and_no_others(tmp_path, size):
    one = record()
    run_dir = tmp_path / one.run_id
    begin(run_dir, "seed: 0\n")
    finish(run_dir, one, tables_of())
    before = {path.name: path.read_bytes() for path in run_dir.iterdir()}
    with disk_of(size), pytest.raises(OSError, match="too large"):
        finish(run_dir, one, tables_of(STEPS * 100))
    after = {path.name: path.read_bytes() for path in run_dir.iterdir()}
    assert after == before and read_row(run_dir) is not None


def stopped_while_writing(path):
    with replaced(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt


def test_no_error_leaves_a_temporary_file(tmp_path, monkeypatch):
    path = tmp_path / "table.csv"
    path.write_text("before")

    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, "after")
    with pytest.raises(KeyboardInterrupt):
        stopped_while_writing(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["table.csv"]
    assert path.read_text() == "before"
