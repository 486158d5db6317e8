"""Image sets in MNIST's format: each pixel against the arrays that were written and torchvision's reader."""

import struct

import numpy as np
import pytest
from torchvision.datasets import mnist as torchvision_mnist

from harness.tasks import load_idx, load_mnist, measure_baselines
from harness.tasks.common.grey_images import pixel_order
from tests.tasks.own_files import IDX_NAMES, images, write_idx

ARRAYS = images()


def test_every_image_is_a_sequence_of_its_rows_and_the_divisions_are_fixed(tmp_path):
    task = load_idx(path=write_idx(tmp_path / "letters", *ARRAYS))
    train_x, train_y, test_x, test_y = ARRAYS
    assert (np.round(task.test.x.numpy() * 255) == test_x).all()
    assert (task.test.y.numpy() + 1 == test_y).all() and task.spec.class_names == ("1", "2", "3", "4")
    pool = {x.tobytes(): label for x, label in zip(train_x, train_y, strict=True)}
    divided = [*zip(task.train.x, task.train.y, strict=True), *zip(task.val.x, task.val.y, strict=True)]
    found = {np.round(x.numpy() * 255).astype(np.uint8).tobytes(): int(y) + 1 for x, y in divided}
    assert found == pool and len(divided) == 80
    assert task.val.y.bincount().tolist() == [2, 2, 2, 2]  # 1/12 of 20, rounded
    spec = task.spec
    assert (spec.name, spec.data_source, spec.variant) == ("letters", "idx-letters", "ordered")
    assert (spec.seq_len, spec.input_size, spec.num_classes) == (6, 4, 4)
    assert spec.chance_accuracy == measure_baselines(task, task.test).chance_accuracy == 0.25
    theirs = torchvision_mnist.read_image_file(str(tmp_path / "letters" / IDX_NAMES[2]))
    assert (theirs.numpy() == np.round(task.test.x.numpy() * 255)).all()


@pytest.mark.parametrize(
    "names",
    [
        [f"{name}.gz" for name in IDX_NAMES],
        [name.replace("-idx", ".idx") for name in IDX_NAMES],
        [f"emnist-letters-{name.replace('t10k', 'test')}.gz" for name in IDX_NAMES],
        [f"raw/{name}" for name in IDX_NAMES],
        [f"kmnist.{name}" for name in IDX_NAMES],
    ],
)
def test_files_are_found_packed_or_not_with_dots_dashes_and_prefixes(tmp_path, names):
    (tmp_path / "set" / "raw").mkdir(parents=True)
    write_idx(tmp_path / "plain", *ARRAYS)
    write_idx(tmp_path / "set", *ARRAYS, names=names)
    plain, task = load_idx(path=tmp_path / "plain"), load_idx(path=tmp_path / "set")
    assert (task.fingerprint, task.content) == (plain.fingerprint, plain.content)
    assert task.spec.name in ("set", "emnist-letters", "kmnist")
    assert load_idx(path=tmp_path / "set", name="mine").spec.name == "mine"


def test_of_several_sets_in_a_folder_one_is_chosen_by_its_prefix(tmp_path):
    for shift, prefix in enumerate(["emnist-digits-", "emnist-letters-"]):
        write_idx(tmp_path, *images(shift), names=[prefix + name for name in IDX_NAMES])
    with pytest.raises(ValueError, match=r"prefix must be one of 'emnist-digits', 'emnist-letters', sets in"):
        load_idx(path=tmp_path)
    for prefix in ("emnist-letters", "emnist-letters-"):
        task = load_idx(path=tmp_path, prefix=prefix)
        assert (np.round(task.test.x.numpy() * 255) == images(1)[2]).all()
        assert task.spec.name == "emnist-letters"
    with pytest.raises(ValueError, match="not 'emnist-leters'; did you mean 'emnist-letters'"):
        load_idx(path=tmp_path, prefix="emnist-leters")


def test_emnists_mapping_names_the_classes_and_changes_nothing_else(tmp_path):
    write_idx(tmp_path, *ARRAYS, names=[f"emnist-letters-{name}" for name in IDX_NAMES])
    bare, mapping = load_idx(path=tmp_path), tmp_path / "emnist-letters-mapping.txt"
    mapping.write_text("1 65 97 \n2 66 98\n3 67 99\n4 48\n5 49\n")
    task = load_idx(path=tmp_path)
    assert task.spec.class_names == ("A/a", "B/b", "C/c", "0")
    assert (task.fingerprint, task.content) == (bare.fingerprint, bare.content)
    for text, said in (("1 65\n2 x\n", "mapping.txt:2: a line must be"), ("1 65\n", "not lack 2")):
        mapping.write_text(text)
        with pytest.raises(ValueError, match=said):
            load_idx(path=tmp_path)


def test_the_first_of_several_columns_of_labels_is_the_class(tmp_path):
    x, y, test_x, test_y = ARRAYS
    wide = [np.stack([part, *[part * 0 + 7] * 7], axis=1).astype(np.int32) for part in (y, test_y)]
    names = [f"qmnist-{name.replace('idx1-ubyte', 'idx2-int').replace('t10k', 'test')}" for name in IDX_NAMES]
    write_idx(tmp_path / "q", x, wide[0], test_x, wide[1], names=names)
    one, other = load_idx(path=tmp_path / "q"), load_idx(path=write_idx(tmp_path / "m", *ARRAYS))
    assert one.fingerprint == other.fingerprint
    assert one.spec.class_names == other.spec.class_names


