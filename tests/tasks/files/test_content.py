"""The content of data from disk: it depends on the bytes that were read, not on where they lie."""

import gzip
import hashlib
import os
import re
import shutil
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.tasks import load_cifar10, load_fashion_mnist, load_mnist, load_next_char, load_timeseries
from harness.tasks.files import cifar10, fashion_mnist, mnist
from tests.small_sets import small_digits
from tests.tasks.series_files import TOY, bundled, ts_text, write

STORY = b"It was a long way home, and nobody said a word. " * 8


def test_a_set_in_another_folder_packed_or_not_has_the_same_content(small_published_sets, tmp_path):
    clothes, images = small_published_sets["fashion_mnist"], small_published_sets["cifar10"]
    packed, moved = tmp_path / "packed", tmp_path / "moved"
    packed.mkdir()
    for path in clothes.iterdir():
        (packed / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
    shutil.copytree(images, moved)
    assert load_fashion_mnist().content == load_fashion_mnist(data_dir=packed).content
    assert load_cifar10().content == load_cifar10(data_dir=moved).content != load_fashion_mnist().content


@pytest.mark.parametrize(
    "part", ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte"]
)
def test_another_published_set_has_another_content(monkeypatch, tmp_path, part):
    contents = set()
    for number, flip in enumerate((0, 1)):
        files = {name: (shape, bytearray(raw)) for name, (shape, raw) in small_digits().items()}
        files[part][1][-1] ^= flip
        folder = tmp_path / str(number)
        folder.mkdir()
        for name, (_, raw) in files.items():
            (folder / name).write_bytes(raw)
        sums = {name: (shape, hashlib.md5(raw).hexdigest()) for name, (shape, raw) in files.items()}
        monkeypatch.setattr(mnist, "FILES", sums)
        contents.add(load_mnist(data_dir=folder).content)
    assert len(contents) == 2


def test_the_published_sets_differ_in_their_checksums():
    checksums = [[entry[1] for entry in module.FILES.values()] for module in (mnist, fashion_mnist, cifar10)]
    assert len({tuple(entry) for entry in checksums}) == 3


def test_the_bundled_digits_have_the_content_of_all_their_pixels_and_labels(monkeypatch, forget):
    content = load_mnist().content
    x, y = (array.copy() for array in mnist._bundled_arrays())
    for array, index in ((x, (4999, 783)), (y, 0)):
        array[index] ^= 1
        monkeypatch.setattr(mnist, "_bundled_arrays", lambda: (x, y))
        forget()
        changed = load_mnist().content
        array[index] ^= 1
        assert changed != content
    forget()
    assert load_mnist().content == content


@settings(max_examples=40, deadline=None)
@given(index=st.integers(0, len(STORY) - 1), byte=st.integers(1, 127))
def test_one_changed_byte_of_a_text_gives_another_content(tmp_path_factory, index, byte):
    folder = tmp_path_factory.mktemp("texts")
    changed = bytearray(STORY)
    changed[index] = byte
    for name, raw in (("a.txt", STORY), ("b.txt", STORY), ("c.txt", changed)):
        (folder / name).write_bytes(raw)
    plain, copy, other = (load_next_char(path=folder / f"{name}.txt", seq_len=3).content for name in "abc")
    assert plain == copy
    assert (plain == other) == (bytes(changed) == STORY)


@settings(max_examples=12, deadline=None)
@given(part=st.sampled_from(["TRAIN", "TEST"]), data=st.data())
def test_one_changed_digit_or_label_of_a_series_gives_another_content(tmp_path_factory, part, data):
    folders = [tmp_path_factory.mktemp("series") for _ in range(3)]
    text = ts_text(f"Toy_{part}", *TOY[f"Toy_{part}"])
    start = text.index("@data")
    digits = [m.span() for m in re.finditer("[1-5](?=.*:)", text[start:])]  # of values
    labels = [m.span() for m in re.finditer("(?<=:)10$", text[start:], re.MULTILINE)]
    low, high = data.draw(st.sampled_from([*digits, *labels]))
    changed = text[: start + low] + "9" + text[start + high :]
    with bundled({}):
        for folder in folders:
            write(folder, "Toy")
        (folders[2] / "Toy" / f"Toy_{part}.ts").write_text(changed)
        one, copy, other = (load_timeseries(name="Toy", data_dir=folder).content for folder in folders)
    assert one == copy != other


def test_a_changed_comment_of_a_series_file_gives_another_content_too(tmp_path):
    with bundled({}):
        write(tmp_path, "Toy")
        before = load_timeseries(name="Toy", data_dir=tmp_path)
        path = tmp_path / "Toy" / "Toy_TRAIN.ts"
        path.write_text(path.read_text().replace("@problemName Toy", "@problemName Tox"))
        after = load_timeseries(name="Toy", data_dir=tmp_path)
    assert before.content != after.content
    assert before.fingerprint == after.fingerprint


def test_an_edit_in_place_that_keeps_size_and_time_of_writing_is_read_again(tmp_path):
    with bundled({}):
        write(tmp_path, "Toy")
        path = tmp_path / "Toy" / "Toy_TEST.ts"
        before, stat = load_timeseries(name="Toy", data_dir=tmp_path), path.stat()
        text = path.read_text()
        path.write_text(text.replace("1000.0", "1000.5"))
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        assert (path.stat().st_size, path.stat().st_mtime_ns) == (stat.st_size, stat.st_mtime_ns)
        after = load_timeseries(name="Toy", data_dir=tmp_path)
    assert before.content != after.content
    assert before.fingerprint != after.fingerprint


@pytest.mark.parametrize("load", [load_mnist, load_next_char])
def test_a_bundled_set_is_constructed_in_under_a_millisecond_the_second_time(load):
    load()
    seconds = []
    for _ in range(20):
        start = time.perf_counter()
        load()
        seconds.append(time.perf_counter() - start)
    assert np.min(seconds) < 1e-3  # the minimum, as other processes may use the machine
