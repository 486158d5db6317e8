"""Recorded series: invented problems in the archives' format, read by aeon."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.tasks.common.labels import class_of_label
from harness.tasks.common.series import channel_statistics
from harness.tasks.timeseries import load_timeseries
from tests.tasks.series_files import TOY, as_lists, bundled, rows, series


@pytest.fixture
def toy():
    with bundled(TOY) as aeon:
        yield aeon.folder


def test_series_lengths_labels_and_parts_are_those_of_the_files(toy):
    task = load_timeseries(name="Toy", normalize=False)
    x, y = TOY["Toy_TRAIN"]
    published = dict(zip(map(str, as_lists(x)), y, strict=True))
    divided = [*rows(task.train), *rows(task.val)]
    labels = [*task.train.y.tolist(), *task.val.y.tolist()]
    assert sorted(map(str, divided)) == sorted(published)
    assert [published[str(row)] for row in divided] == [{0: "9", 1: "10"}[label] for label in labels]
    assert rows(task.test) == as_lists(TOY["Toy_TEST"][0])
    assert task.test.y.tolist() == [0, 0, 1]
    assert task.test.lengths.tolist() == [7, 1, 2]


def test_a_fixed_fifth_of_each_class_is_for_validation(toy):
    one, two = (load_timeseries(name="Toy") for _ in range(2))
    assert sorted(one.val.y.tolist()) == [0, 1]
    assert sorted(one.train.y.tolist()) == [0] * 4 + [1] * 4
    assert one.fingerprint == two.fingerprint


@pytest.mark.parametrize("normalize", [True, False])
def test_padding_is_zero_on_the_right_up_to_the_longest_series_of_both_parts(toy, normalize):
    task = load_timeseries(name="Toy", normalize=normalize)
    for split in (task.train, task.val, task.test):
        assert split.x.shape == (len(split), 7, 2)
        assert [str(t.dtype) for t in (split.x, split.y, split.lengths)] == [
            "torch.float32",
            "torch.int64",
            "torch.int64",
        ]
        for x, length in zip(split.x, split.lengths.tolist(), strict=True):
            assert not x[length:].any()


def test_normalisation_uses_only_the_training_samples(toy):
    raw, task = load_timeseries(name="Toy", normalize=False), load_timeseries(name="Toy")
    for channel in (0, 1):
        values = [step[channel] for row in rows(raw.train) for step in row]
        mean = sum(values) / len(values)
        deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))
        for name in ("train", "val", "test"):
            before, after = rows(getattr(raw, name)), rows(getattr(task, name))
            for one, other in zip(before, after, strict=True):
                expected = [(step[channel] - mean) / deviation for step in one]
                assert [step[channel] for step in other] == pytest.approx(expected, rel=1e-6, abs=1e-6)
    assert float(task.test.x.max()) > 5  # the test series are far above the training series


def test_spec_describes_what_was_loaded(toy):
    spec = load_timeseries(name="Toy").spec
    assert (spec.name, spec.variant, spec.target, spec.data_source) == (
        "timeseries",
        "Toy",
        "class",
        "ucr-Toy",
    )
    assert (spec.seq_len, spec.input_size, spec.vocab_size, spec.num_classes) == (7, 2, None, 2)
    assert spec.chance_accuracy == 2 / 3  # two of the three test series are of class "9"
    assert (spec.memoryless_loss, spec.solved_rule) == (None, None)
    assert "1811.00075" in spec.citation
    assert load_timeseries(name="Toy", normalize=False).spec.variant == "Toy-raw"


def test_one_channel_of_equal_lengths_is_read_too():
    x = series(*[4] * 10, channels=1)
    with bundled({"Flat_TRAIN": (x, ["b", "a"] * 5), "Flat_TEST": (x[:4], ["a", "b", "b", "c"])}):
        task = load_timeseries(name="Flat", normalize=False)
    assert rows(task.test) == as_lists(x[:4])
    assert task.test.y.tolist() == [0, 1, 1, 2]
    assert task.spec.num_classes == 3  # a class that only the test part has counts
    assert "1810.07758" in task.spec.citation


@settings(max_examples=30, deadline=None)
@given(data=st.data(), channels=st.integers(1, 4), classes=st.integers(1, 4))
def test_any_problem_keeps_its_series_lengths_and_labels(data, channels, classes):
    lengths = st.lists(st.integers(1, 9), min_size=3 * classes, max_size=20)
    parts = {}
    for number, part in enumerate(("TRAIN", "TEST")):
        drawn = data.draw(lengths)
        labels = [str(2 * (i % classes) - 1) for i in range(len(drawn))]
        parts[f"Any_{part}"] = (series(*drawn, channels=channels, start=1e4 * number), labels)
    with bundled(parts):
        task = load_timeseries(name="Any", normalize=False)
        normalized = load_timeseries(name="Any")
    sizes = [len(split) for split in (task.train, task.val, task.test)]
    assert sizes[0] + sizes[1] == len(parts["Any_TRAIN"][1])
    counts = [parts["Any_TRAIN"][1].count(str(2 * label - 1)) for label in range(classes)]
    assert torch.bincount(task.val.y, minlength=classes).tolist() == [round(n / 5) for n in counts]
    found = {str(row) for split in (task.train, task.val) for row in rows(split)}
    assert found == {str(row) for row in as_lists(parts["Any_TRAIN"][0])}
    assert rows(task.test) == as_lists(parts["Any_TEST"][0])
    assert task.test.y.tolist() == [(int(label) + 1) // 2 for label in parts["Any_TEST"][1]]
    values = torch.cat([x[:n] for x, n in zip(normalized.train.x, normalized.train.lengths, strict=True)])
    assert values.mean(0).tolist() == pytest.approx([0] * channels, abs=1e-5)
    if len(values) > 1:
        assert values.std(0, correction=0).tolist() == pytest.approx([1] * channels, abs=1e-5)


@pytest.mark.parametrize(
    ("labels", "order"),
    [
        (["1", "10", "2"], ["1", "2", "10"]),
        (["1", "-1", "1"], ["-1", "1"]),
        (["2.0", "10.0", "x"], ["10.0", "2.0", "x"]),
        (["walking", "standing"], ["standing", "walking"]),
    ],
)
def test_labels_are_numbered_by_value_or_else_as_text(labels, order):
    assert class_of_label(labels) == {label: number for number, label in enumerate(order)}


def test_a_constant_channel_is_only_centred():
    mean, deviation = channel_statistics([np.array([[3.0, 0.1], [5.0, 0.1]]), np.array([[1.0, 0.1]])])
    assert mean.tolist() == pytest.approx([3.0, 0.1])
    assert deviation.tolist() == pytest.approx([math.sqrt(8 / 3), 1.0])


def test_sums_over_many_steps_are_exact():
    # A float64 sum in order loses the ones next to 1e16; NumPy's sum depends on its grouping.
    mean, _ = channel_statistics([np.array([[1e16]] + [[1.0]] * 99 + [[-1e16]])])
    assert mean.tolist() == [99 / 101]


@pytest.mark.parametrize("normalize", ["true", 1, None])
def test_normalize_must_be_true_or_false(toy, normalize):
    with pytest.raises(ValueError, match=f"^normalize must be true or false, not {normalize!r}$"):
        load_timeseries(name="Toy", normalize=normalize)
