"""Splits: batches, DataLoaders, fingerprints; and the spec."""

import hashlib

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from harness.tasks import Split, Task, TaskSpec, make_adding


def numbered(n, seq_len=3):
    """Every value of sample i is i, so that samples can be identified."""
    number = torch.arange(n)
    return Split(number[:, None].repeat(1, seq_len), number.clone(), number.clone())


def valid(n):
    """The same with a length that a task accepts."""
    return Split(numbered(n).x, numbered(n).y, torch.full((n,), 3))


def spec(**changes):
    given = {"name": "t", "variant": "v", "target": "class", "seq_len": 3, "vocab_size": 9}
    given |= {"chance_accuracy": 0.5, "data_source": "generated", "citation": "none"}
    return TaskSpec(**(given | changes))


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 60), batch_size=st.integers(1, 70), seed=st.none() | st.integers(0, 2**31))
def test_a_pass_contains_each_sample_once(n, batch_size, seed):
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    batches = list(numbered(n).batches(batch_size, generator))
    sizes = [len(y) for _, y, _ in batches]
    assert sizes[:-1] == [batch_size] * (len(batches) - 1)
    assert 1 <= sizes[-1] <= batch_size
    seen = [int(value) for _, y, _ in batches for value in y]
    assert sorted(seen) == list(range(n))
    assert seed is not None or seen == list(range(n))
    for x, y, lengths in batches:
        assert torch.equal(x, y[:, None].repeat(1, 3))
        assert torch.equal(lengths, y)


def test_the_order_comes_from_the_generator_and_differs_in_a_second_pass():
    split = numbered(50)

    def order(generator):
        return torch.cat([y for _, y, _ in split.batches(7, generator)]).tolist()

    generator = torch.Generator().manual_seed(4)
    first, second = order(generator), order(generator)
    again = torch.Generator().manual_seed(4)
    assert [first, second] == [order(again), order(again)]
    assert first != second
    assert first != list(range(50))
    assert first == torch.randperm(50, generator=torch.Generator().manual_seed(4)).tolist()


def test_batches_do_not_use_the_global_generator_of_torch():
    before = torch.get_rng_state()
    list(numbered(20).batches(3, torch.Generator().manual_seed(1)))
    assert torch.equal(before, torch.get_rng_state())


def test_loader_is_a_torch_dataloader_of_the_same_samples():
    split = numbered(10)
    loader = split.loader(4)
    assert type(loader) is DataLoader
    for stock, fast in zip(loader, split.batches(4), strict=True):
        assert all(torch.equal(a, b) for a, b in zip(stock, fast, strict=True))
    shuffled = split.loader(4, shuffle=True, generator=torch.Generator().manual_seed(0), drop_last=True)
    assert [len(y) for _, y, _ in shuffled] == [4, 4]


@pytest.mark.parametrize("workers", [1, 2])
def test_worker_processes_load_the_same_samples_of_an_epoch(workers):
    task = make_adding(seq_len=12, n_train=40, n_val=2, n_test=2, fresh=True)
    loaded = torch.cat([x for x, _, _ in task.epoch(2).loader(batch_size=10, num_workers=workers)])
    assert torch.equal(loaded, task.epoch(2).x)


def test_a_split_is_a_map_style_dataset():
    split = numbered(5)
    x, y, length = split[3]
    assert (len(split), x.tolist(), int(y), int(length)) == (5, [3, 3, 3], 3, 3)


def test_tensors_with_different_numbers_of_samples_are_refused():
    with pytest.raises(ValueError, match="the same number of samples, not 4, 3, 4"):
        Split(torch.zeros(4, 2), torch.zeros(3), torch.zeros(4))


def test_fingerprint_is_sha256_of_types_shapes_and_bytes():
    x, y, lengths = torch.tensor([[0.5, -2.0]]), torch.tensor([3]), torch.tensor([2])
    packed = b"torch.float32(1, 2)" + bytes.fromhex("0000003f 000000c0")
    packed += b"torch.int64(1,)" + (3).to_bytes(8, "little") + b"torch.int64(1,)" + (2).to_bytes(8, "little")
    assert Split(x, y, lengths).fingerprint == hashlib.sha256(packed).hexdigest()


@settings(max_examples=40, deadline=None)
@given(part=st.sampled_from(["x", "y", "lengths"]), byte=st.integers(0, 31), bit=st.integers(0, 7))
def test_any_single_bit_changes_the_fingerprint(part, byte, bit):
    plain = numbered(4, seq_len=1)
    tensors = {name: getattr(plain, name).clone() for name in ("x", "y", "lengths")}
    tensors[part].view(-1).view(torch.uint8)[byte] ^= 1 << bit
    assert Split(**tensors).fingerprint != plain.fingerprint


def test_shape_and_type_change_the_fingerprint_even_with_the_same_bytes():
    y = torch.zeros(2, dtype=torch.int64)
    prints = {
        Split(torch.zeros(2, 6), y, y).fingerprint,
        Split(torch.zeros(2, 3, 2), y, y).fingerprint,
        Split(torch.zeros(2, 6, dtype=torch.int32), y, y).fingerprint,
        Split(torch.zeros(2, 3, dtype=torch.int64), y, y).fingerprint,
    }
    assert len(prints) == 4


def test_the_memory_layout_does_not_change_the_fingerprint():
    x = torch.arange(6.0).view(2, 3)
    y = torch.zeros(2, dtype=torch.int64)
    turned = x.T.contiguous().T
    assert not turned.is_contiguous()
    assert Split(turned, y, y).fingerprint == Split(x, y, y).fingerprint


def test_a_task_makes_each_split_once_on_first_access():
    asked = []

    def make(name, epoch):
        asked.append(name)
        return valid({"train": 3, "val": 2, "test": 1}[name])

    task = Task(spec(num_classes=9), make)
    assert asked == []
    assert (len(task.val), len(task.val), len(task.train)) == (2, 2, 3)
    assert asked == ["val", "train"]
    joined = "".join(valid(n).fingerprint for n in (3, 2, 1))
    assert task.fingerprint == hashlib.sha256(joined.encode()).hexdigest()
    assert asked == ["val", "train", "test"]


@pytest.mark.parametrize("sizes", [{}, {"vocab_size": 4, "input_size": 2}])
def test_a_spec_has_one_kind_of_input(sizes):
    with pytest.raises(ValueError, match="either input_size or vocab_size"):
        spec(**({"vocab_size": None, "input_size": None} | sizes))


def test_solved_is_by_loss_where_set_else_by_accuracy_else_never():
    assert spec(solved_loss=0.05).is_solved(0.05, 0.0)
    assert not spec(solved_loss=0.05).is_solved(0.0501, 1.0)
    assert spec(solved_accuracy=0.99).is_solved(9.0, 0.99)
    assert not spec(solved_accuracy=0.99).is_solved(0.0, 0.9899)
    assert not spec().is_solved(0.0, 1.0)
    assert not spec(solved_loss=0.05).is_solved(float("nan"), 1.0)


@pytest.mark.parametrize(
    ("field", "names"), [("class_names", ["a", "a"]), ("class_names", "a"), ("symbols", "ab")]
)
def test_a_spec_names_each_class_and_symbol_once(field, names):
    with pytest.raises(ValueError, match=f"{field} of t must be [29] different names"):
        spec(num_classes=2, **{field: tuple(names)})
    assert spec(num_classes=2, class_names=("a", "b"), symbols=tuple("abcdefghi")).symbols[2] == "c"
