"""CIFAR-10: small files in the published format, written byte by byte."""

import hashlib
import math
import os
import pickle

import numpy as np
import pytest
import torch
from torchvision.datasets import CIFAR10

from harness.tasks.cifar10 import CLASSES, load_cifar10
from harness.tasks.files import cifar10 as cifar10_files
from tests.small_sets import CIFAR10_FILES, batch_bytes, small_cifar10, text

COUNT = 20


@pytest.fixture
def small(monkeypatch, tmp_path):
    """(folder, name -> (x, y)) of a small set that the package takes for the published one."""
    batches, folder = {}, tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for name, (_, raw, arrays) in small_cifar10(COUNT).items():
        batches[name] = arrays
        publish(monkeypatch, folder / name, raw)
    return tmp_path, batches


def publish(monkeypatch, path, raw):
    """Writes a file that the package takes for the published one."""
    path.write_bytes(raw)
    sums = cifar10_files.FILES | {path.name: (COUNT, hashlib.md5(raw).hexdigest())}
    monkeypatch.setattr(cifar10_files, "FILES", sums)


def by_hand(pixels, variant):
    """Steps of one image, from red, green and blue value by value."""
    red, green, blue = (pixels[1024 * c : 1024 * (c + 1)].tolist() for c in range(3))
    if variant == "colour":
        return [[red[p], green[p], blue[p]] for p in range(1024)]
    if variant == "grey":
        return [
            [math.floor((299 * red[p] + 587 * green[p] + 114 * blue[p]) / 1000 + 0.5)] for p in range(1024)
        ]
    return [
        red[32 * r : 32 * r + 32] + green[32 * r : 32 * r + 32] + blue[32 * r : 32 * r + 32]
        for r in range(32)
    ]


@pytest.mark.parametrize(
    ("variant", "shape"),
    [("rows", (32, 96)), ("grey", (1024, 1)), ("colour", (1024, 3)), ("noisy_rows", (1000, 96))],
)
def test_every_image_is_read_as_the_variant_defines(small, variant, shape):
    folder, batches = small
    task = load_cifar10(data_dir=folder, variant=variant)
    assert (task.spec.seq_len, task.spec.input_size) == shape
    assert (task.test.x.shape, str(task.test.x.dtype)) == ((COUNT, *shape), "torch.float32")
    assert task.test.lengths.tolist() == [shape[0]] * COUNT
    x, y = batches["test_batch"]
    assert task.test.y.tolist() == y
    for pixels, steps in zip(x[:4], task.test.x.numpy(), strict=False):
        hand = np.array(by_hand(pixels, variant))
        assert (steps[: len(hand)] == (hand.astype(np.float32) / np.float32(255))).all()


def test_the_worked_examples_name_the_classes_of_the_published_set():
    assert (CLASSES.index("frog"), CLASSES.index("truck"), len(CLASSES)) == (6, 9, 10)


def test_torchvisions_own_data_set_reads_what_we_read(small):
    folder, _ = small
    meta = b"\x80\x02}(" + text("label_names") + b"](" + b"".join(map(text, CLASSES)) + b"eu."
    (folder / "cifar-10-batches-py" / "batches.meta").write_bytes(meta)

    lists = {
        "train_list": [[name, cifar10_files.FILES[name][1]] for name in CIFAR10_FILES[:5]],
        "test_list": [[name, cifar10_files.FILES[name][1]] for name in CIFAR10_FILES[5:]],
        "meta": {"filename": "batches.meta", "key": "label_names", "md5": hashlib.md5(meta).hexdigest()},
    }
    Small = type("Small", (CIFAR10,), lists)
    theirs = Small(str(folder), train=False)
    ours = load_cifar10(data_dir=folder, variant="colour").test
    assert ((ours.x * 255).round().byte().reshape(-1, 32, 32, 3).numpy() == theirs.data).all()
    assert ours.y.tolist() == theirs.targets
    assert theirs.classes == list(CLASSES)
    images = cifar10_files.read_images(folder)
    assert images.train_y.tolist() == Small(str(folder)).targets


