"""Readouts against plain Python over each sequence's own steps, with every kind of cell and either kernel."""

import copy
import sys

import pytest
import torch
from torch import nn

from harness.kernels import FusedCell
from harness.tasks import TaskSpec, make_adding
from harness.training import SequenceClassifier, TrainingState, TrainOptions, count_parameters, evaluate
from harness.training.readout import READOUTS, read, why_not_read

B, T, D, H = 5, 9, 3, 4
LENGTHS = torch.tensor([9, 1, 4, 8, 2])
FULL = torch.full((B,), T)
CELLS = [
    pytest.param(nn.RNN, {}, id="tanh"),
    pytest.param(nn.RNN, {"nonlinearity": "relu"}, id="relu"),
    pytest.param(nn.LSTM, {"num_layers": 2}, id="lstm2"),
    pytest.param(nn.GRU, {}, id="gru"),
    pytest.param(nn.LSTM, {"bidirectional": True}, id="bilstm"),
    pytest.param(nn.GRU, {"bidirectional": True, "num_layers": 2}, id="bigru2"),
    pytest.param(nn.RNN, {"bidirectional": True, "nonlinearity": "relu"}, id="birelu"),
]
PADDED = [name for name in READOUTS if name != "all"]


def spec(target="class", seq_len=T):
    return TaskSpec(
        name="t", variant="v", target=target, seq_len=seq_len, input_size=D,
        num_classes=1 if target == "value" else 3, chance_accuracy=0.0,
        data_source="generated", citation="none",
    )  # fmt: skip


def model_of(kind, options, readout, target="class"):
    torch.manual_seed(0)
    return SequenceClassifier(spec(target), kind(D, H, batch_first=True, **options), readout=readout).double()


def by_hand(readout, states, half):
    """The features of one sequence from the list of its states, number by number."""
    if readout == "last":
        return torch.cat([states[-1][:half], states[0][half:]])
    if readout == "all":
        return torch.cat(states)
    columns = [[state[unit].item() for state in states] for unit in range(len(states[0]))]
    chosen = max if readout == "max" else lambda values: sum(values) / len(values)
    return torch.tensor([chosen(values) for values in columns], dtype=torch.float64)


def inputs(lengths):
    x = torch.randn(B, T, D, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for b, length in enumerate(lengths.tolist()):
        x[b, length:] = 1e3
    return x


@pytest.mark.parametrize(("kind", "options"), CELLS)
@pytest.mark.parametrize("readout", READOUTS)
def test_an_answer_is_the_heads_equation_on_the_readout_of_the_sequence_alone(kind, options, readout):
    model, lengths = model_of(kind, options, readout), FULL if readout == "all" else LENGTHS
    x = inputs(lengths)
    together = model(x, lengths)
    for b, length in enumerate(lengths.tolist()):
        states = list(model.cell(x[b : b + 1, :length])[0][0].unbind(0))
        half = H if options.get("bidirectional") else len(states[0])
        features = by_hand(readout, states, half)
        expected = model.head.weight @ features + model.head.bias
        assert torch.allclose(together[b], expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(("kind", "options"), CELLS)
def test_labels_at_steps_are_answered_from_each_steps_own_state(kind, options):
    model, x = model_of(kind, options, "last", "steps"), inputs(LENGTHS)
    together = model(x, LENGTHS)
    for b, length in enumerate(LENGTHS.tolist()):
        alone = model.head(model.cell(x[b : b + 1, :length])[0][0])
        assert torch.allclose(together[b, :length], alone, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize(("kind", "options"), CELLS[:4])
def test_a_fused_cell_gives_the_answer_and_gradients_of_torch(kind, options, readout):
    plain, lengths = model_of(kind, options, readout, "value"), FULL if readout == "all" else LENGTHS
    fused = copy.deepcopy(plain)
    fused.cell = FusedCell(fused.cell)
    answers = []
    for model in (plain, fused):
        answer = model(inputs(lengths), lengths)
        assert answer.shape == (B,)
        answer.square().sum().backward()
        answers.append(answer)
    assert torch.allclose(*answers, rtol=1e-11, atol=1e-13)
    for ours, other in zip(fused.parameters(), plain.parameters(), strict=True):
        assert torch.allclose(ours.grad, other.grad, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("readout", ["mean", "max"])
def test_padding_gets_no_gradient_and_may_hold_anything(readout):
    output = torch.randn(B, T, H, requires_grad=True)
    valid = torch.arange(T) < LENGTHS[:, None]
    spoiled = torch.where(valid[:, :, None], output, torch.nan)
    read(readout, spoiled, LENGTHS).sum().backward()
    assert (output.grad[~valid] == 0).all()
    assert output.grad.sum() == pytest.approx(B * H)  # a mean and a maximum share out 1 for each unit


def test_the_head_of_all_states_has_the_parameters_of_every_step():
    last, every = model_of(nn.GRU, {}, "last"), model_of(nn.GRU, {}, "all")
    assert every.head.in_features == T * H and every.state_size == H
    assert count_parameters(every) - count_parameters(last) == 3 * (T - 1) * H
    with pytest.raises(ValueError, match="made for 9 steps, not 5"):
        every(torch.zeros(B, 5, D, dtype=torch.float64), torch.full((B,), 5))
    with pytest.raises(ValueError, match="of 9 steps only 1 are valid"):
        every(torch.zeros(B, T, D, dtype=torch.float64), LENGTHS)


def test_what_means_nothing_is_refused():
    assert why_not_read("last", spec("steps")) is None and why_not_read("all", spec("value")) is None
    for readout in ("mean", "max", "all"):
        with pytest.raises(ValueError, match=rf"readout={readout} .*t \(v\) has labels at its steps"):
            model_of(nn.GRU, {}, readout, "steps")
    with pytest.raises(ValueError, match="must be one of last, mean, max, all, not 'means'.*'mean'"):
        model_of(nn.GRU, {}, "means")


@pytest.mark.parametrize("readout", READOUTS)
def test_evaluation_in_small_batches_equals_one_call(readout, monkeypatch):
    task = make_adding(seq_len=6, n_train=4, n_val=40, n_test=4)
    torch.manual_seed(0)
    model = SequenceClassifier(task.spec, nn.GRU(2, 5, batch_first=True), readout=readout)
    with torch.no_grad():
        answer = model(task.val.x, task.val.lengths)
    expected = float((answer - task.val.y).square().mean())
    monkeypatch.setattr(sys.modules["harness.training.evaluate"], "MOST_ACTIVATIONS", 7 * 6 * 5)
    tested = evaluate(model, task.val, tolerance=0.04, device=torch.device("cpu"))
    assert tested.loss == pytest.approx(expected, rel=1e-5)


def test_a_saved_training_is_not_continued_with_another_readout():
    task = make_adding(seq_len=6, n_train=40, n_val=10, n_test=10)

    def begun(readout):
        torch.manual_seed(0)
        model = SequenceClassifier(task.spec, nn.GRU(2, 5, batch_first=True), readout=readout)
        return TrainingState.begin(model, task, TrainOptions(), order=torch.Generator().manual_seed(0))

    saved = begun("mean").state_dict()
    begun("mean").load_state_dict(saved)
    for other in ("last", "max"):  # the weights have the same shapes
        with pytest.raises(ValueError, match="(?s)another training.*readout=mean"):
            begun(other).load_state_dict(saved)
    assert "readout" not in str(begun("last").model)  # as before the key existed
