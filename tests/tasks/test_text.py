"""Labelled texts: lines read back with a few string methods, splits compared as sets of texts."""

import itertools
import logging
import re
import unicodedata
from collections import Counter, defaultdict

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.tasks import load_text
from harness.tasks.files.labelled_texts import read_labelled_texts

WORDS = ["red", "green", "blue", "gold", "teal", "pink", "grey", "lime", "navy", "rust"]


def tsv(folder, lines, name="data.tsv", encoding="utf-8", end="\n"):
    path = folder / name
    path.write_bytes("".join(f"{label}\t{text}{end}" for label, text in lines).encode(encoding))
    return path


def spelled(task, split):
    """(text, class name) of each sample, from ids and spec alone."""
    part, symbols = getattr(task, split), task.spec.symbols
    texts = [
        "".join("?" if i == 0 else symbols[i] for i in x[:n])
        for x, n in zip(part.x, part.lengths, strict=True)
    ]
    return list(zip(texts, [task.spec.class_names[y] for y in part.y], strict=True))


def everything(task):
    return sorted(itertools.chain.from_iterable(spelled(task, split) for split in ("train", "val", "test")))


def pairs(labels=("a", "b"), texts=WORDS):
    return [(label, f"{label}{text}") for label in labels for text in texts]


@pytest.mark.parametrize(("encoding", "end"), [("utf-8", "\n"), ("utf-8-sig", "\r\n")])
def test_each_line_is_a_sample_and_a_fifth_of_each_label_is_held_out_twice(tmp_path, encoding, end):
    lines = pairs()
    task = load_text(path=tsv(tmp_path, lines, encoding=encoding, end=end))
    assert everything(task) == sorted((text, label) for label, text in lines)
    for split, each in (("train", 6), ("val", 2), ("test", 2)):
        assert torch.bincount(getattr(task, split).y).tolist() == [each, each]
    assert (task.spec.name, task.spec.variant, task.spec.data_source) == ("data", "char", "text-data-20")


def test_a_folder_for_each_label_gives_the_same_texts_as_lines(tmp_path):
    for label, text in pairs(("b", "a")):
        (tmp_path / "set" / label).mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / label / f"{text}.txt").write_text(text)
    task, data = load_text(path=tmp_path / "set"), read_labelled_texts(tmp_path / "set")
    assert sorted(zip(data.labels, data.texts, strict=True)) == sorted(pairs())
    assert (task.spec.name, task.spec.class_names, len(task.train)) == ("set", ("a", "b"), 12)


def test_ids_of_a_worked_example(tmp_path):
    ids = {"abc": [1, 2, 3, 0], "acb": [1, 3, 2, 0], "bac": [2, 1, 3, 0], "cabb": [3, 1, 2, 2]}
    task = load_text(path=tsv(tmp_path, [(label, text) for text in ids for label in ("x", "y")]))
    assert task.spec.symbols == ("unknown symbol", "a", "b", "c") and task.spec.class_names == ("x", "y")
    parts = (task.train, task.val, task.test)
    assert sorted(x for part in parts for x in part.x.tolist()) == sorted([*ids.values()] * 2)
    assert all(n == 3 + (x[3] > 0) for part in parts for x, n in zip(part.x, part.lengths, strict=True))


def test_numbers_as_labels_are_sorted_by_value(tmp_path):
    assert load_text(path=tsv(tmp_path, pairs(("10", "2")))).spec.class_names == ("2", "10")


def test_words_and_punctuation_are_symbols_of_their_own(tmp_path):
    lines = [(label, f"It's {word}, {word}!") for label, word in zip("ab" * 5, WORDS, strict=True)]
    task = load_text(path=tsv(tmp_path, lines), unit="word")
    assert set(task.spec.symbols) >= {"It", "'", "s", ",", "!"} and task.spec.seq_len == 7
    held_out = set(WORDS) - set(task.spec.symbols)
    assert len(held_out) == 4  # of ten words six are in the training part


