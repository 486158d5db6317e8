"""What is printed: no control character of somebody else's text, and every letter in every encoding."""

from __future__ import annotations

import io
import logging
import sys

import pytest

from harness.cli.aligned import aligned
from harness.cli.main import COMMANDS, main
from harness.cli.terminal import escaped, say
from tests.report.synthetic import make_record, write_run

EVIL = "\x1b[2Jgone\r\x07 \x9b31m \u202etxt.exe\x00 \u2066 \x7f"


def test_control_characters_are_visible_and_letters_stay():
    assert escaped(EVIL).isprintable() and "\\x1b[2Jgone" in escaped(EVIL) and "\\u202e" in escaped(EVIL)
    letters = "‖∂ℓ/∂h‖ ≈ 3 × 10⁻⁴, für 日本語 \N{NO-BREAK SPACE}|\tend"
    assert escaped(letters) == letters


def test_long_texts_are_cut_and_say_by_how_much():
    assert escaped("x" * 10**6).endswith("… (997000 more)") and len(escaped("x" * 10**6)) < 3100
    assert escaped("ab\n" * 5000) == "ab\n" * 5000  # lines, not texts
    assert max(map(len, aligned([["a", "b"], ["x" * 5000, "y"]], [0]).splitlines())) < 300


@pytest.fixture
def odd_folder(tmp_path):
    write_run(tmp_path, make_record(run_id="odd", status="failed", error=EVIL, cell=EVIL, variant="é–\ud800"))
    write_run(tmp_path, make_record(seed=1))
    (tmp_path / "runs" / "bad\x1b[31m\n").mkdir()
    (tmp_path / "runs" / "bad\x1b[31m\n" / "row.json").write_text("{")
    return tmp_path


@pytest.mark.usefixtures("without_figures")
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_every_reading_command_writes_any_text_in_any_encoding(odd_folder, tmp_path, monkeypatch, encoding):
    """No command raises, and no control character reaches the terminal; ASCII gets ASCII."""
    for place, arguments in enumerate(
        (
            ["report", str(odd_folder)],
            ["runs", f"results_dir={odd_folder}"],
            ["compare", str(odd_folder), str(odd_folder)],
            ["export", str(odd_folder), "--to", "csv", "--out", str(tmp_path / f"out-{encoding}")],
            ["list"],
            ["runs", "nonsense=–\x1b"],
            *([name, "--help"] for name in COMMANDS),
        )
    ):
        streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2)]
        monkeypatch.setattr(sys, "stdout", streams[0])
        monkeypatch.setattr(sys, "stderr", streams[1])
        monkeypatch.setattr(logging.getLogger(), "handlers", [])
        code = main(arguments)
        assert code == (2 if "nonsense" in arguments[-1] else 0), arguments
        for stream in streams:
            stream.flush()
            text = stream.buffer.getvalue().decode(encoding)
            assert all(letter.isprintable() or letter in "\n\N{NO-BREAK SPACE}" for letter in text), arguments
            if place == 0 and stream is streams[1]:
                assert "bad\\x1b[31m" in text


def test_a_plain_text_is_printed_as_it_is(capsys):
    say("two\nlines")
    assert capsys.readouterr().out == "two\nlines\n"