def test_our_checksums_are_torchvisions():
    theirs = dict(CIFAR10.train_list + CIFAR10.test_list)
    assert {name: md5 for name, (_, md5) in cifar10_files.FILES.items()} == theirs


def test_the_division_is_fixed_stratified_and_disjoint(small):
    folder, batches = small
    task = load_cifar10(data_dir=folder)
    pool = {x.tobytes(): y for name in CIFAR10_FILES[:5] for x, y in zip(*batches[name], strict=True)}
    for split, each in ((task.train, 9), (task.val, 1)):
        assert np.bincount(split.y.numpy()).tolist() == [each] * 10
        for steps, y in zip(split.x.numpy(), split.y.tolist(), strict=True):
            image = np.round(steps * 255).astype(np.uint8).reshape(32, 3, 32).transpose(1, 0, 2)
            assert pool.pop(image.tobytes()) == y
    assert not pool
    assert load_cifar10(data_dir=folder, seed=9).fingerprint == task.fingerprint


def test_fewer_images_are_drawn_by_the_seed_from_the_training_ones(small):
    folder, _ = small
    full = load_cifar10(data_dir=folder)
    rows = {row.tobytes() for row in full.train.x.numpy()}
    some = [load_cifar10(data_dir=folder, n_train=30, seed=seed) for seed in (0, 1, 0)]
    for task in some:
        assert len({row.tobytes() for row in task.train.x.numpy()} & rows) == 30
        assert task.test.fingerprint == full.test.fingerprint
    assert some[0].fingerprint == some[2].fingerprint != some[1].fingerprint
    with pytest.raises(ValueError, match=r"n_train must be at most 90 \(cifar10-60000\), not 91"):
        load_cifar10(data_dir=folder, n_train=91)


def test_the_noise_is_standard_normal_differs_everywhere_and_follows_the_seed(small):
    folder, _ = small
    arguments = {"data_dir": folder, "variant": "noisy_rows", "seq_len": 60}
    task, other = load_cifar10(**arguments), load_cifar10(**arguments, seed=1)
    noise = [split.x[:, 32:].double().numpy() for split in (task.train, task.val, task.test, other.test)]
    for part in noise:
        n = part.size
        assert abs(part.mean()) < 5 / np.sqrt(n)
        assert part.var() == pytest.approx(1, abs=5 * np.sqrt(2 / n))
    assert len({row.tobytes() for part in noise for row in part}) == sum(len(part) for part in noise)
    assert torch.equal(task.test.x[:, :32], load_cifar10(data_dir=folder).test.x)
    assert task.fingerprint == load_cifar10(**arguments).fingerprint
    assert task.spec.memoryless_loss == pytest.approx(np.log(10))
    assert load_cifar10(data_dir=folder).spec.memoryless_loss is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"variant": "noisy_rows", "seq_len": 32},
            "seq_len must be .* at least 33, not 32; the nearest is 33",
        ),
        ({"seq_len": 64}, "seq_len must be 32 for rows, not 64"),
        ({"variant": "grey", "seq_len": 1023}, "seq_len must be 1024 for grey, not 1023"),
        ({"seq_len": True}, "seq_len must be a whole number"),
        ({"variant": "gray"}, "variant must be one of rows, grey, .*; did you mean 'grey'"),
        ({"seed": -1}, "seed must be .* at least 0"),
    ],
)
def test_other_arguments_are_refused_before_a_file_is_opened(arguments, message):
    with pytest.raises(ValueError, match=message):
        load_cifar10(data_dir="/nowhere", **arguments)


def test_lengths_that_are_allowed(small):
    folder, _ = small
    assert load_cifar10(data_dir=folder, variant="noisy_rows", seq_len=33).val.x.shape == (10, 33, 96)
    assert load_cifar10(data_dir=folder, seq_len=32).spec.seq_len == 32


def test_the_folder_may_hold_the_files_directly_and_may_come_from_the_environment(small, monkeypatch):
    folder, batches = small
    monkeypatch.setenv("HARNESS_DATA", str(folder))
    for task in (load_cifar10(), load_cifar10(data_dir=folder / "cifar-10-batches-py")):
        assert task.test.y.tolist() == batches["test_batch"][1]
        assert task.spec.data_source == "cifar10-60000"