def test_a_vocabulary_that_nobody_reads_is_not_named_in_the_spec(tmp_path):
    lines = [(label, f"{label}{n}") for label in "ab" for n in range(4000)]
    spec = load_text(path=tsv(tmp_path, lines), unit="word").spec
    assert spec.symbols is None and spec.class_names == ("a", "b") and 4096 < spec.vocab_size < 8000


# --- vocabulary, duplicates, lengths --------------------------------------------------------------------


def test_the_vocabulary_is_that_of_the_training_part_and_unknown_symbols_are_counted(tmp_path, caplog):
    letters = "ABCDEFGHIJKLMNOPQRST"
    lines = [(label, f"{x}o") for label, x in zip("ab" * 10, letters, strict=True)]
    with caplog.at_level(logging.WARNING):
        task = load_text(path=tsv(tmp_path, lines, name="vocabulary.tsv"))
    seen = {letter for letter in letters if letter in task.spec.symbols}
    assert len(seen) == 12 and {"o", "unknown symbol"} == set(task.spec.symbols) - seen
    assert {text for text, _ in spelled(task, "test")} == {"?o"}
    assert "unknown symbols: 4 of 8 (50 %) in val, 4 of 8 (50 %) in test" in caplog.text


def test_rare_symbols_count_as_unknown(tmp_path):
    lines = [(label, f"{x}o") for label, x in zip("ab" * 10, "ABCDEFGHIJKLMNOPQRST", strict=True)]
    task = load_text(path=tsv(tmp_path, lines), min_count=2)
    assert task.spec.symbols == ("unknown symbol", "o")


def test_equal_texts_are_in_one_split_and_several_labels_are_said(tmp_path, caplog):
    lines = [*pairs(), *pairs(), ("b", "ared"), ("a", "ared")]
    with caplog.at_level(logging.WARNING):
        task = load_text(path=tsv(tmp_path, lines, name="copies.tsv"))
    assert everything(task) == sorted((text, label) for label, text in lines)
    parts = [{text for text, _ in spelled(task, split)} for split in ("train", "val", "test")]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 20
    assert "1 texts occur with several labels" in caplog.text
    assert "copies.tsv, line 1, labelled 'a' there and 'b' at copies.tsv, line 41" in caplog.text


def test_texts_are_cut_to_max_len_which_is_said_and_equal_beginnings_are_in_one_split(tmp_path, caplog):
    lines = [
        (label, f"{label}{3 * digit}{tail}")
        for label in "ab"
        for digit in "0123456789"
        for tail in ("xx", "yyy")
    ]
    with caplog.at_level(logging.WARNING):
        task = load_text(path=tsv(tmp_path, lines, name="long.tsv"), max_len=4)
    assert "40 of 40 texts are cut to max_len=4 symbols; the longest has 7" in caplog.text
    parts = [{text for text, _ in spelled(task, split)} for split in ("train", "val", "test")]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 20 and task.spec.seq_len == 4
    assert load_text(path=tmp_path / "long.tsv", max_len=None).spec.seq_len == 7


