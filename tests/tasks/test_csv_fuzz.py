"""Tables fuzzed: never another number than a parser of 20 lines of its own, and never a traceback."""

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from harness.tasks import Task, load_csv
from tests.tasks.test_arrays import samples
from tests.tasks.test_csv_table import float32


def simple_parse(text):
    """Rows of a wide table with names and commas, labels first; None where it is not plain."""
    head, *lines = text.rstrip("\n").split("\n")
    rows = []
    for line in lines:
        label, *cells = [cell.strip(" \t") for cell in line.split(",")]
        if len(cells) != head.count(",") or not label or '"' in line:
            return None
        if any(set(cell) - set("0123456789.eE+-") for cell in cells):
            return None
        try:
            rows.append((label, [float(cell) for cell in cells]))
        except ValueError:
            return None
        if any(abs(value) > 3.4e38 for value in rows[-1][1]):
            return None
    return rows


SUFFIXES = ["csv", "tsv", "arff"]
CELLS = st.one_of(
    st.floats(-1e6, 1e6).map(repr),
    st.integers(-999, 999).map(str),
    st.sampled_from(["1e5", " 2 ", ".5", "5.", "+3", "-0", "1E-3", "007"]),
)
ODD = st.sampled_from(
    [
        "1_0",
        "0x1",
        "nan",
        "",
        "1,5",
        '"',
        "\r",
        "\t",
        ";",
        "inf",
        "1e999",
        "é",
        "\ufeff",
        "1e",
        "\x0b",
        "\x1c",
        "\xa0",
        "\u2028",
        "−1",
    ]
)


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=6, max_size=8),
    odd=st.one_of(st.none(), ODD),
    place=st.integers(0, 200),
    insert=st.booleans(),
)
def test_never_another_number_than_a_simple_parser(rows, odd, place, insert, tmp_path_factory):
    lines = [f"{'uv'[i % 2]},{i * i},{','.join(cells)}\n" for i, cells in enumerate(rows)]
    text = "label,n,a,b,c\n" + "".join(lines)
    if odd is not None:
        place %= len(text)
        text = text[:place] + odd + text[place + (not insert) :]
    expected = simple_parse(text)
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(text.encode())
    try:
        task = load_csv(path=path, normalize=False, label=0, header=True, delimiter="comma")
    except ValueError as error:
        assert "\n" not in str(error)
        assert odd is not None
        return
    assume(expected is not None)
    names = task.spec.class_names
    wanted = sorted((str([[float32(value)] for value in x]), label) for label, x in expected)
    assert [(x, names[label] if isinstance(label, int) else label) for x, label in samples(task)] == wanted


@settings(max_examples=150, deadline=None)
@given(
    text=st.text("label,id;step\t\n\r\"'1.5e-|×@{}%", max_size=60),
    suffix=st.sampled_from(["csv", "tsv", "arff"]),
)
def test_any_text_is_read_or_refused_in_one_line(text, suffix, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / f"any.{suffix}"
    path.write_bytes(text.encode())
    try:
        task = load_csv(path=path)
    except ValueError as error:
        assert "\n" not in str(error)
    else:
        assert isinstance(task, Task)
