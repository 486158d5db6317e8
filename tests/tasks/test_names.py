"""The names of classes and symbols mean what the samples mean."""

import numpy as np
import pytest

from harness.tasks import (
    make_associative_recall,
    make_bracket_matching,
    make_copy_memory,
    make_embedded_reber,
    make_listops,
    make_parity,
    make_sine_frequency,
    make_temporal_order,
    make_two_sequence,
)
from harness.tasks.listops import value_of

SIZES = {"n_train": 8, "n_val": 30, "n_test": 8}


def written(task):
    """(the sample as a list of symbols, the name of its class) of each validation sample."""
    spec, val = task.spec, task.val
    for x, y, length in zip(val.x, val.y, val.lengths.tolist(), strict=True):
        symbols = [spec.symbols[token] if spec.symbols else str(token) for token in x[:length].tolist()]
        yield symbols, spec.class_names[y] if spec.class_names else str(int(y))


def matched(brackets):
    text = "".join(brackets)
    while (shorter := text.replace("()", "").replace("[]", "").replace("{}", "")) != text:
        text = shorter
    return "unmatched" if text else "matched"


def nesting(brackets):
    steps = np.cumsum([1 if bracket in "([{" else -1 for bracket in brackets])
    return f"depth {steps.max()}"


@pytest.mark.parametrize(
    ("task", "name_of"),
    [
        (make_bracket_matching(seq_len=20, num_types=3, **SIZES), matched),
        (make_bracket_matching(seq_len=20, variant="depth", max_depth=4, **SIZES), nesting),
        (make_embedded_reber(seq_len=20, **SIZES), lambda string: string[1]),
        (make_temporal_order(seq_len=20, **SIZES), lambda string: "".join(c for c in string if c in "XY")),
        (make_listops(seq_len=30, **SIZES), lambda symbols: str(value_of(symbols))),
        (make_parity(seq_len=20, **SIZES), lambda bits: ("even", "odd")[bits.count("1") % 2]),
        (
            make_associative_recall(seq_len=20, num_pairs=3, **SIZES),
            lambda symbols: symbols[symbols.index(symbols[-1]) + 1],
        ),
    ],
    ids=lambda value: value.spec.variant if hasattr(value, "spec") else "",
)
def test_the_name_of_the_class_follows_from_the_symbols(task, name_of):
    for symbols, name in written(task):
        assert name_of(symbols) == name


def test_copied_symbols_are_named_as_their_labels():
    task = make_copy_memory(seq_len=25, **SIZES)
    symbols = [task.spec.symbols[token] for token in task.val.x[0].tolist()]
    labels = [task.spec.class_names[label] for label in task.val.y[0].tolist()]
    assert labels == ["_"] * 15 + symbols[:10]
    assert symbols[10:] == ["_"] * 4 + ["|"] + ["_"] * 10


def test_classes_of_real_inputs_are_named_by_what_the_inputs_do():
    task = make_two_sequence(seq_len=10, **SIZES)
    for x, y in zip(task.val.x[:, 0, 0].tolist(), task.val.y.tolist(), strict=True):
        assert task.spec.class_names[y] == f"starts with {x:g}"
    task = make_sine_frequency(seq_len=20, num_classes=3, **SIZES)
    for x, y in zip(task.val.x[:, :, 0].numpy(), task.val.y.tolist(), strict=True):
        strongest = int(np.abs(np.fft.rfft(x))[1:].argmax()) + 1
        assert task.spec.class_names[y] == f"{strongest} cycle{'s' * (strongest > 1)}"
