"""A file that is no part of MNIST: the message says what it may be."""

import gzip
import hashlib
import struct

import numpy as np
import pytest

from harness.tasks import load_mnist
from harness.tasks.files import mnist

SIZES = {"train-images-idx3-ubyte": (60, 28, 28), "train-labels-idx1-ubyte": (60,),
         "t10k-images-idx3-ubyte": (20, 28, 28), "t10k-labels-idx1-ubyte": (20,)}  # fmt: skip


def idx_bytes(array):
    return struct.pack(f">i{array.ndim}i", 0x800 + array.ndim, *array.shape) + array.tobytes()


def of_sizes(*sizes, seed=0):
    return idx_bytes(np.random.RandomState(seed).randint(0, 10, sizes, dtype=np.uint8))


@pytest.fixture
def published(tmp_path, monkeypatch, forget):
    """The four files of a small set that the package takes for the published one, in `tmp_path`."""
    files = {name: of_sizes(*sizes) for name, sizes in SIZES.items()}
    monkeypatch.setattr(
        mnist, "FILES", {name: (SIZES[name], hashlib.md5(raw).hexdigest()) for name, raw in files.items()}
    )
    for name, raw in files.items():
        (tmp_path / name).write_bytes(raw)
    return files


NAME = "t10k-images-idx3-ubyte"
WHOLE = of_sizes(20, 28, 28)
REPLACED = {
    "web page": (b"\n<!DOCTYPE HTML><title>404</title>", "", "a web page, which a server sent in place"),
    "nothing": (b"", "", "it is empty: a download that broke off"),
    "cut": (WHOLE[:5000], "", "it may be a download that broke off"),
    "cut archive": (gzip.compress(WHOLE)[:900], ".gz", "it may be a download that broke off"),
    "compressed": (gzip.compress(WHOLE), "", f"it is compressed: name it {NAME}.gz"),
    "not compressed": (WHOLE, ".gz", f"it is not compressed: name it {NAME}"),
    "page in .gz": (b"<html></html>", ".gz", "a web page"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\noid", "", "a pointer of Git LFS"),
    "zip": (b"PK\x03\x04rest", "", "a zip archive: unpack it"),
    "labels": (
        of_sizes(20, seed=1),
        "",
        "has the sizes of t10k-labels-idx1-ubyte: the files may be exchanged",
    ),
    "training images": (of_sizes(60, 28, 28), "", "it is train-images-idx3-ubyte of MNIST"),
    "other sizes": (of_sizes(20, 14, 14), "", "it may be of another set, which task=idx reads"),
    "other images": (
        of_sizes(20, 28, 28, seed=1),
        "",
        "another set of these sizes, which task=idx reads, or was",
    ),
    "something else": (b"\x89PNG", "", "fetch the file again"),
}


@pytest.mark.parametrize("case", REPLACED)
def test_the_message_names_the_file_and_what_it_may_be(tmp_path, published, case):
    raw, suffix, may_be = REPLACED[case]
    (tmp_path / NAME).unlink()
    (tmp_path / f"{NAME}{suffix}").write_bytes(raw)
    with pytest.raises(ValueError, match=f"{NAME}{suffix}: ") as error:
        load_mnist(data_dir=tmp_path)
    assert may_be in str(error.value)
    assert "\n" not in str(error.value)


def test_the_files_of_fashion_mnist_are_known(tmp_path, published, monkeypatch):
    other = of_sizes(20, 28, 28, seed=2)
    monkeypatch.setattr(
        "harness.tasks.files.fashion_mnist.FILES", {NAME: ((20, 28, 28), hashlib.md5(other).hexdigest())}
    )
    (tmp_path / NAME).write_bytes(other)
    with pytest.raises(ValueError, match=f"it is {NAME} of Fashion-MNIST$"):
        load_mnist(data_dir=tmp_path)