def test_a_label_with_few_texts_is_said_with_its_place(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        load_text(path=tsv(tmp_path, [("label", "text"), *pairs()], name="header.tsv"))
    assert "1 of 3 labels have fewer than 3 different texts" in caplog.text
    assert "such as 'label', at header.tsv, line 1" in caplog.text


def test_writing_into_samples_does_not_change_a_later_load(tmp_path):
    path = tsv(tmp_path, pairs())
    before = load_text(path=path)
    fingerprint = before.fingerprint
    for split in (before.train, before.val, before.test):
        split.x.zero_(), split.y.zero_(), split.lengths.fill_(1)
    assert load_text(path=path).fingerprint == fingerprint


def test_the_bytes_decide_the_content_and_a_changed_file_is_read_again(tmp_path):
    one, other = tsv(tmp_path, pairs(), "one.tsv"), tsv(tmp_path, pairs(), "other.tsv")
    assert load_text(path=one).content == load_text(path=other).content
    before = load_text(path=one).content
    tsv(tmp_path, pairs(("a", "c")), "one.tsv")
    after = load_text(path=one)
    assert after.content != before and after.spec.class_names == ("a", "c")


# --- names ----------------------------------------------------------------------------------------------


def test_the_name_of_the_file_becomes_part_of_a_run_id(tmp_path):
    assert load_text(path=tsv(tmp_path, pairs(), "my reviews (new).tsv")).spec.name == "my_reviews_new"
    assert load_text(path=tsv(tmp_path, pairs()), name="mine").spec.name == "mine"
    with pytest.raises(ValueError, match="^name must be given: '数据'"):
        load_text(path=tsv(tmp_path, pairs(), "数据.tsv"))
    with pytest.raises(ValueError, match="^name must be .*, not 'a/b'"):
        load_text(path=tsv(tmp_path, pairs()), name="a/b")


# --- wrong files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (
            b"a\tone\nb two\n",
            r"data.tsv, line 2: a label, a tab and a text are needed, not 0 tabs in 'b two'",
        ),
        (b"a\tone\tmore\n", "line 1: .* not 2 tabs"),
        (b"a\tone\n\nb\t \n", "data.tsv, line 3: the text is empty"),
        (b"a\tone\n\ttwo\n", "data.tsv, line 2: the label is empty"),
        (b"a\tone\nb\tM\xfcller\n", "data.tsv:2: the file must be text in UTF-8, not bytes such as 0xfc"),
        ("a\tone\n".encode("utf-16"), "data.tsv:1: the file must be text in UTF-8, not bytes such as 0xff"),
        ("a\tone\n".encode("utf-16-le"), "data.tsv:1: .* zero bytes, as UTF-16 does"),
        (b"", "holds no text"),
        (b"\xef\xbb\xbf\r\n\n", "holds no text"),
        (b"a\tone\na\ttwo\na\tthree\n", "at least 2 labels, not of 'a' alone"),
        (b"a\tone\nb\ttwo\n", "at least 3 different texts of a label"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_its_line(tmp_path, raw, said):
    (tmp_path / "data.tsv").write_bytes(raw)
    with pytest.raises(ValueError, match=said):
        load_text(path=tmp_path / "data.tsv")


def test_a_folder_without_texts_and_a_missing_path_say_what_is_expected(tmp_path, caplog):
    with pytest.raises(ValueError, match="^path must name a file or a folder, not 2024; .* quote"):
        load_text(path=2024)
    with pytest.raises(FileNotFoundError, match="^path must name a file .*: there is none"):
        load_text(path=tmp_path / "no.tsv")
    (tmp_path / "set" / "a").mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match="such as set/spam/1.txt"):
        load_text(path=tmp_path / "set")
    for label, text in pairs():
        (tmp_path / "set" / label).mkdir(exist_ok=True)
        (tmp_path / "set" / label / f"{text}.txt").write_text(text)
    (tmp_path / "set" / "a" / "photo.png").write_bytes(b"\x89PNG")
    (tmp_path / "set" / "README").write_text("not a label")
    (tmp_path / "set" / ".cache").mkdir()
    with caplog.at_level(logging.WARNING):
        load_text(path=tmp_path / "set")
    assert "2 files or folders that are not label/NAME.txt are not read" in caplog.text


def independent_lines(raw):
    """What the format promises, read with other means; None where there is no valid reading."""
    try:
        text = bytes(raw).removeprefix(b"\xef\xbb\xbf").decode()
    except UnicodeDecodeError:
        return None
    rows = []
    for line in text.split("\n"):
        line = line[:-1] if line.endswith("\r") else line
        if line == "":
            continue
        cells = line.split("\t")
        if "\0" in line or len(cells) != 2 or not cells[0].strip() or not cells[1].strip():
            return None
        rows.append(tuple(cells))
    return rows or None


LINES = st.lists(
    st.lists(st.sampled_from(["a", "b", " ", "é", "1", ""]), max_size=3).map("\t".join), max_size=6
)


