"""Fashion-MNIST: a small set in the published format, every folder it may be in, and the real set."""

import gzip
import hashlib
import struct

import numpy as np
import pytest
from torchvision.datasets import mnist as torchvision_mnist

from harness.tasks import load_mnist
from harness.tasks.fashion_mnist import CLASSES, load_fashion_mnist
from harness.tasks.files import fashion_mnist
from tests.tasks.cases import PUBLISHED_FASHION_MNIST

PUBLISHED = dict(fashion_mnist.FILES)
REAL = fashion_mnist.SYSTEM_DIR
N_TRAIN, N_TEST = 240, 30


def idx_bytes(array):
    return struct.pack(f">i{array.ndim}i", 0x800 + array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def small_set(monkeypatch, tmp_path):
    """Name -> array of a small set that the package takes for the published one, on a system without it."""
    rng = np.random.RandomState(6)
    arrays = {
        "train-images-idx3-ubyte": rng.randint(0, 256, (N_TRAIN, 28, 28), dtype=np.uint8),
        "train-labels-idx1-ubyte": rng.permutation(np.repeat(np.arange(10, dtype=np.uint8), 24)),
        "t10k-images-idx3-ubyte": rng.randint(0, 256, (N_TEST, 28, 28), dtype=np.uint8),
        "t10k-labels-idx1-ubyte": rng.permutation(np.repeat(np.arange(10, dtype=np.uint8), 3)),
    }
    sums = {name: (array.shape, hashlib.md5(idx_bytes(array)).hexdigest()) for name, array in arrays.items()}
    assert list(sums) == list(PUBLISHED)
    monkeypatch.setattr(fashion_mnist, "FILES", sums)
    monkeypatch.setattr(fashion_mnist, "SYSTEM_DIR", tmp_path / "system")
    return arrays


def write(folder, arrays, packed=False):
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        raw = idx_bytes(array)
        (folder / (f"{name}.gz" if packed else name)).write_bytes(gzip.compress(raw) if packed else raw)
    return folder


def check(task, arrays):
    assert task.spec.data_source == "fashion_mnist-70000"
    assert (task.test.x.shape, str(task.test.x.dtype)) == ((N_TEST, 28, 28), "torch.float32")
    for image, steps in zip(arrays["t10k-images-idx3-ubyte"], task.test.x.numpy(), strict=True):
        assert (np.round(steps * 255) == image).all() and steps.max() <= 1
    assert task.test.y.tolist() == arrays["t10k-labels-idx1-ubyte"].tolist()
    pool = {
        image.tobytes(): label
        for image, label in zip(
            arrays["train-images-idx3-ubyte"], arrays["train-labels-idx1-ubyte"], strict=True
        )
    }
    for split, each in ((task.train, 22), (task.val, 2)):
        assert np.bincount(split.y.numpy()).tolist() == [each] * 10
        for steps, y in zip(split.x.numpy(), split.y.tolist(), strict=True):
            assert pool.pop(np.round(steps * 255).astype(np.uint8).tobytes()) == y
    assert not pool  # each image is in one split


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("layout", ["FashionMNIST/raw", "."])
def test_a_named_folder_holds_torchvisions_layout_or_the_files(tmp_path, small_set, layout, packed):
    write(tmp_path / "data" / layout, small_set, packed)
    check(load_fashion_mnist(data_dir=tmp_path / "data"), small_set)
    check(load_fashion_mnist(data_dir=str(tmp_path / "data")), small_set)


def test_without_a_folder_the_environment_comes_before_the_systems_package(tmp_path, monkeypatch, small_set):
    write(tmp_path / "system", small_set, packed=True)
    check(load_fashion_mnist(), small_set)
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path / "mine"))
    check(load_fashion_mnist(), small_set)
    path = write(tmp_path / "mine" / "FashionMNIST" / "raw", small_set) / "t10k-labels-idx1-ubyte"
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ValueError, match="mine.*t10k-labels-idx1-ubyte: wrong length"):
        load_fashion_mnist()


