"""Next character: windows cut with slices, frequencies counted with dictionaries."""

import functools
import math
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.tasks import next_char
from harness.tasks.next_char import load_next_char
from harness.tasks.task import NO_LABEL

STORY = (Path(next_char.__file__).parent / "next_char_sample.txt").read_text(encoding="ascii")


def cut(text, seq_len):
    """(window, next character) of every place in each part of a text."""
    n = len(text)
    parts = {
        "train": text[: n * 8 // 10],
        "val": text[n * 8 // 10 : n * 9 // 10],
        "test": text[n * 9 // 10 :],
    }
    return {
        name: [(part[i : i + seq_len], part[i + seq_len]) for i in range(len(part) - seq_len)]
        for name, part in parts.items()
    }


def read_back(split, letters):
    return [
        ("".join(letters[i] for i in row), letters[y])
        for row, y in zip(split.x.tolist(), split.y.tolist(), strict=True)
    ]


@settings(max_examples=30, deadline=None)
@given(
    text=st.text(min_size=20, max_size=200).filter(lambda t: not {*"\r\0"} & {*t}), seq_len=st.integers(1, 30)
)
def test_every_window_of_a_part_and_no_other_is_taken(tmp_path_factory, text, seq_len):
    text = text.removeprefix("\ufeff")
    path = tmp_path_factory.getbasetemp() / "some text.txt"
    path.write_bytes(text.encode())
    expected = cut(text, seq_len)
    if not all(expected.values()):
        with pytest.raises(ValueError, match="seq_len must be at most"):
            load_next_char(path=path, seq_len=seq_len)
        return
    task = load_next_char(path=path, seq_len=seq_len)
    letters = sorted(set(text))
    assert (task.spec.vocab_size, task.spec.num_classes) == (len(letters), len(letters))
    assert task.spec.data_source.startswith(f"some text-{len(text)}-")
    for name, windows in expected.items():
        split = getattr(task, name)
        assert read_back(split, letters) == windows
        assert split.lengths.tolist() == [seq_len] * len(windows)


def test_the_bundled_story_is_ascii_and_its_parts_do_not_overlap():
    task = load_next_char(seq_len=20)
    letters = sorted(set(STORY))
    assert 10_000 < len(STORY) == int(task.spec.data_source.removeprefix("story-"))
    back = {name: read_back(getattr(task, name), letters) for name in ("train", "val", "test")}
    assert back == cut(STORY, 20)
    covered = sum(len(windows) + 20 for windows in back.values())
    assert covered == len(STORY)  # the parts' characters add up to the text: none is in two of them


@pytest.mark.parametrize("name", ["train", "val", "test"])
def test_fewer_windows_are_different_ones_of_the_same_part_in_its_order(name):
    everything = cut(STORY, 30)[name]
    some = load_next_char(seq_len=30, seed=3, **{f"n_{name}": 200})
    other = load_next_char(seq_len=30, seed=4, **{f"n_{name}": 200})
    rows = read_back(getattr(some, name), sorted(set(STORY)))
    places = [everything.index(row) for row in rows]
    assert len(set(places)) == 200 and places == sorted(places)
    assert getattr(some, name).fingerprint != getattr(other, name).fingerprint
    with pytest.raises(ValueError, match=f"n_{name} must be at most {len(everything)}, .*, not 99999"):
        load_next_char(seq_len=30, **{f"n_{name}": 99999})


def test_the_baselines_are_the_frequencies_of_the_text_and_the_docstrings():
    spec = load_next_char().spec
    single, before, pairs = Counter(STORY), Counter(STORY[:-1]), Counter(pairwise(STORY))
    n = len(STORY)
    assert spec.chance_accuracy == pytest.approx(max(single.values()) / n, abs=1e-12)
    bigram = -sum(c * math.log(c / before[a]) for (a, _), c in pairs.items()) / (n - 1)
    assert spec.memoryless_loss == pytest.approx(bigram, abs=1e-9)
    unigram = -sum(c * math.log(c / n) for c in single.values()) / n
    numbers = [f"{spec.chance_accuracy:.3f} correct", f"story-{n}", f"{n:,} characters"]
    numbers += [f"{v:.2f} nats = {v / math.log(2):.2f} bits" for v in (unigram, bigram)]
    said = " ".join(load_next_char.__doc__.split())
    assert all(number in said for number in numbers), numbers


def test_the_best_table_from_the_last_character_scores_the_declared_loss():
    """Fitted to the windows of length 1, which lack only the pairs at the boundaries of the parts."""
    task = load_next_char(seq_len=1)
    pairs = Counter(
        (row[0], y)
        for split in (task.train, task.val, task.test)
        for row, y in zip(split.x.tolist(), split.y.tolist(), strict=True)
    )
    before = Counter()
    for (a, _), count in pairs.items():
        before[a] += count
    loss = -sum(c * math.log(c / before[a]) for (a, _), c in pairs.items()) / sum(pairs.values())
    assert task.spec.memoryless_loss == pytest.approx(loss, abs=2e-3)


def test_line_endings_and_a_byte_order_mark_do_not_change_the_samples(tmp_path):
    plain = "one\ntwo\n" * 20
    prints = set()
    for number, raw in enumerate(
        (plain, plain.replace("\n", "\r\n"), "\ufeff" + plain, plain.replace("\n", "\r"))
    ):
        path = tmp_path / str(number) / "text.txt"
        path.parent.mkdir()
        path.write_bytes(raw.encode())
        task = load_next_char(path=str(path), seq_len=4)
        prints.add((task.fingerprint, task.spec.data_source))
    assert len(prints) == 1


def test_all_windows_are_views_of_the_text():
    x = load_next_char(seq_len=100).train.x
    assert x.untyped_storage().nbytes() <= 8 * len(STORY) < x.numel() * 8
    assert torch.equal(x[5, 1:], x[6, :-1])


def test_bad_files_and_lengths_are_refused(tmp_path):
    longest = len(STORY) * 9 // 10 - len(STORY) * 8 // 10 - 1
    assert len(load_next_char(seq_len=longest).val) == 1
    with pytest.raises(ValueError, match=f"seq_len must be at most {longest} .* not {longest + 1}"):
        load_next_char(seq_len=longest + 1)
    with pytest.raises(ValueError, match="seq_len must be .* at least 1, not 0"):
        load_next_char(seq_len=0)
    with pytest.raises(FileNotFoundError):
        load_next_char(path=tmp_path / "none.txt")
    (tmp_path / "latin.txt").write_bytes("café".encode("latin-1") * 50)
    with pytest.raises(ValueError, match=r"latin.txt:1: the file must be text in UTF-8"):
        load_next_char(path=tmp_path / "latin.txt")
    for order in ("le", "be"):
        (tmp_path / "wide.txt").write_bytes("a plain text of letters\n".encode(f"utf-16-{order}") * 50)
        with pytest.raises(ValueError, match=f"wide.txt:1: .* text in UTF-8, .*utf-16{order} "):
            load_next_char(path=tmp_path / "wide.txt")
    (tmp_path / "empty.txt").write_bytes(b"")
    with pytest.raises(ValueError, match="a text of 0 characters"):
        load_next_char(path=tmp_path / "empty.txt")


@pytest.mark.parametrize("labels", ["last", "every_step"])
@pytest.mark.parametrize("characters", [15, 20, 57, 101])
def test_the_longest_window_that_an_error_names_is_one_that_fits(tmp_path, characters, labels):
    (tmp_path / "text.txt").write_text(("abcdefghij" * 11)[:characters])
    ask = functools.partial(load_next_char, path=tmp_path / "text.txt", labels=labels)
    if characters == 15:  # 12, 1 and 2 characters
        with pytest.raises(
            ValueError, match="a text of 15 characters is too short: val has 1 .* at least 20"
        ):
            ask(seq_len=1)
        return
    bounds = [characters * share // 10 for share in (0, 8, 9, 10)]
    parts = [high - low for low, high in pairwise(bounds)]
    for wrong in (min(parts), parts[0], 5000):
        with pytest.raises(ValueError, match=f"^seq_len must be at most .*, not {wrong};") as error:
            ask(seq_len=wrong)
        longest = int(re.search(r"at most (\d+)", str(error.value))[1])
        task = ask(seq_len=longest)
        assert min(len(task.train), len(task.val), len(task.test)) >= 1
        with pytest.raises(ValueError, match="^seq_len must be at most"):
            ask(seq_len=longest + 1)


def test_the_source_of_a_file_is_its_name_length_and_hash(tmp_path):
    (tmp_path / "abra.txt").write_text("abracadabra " * 40)
    assert load_next_char(path=tmp_path / "abra.txt", seq_len=5).spec.data_source == "abra-480-654e3bf8"


@settings(max_examples=30, deadline=None)
@given(text=st.text("abc \n", min_size=30, max_size=120), seq_len=st.integers(1, 9))
def test_with_labels_at_every_step_each_character_after_the_first_of_a_part_is_asked_once(
    tmp_path_factory, text, seq_len
):
    path = tmp_path_factory.getbasetemp() / "every.txt"
    path.write_bytes(text.encode())
    n = len(text)
    parts = {
        "train": text[: n * 8 // 10],
        "val": text[n * 8 // 10 : n * 9 // 10],
        "test": text[n * 9 // 10 :],
    }
    if min(map(len, parts.values())) <= seq_len:
        with pytest.raises(ValueError, match="seq_len must be at most"):
            load_next_char(path=path, seq_len=seq_len, labels="every_step")
        return
    task = load_next_char(path=path, seq_len=seq_len, labels="every_step")
    letters = sorted(set(text))
    assert (task.spec.target, task.spec.variant, task.spec.predicts_next) == (
        "steps",
        "file-every_step",
        True,
    )
    assert task.spec.symbols == task.spec.class_names == tuple(letters)
    train = parts["train"]
    assert [[letters[i] for i in row] for row in task.train.x] == [
        list(train[i : i + seq_len]) for i in range(len(train) - seq_len)
    ]
    assert [[letters[i] for i in row] for row in task.train.y] == [
        list(train[i + 1 : i + 1 + seq_len]) for i in range(len(train) - seq_len)
    ]
    for name in ("val", "test"):
        part, split, asked = parts[name], getattr(task, name), []
        for x, y in zip(split.x.tolist(), split.y.tolist(), strict=True):
            window = "".join(letters[i] for i in x)
            assert window in part
            asked += [letters[label] for label in y if label != NO_LABEL]
            after = [(a, letters[b]) for a, b in zip(window[1:], y[:-1], strict=True) if b != NO_LABEL]
            assert all(a == b for a, b in after)  # each label is the next input
        assert "".join(asked) == part[1:]


def test_windows_of_test_samples_can_be_fewer_and_lengths_count():
    task = load_next_char(seq_len=40, labels="every_step", n_test=5, seed=2)
    assert task.test.x.shape == task.test.y.shape == (5, 40)
    with pytest.raises(
        ValueError, match="n_test must be at most 31, .*, not 32"
    ):  # 1,222 characters, 1,221 labels
        load_next_char(seq_len=40, labels="every_step", n_test=32)
    with pytest.raises(ValueError, match="labels must be one of last, every_step, not 'all'"):
        load_next_char(labels="all")