@settings(max_examples=120, deadline=None)
@given(
    raw=st.one_of(
        st.binary(max_size=30),
        st.text(alphabet="ab\t\n\r\0 \x0b\x85\u2028é", max_size=30).map(str.encode),
        st.tuples(st.sampled_from(["", "\ufeff"]), LINES, st.sampled_from(["\n", "\r\n"])).map(
            lambda parts: (parts[0] + parts[2].join(parts[1])).encode()
        ),
    )
)
def test_any_bytes_are_read_as_an_independent_reader_does_or_refused_by_name(tmp_path_factory, raw):
    path = tmp_path_factory.getbasetemp() / "fuzz.tsv"
    path.write_bytes(raw)
    expected = independent_lines(raw)
    if expected is None:
        with pytest.raises(ValueError, match="fuzz.tsv"):
            read_labelled_texts(path)
        return
    data = read_labelled_texts(path)
    assert list(zip(data.labels, data.texts, strict=True)) == expected


@settings(max_examples=60, deadline=None)
@given(
    lines=st.lists(
        st.tuples(st.sampled_from("ab1"), st.text(alphabet="xyz .é\u0301", min_size=1, max_size=6)),
        max_size=30,
    ),
    unit=st.sampled_from(["char", "word"]),
    max_len=st.sampled_from([None, 1, 3]),
    min_count=st.integers(1, 3),
    split_seed=st.integers(0, 3),
)
def test_any_lines_become_disjoint_splits_of_all_samples_or_an_error(
    tmp_path_factory, lines, unit, max_len, min_count, split_seed
):
    path = tmp_path_factory.getbasetemp() / "lines.tsv"
    path.write_text("".join(f"{label}\t{text}\n" for label, text in lines))
    try:
        task = load_text(path=path, unit=unit, max_len=max_len, min_count=min_count, split_seed=split_seed)
    except ValueError as error:
        assert re.search("path|lines.tsv", str(error))
        return
    parts = task.train, task.val, task.test
    assert sum(map(len, parts)) == len(lines)
    assert task.spec.class_names == tuple(sorted({label for label, _ in lines}))
    counts = Counter(i for x, n in zip(task.train.x.tolist(), task.train.lengths, strict=True) for i in x[:n])
    assert all(counts[i] >= min_count for i in range(1, task.spec.vocab_size))
    if unit == "char":  # as many symbols as characters, cut
        asked = sorted(len(text[:max_len]) for _, text in lines)
        assert asked == sorted(n for part in parts for n in part.lengths.tolist())


# --- surnames -------------------------------------------------------------------------------------------


def test_surnames_are_the_plain_ones_of_a_single_list_of_faker():
    pytest.importorskip("faker.providers.person", reason="the extra `dev` is installed in part")
    from faker.providers.person.it_IT import Provider as Italian
    from faker.providers.person.zu_ZA import Provider as Zulu

    task = load_text()
    found = everything(task)
    of_language = defaultdict(set)
    for name, language in found:
        of_language[language].add(name)
    assert len({name for name, _ in found}) == len(found) > 5000 and len(of_language) == 13
    assert all(name.isascii() and name.isalpha() and name.islower() for name, _ in found)
    assert of_language["Zulu"] <= {name.lower() for name in Zulu.last_names}
    assert of_language["Italian"] <= {
        unicodedata.normalize("NFD", name).encode("ascii", "ignore").decode().lower()
        for name in Italian.last_names
    }
    assert len(of_language["Zulu"]) > 0.9 * len(set(Zulu.last_names))
    parts = [{text for text, _ in spelled(task, split)} for split in ("train", "val", "test")]
    assert sum(map(len, parts)) == len(found)


def test_surnames_are_single_words():
    pytest.importorskip("faker", reason="the extra `dev` is installed in part")
    with pytest.raises(ValueError, match="^unit must be 'char' without path, not 'word'"):
        load_text(unit="word")


def test_without_faker_the_error_names_the_extra(monkeypatch):
    import sys

    from harness.tasks.files import surnames

    monkeypatch.setitem(sys.modules, "faker.providers.person.hr_HR", None)
    surnames.read_surnames.cache_clear()
    with pytest.raises(FileNotFoundError, match=r"pip install 'seqharness\[text\]'"):
        load_text()