def test_mnists_files_with_the_same_names_are_not_read(tmp_path, monkeypatch, small_set):
    monkeypatch.setenv("HARNESS_DATA", str(write(tmp_path / "mnist", small_set)))
    with pytest.raises(FileNotFoundError, match="neither in"):
        load_fashion_mnist()


def test_torchvisions_own_data_set_reads_what_we_read(tmp_path, small_set):
    write(tmp_path / "FashionMNIST" / "raw", small_set)
    theirs = torchvision_mnist.FashionMNIST(str(tmp_path), train=False)
    ours = load_fashion_mnist(data_dir=tmp_path).test
    assert (ours.x * 255).round().byte().tolist() == theirs.data.tolist()
    assert ours.y.tolist() == theirs.targets.tolist()
    names = [name.lower() for name in CLASSES]
    assert names == [name.lower() for name in torchvision_mnist.FashionMNIST.classes]


def test_the_error_for_a_missing_set_says_how_to_get_it(tmp_path, small_set):
    write(tmp_path / "system", small_set)
    message = (
        f"neither in {tmp_path}/no/FashionMNIST/raw nor in {tmp_path}/no .*"
        f"harness fetch fashion_mnist data_dir={tmp_path}/no`.*apt install dataset-fashion-mnist"
    )
    with pytest.raises(FileNotFoundError, match=message):
        load_fashion_mnist(data_dir=tmp_path / "no")
    (tmp_path / "system" / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(
        FileNotFoundError,
        match="only a part of Fashion-MNIST, train-labels-idx1-ubyte missing; .*apt install",
    ):
        load_fashion_mnist()


def test_damage_is_named_with_the_file(tmp_path, small_set):
    path = write(tmp_path, small_set) / "train-images-idx3-ubyte"
    load_fashion_mnist(data_dir=tmp_path)
    raw = path.read_bytes()
    path.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    with pytest.raises(ValueError, match="train-images-idx3-ubyte: wrong checksum"):
        load_fashion_mnist(data_dir=tmp_path)


@pytest.mark.parametrize("permutation", ["none", "bit_reversal", 92916])
def test_images_are_cut_and_permuted_as_mnists(tmp_path, monkeypatch, small_set, forget, permutation):
    from harness.tasks.files import mnist as mnist_files

    write(tmp_path / "FashionMNIST" / "raw", small_set)
    write(tmp_path / "MNIST" / "raw", small_set)
    monkeypatch.setattr(mnist_files, "FILES", fashion_mnist.FILES)
    arguments = {"data_dir": tmp_path, "seq_len": 56, "permutation": permutation, "n_train": 50, "seed": 2}
    ours, digits = load_fashion_mnist(**arguments), load_mnist(**arguments)
    assert ours.fingerprint == digits.fingerprint
    assert (ours.spec.name, ours.spec.variant) == ("fashion_mnist", digits.spec.variant)
    assert (ours.spec.chance_accuracy, ours.spec.num_classes) == (0.1, 10)
    assert "1708.07747" in ours.spec.citation


def test_arguments_are_refused_before_any_file_is_opened(tmp_path, small_set):
    with pytest.raises(ValueError, match="seq_len must divide 784, .* not 29; the nearest is 28"):
        load_fashion_mnist(seq_len=29)
    with pytest.raises(ValueError, match="permutation must be none, bit_reversal or"):
        load_fashion_mnist(permutation="bits")
    write(tmp_path, small_set)
    with pytest.raises(ValueError, match=r"n_train must be at most 220 \(fashion_mnist-70000\), not 221"):
        load_fashion_mnist(data_dir=tmp_path, n_train=221)


@pytest.mark.skipif(not REAL.is_dir(), reason="the package dataset-fashion-mnist is not installed")
def test_the_published_set_has_golden_bytes():
    task = load_fashion_mnist(data_dir=REAL, n_train=100, seed=3, permutation=92916)
    assert np.bincount(task.test.y.numpy()).tolist() == [1000] * 10
    assert np.bincount(task.val.y.numpy()).tolist() == [500] * 10
    assert len(load_fashion_mnist(data_dir=REAL).train) == 55_000
    assert task.fingerprint == PUBLISHED_FASHION_MNIST