def test_the_error_for_a_missing_set_says_how_to_get_it(small, tmp_path):
    folder, _ = small
    with pytest.raises(
        FileNotFoundError, match=r"no does not hold CIFAR-10 .*harness fetch cifar10 data_dir=.*no`"
    ):
        load_cifar10(data_dir=tmp_path / "no")
    with pytest.raises(FileNotFoundError, match="does not hold CIFAR-10 .* unpack cifar-10-python.tar.gz"):
        load_cifar10()
    (folder / "cifar-10-batches-py" / "data_batch_4").unlink()
    with pytest.raises(
        FileNotFoundError, match="only a part of CIFAR-10, data_batch_4 missing; run `harness fetch"
    ):
        load_cifar10(data_dir=folder)


@pytest.mark.parametrize("damage", [lambda raw: raw[:-1], lambda raw: raw + b"\0", lambda raw: b""])
def test_damage_is_found_by_the_checksum_before_anything_is_unpickled(small, monkeypatch, damage):
    folder, _ = small
    path = folder / "cifar-10-batches-py" / "data_batch_1"
    path.write_bytes(damage(path.read_bytes()))
    monkeypatch.setattr(cifar10_files, "_ArrayUnpickler", None)  # so that unpickling would say "no pickle"
    with pytest.raises(ValueError, match="data_batch_1: wrong checksum, .* bytes with MD5 .* fetch the set"):
        load_cifar10(data_dir=folder)


class Evil:
    def __init__(self, call):
        self.call = call

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("module", ["os", "builtins", "numpy", "harness.tasks.files.cifar10"])
def test_a_pickle_that_calls_anything_is_refused_and_nothing_runs(small, monkeypatch, tmp_path, module):
    folder, _ = small
    calls = {
        "os": (os.mkdir, (str(tmp_path / "ran"),)),
        "builtins": (eval, (f"__import__('os').mkdir({str(tmp_path / 'ran')!r})",)),
        "numpy": (np.save, (str(tmp_path / "ran"), [1])),
        "harness.tasks.files.cifar10": (cifar10_files.read_images, ()),
    }
    path = folder / "cifar-10-batches-py" / "data_batch_1"
    publish(monkeypatch, path, pickle.dumps(Evil(calls[module]), protocol=2))
    with pytest.raises(
        ValueError, match="data_batch_1: not a pickle of images .it refers to .*, which no image file"
    ):
        load_cifar10(data_dir=folder)
    assert not list(tmp_path.glob("ran*"))


ONE, LABELS = np.zeros((COUNT, 3072), dtype=np.uint8), [k % 10 for k in range(COUNT)]
CONTENTS = {
    "no dictionary": (b"\x80\x02](e.", "has no `data`"),
    "an empty one": (b"\x80\x02}.", "has no `data`"),
    "fewer images": (batch_bytes(ONE[:-1], LABELS), f"has no `data` of {COUNT} x 3072 bytes"),
    "fewer pixels": (batch_bytes(ONE[:, :-1], LABELS), "has no `data`"),
    "fewer labels": (batch_bytes(ONE, LABELS[:-1]), f"has no `labels`, {COUNT} from 0 to 9"),
    "label 10": (batch_bytes(ONE, [10, *LABELS[1:]]), "has no `labels`"),
    "label -1": (batch_bytes(ONE, [-1, *LABELS[1:]]), "has no `labels`"),
    "half a pickle": (batch_bytes(ONE, LABELS)[:-100], "not a pickle of images"),
    "nothing": (b"", "not a pickle of images"),
    "text": (b"<!DOCTYPE html>", "not a pickle of images"),
}


@pytest.mark.parametrize("contents", CONTENTS)
def test_wrong_contents_are_named_with_the_file(small, monkeypatch, contents):
    folder, _ = small
    raw, message = CONTENTS[contents]
    publish(monkeypatch, folder / "cifar-10-batches-py" / "test_batch", raw)
    with pytest.raises(ValueError, match=f"test_batch: {message}.*; fetch the set again"):
        load_cifar10(data_dir=folder)
