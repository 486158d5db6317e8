"""The `.ts` format as files are in practice: read, or refused in one line with file and line."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.tasks.files.ts_format import read_ts

PATH = Path("folder/Toy_TRAIN.ts")
HEAD = "@problemName Toy\n@timeStamps false\n@univariate false\n@classLabel true a B\n@data\n"
TIMED = HEAD.replace("@timeStamps false", "@timeStamps true")


def read(text, encoding="utf-8"):
    return read_ts(PATH, text.encode(encoding))


def values(text, encoding="utf-8"):
    return [one.T.tolist() for one in read(text, encoding).x]


def test_channels_labels_and_lines_are_those_of_the_file():
    part = read("% of another program\n" + HEAD + "1,-2.5,3e-1:+4,.5,6.:a\n# a remark\n7:8:B\n\n")
    assert [one.T.tolist() for one in part.x] == [[[1, -2.5, 0.3], [4, 0.5, 6]], [[7], [8]]]
    assert (part.y, part.lines) == (["a", "B"], [7, 9])
    assert all(one.dtype == np.float64 for one in part.x)


def test_missing_values_are_nan():
    [series] = read(HEAD + "?,1,NaN, nan ,2:a\n").x
    assert np.isnan(series[:, 0]).tolist() == [True, False, True, True, False]


def test_values_of_pairs_keep_their_signs_and_their_order():
    text = TIMED + "(0,-1.5),(1, 2),(2.5,?):(0,3),(1,-4e2),(2.5,5):a\n( -1 , 7 ):(-1,8):B"
    first, second = values(text)
    assert first[0][:2] == [-1.5, 2] and math.isnan(first[0][2])
    assert (first[1], second) == ([3, -400, 5], [[7], [8]])


def test_times_in_nanoseconds_rise():
    text = TIMED + "(1600000000000000000,1),(1600000000000000001,2):a"
    assert values(text) == [[[1, 2]]]


@pytest.mark.parametrize(
    "text", ["@DATA\n1:x\n", "\n#\n@data\r\n1:x\r\n\r\n", "@data\r1:x", "\ufeff@data\n1:x"]
)
def test_other_line_ends_spellings_and_a_byte_order_mark_are_read(text):
    assert values(text) == [[[1]]]


def test_a_comment_may_be_in_another_encoding():
    assert values("# Gerät: Würzburg\n" + HEAD + "1:2:a\n", "latin-1") == [[[1], [2]]]


def test_labels_are_exact():
    text = "@classLabel true Banana banana nan NaN 1_0\n@data\n" + "".join(
        f"1:{label}\n" for label in ("Banana", "banana", "nan", "NaN", "1_0")
    )
    assert read(text).y == ["Banana", "banana", "nan", "NaN", "1_0"]


def test_another_spelling_of_a_declared_number_is_that_class():
    assert read("@classLabel true 1 2\n@data\n3:1.0\n").y == ["1.0"]


REFUSED = {
    "infinite": (HEAD + "1,inf:1,2:a", 6, "channel 1, step 2: an infinite value, inf"),
    "minus infinity": (HEAD + "1,2:1,-Infinity:a", 6, "channel 2, step 2: an infinite value, -Infinity"),
    "beyond float32": (HEAD + "1,2:1,-4e38:a", 6, "channel 2, step 2: -4e38 is beyond float32"),
    "beyond float64": (HEAD + "1e999:2:a", 6, "channel 1, step 1: 1e999 is beyond float32"),
    "no number": (HEAD + "1:2:a\n1,x2:3,4:a", 7, "channel 1, step 2: not a number, 'x2'"),
    "underscore": (HEAD + "1_000:2:a", 6, "not a number, '1_000'"),
    "other digits": (HEAD + "١:2:a", 6, "not a number, '١'"),
    "hexadecimal": (HEAD + "0x1:2:a", 6, "not a number, '0x1'"),
    "two signs": (HEAD + "--1:2:a", 6, "not a number, '--1'"),
    "gap": (HEAD + "1,,2:1,2,3:a", 6, "channel 1, step 2: no value between two commas; a missing value is ?"),
    "comma at the end": (HEAD + "1,2,:1,2,3:a", 6, "channel 1, step 3: no value"),
    "decimal comma": (HEAD + "0,5;1,5:1:a", 6, "the decimal sign is a point"),
    "decimal commas": (
        "@univariate true\n@equalLength true\n@seriesLength 2\n@data\n0,5,1,5:a",
        5,
        "a series of 4 steps, where @seriesLength is 2 (is the comma a decimal sign?)",
    ),
    "unequal channels": (HEAD + "1,2:1:a", 6, "channel 1 has 2 steps and channel 2 has 1"),
    "other channels": (HEAD + "1:1:a\n1:a", 7, "a series of 1 channels, where line 6 has 2"),
    "declared channels": ("@dimensions 3\n@data\n1:2:a", 3, "2 channels, where @dimensions is 3"),
    "univariate": ("@univariate true\n@data\n1:2:a", 3, "2 channels, where @univariate is true"),
    "unequal": ("@equalLength true\n@data\n1,2:a\n1:a", 4, "1 steps, where line 3 has 2 and @equalLength"),
    "undeclared": (HEAD + "1:2:b", 6, "class 'b' is not declared, @classLabel has a B"),
    "no label": (HEAD + "1,2,3", 6, "no label after the values"),
    "empty label": (HEAD + "1,2:3,4:", 6, "no label after the values"),
    "no data": ("@problemName Toy\n1,2:a\n", 2, "before @data a line must begin with @, # or %, not '1,2:a'"),
    "no end of header": ("@problemName Toy\n@classLabel true a\n", 2, "the file ends without @data"),
    "nothing": ("", 1, "the file ends without @data"),
    "no series": (HEAD + "\n# nothing\n", 5, "no series follows @data"),
    "data with a value": ("@data 3\n", 1, "@data must stand alone, not before '3'"),
    "header in the data": (HEAD + "@univariate true\n1:a", 6, "@univariate after @data"),
    "no boolean": ("@timeStamps no\n@data\n1:a", 1, "@timeStamps must be true or false, not 'no'"),
    "no count": ("@seriesLength six\n@data\n1:a", 1, "@seriesLength must be a whole number of at least 1"),
    "unexpected pairs": (HEAD + "(0,1),(1,2):1:a", 6, "pairs of time and value need @timeStamps true"),
    "pairs missing": (TIMED + "1,2:3,4:a", 6, "each value must be a pair (time, value), not '1,2:3,4:a'"),
    "triples": (TIMED + "(0,1,2):a", 6, "each value must be a pair"),
    "date": (TIMED + "(2020-01-01 00:00:00,1):a", 6, "a time must be a number, not '2020-01-01 00:00:00'"),
    "falling times": (TIMED + "(1,5),(0,6):a", 6, "times must rise from step to step, not 1 before 0"),
    "other times": (TIMED + "(0,5),(1,6):(0,5),(2,6):a", 6, "channels 1 and 2 have different times"),
    "infinite pair": (TIMED + "(0,inf):a", 6, "an infinite value, inf"),
    "pairs without label": (TIMED + "(0,1),(1,2)", 6, "no label after the values"),
    "broken pair": (TIMED + "(0,1),(1:a", 6, "no label after the values"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_is_refused_with_file_and_line(case):
    text, line, rule = REFUSED[case]
    with pytest.raises(ValueError, match=f"^folder/Toy_TRAIN.ts:{line}: ") as error:
        read(text)
    assert rule in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        ((HEAD + "1:2:a").encode("utf-16"), 1),
        ((HEAD + "1:2:a").encode("utf-16-le"), 1),
        (HEAD.encode() + b"1:2:a\n1:\xe4:a\n", 7),
        (b"\x1f\x8b\x08\x00\x00", 1),
    ],
)
def test_other_encodings_are_refused_with_file_and_line(raw, line):
    with pytest.raises(ValueError, match=rf"^folder/Toy_TRAIN.ts:{line}: .*(UTF-8|UTF-16)"):
        read_ts(PATH, raw)


# --- any file: a result that an independent parser shares, or one line -----------------------------------


def independent(text):
    """The 20-line reading: values and label of each line, without any check."""
    head, _, data = re.split(r"(?im)^(@data)\s*$", text, maxsplit=1)
    timed = re.search(r"(?im)^@timestamps\s+true", head)
    samples = []
    for line in data.splitlines():
        if line.strip() and not line.strip().startswith("#"):
            *channels, label = line.strip().split(":")
            rows = []
            for channel in channels:
                tokens = channel.split(",")
                if timed:
                    tokens = [token.rstrip(") ") for token in tokens[1::2]]
                words = [token.strip().lower() for token in tokens]
                rows.append([math.nan if word in ("?", "nan") else float(word) for word in words])
            samples.append((rows, label.strip()))
    return samples


TOKENS = ["1", "-2.5", "+3e-4", "?", "NaN", "inf", "", "1e39", "0,5", "x", " 7 ", "1_0", "(0,1)", "5.", "-0"]
LABELS = ["a", "B", "1", "1.0", "", "nan", "c d", "a:b", "(1)"]
LINES = st.one_of(
    st.builds(
        lambda channels, label: ":".join([*map(",".join, channels), label]),
        st.lists(st.lists(st.sampled_from(TOKENS), min_size=1, max_size=3), min_size=1, max_size=2),
        st.sampled_from(LABELS),
    ),
    st.builds(
        lambda channels, label: ":".join(
            [",".join(f"({t},{value})" for t, value in enumerate(channel)) for channel in channels] + [label]
        ),
        st.lists(st.lists(st.sampled_from(TOKENS), min_size=1, max_size=3), min_size=1, max_size=2),
        st.sampled_from(LABELS),
    ),
    st.sampled_from(["", "# remark", "@univariate true", "\t", "1,2,3", "::", "1:", ":a"]),
)
HEADERS = st.lists(
    st.sampled_from(
        ["@timeStamps true", "@timeStamps false", "@univariate true", "@equalLength true", "@seriesLength 2",
         "@classLabel true a B 1", "@dimensions 2", "@missing true", "# remark", "", "@problemName x y"]
    ),
    max_size=4, unique_by=lambda line: line.split(" ")[0] or line,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(head=HEADERS, data=st.lists(LINES, max_size=4), end=st.sampled_from(["\n", "\r\n"]))
def test_any_file_gives_the_numbers_of_an_independent_parser_or_one_line(head, data, end):
    text = end.join([*head, "@data", *data])
    try:
        part = read(text)
    except ValueError as error:
        assert re.match(r"^folder/Toy_TRAIN\.ts:\d+: \S", str(error))
        assert "\n" not in str(error)
        return
    expected = independent(text)
    assert len(part.x) == len(expected) > 0
    for series, label, (rows, written) in zip(part.x, part.y, expected, strict=True):
        np.testing.assert_array_equal(series.T, np.array(rows))
        assert label == written


@settings(max_examples=60, deadline=None)
@given(raw=st.binary(max_size=60), place=st.integers(0, 200))
def test_any_bytes_inside_a_file_give_a_result_or_one_line(raw, place):
    whole = (HEAD + "1,2:3,4:a\n5,6:7,8:B\n").encode()
    try:
        part = read_ts(PATH, whole[:place] + raw + whole[place:])
    except ValueError as error:
        assert re.match(r"^folder/Toy_TRAIN\.ts:\d+: \S", str(error))
        assert len(str(error).splitlines()) == 1
        return
    assert all(np.isfinite(one) | np.isnan(one) for series in part.x for one in series.flat)


FINITE = st.floats(-3e38, 3e38, allow_nan=False, width=64)


@settings(max_examples=60, deadline=None)
@given(
    data=st.lists(st.tuples(st.lists(FINITE, min_size=1, max_size=4), st.sampled_from("aB")), min_size=1),
    timed=st.booleans(),
)
def test_every_number_that_is_written_is_read(data, timed):
    rows = [
        ",".join(f"({t},{value!r})" if timed else repr(value) for t, value in enumerate(series))
        for series, _ in data
    ]
    text = (TIMED if timed else HEAD) + "\n".join(
        f"{row}:{label}" for row, (_, label) in zip(rows, data, strict=True)
    )
    part = read(text)
    assert [series[:, 0].tolist() for series in part.x] == [series for series, _ in data]
    assert part.y == [label for _, label in data]