def test_transposed_and_permuted_images_are_those_of_numpy(tmp_path):
    path = write_idx(tmp_path, *ARRAYS)
    task = load_idx(path=path, transposed=True)
    assert (task.spec.seq_len, task.spec.input_size, task.spec.variant) == (4, 6, "ordered-transposed")
    assert (np.round(task.test.x.numpy() * 255) == ARRAYS[2].transpose(0, 2, 1)).all()
    pixels = load_idx(path=path, seq_len=24, permutation="bit_reversal")
    order = [n for n in (int(f"{i:05b}"[::-1], 2) for i in range(32)) if n < 24]
    assert (np.round(pixels.test.x.numpy()[:, :, 0] * 255) == ARRAYS[2].reshape(20, 24)[:, order]).all()
    assert pixel_order("bit_reversal", 24)[0].tolist() == order


def test_a_set_of_mnists_size_gives_the_task_of_mnist(tmp_path):
    """Against the loader that verifies the published files: 28 × 28 pixels, all variants of the order."""
    from harness.tasks.common.grey_images import grey_image_task
    from harness.tasks.files.images import Images

    rng = np.random.RandomState(0)
    x, y = rng.randint(0, 256, (120, 28, 28), dtype=np.uint8), np.repeat(np.arange(10, dtype=np.uint8), 12)
    path = write_idx(tmp_path, x, y, x[:10], y[::12])
    read = Images(
        "m", "c", 1 / 12, x.reshape(120, -1), y, x[:10].reshape(10, -1), np.arange(10, dtype=np.uint8)
    )
    for options in ({"seq_len": 28, "permutation": "none"}, {"seq_len": 784, "permutation": 3}):
        options |= {"n_train": 50, "seed": 2}
        ours, theirs = (
            load_idx(path=path, **options),
            grey_image_task(name="m", citation="", read=lambda: read, **options),
        )
        assert ours.fingerprint == theirs.fingerprint
        assert ours.spec.class_names is None
    assert load_mnist.__kwdefaults__["permutation"] == load_idx.__kwdefaults__["permutation"]


def test_writing_into_a_split_changes_no_later_load(tmp_path):
    path = write_idx(tmp_path, *ARRAYS)
    task = load_idx(path=path)
    fingerprint = task.fingerprint
    for split in (task.train, task.val, task.test):
        split.x.zero_()
    assert load_idx(path=path).fingerprint == fingerprint


def head(*sizes):
    return struct.pack(f">4B{len(sizes)}I", 0, 0, 8, len(sizes), *sizes)


BAD = [
    (IDX_NAMES[0], b"\x00\x00\x0d\x03" + bytes(20), "wrong magic number 0x00000d03"),
    (
        IDX_NAMES[0],
        head(3, 4) + bytes(11),
        "wrong length, 11 bytes of data where the header (3, 4) promises 12",
    ),
    (IDX_NAMES[0], head(3, 4) + bytes(12), "must hold grey images, (number, rows, columns), not (3, 4)"),
    (
        IDX_NAMES[2],
        head(20, 2, 2) + bytes(80),
        "must hold images of (6, 4) as train",
    ),
    (
        IDX_NAMES[3],
        head(3) + bytes(3),
        "must hold labels of 20 images, at least 1, not 3",
    ),
    (IDX_NAMES[1], head(80) + bytes(range(80)), "must have 7 images of a class"),
    (IDX_NAMES[1], None, "train-images-idx3-ubyte: train labels missing"),
]


@pytest.mark.parametrize(("name", "raw", "said"), BAD, ids=[said for *_, said in BAD])
def test_files_that_are_damaged_or_do_not_fit_are_named(tmp_path, name, raw, said):
    path = write_idx(tmp_path, *ARRAYS)
    (path / name).unlink() if raw is None else (path / name).write_bytes(raw)
    with pytest.raises((ValueError, FileNotFoundError)) as error:
        load_idx(path=path)
    assert said in str(error.value) and str(path) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "path must name a folder of IDX files, such as data/EMNIST, not None"),
        ({"path": "nowhere"}, "path must name a folder of IDX files: there is no folder"),
        ({"path": "."}, "path must name a folder of IDX files, such as train-images-idx3-ubyte.gz"),
        ({"path": "set", "seq_len": 5}, "seq_len must divide 24, one of 1, 2, 3, 4, 6, 8, 12, 24, not 5"),
        ({"path": "set", "n_train": 99}, "n_train must be at most 72"),
        ({"path": "set", "prefix": "x"}, "prefix must be null, since the names in"),
    ],
)  # fmt: skip
def test_what_is_asked_for_and_not_there_is_named(tmp_path, monkeypatch, options, said):
    monkeypatch.chdir(tmp_path)
    write_idx(tmp_path / "set", *ARRAYS)
    with pytest.raises((ValueError, FileNotFoundError)) as error:
        load_idx(**options)
    assert str(error.value).startswith(said)
