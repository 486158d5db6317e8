"""Small image sets in the format of the published ones, written byte by byte."""

import math
import struct

import numpy as np

TRAIN, TEST = 240, 20
CIFAR10_FILES = [f"data_batch_{k}" for k in range(1, 6)] + ["test_batch"]


def small_digits(seed=5):
    """File name -> (sizes, bytes in the IDX format): 24 training and 2 test images of each class."""
    rng, files = np.random.RandomState(seed), {}
    for part, count in (("train", TRAIN), ("t10k", TEST)):
        images = rng.randint(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = rng.permutation(np.repeat(np.arange(10, dtype=np.uint8), count // 10))
        for name, array in (("images-idx3", images), ("labels-idx1", labels)):
            head = bytes([0, 0, 8, array.ndim]) + b"".join(struct.pack(">I", size) for size in array.shape)
            assert len(array.tobytes()) == math.prod(array.shape)
            files[f"{part}-{name}-ubyte"] = array.shape, head + array.tobytes()
    return files


def text(value):
    """A Python 2 string in a pickle."""
    raw = value if isinstance(value, bytes) else value.encode()
    return b"U" + bytes([len(raw)]) + raw if len(raw) < 256 else b"T" + struct.pack("<i", len(raw)) + raw


def number(value):
    return b"J" + struct.pack("<i", value)


def array(x):
    """A uint8 array as NumPy pickled it in Python 2."""
    dtype = b"cnumpy\ndtype\n" + text("u1") + number(0) + number(1) + b"\x87R("
    dtype += number(3) + text("|") + b"NNN" + number(-1) + number(-1) + number(0) + b"tb"
    shape = b"(" + b"".join(number(size) for size in x.shape) + b"t"
    made = (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n"
        + number(0)
        + b"\x85"
        + text("b")
        + b"\x87R"
    )
    return made + b"(" + number(1) + shape + dtype + b"\x89" + text(x.tobytes()) + b"tb"


def batch_bytes(x, y):
    """A batch in pickle protocol 2, keys and values in the order of the published files."""
    labels = b"](" + b"".join(number(k) for k in y) + b"e"
    names = b"](" + b"".join(text(f"image_{k}.png") for k in range(len(y))) + b"e"
    pairs = [("batch_label", text("a batch")), ("labels", labels), ("data", array(x)), ("filenames", names)]
    return b"\x80\x02}(" + b"".join(text(key) + value for key, value in pairs) + b"u."


def small_cifar10(count=20, seed=7):
    """File name -> (images, bytes of the pickle, (x, y)): `count` images in each file, classes balanced."""
    rng, files = np.random.RandomState(seed), {}
    for name in CIFAR10_FILES:
        x = rng.randint(0, 256, (count, 3072), dtype=np.uint8)
        y = rng.permutation(np.repeat(np.arange(10), count // 10)).tolist()
        files[name] = count, batch_bytes(x, y), (x, y)
    return files
