"""The model around a cell: encoding, readout at the last valid step, head, loss, counts of right answers."""

import dataclasses
import math

import pytest
import torch
from torch import nn

from harness.tasks import NO_LABEL, TaskSpec, make_adding, make_delayed_recall
from harness.training import SequenceClassifier, count_parameters, encoded_size
from harness.training.model import count_right, loss_of

CELLS = [
    pytest.param(nn.RNN, {}, id="rnn"),
    pytest.param(nn.LSTM, {}, id="lstm"),
    pytest.param(nn.GRU, {"num_layers": 2}, id="gru2"),
]


def classes_spec(**sizes):
    return TaskSpec(
        name="t", variant="v", target="class", seq_len=9, num_classes=4, chance_accuracy=0.25,
        data_source="generated", citation="none", **sizes,
    )  # fmt: skip


@pytest.mark.parametrize(("kind", "options"), CELLS)
@pytest.mark.parametrize("tokens", [True, False])
def test_the_logits_of_a_right_padded_batch_equal_those_of_each_sequence_alone(kind, options, tokens):
    torch.manual_seed(0)
    spec = classes_spec(**({"vocab_size": 5} if tokens else {"input_size": 5}))
    model = SequenceClassifier(spec, kind(5, 6, batch_first=True, **options))
    lengths = torch.tensor([9, 1, 4, 8, 2])
    x = torch.randint(0, 5, (5, 9)) if tokens else torch.randn(5, 9, 5)
    together = model(x, lengths)
    assert together.shape == (5, 4)
    for b, length in enumerate(lengths.tolist()):
        alone = model(x[b : b + 1, :length], lengths[b : b + 1])
        # Reference: the stock cell and the head's equation, on the sequence without its padding.
        steps = torch.eye(5)[x[b, :length]] if tokens else x[b, :length]
        reference = model.head.weight @ model.cell(steps[None])[0][0, -1] + model.head.bias
        assert torch.allclose(together[b], alone[0], atol=1e-6)
        assert torch.allclose(together[b], reference, atol=1e-6)


@pytest.mark.parametrize(("kind", "options"), CELLS)
def test_the_values_in_the_padding_do_not_change_the_logits(kind, options):
    torch.manual_seed(0)
    model = SequenceClassifier(classes_spec(input_size=5), kind(5, 6, batch_first=True, **options))
    x, lengths = torch.randn(3, 9, 5), torch.tensor([4, 1, 8])
    other = x.clone()
    for b, length in enumerate(lengths.tolist()):
        other[b, length:] = 1e3
    assert torch.equal(model(x, lengths), model(other, lengths))
    assert not torch.equal(model(x, lengths + 1), model(other, lengths + 1))


def test_token_ids_are_encoded_one_hot_and_real_inputs_are_unchanged():
    recall = make_delayed_recall(seq_len=4, num_classes=3, n_train=2)
    model = SequenceClassifier(recall.spec, nn.RNN(6, 5, batch_first=True))
    codes = model.encode(torch.tensor([[0, 2, 5]]))
    assert codes.tolist() == [[[1, 0, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0], [0, 0, 0, 0, 0, 1]]]
    assert codes.dtype == torch.float32
    assert model.double().encode(torch.tensor([[0]])).dtype == torch.float64
    assert encoded_size(recall.spec) == 6
    assert "encoder.rows" not in model.state_dict()
    adding = make_adding(seq_len=4, n_train=2)
    model = SequenceClassifier(adding.spec, nn.RNN(2, 5, batch_first=True))
    assert model.encode(adding.train.x) is adding.train.x
    assert encoded_size(adding.spec) == 2
    assert model(adding.train.x, adding.train.lengths).shape == (2,)


@pytest.mark.parametrize("symbols", [2, 128, 129, 5_000])
def test_one_hot_codes_of_any_vocabulary_are_those_of_torch_without_a_square_table(symbols):
    spec = dataclasses.replace(make_delayed_recall(seq_len=4, num_classes=3).spec, vocab_size=symbols)
    model = SequenceClassifier(spec, nn.RNN(symbols, 2, batch_first=True)).double()
    x = torch.randint(0, symbols, (3, 4))
    assert torch.equal(model.encode(x), nn.functional.one_hot(x, symbols).double())
    assert sum(buffer.numel() for buffer in model.buffers()) <= 128**2


@pytest.mark.parametrize(
    ("kind", "options", "expected"),
    [
        (nn.RNN, {}, 5 * 7 + 7 * 7 + 2 * 7),
        (nn.LSTM, {}, 4 * (5 * 7 + 7 * 7 + 2 * 7)),
        (nn.GRU, {"num_layers": 2}, 3 * (5 * 7 + 7 * 7 + 2 * 7) + 3 * (7 * 7 + 7 * 7 + 2 * 7)),
        (nn.GRU, {"bidirectional": True}, 2 * 3 * (5 * 7 + 7 * 7 + 2 * 7)),
    ],
)
def test_the_parameter_count_equals_the_formula(kind, options, expected):
    model = SequenceClassifier(classes_spec(input_size=5), kind(5, 7, batch_first=True, **options))
    width = 14 if "bidirectional" in options else 7
    assert count_parameters(model) == expected + 4 * width + 4
    model.cell.requires_grad_(False)
    assert count_parameters(model) == 4 * width + 4


def test_losses_and_counts_of_right_answers_equal_worked_examples():
    logits = torch.tensor([[0.0, math.log(3.0)], [0.0, 0.0], [math.log(7.0), 0.0]])
    y = torch.tensor([1, 1, 1])
    expected = -(math.log(3 / 4) + math.log(1 / 2) + math.log(1 / 8)) / 3
    assert float(loss_of(logits, y)) == pytest.approx(expected, rel=1e-6)
    assert count_right(logits, torch.tensor([1, 0, 1]), None).tolist() == [3, 2, 2]
    values, y_values = torch.tensor([1.0, 0.5, 0.25]), torch.tensor([1.03125, 0.5, 0.5])
    assert float(loss_of(values, y_values)) == pytest.approx((0.03125**2 + 0.25**2) / 3, rel=1e-6)
    assert count_right(values, y_values, 0.04).tolist() == [3, 2, 2]
    assert count_right(values, y_values, 0.03125).tolist() == [
        3,
        1,
        1,
    ]  # an error equal to the tolerance is not right
    assert count_right(torch.tensor([float("nan")]), torch.tensor([0.0]), 0.04).tolist() == [1, 0, 0]
    at_steps = torch.stack([logits, logits])  # two sequences of three steps
    y_steps = torch.tensor([[1, NO_LABEL, NO_LABEL], [1, NO_LABEL, 1]])
    assert count_right(at_steps, y_steps, None).tolist() == [3, 2, 1]
    assert float(loss_of(at_steps, y_steps)) == pytest.approx(
        -(2 * math.log(3 / 4) + math.log(1 / 8)) / 3, rel=1e-6
    )
