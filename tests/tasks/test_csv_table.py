"""Own data in tables: hand-written files, and each refusal by its line."""

import itertools
import re
import struct

import pytest

from harness.tasks import load_csv
from tests.tasks.test_arrays import samples

LABELS = ["run", "walk"] * 6
WIDE = "label,t0,t1,t2\n" + "".join(f"{LABELS[i]},{i * i},{i}.25,-{i}e-1\n" for i in range(12))
LONG = "id,step,ax,ay,label\n" + "".join(
    f"s{i},{t},{i + t / 4},{-i},{'walk' if i % 2 else 'run'}\n"
    for t in (2, 0, 1)
    for i in range(12)
    if t <= i
)


@pytest.fixture
def write(tmp_path):
    """A function that writes a file and returns its path."""

    def write(text, name="series.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def read(path, **options):
    return samples(load_csv(path=path, normalize=False, **options))


def float32(value):
    return struct.unpack("f", struct.pack("f", value))[0]


EXPECTED_WIDE = sorted(
    (str([[float(i * i)], [i + 0.25], [float32(float(f"-{i}e-1"))]]), "walk" if i % 2 else "run")
    for i in range(12)
)
EXPECTED_LONG = sorted(
    (str([[i + t / 4, float(-i)] for t in range(min(i, 2) + 1)]), "walk" if i % 2 else "run")
    for i in range(12)
)


@pytest.mark.parametrize("character", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_wide_table_has_a_sequence_in_each_row_whatever_divides_the_cells(write, character, end):
    text = WIDE.replace(",", character).replace("\n", end)
    assert read(write(text)) == read(write("\ufeff" + text + end)) == EXPECTED_WIDE
    assert read(write(text), delimiter=character) == EXPECTED_WIDE
    quoted = re.sub(r"([^\r\n|;,\t]+)", r' "\1"', text)
    assert read(write(quoted)) == EXPECTED_WIDE


def test_a_long_table_has_a_step_in_each_row_sorted_by_step(write):
    path = write(LONG)
    assert read(path) == EXPECTED_LONG
    task = load_csv(path=path)
    assert (task.spec.input_size, task.spec.seq_len, task.spec.class_names) == (2, 3, ("run", "walk"))
    assert read(path, features=["ay", 2]) == sorted(
        (str([[float(-i), i + t / 4] for t in range(min(i, 2) + 1)]), "walk" if i % 2 else "run")
        for i in range(12)
    )
    assert load_csv(path=path, ignore=["ay"]).spec.input_size == 1
    reverse = "\n".join([LONG.splitlines()[0], *LONG.splitlines()[:0:-1]])
    assert read(write(reverse)) == EXPECTED_LONG


def test_columns_are_named_or_numbered_and_found_by_their_usual_names(write):
    text = WIDE.replace("label", "Class")
    assert (
        read(write(text)) == read(write(text), label=0) == read(write(text), label="Class") == EXPECTED_WIDE
    )
    last = "\n".join(",".join([*line.split(",")[1:], line.split(",")[0]]) for line in WIDE.splitlines())
    assert read(write(last.replace("label", "what")), label=-1) == EXPECTED_WIDE
    renamed = LONG.replace("id,step,ax,ay,label", "who,when,ax,ay,what")
    options = {"sequence": "who", "step": 1, "label": "what"}
    assert read(write(renamed), **options) == EXPECTED_LONG


def test_a_file_without_names_has_its_labels_first_as_in_the_archive(write):
    text = "".join(line.replace("walk", "2").replace("run", "-1") + "\n" for line in WIDE.splitlines()[1:])
    expected = sorted((x, {"run": "-1", "walk": "2"}[label]) for x, label in EXPECTED_WIDE)
    assert read(write(text)) == read(write(text.replace(",", "\t"), "X.tsv")) == expected
    words = "\n".join(WIDE.splitlines()[1:])
    assert read(write(words), header=False) == EXPECTED_WIDE


def test_a_column_split_has_the_division_and_a_number_can_be_the_target(write):
    rows = [f"{i / 2},{i * i},{split}" for i, split in enumerate(["train"] * 5 + ["val"] * 2 + ["test"] * 3)]
    task = load_csv(path=write("\n".join(["y,a,split", *rows])), label="y", target="value", tolerance=0.6)
    assert task.val.y.tolist() == [2.5, 3.0] and task.test.y.tolist() == [3.5, 4.0, 4.5]
    assert task.spec.chance_accuracy == 1  # 4 is right for all three


def test_tokens_are_whole_numbers_and_kept(write):
    path = write("label,a,b\n" + "".join(f"{i % 2},5,{i * i}\n" for i in range(12)))
    assert samples(load_csv(path=path, tokens=True)) == sorted((f"[5, {i * i}]", i % 2) for i in range(12))
    long = "id,step,token,label\n" + "".join(
        f"{i},{t},{i * t},{i % 2}\n" for i in range(9) for t in range(1 + i)
    )
    found = samples(load_csv(path=write(long), tokens=True))
    assert found == sorted((str([i * t for t in range(1 + i)]), i % 2) for i in range(9))


ARFF = """% a comment
@relation toy
@attribute att1 numeric
@ATTRIBUTE 'att 2' real
@attribute target {walk,'run fast'}

@data
% another
"""


@pytest.mark.parametrize("suffix", ["tsv", "arff"])
def test_the_two_parts_of_a_problem_of_the_archive_are_read_together(write, suffix):
    head = ARFF if suffix == "arff" else ""
    lines = [(f"{i * i},{-i}", "walk" if i % 2 else "'run fast'") for i in range(30)]
    if suffix == "arff":
        text = [f"{x},{label}" for x, label in lines]
    else:
        text = [f"{label}\t{x}".replace(",", "\t").replace("'", "") for x, label in lines]
        text = [line.replace("walk", "2").replace("run fast", "1") for line in text]
    path = write(head + "\n".join(text[:20]), f"Toy_TRAIN.{suffix}")
    with pytest.raises(FileNotFoundError, match="path must be one of a pair when it ends in _TRAIN"):
        load_csv(path=path)
    write(head + "\n".join(text[20:]) + "\n", f"Toy_TEST.{suffix}")
    task = load_csv(path=path, normalize=False)
    assert task.spec.name == "Toy"
    assert task.spec.class_names == (("run fast", "walk") if suffix == "arff" else ("1", "2"))
    assert task.test.x[:, :, 0].tolist() == [[i * i, -i] for i in range(20, 30)]
    assert task.test.y.tolist() == [i % 2 for i in range(20, 30)]
    assert sorted(task.train.x[:, 0, 0].tolist() + task.val.x[:, 0, 0].tolist()) == [i * i for i in range(20)]
    assert (len(task.val), task.val.y.bincount().tolist()) == (4, [2, 2])


def line_of(number, old, new, text=WIDE):
    """The text with a change in one line, counted from 1."""
    lines = text.splitlines()
    assert old in lines[number - 1]
    lines[number - 1] = lines[number - 1].replace(old, new, 1)
    return "\n".join(lines) + "\n"


NO_NUMBER = ["nan", "NaN", "", "1\u00a0", "?", "NA", "null", "inf", "-Infinity", "0x1F", "1_000", "1e"]
NO_NUMBER += ["1.5.2", "٣", "1 000", "+-1", "1d5", "abc", "1e39", "-1e400"]
NO_NUMBER += ['"1,5"', '"1,000.5"', '"1.000,5"']


@pytest.mark.parametrize("cell", NO_NUMBER)
@pytest.mark.parametrize("text", [WIDE, LONG], ids=["wide", "long"])
def test_what_is_no_number_is_refused_with_file_and_line(write, cell, text):
    bad = line_of(4, "2.25" if text is WIDE else "-4", cell, text)
    path = write(bad)
    column = "t1" if text is WIDE else "ay"
    with pytest.raises(ValueError, match=rf"^{re.escape(str(path))}:4: column '{column}' must hold numbers"):
        load_csv(path=path)


COUNTED = itertools.count(5)
REFUSED = [
    (line_of(3, "walk", ""), {}, ":3: column 'label' must not be empty"),
    (line_of(3, "walk", "0.5"), {}, ":3: column 'label' must hold labels, whole numbers or words, not"),
    (line_of(4, "run", "1", line_of(3, "walk", "1.0")), {}, ":4: column 'label' must write a label in one "
     "way, not 1 after 1.0 in line 3"),
    *((line_of(4, "run", word), {}, f":4: column 'label' must hold labels, not {word!r}, which stands for a "
       "missing one; leave the row out, or rename the class if it is one")
      for word in ("NA", "nan", "?", "None", "-")),
    (line_of(1, "t0", "index"), {}, "column 'index' must not count the rows (its name says so): leave it out "
     "with ignore=[1], or name the columns to read with features"),
    (line_of(1, "t0", "Unnamed: 0"), {}, "column 'Unnamed: 0' must not count the rows"),
    (re.sub(r",(\d+)\.25", r",\1.0", WIDE), {}, "column 't1' must not count the rows (it rises by 1 from 0."),
    (re.sub(r"^s\d+,", lambda of: f"{of[0]}{next(COUNTED)},", LONG, flags=re.M).replace("id,", "id,row,"),
     {}, "column 'row' must not count the rows (it rises by 1 from 5 to 37)"),
    (LONG.replace("s1,", "1,").replace("s2,", "1.0,"), {}, ": column 'id' must write a sequence in one way"),
    (line_of(5, "3.25", "3.25,7"), {}, ":5: 5 cells where line 1 has 4 (divided by comma);"),
    (line_of(1, "t1", "t0"), {}, ":1: column names must differ, not 't0' twice"),
    (line_of(1, "label", "what"), {}, "label must name a column of"),
    (line_of(1, "t0", "target"), {}, "it may be column 'label', column 'target'"),
    (line_of(1, "t0", "id"), {}, "column 'id' is no step of a sequence by its name"),
    (line_of(1, "t0", ""), {}, "number 1 has none and may count the rows: leave it out"),
    (line_of(7, "walk", '"walk'), {}, ":13: the line cannot be divided into cells: unexp"),
    (WIDE.replace("\n", "\n\n", 3), {}, ":2: a line between others must not be blank; delete it"),
    (WIDE.replace(",", ";").replace(".", ","), {}, ":2: column 't1' must hold numbers, not '0,25'; write"),
    ("1;2,5\n2;3,5\n", {}, "delimiter must be given for"),
    ("1 2\n3 4\n", {}, "none of them divide its lines alike"),
    ("0,1,2,3\nrun,1,2,3\n", {}, "its first line counts up, so it may be the names of the columns"),
    ("run,1,2\nwalk,1,2\n", {}, "header must be given for"),
    ("", {}, "delimiter must be given for"),
    ("a,label\n", {}, "must hold at least one line after the names of its columns"),
    (WIDE.encode("utf-16"), {}, ":1: the file must be text in UTF-8, not bytes such as 0xff"),
    (WIDE.replace("walk", "läuft").encode("latin1"), {}, ":3: the file must be text in UTF-8, not bytes"),
    (WIDE.replace("walk", "w\0"), {}, ":3: the file must be text in UTF-8, not hold zero bytes"),
    (WIDE, {"label": "lable"}, "not 'lable'; did you mean 'label'?"),
    (WIDE, {"label": 4}, "label must be a column of"),
    (WIDE, {"sequence": "t0"}, "step must name a column of"),
    (WIDE, {"sequence": "t0", "layout": "wide"}, "sequence must be null with layout=wide, not 't0'"),
    (WIDE, {"layout": "long"}, "sequence must name a column of"),
    (WIDE, {"features": ["t0", "label"]}, "features must name a column once, not column 'label' twice"),
    (WIDE, {"ignore": ["t0", "t1", 3]}, "must have a column of steps beside"),
    (WIDE, {"tokens": True}, ":2: column 't1' must hold token ids, whole numbers from 0 up, not '0.25'"),
    (WIDE, {"split": "t0"}, ":2: column 't0' must be one of train, val, test, not '0'"),
    (WIDE, {"target": "value", "tolerance": 1}, ":2: column 'label' must hold numbers, not 'run'"),
    (LONG + "s3,1,0,0,walk\n", {}, ":35: column 'step' must differ in a sequence, but 's3' has step 1 in"),
    (LONG + "s3,9,0,0,run\n", {}, ":35: column 'label' must be the same in a whole sequence, not 'run'"),
    (LONG + ",9,0,0,run\n", {}, ":35: column 'id' must name the sequence of the row, not be empty"),
    (LONG + "s3,,0,0,run\n", {}, ":35: column 'step' must hold numbers, not ''"),
    (LONG, {"tokens": True}, "features must name one column with tokens=true, not 2 columns"),
    (LONG.replace("step", "when"), {}, "column 'id' is no step of a sequence by its name"),
    ("label,a\n" + "".join(f"c{i},1\n" for i in range(9)), {}, "val must have at least one sample, not 0"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "options", "said"), REFUSED, ids=[said for _, _, said in REFUSED])
def test_a_table_that_cannot_be_used_is_refused_in_one_line(write, text, options, said):
    path = write(text)
    with pytest.raises(ValueError) as error:  # noqa: PT011
        load_csv(path=path, **options)
    assert said in str(error.value)
    assert str(path) in str(error.value) or said.startswith(("features", "sequence must be null"))
    assert "\n" not in str(error.value)


ARFF_REFUSED = [
    (ARFF + "1,2,walk\n1,2,flies\n", ":10: 'flies' is not among the declared walk, run fast"),
    (ARFF + "1,2,walk\n1,walk\n", ":10: 2 cells where the file declares 3 attributes"),
    (ARFF + "1,?,walk\n", ":9: column 'att 2' must hold numbers, not '?'; missing values are not filled in"),
    (ARFF + "{0 1, 2 walk}\n", ":9: a row must hold all its cells"),
    (ARFF.replace("real", "relational") + "1,2,walk\n", ":4: attributes must be numeric or a list of words"),
    (ARFF.replace("@data", "@dat") + "1,2,walk\n", ":7: a line before @data must be @relation"),
    (ARFF, "must have at least two @attribute lines, then @data, then rows"),
    (ARFF.replace("'att 2'", "att1") + "1,2,walk\n", "names of attributes must differ, not 'att1' twice"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), ARFF_REFUSED, ids=[said for _, said in ARFF_REFUSED])
def test_an_arff_file_that_cannot_be_used_is_refused_in_one_line(write, text, said):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        load_csv(path=write(text, "x.arff"))
    assert said in str(error.value)


def test_parts_with_other_columns_are_refused(write):
    path = write(WIDE, "X_TRAIN.csv")
    for text, said in (
        (WIDE.replace("t1", "t9"), "number 2 't1', not 't9'"),
        (re.sub(r",[^,]*\n", "\n", WIDE), "4, not 3"),
    ):
        write(text, "X_TEST.csv")
        with pytest.raises(ValueError, match=f"X_TEST.csv must have the columns of X_TRAIN.csv, {said}"):
            load_csv(path=path)


def test_a_column_that_counts_the_rows_is_left_out_or_named(write):
    lines = WIDE.splitlines()
    path = write("\n".join(["n," + lines[0], *(f"{i},{line}" for i, line in enumerate(lines[1:]))]))
    assert read(path, ignore=["n"]) == EXPECTED_WIDE
    assert load_csv(path=path, features=["n", "t1"]).spec.seq_len == 2


def test_times_in_nanoseconds_and_long_whole_numbers_are_told_apart(write):
    long = "".join(
        f"s{k},{1600000000000000000 + t},{k + t},{9007199254740992 + k % 2}\n"
        for k in range(10)
        for t in (2, 0, 1)
    )
    task = load_csv(path=write("id,time,v,label\n" + long), normalize=False)
    names = task.spec.class_names
    assert names == ("9007199254740992", "9007199254740993")
    assert samples(task) == sorted((str([[k + 0.0], [k + 1.0], [k + 2.0]]), names[k % 2]) for k in range(10))


def test_the_bytes_decide_what_is_read_and_a_split_can_be_written_into(write):
    path = write(WIDE)
    one = load_csv(path=path)
    fingerprint = one.fingerprint
    one.train.x.zero_()
    assert load_csv(path=path).fingerprint == fingerprint
    write(WIDE.replace("0.25", "0.5"))
    assert load_csv(path=path).content != one.content
